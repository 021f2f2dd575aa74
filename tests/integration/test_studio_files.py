"""The studio reads and writes files: only the folder's own, whole or not at all, and never over somebody else."""

import subprocess
import threading
import urllib.parse

import pytest

from streams.assets import templates_dir
from tests.studio_rig import WRITES, eventually, studio

SHIPPED = templates_dir()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "words"
    made.mkdir()
    return made


@pytest.fixture
def room(folder):
    with studio(folder) as visit:
        yield visit


@pytest.fixture(scope="module")
def calm_folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("calm") / "words"
    made.mkdir()
    return made


@pytest.fixture(scope="module")
def calm_room(calm_folder):
    """A studio for tests that write nothing."""
    with studio(calm_folder) as visit:
        yield visit


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def standing(room, message="lost"):
    """Return how a message stands in the list."""
    (row,) = room.get(f"/api/messages?only={message}").json["messages"]
    return row


def greeted(text, says="Good to see you."):
    """Return words with a sentence more."""
    return text.replace("{{ greeting }}\n", f"{{{{ greeting }}}}\n\n{says}\n")


def test_saving_a_message_of_ours_writes_that_file_alone(room, folder):
    """A folder of the shop's own needs only what it changes; all else comes from us, as before."""
    shipped = (SHIPPED / "lost" / "en.md").read_text()
    opened = room.file()
    saved = room.put("/api/files/lost/en.md", text=greeted(opened["text"]), mark=opened["mark"])
    again = room.file()

    assert (opened["text"], opened["own"], opened["place"]) == (shipped, False, "templates/lost/en.md")
    assert saved.status == 200
    assert below(folder) == ["lost/en.md"]
    assert (folder / "lost" / "en.md").read_text() == again["text"] == greeted(shipped)
    assert (again["own"], again["mark"], again["place"]) == (True, saved.json["mark"], "words/lost/en.md")
    assert (SHIPPED / "lost" / "en.md").read_text() == shipped
    assert "Good to see you." in room.preview().json["text"]


def test_what_is_typed_is_seen_before_it_is_saved(room, folder):
    """A preview of a draft shows the draft, and leaves no trace."""
    text = room.file()["text"]
    mail = room.preview(greeted(text)).json

    assert "Good to see you." in mail["text"]
    assert "Good to see you." not in room.preview().json["text"]
    assert below(folder) == []


def test_a_second_writer_is_told_and_nothing_is_lost(room):
    """Whoever saves what has changed meanwhile gets the other's text, and can save once they have seen it."""
    opened = room.file()
    first = room.put("/api/files/lost/en.md", text=greeted(opened["text"], "First."), mark=opened["mark"])
    second = room.put("/api/files/lost/en.md", text=greeted(opened["text"], "Second."), mark=opened["mark"])
    theirs = second.json
    third = room.put("/api/files/lost/en.md", text=greeted(opened["text"], "Both."), mark=theirs["mark"])

    assert first.status == 200
    assert (second.status, theirs["code"]) == (409, "studio-conflict")
    assert "First." in theirs["text"]
    assert theirs["mark"] == first.json["mark"]
    assert third.status == 200
    assert "Both." in room.file()["text"]


def test_an_editor_of_another_kind_is_a_writer_too(room, folder):
    """A file that was changed on the disk is not written over, either."""
    opened = room.file()
    (folder / "lost").mkdir()
    (folder / "lost" / "en.md").write_text(greeted(opened["text"], "By hand."))
    saved = room.put("/api/files/lost/en.md", text=greeted(opened["text"], "By us."), mark=opened["mark"])

    assert saved.status == 409
    assert "By hand." in saved.json["text"]
    assert "By hand." in (folder / "lost" / "en.md").read_text()


