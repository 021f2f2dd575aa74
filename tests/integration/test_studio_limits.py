"""Hostile words and hostile customers: every draft is answered within two seconds, and the studio works on."""

import json
import time
from pathlib import Path

import pytest

from streams.templating.apart import SECONDS
from tests.studio_rig import children_of, studio

SLACK = 2.0  # seconds beside the child's own two: HTTP, JSON, and a machine with other things to do


def words(body, subject="A subject", preheader="A preheader"):
    return f"---\nsubject: {subject}\npreheader: {preheader}\n---\n{body}\n"


def nested(number, inner="x", tag="{% if arrived %}", end="{% endif %}"):
    return "\n".join([*[tag] * number, inner, *[end] * number])


STOPPED, REFUSED, FINE = (
    {"studio-stopped"},
    {"template-not-allowed", "template-unknown-part", "template-syntax"},
    {"fine"},
)
# What somebody may type, and what may come of it: most is refused by the compiler, before anything runs.
HOSTILE = {
    "endless loop": (words("{% for i in range(999999999) %}x{% endfor %}"), REFUSED),
    "huge range": (words("{{ range(999999999) }}"), REFUSED),
    "nested ranges": (
        words("{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}"),
        REFUSED,
    ),
    "string multiplication": (words('{{ "a" * 2000000000 }}'), REFUSED),
    "string formatting": (words('{{ "%2000000000d" % 1 }}'), REFUSED),
    "powers": (words("{% if 9**9**9**9 %}x{% endif %}"), REFUSED),
    "padding": (words('{{ "a".ljust(2000000000) }}'), REFUSED),
    "lipsum": (words("{{ lipsum(100000) }}"), REFUSED),
    "attribute walk": (words("{{ brand.__class__.__mro__[1].__subclasses__() }}"), REFUSED),
    "attribute walk without a call": (
        words("{{ brand.__class__.__init__.__globals__ }}"),
        {"template-unknown-name"},
    ),
    "globals": (words("{{ cycler.__init__.__globals__.os.system('id') }}"), REFUSED),
    "filters": (words("{{ greeting|attr('__class__') }}"), REFUSED),
    "recursion": (words("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}"), REFUSED),
    "a file": (words("{% include '/etc/passwd' %}"), REFUSED),
    "an import": (words("{% import 'os' as os %}"), REFUSED),
    "deeply nested ifs": (words(nested(3000)), STOPPED),
    "deeply nested ifs in the subject": (
        words("x", subject="{% if arrived %}" * 3000 + "{% endif %}" * 3000),
        STOPPED,
    ),
    "ninety nested ifs": (words(nested(90)), FINE | REFUSED),
    "a thousand branches": (
        words("{% if arrived %}\na\n" + "{% elif arrived %}\nb\n" * 3000 + "{% endif %}"),
        STOPPED | REFUSED,
    ),
    "parentheses": (words("{{ " + "(" * 20_000 + "greeting" + ")" * 20_000 + " }}"), STOPPED),
    "a long question": (words("{% if " + "not " * 20_000 + "arrived %}x{% endif %}"), STOPPED),
    "a long name": (words("{{ greeting" + ".a" * 30_000 + " }}"), STOPPED | {"template-unknown-name"}),
    "opened and never closed": (words("{{" * 20_000), STOPPED | REFUSED),
    "Markdown: quotes in quotes": (words(">" * 50_000 + " x"), FINE | STOPPED),
    "Markdown: lists in lists": (
        words("".join(f"{'  ' * depth}- a\n" for depth in range(300))),
        FINE | STOPPED,
    ),
    "Markdown: brackets": (words("[" * 50_000), FINE | STOPPED),
    "Markdown: brackets with links": (
        words("[" * 20_000 + "](https://x.example)" * 3000),
        FINE | STOPPED | REFUSED,
    ),
    "Markdown: emphasis": (words("*a_ " * 24_000), FINE | STOPPED),
    "Markdown: backticks": (words("".join("`" * number + " " for number in range(1, 400))), FINE | STOPPED),
    "Markdown: headings": (words("#" * 90_000), FINE | STOPPED),
    "Markdown: backslashes": (words("\\" * 90_000), FINE | STOPPED),
    "MJML in the words": (words("<mj-include path='/etc/passwd'/><mj-raw>" * 2000), FINE | STOPPED),
    "XML entities": (words("<!DOCTYPE a [<!ENTITY b 'c'>]>&b;" * 2000), FINE | STOPPED),
    "parts without end": (
        words("\n\n".join(['{{ button("x", links.website) }}'] * 2000)),
        {"template-not-filled", "studio-stopped"},
    ),
    "names without end": (words("{{ greeting }} " * 6000), FINE | STOPPED),
    "a wall of words": (words("word " * 19_000), FINE | STOPPED),
}
TOO_MUCH = {
    "too long": words("x" * 100_001),
    "a zero": words("a\0b"),
}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio") / "words"
    folder.mkdir()
    with studio(folder) as visit:
        yield visit