def test_of_many_who_save_at_once_one_wins(folder):
    """Two studios on one folder, ten writers: one save, nine conflicts, and a file that one of them wrote."""
    with studio(folder) as one, studio(folder) as other:
        opened = one.file()
        found = []

        def save(number):
            room = one if number % 2 else other
            text = greeted(opened["text"], f"Writer {number} was here.")
            found.append(room.put("/api/files/lost/en.md", text=text, mark=opened["mark"]).status)

        writers = [threading.Thread(target=save, args=(number,)) for number in range(10)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

    assert sorted(found) == [200] + [409] * 9
    assert (folder / "lost" / "en.md").read_text().count(" was here.") == 1
    assert below(folder) == ["lost/en.md"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no front matter", "template-front-matter"),
        ("---\nsubject: a\npreheader: b\n---\n{{ nobody }}\n", "template-unknown-name"),
        ("---\nsubject: a\npreheader: b\n---\n{% if arrived %}\n", "template-syntax"),
    ],
)
def test_words_that_cannot_be_sent_are_not_saved(calm_room, calm_folder, text, code):
    """What cannot be compiled stays in the editor, with the reason; the file on the disk can be sent."""
    saved = calm_room.put("/api/files/lost/en.md", text=text, mark=calm_room.file()["mark"])

    assert (saved.status, saved.code) == (422, code)
    assert saved.json["problem"]["where"].startswith("templates/lost/en.md")
    assert below(calm_folder) == []


def test_a_card_that_takes_names_from_the_words_is_not_saved(calm_room, calm_folder):
    """Saving message.toml compiles all its words: what they use cannot be taken away."""
    room = calm_room
    card = room.file("lost", "message.toml")
    text = card["text"].replace('"goodwill", ', "")
    saved = room.put("/api/files/lost/message.toml", text=text, mark=card["mark"])

    assert text != card["text"]
    assert (saved.status, saved.code) == (422, "template-name-not-listed")
    assert below(calm_folder) == []


def test_words_in_a_new_language_begin_with_nothing(room, folder):
    """A file that is not there yet is saved with no mark; and is then there for everybody."""
    text = room.file()["text"]
    absent = room.get("/api/files/lost/it.md")
    saved = room.put("/api/files/lost/it.md", text=text, mark="")
    listed = standing(room)

    assert (absent.status, absent.code) == (404, "studio-file-unknown")
    assert saved.status == 200
    assert below(folder) == ["lost/it.md"]
    assert [one["own"] for one in listed["locales"] if one["locale"] == "it"] == [True]
    assert room.preview(locale="it").status == 200


def test_a_second_wording_is_a_file_beside_the_first(room, folder):
    """`en@b.md` is a variant: written, seen and listed as one."""
    text = room.file()["text"]
    saved = room.put("/api/files/lost/en@b.md", text=greeted(text, "Otherwise put."), mark="")
    english = next(one for one in standing(room)["locales"] if one["locale"] == "en")

    assert saved.status == 200
    assert below(folder) == ["lost/en@b.md"]
    assert "Otherwise put." in room.preview(variant="b").json["text"]
    assert "Otherwise put." not in room.preview().json["text"]
    assert [one["variant"] for one in english["variants"]] == ["b"]


# ---------------------------------------------------------------------------- what a colleague says, what may be used


def check(room, text, file="en.md"):
    return room.post("/api/check", message="lost", file=file, text=text).json


def test_a_finding_names_line_words_reason_and_better_words(calm_room):
    """The line is that of the file, the words are those that stand there, and there is something to write instead."""
    text = calm_room.file()["text"]
    said = "We apologize for any inconvenience."
    found = check(calm_room, f"{text}\n{said}\n")
    line = len(text.split("\n")) + 1
    (one,) = [one for one in found["findings"] if one["rule"] == "no_inconvenience"]

    assert check(calm_room, text)["findings"] == []
    assert (one["line"], one["severity"]) == (line, "error")
    assert one["match"] in said
    assert one["match"]
    assert one["why"]
    assert one["better"]
    assert found["not_checked"] is False


def test_words_that_cannot_be_compiled_are_one_finding(calm_room):
    """What the compiler says stands where it is meant, under the code that `explain` knows."""
    text = calm_room.file()["text"]
    found = check(calm_room, f"{text}\n{{{{ nobody }}}}\n")["findings"]

    assert [(one["rule"], one["line"]) for one in found] == [
        ("template-unknown-name", len(text.split("\n")) + 1)
    ]