@pytest.fixture(scope="module")
def fine(room):
    return room.file()["text"]


def timed(call, *arguments, **more):
    begun = time.perf_counter()
    answer = call(*arguments, **more)
    return answer, time.perf_counter() - begun


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_draft_is_answered_in_time_and_harms_nobody(room, fine, name):
    """Preview, check and save: each says what is wrong within its two seconds, and the next mail is fine."""
    text, wanted = HOSTILE[name]
    seen, seen_in = timed(room.preview, text, sample="worst")
    read, read_in = timed(room.post, "/api/check", message="lost", file="en.md", text=text)
    after = room.preview(fine)

    assert ("fine" if seen.status == 200 else seen.code) in wanted
    assert seen.status in {200, 422}
    assert read.status == 200
    assert (read.json["findings"] != []) is (seen.status == 422) or seen.status == 200
    assert max(seen_in, read_in) < SECONDS + SLACK
    assert after.status == 200


# What too many parts make of a mail shows with a letter only: such words compile.
NEVER_SENT = [name for name, (_, wanted) in HOSTILE.items() if not {"fine", "template-not-filled"} & wanted]


@pytest.mark.parametrize("name", NEVER_SENT)
def test_a_hostile_draft_is_never_saved(room, name):
    """What cannot be sent stays in the editor: the file is what it was."""
    before = room.file()
    saved, took = timed(room.put, "/api/files/lost/en.md", text=HOSTILE[name][0], mark=before["mark"])

    assert saved.status == 422
    assert took < SECONDS + SLACK
    assert room.file() == before


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_no_file_can_hold_is_not_even_read(room, name):
    """A text that is too long, or none, is refused before anybody works on it."""
    for answer in (
        room.preview(TOO_MUCH[name]),
        room.post("/api/check", message="lost", file="en.md", text=TOO_MUCH[name]),
        room.put("/api/files/lost/en.md", text=TOO_MUCH[name], mark=room.file()["mark"]),
    ):
        assert (answer.status, answer.code) == (422, "studio-text-unfit")


def test_a_request_as_large_as_a_disk_is_refused(room):
    """The body is not even kept."""
    answer = room.raw(
        "POST",
        "/api/preview",
        json.dumps({"message": "lost", "locale": "en", "sample": "typical", "text": "x" * 3_000_000}),
        **{"X-Firstword-Studio": "1", "Content-Type": "application/json"},
    )

    assert answer.status == 413
    assert room.get("/api/files/lost/en.md").status == 200


def test_the_children_are_few_and_small_after_all_this(room):
    """Three processes, each with less than a tenth of its memory in use."""
    found = children_of(room.process.pid)
    sizes = [_resident(pid) for pid in found]

    assert len(found) <= 3
    assert max(sizes) < 256 * 1024 * 1024


def test_hostile_customers_stay_text(tmp_path):
    """Samples are data, whatever they hold: nothing of it is read as a template, as Markdown or as HTML."""
    folder = tmp_path / "words"
    (folder / "lost" / "samples").mkdir(parents=True)
    attack = "{{ 7*7 }}{% for i in range(9**9) %}x{% endfor %}<script>alert(1)</script>**b** [a](javascript:x)\r\nBcc: a@b.c"
    lines = [{"sku": "S", "title": attack, "quantity": 10**9} for _ in range(5000)]
    letter = {
        "to": "someone@example.com",
        "customer_name": attack,
        "time_zone": "UTC",
        "carrier": attack * 50,
        "tracking_number": attack,
        "apologize": True,
        "order_lines": lines,
        "goodwill": {"minor": 10**12, "currency": "USD"},
    }
    sample = {"about": "all that anybody could type", "order_id": attack, "letter": letter}
    (folder / "lost" / "samples" / "attack.json").write_text(json.dumps(sample))
    with studio(folder) as visit:
        mail, took = timed(visit.preview, sample="attack")
        assert mail.status == 200, mail.body
        page = visit.get(f"/preview/{mail.json['id']}/light").body.decode()

    assert took < SECONDS + SLACK
    assert "49" not in mail.json["subject"]
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'href="javascript:' not in page
    assert "\n" not in mail.json["subject"]


def test_a_sample_that_is_none_is_told(tmp_path):
    """Bytes that are no JSON, or JSON that is no letter, are a problem with a name and not the end of the studio."""
    folder = tmp_path / "words"
    (folder / "lost" / "samples").mkdir(parents=True)
    broken = {
        "bytes": b"\xff\xfe\x00",
        "deep": b"[" * 200_000,
        "strange": b'{"about": "x", "order_id": "1", "letter": {"to": 7}}',
        "empty": b"",
    }
    for name, content in broken.items():
        (folder / "lost" / "samples" / f"{name}.json").write_bytes(content)
    with studio(folder) as visit:
        told = {name: visit.preview(sample=name) for name in broken}
        after = visit.preview()

    assert {answer.status for answer in told.values()} == {422}
    assert {answer.code for answer in told.values()} <= {"template-sample", "studio-stopped"}
    assert after.status == 200


def _resident(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