def test_a_language_that_nobody_wrote_rules_for_is_not_checked(calm_room):
    """Silence is no praise: the answer says that nobody looked."""
    assert check(calm_room, calm_room.file()["text"], "it.md")["not_checked"] is True


def test_what_may_be_used_can_be_written_as_it_is_offered(calm_room):
    """Every name and part that is offered compiles where it is put into the words, guarded where it may be absent."""
    offered = calm_room.get("/api/names/lost").json
    printable = [one for one in offered["names"] if one["type"] in {"text", "number"}]
    text = calm_room.file()["text"]
    flags = [one for one in offered["names"] if one["type"] in {"flag", "group"}]
    written = "\n\n".join(one["insert"] for one in (*printable, *flags, *offered["parts"]))
    mail = calm_room.preview(f"{text}\n\n{written}\n")
    paths = {one["path"] for one in offered["names"]}

    assert mail.status == 200, mail.body
    assert {"greeting", "order.id", "replacement.names", "goodwill"} <= paths
    assert "wrong.names" not in paths
    assert {"items", "date_card", "button", "notes"} == {one["name"] for one in offered["parts"]}


# ---------------------------------------------------------------------------- never outside the folder


STRANGE = [
    "../en.md",
    "..%2fen.md",
    "en.md/..",
    ".en.md",
    "EN.MD",
    "en.txt",
    "en.md%00",
    "con",
    "typical.json",
    "%2e%2e",
    "a" * 300 + ".md",
]


@pytest.mark.parametrize("file", STRANGE)
def test_a_name_that_is_none_leads_nowhere(calm_room, calm_folder, file):
    """Only message.toml and words have names; whatever else is asked for is not there, and is not made."""
    quoted = file if "%" in file else urllib.parse.quote(file, safe="")
    answers = [
        calm_room.get(f"/api/files/lost/{quoted}"),
        calm_room.put(f"/api/files/lost/{quoted}", text="x", mark=""),
        calm_room.get(f"/api/history/lost/{quoted}"),
    ]

    assert {answer.status for answer in answers} == {404}
    assert below(calm_folder.parent) == []


@pytest.mark.parametrize("message", ["..", "_layout", "_phrases", "no_such", "lost/samples", "LOST", "."])
def test_a_message_that_is_none_leads_nowhere(calm_room, calm_folder, message):
    """Shared files and strange folders are no messages."""
    room = calm_room
    quoted = urllib.parse.quote(message, safe="")
    answers = [
        room.get(f"/api/files/{quoted}/en.md"),
        room.put(f"/api/files/{quoted}/en.md", text="x", mark=""),
        room.get(f"/api/compare/{quoted}?locale=en&sample=typical"),
        room.post(f"/api/accept/{quoted}", locale="en"),
        room.preview("x", message=message),
        room.post("/api/check", message=message, file="en.md", text="x"),
    ]

    assert {answer.status for answer in answers} == {404}
    assert below(calm_folder.parent) == []


def test_a_folder_that_is_a_link_is_not_written_through(folder, tmp_path):
    """A message's folder that leads elsewhere is refused: nothing is written where nobody said so."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "lost").symlink_to(elsewhere)
    with studio(folder) as room:
        opened = room.get("/api/files/lost/en.md")
        text = greeted((SHIPPED / "lost" / "en.md").read_text())
        saved = room.put("/api/files/lost/en.md", text=text, mark="")
        room.post("/api/accept/lost", locale="en")

    assert (opened.status, opened.code) == (400, "studio-outside")
    assert (saved.status, saved.code) == (400, "studio-outside")
    assert below(elsewhere) == []


def test_a_file_that_is_a_link_out_is_not_read(folder, tmp_path):
    """What lies outside the folder is not shown, whatever leads to it."""
    secret = tmp_path / "secret.md"
    secret.write_text("the secret")
    (folder / "lost").mkdir()
    (folder / "lost" / "en.md").symlink_to(secret)
    with studio(folder) as room:
        answer = room.get("/api/files/lost/en.md")
        saved = room.put("/api/files/lost/en.md", text="anything", mark="")

    assert (answer.status, answer.code) == (400, "studio-outside")
    assert b"the secret" not in answer.body
    assert saved.status in {400, 422}
    assert secret.read_text() == "the secret"


def test_a_disk_that_refuses_is_told(folder):
    """A full or read-only disk is a problem with a name, and the file is what it was."""
    (folder / "lost").mkdir()
    (folder / "lost" / "en.md").mkdir()  # a folder in the file's place: nothing can be renamed over it
    with studio(folder) as room:
        answer = room.put("/api/files/lost/en.md", text=(SHIPPED / "lost" / "en.md").read_text(), mark="")
        after = room.preview()

    assert (answer.status, answer.code) == (503, "studio-unwritable")
    assert [path.name for path in (folder / "lost").iterdir()] == ["en.md"]
    assert after.status == 200


# ---------------------------------------------------------------------------- what is broken on the disk


def test_a_broken_message_spoils_no_other_and_can_be_mended_here(folder):
    """One file that cannot be read is told with its reason; all others work, and a saved text mends it."""
    (folder / "lost").mkdir()
    (folder / "lost" / "en.md").write_text("no words at all")
    with studio(folder) as room:
        listed = {name: standing(room, name) for name in ("lost", "wrong_item")}
        other = room.preview(message="wrong_item")
        this = room.preview()
        opened = room.file()
        draft = room.preview((SHIPPED / "lost" / "en.md").read_text())
        saved = room.put(
            "/api/files/lost/en.md", text=(SHIPPED / "lost" / "en.md").read_text(), mark=opened["mark"]
        )
        mended = room.preview()

    assert listed["lost"]["problem"]["code"] == "template-front-matter"
    assert {one["state"] for one in listed["lost"]["locales"]} == {"broken"}
    assert "broken" not in {one["state"] for one in listed["wrong_item"]["locales"]}
    assert other.status == 200
    assert (this.status, this.code) == (422, "template-front-matter")
    assert opened["text"] == "no words at all"
    assert draft.status == 200
    assert saved.status == 200
    assert mended.status == 200


# ---------------------------------------------------------------------------- events


def test_a_change_by_another_hand_is_told_at_once(room, folder):
    """A file that any program writes is told as changed, with its mark; then how its message stands."""
    text = room.file()["text"]
    with room.hearing() as heard:
        (folder / "lost").mkdir()
        (folder / "lost" / "en.md").write_text(greeted(text, "By hand."))
        changed = eventually(lambda: [said for name, said in heard if name == "changed"], patience=3)
        eventually(lambda: [said for name, said in heard if (name, said) == ("lint", {"message": "lost"})])

    assert changed[0] == {"message": "lost", "file": "en.md", "mark": room.file()["mark"]}
    assert "By hand." in room.preview().json["text"]


def test_a_save_is_told_to_other_pages_before_it_is_answered(room):
    """Whoever saves and then asks sees what they saved; other pages hear of it."""
    opened = room.file()
    with room.hearing() as heard:
        saved = room.put("/api/files/lost/en.md", text=greeted(opened["text"]), mark=opened["mark"])
        told = eventually(lambda: [said for name, said in heard if name == "changed"])

    assert told == [{"message": "lost", "file": "en.md", "mark": saved.json["mark"]}]


def test_shared_files_are_told_as_everybodys(room, folder):
    """A phrase that all messages share belongs to none of them."""
    with room.hearing() as heard:
        (folder / "_phrases").mkdir()
        (folder / "_phrases" / "en.toml").write_bytes((SHIPPED / "_phrases" / "en.toml").read_bytes())
        told = eventually(lambda: [said for name, said in heard if name == "changed"], patience=3)
        eventually(lambda: {"message": "at_risk"} in [said for name, said in heard if name == "lint"])

    assert told[0] == {"message": "", "file": "_phrases/en.toml", "mark": ""}


# ---------------------------------------------------------------------------- accepted mails, and versions


def test_accepting_writes_what_is_there_now_into_our_folder(room, folder):
    """What changed is shown against what was accepted; accepting makes them the same, in one language."""
    opened = room.file()
    room.post("/api/accept/lost")
    room.put("/api/files/lost/en.md", text=greeted(opened["text"]), mark=opened["mark"])
    before = room.get("/api/compare/lost?locale=en&sample=typical").json
    taken = room.post("/api/accept/lost", locale="en").json
    after = room.get("/api/compare/lost?locale=en&sample=typical").json
    golden = {one["locale"]: one["golden"] for one in standing(room)["locales"]}

    assert "+Good to see you." in before["text_diff"]
    assert before["html_same"] is False
    assert "+Good to see you." in before["words_diff"]
    assert "words/lost/expected/typical.en.txt" in taken["changed"]
    assert {path.split(".")[1] for path in taken["changed"]} == {"en"}
    assert (after["text_diff"], after["html_same"]) == ("", True)
    assert golden["en"] == "same"
    assert all(name.startswith("lost/") for name in below(folder))


def test_accepting_changes_nothing_that_came_with_us(room):
    """What was accepted of ours stays as it is: the shop's own lies beside it."""
    kept = {path: path.read_bytes() for path in (SHIPPED / "lost").rglob("*") if path.is_file()}
    opened = room.file()
    room.put("/api/files/lost/en.md", text=greeted(opened["text"]), mark=opened["mark"])
    room.post("/api/accept/lost")

    assert {path: path.read_bytes() for path in kept} == kept


def git(folder, *words):
    names = ["-c", "user.name=Ines", "-c", "user.email=ines@example.com", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", "-C", folder, *names, *words], check=True, capture_output=True)


def test_a_folder_in_git_has_its_versions(room, folder):
    """Each version with its text and what it changed; without git there are none, and nobody is troubled."""
    before = room.get("/api/history/lost/en.md").json
    opened = room.file()
    room.put("/api/files/lost/en.md", text=greeted(opened["text"], "First."), mark=opened["mark"])
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "lost: the first words; $(touch pwned) \x1b[31m")
    room.put("/api/files/lost/en.md", text=greeted(opened["text"], "Second."), mark=room.file()["mark"])
    git(folder, "commit", "-am", "lost: the second words")
    versions = room.get("/api/history/lost/en.md").json
    oldest = versions["commits"][-1]
    shown = room.get(f"/api/history/lost/en.md/{oldest['hash']}").json
    newest = room.get(f"/api/history/lost/en.md/{versions['commits'][0]['hash']}").json

    assert before["commits"] == [] or before["git"] is True  # of the checkout that we are in
    assert [one["who"] for one in versions["commits"]] == ["Ines", "Ines"]
    assert versions["commits"][0]["subject"] == "lost: the second words"
    assert "First." in shown["text"]
    assert "-First." in newest["diff"]
    assert "+Second." in newest["diff"]


@pytest.mark.parametrize(
    "commit", ["HEAD", "--output=pwned", "main", "0" * 40, "0" * 39, "a" * 41, "%2d%2dhelp"]
)
def test_a_version_that_is_none_is_not_asked_for(calm_room, calm_folder, commit):
    """Only the whole hash of a commit names a version: git is handed nothing else."""
    answer = calm_room.get(f"/api/history/lost/en.md/{commit}")

    assert (answer.status, answer.code) == (404, "studio-version-unknown")
    assert below(calm_folder) == []


def test_a_request_that_is_no_json_of_ours_is_told(calm_room):
    """A body of another shape, or of another kind, is a problem and never a crash."""
    room = calm_room
    wrong = [
        room.raw("POST", "/api/preview", "{}", **WRITES),
        room.raw("POST", "/api/preview", "{not json", **WRITES),
        room.raw("POST", "/api/preview", b"\xff\xfe", **WRITES),
        room.raw("POST", "/api/preview", "{}", **(WRITES | {"Content-Type": "text/plain"})),
        room.raw("PUT", "/api/files/lost/en.md", '{"text": 7}', **WRITES),
    ]

    assert {(answer.status, answer.code) for answer in wrong} == {(400, "studio-request-wrong")}
