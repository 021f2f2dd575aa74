"""One run over a file in which good orders stand between everything that can be wrong with an event."""

import email
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import datetime
from email import policy as email_policy
from html.parser import HTMLParser

import pytest

from streams.embedded.journal import Journal
from tests import ndjson
from tests.embedded_runs import ROOT
from tests.ndjson import DAY, HOUR, MONDAY, delivered_well, event, line, placed, scan, shipped, swapped

UNTIL = "2026-03-08"  # before a replacement or a parcel that never moves becomes late
MIB = 1 << 20


def raw(
    wire_type="order.canceled.v1", identity="bad", at="2026-03-02T16:00:00Z", body='{"order_id":"ORD-X"}'
):
    """A line whose data is written by hand."""
    head = {"specversion": "1.0", "id": identity, "source": "shop/us", "type": wire_type, "time": at}
    return (
        json.dumps(head)[:-1].encode()
        + b', "data": '
        + (body if isinstance(body, bytes) else body.encode())
        + b"}"
    )


def order_named(order_id):
    return line(event("order.canceled.v1", "strange-order", MONDAY, order_id=order_id))


def ordered(**changes):
    """An order whose line is not usable."""
    return line(placed("ORD-LINE", line=changes))


GOOD_LINE = line(placed("ORD-CUT"))
NESTED = b'{"order_id":"ORD-X","x":' + b"[" * 5000 + b"]" * 5000 + b"}"

BAD = {
    "truncated": (GOOD_LINE[:90], "json-truncated"),
    "mistyped: a brace too many": (GOOD_LINE + b"}", "json-malformed"),
    "mistyped: single quotes": (GOOD_LINE.replace(b'"', b"'"), "json-malformed"),
    "a comma at the end": (GOOD_LINE[:-1] + b",}", "json-malformed"),
    "plain words": (b"Traceback (most recent call last):", "json-malformed"),
    "a list": (b"[" + GOOD_LINE + b"]", "envelope-invalid"),
    "no envelope": (b'{"order_id": "ORD-X"}', "envelope-invalid"),
    "Latin-1": (raw(body='{"order_id":"ORD-X","reason":"está perdido"}'.encode("latin-1")), "not-utf8"),
    "UTF-16": (GOOD_LINE.decode().encode("utf-16-le"), "json-malformed"),
    "UTF-16 with a mark": (GOOD_LINE.decode().encode("utf-16"), "json-malformed"),
    "a byte order mark in the middle of the file": (b"\xef\xbb\xbf" + GOOD_LINE, "json-malformed"),
    "a NUL byte": (GOOD_LINE.replace(b"Ines", b"In\x00es"), "json-malformed"),
    "a NUL escaped": (raw(body='{"order_id":"ORD-X","reason":"a\\u0000b"}'), "json-nul"),
    "half of a character": (raw(body='{"order_id":"ORD-X","reason":"\\ud83d"}'), "json-lone-surrogate"),
    "nested deeply": (raw(body=NESTED), "json-too-deep"),
    "a name twice": (raw(body='{"order_id":"ORD-X","order_id":"ORD-Y"}'), "json-duplicate-key"),
    "the year 1": (raw(at="0001-01-01T00:00:00Z"), "time-out-of-range"),
    "the year 9999": (raw(at="9999-12-31T23:59:59Z"), "time-out-of-range"),
    "a time without offset": (raw(at="2026-03-02T16:00:00"), "time-without-offset"),
    "a day that is none": (raw(at="2026-02-30T16:00:00Z"), "envelope-invalid"),
    "a clock in the year 2090": (raw(identity="ahead", at="2090-01-01T00:00:00Z"), "time-ahead"),
    "a promise in the year 9999": (line(placed("ORD-X", by="9999-12-31")), "fact-invalid"),
    "a promise of words": (line(placed("ORD-X", by="next week")), "fact-invalid"),
    "a negative quantity": (ordered(quantity=-1), "fact-invalid"),
    "an enormous quantity": (ordered(quantity=10**30), "fact-invalid"),
    "half a piece": (ordered(quantity=0.5), "fact-invalid"),
    "a quantity in words": (ordered(quantity="two"), "fact-invalid"),
    "a price without limit": (ordered(unit_price={"minor": 10**15, "currency": "USD"}), "fact-invalid"),
    "a currency that is none": (ordered(unit_price={"minor": 1, "currency": "dollars"}), "fact-invalid"),
    "a currency that breaks lines": (ordered(unit_price={"minor": 1, "currency": "US\n"}), "fact-invalid"),
    "an unknown type": (raw("order.plcaed.v1"), "type-unknown"),
    "a type from elsewhere": (raw("com.example.thing"), "type-unknown"),
    "a newer version": (raw("order.placed.v7"), "type-newer"),
    "a decision from outside": (
        raw("message.accepted.v1", body='{"order_id":"ORD-GOOD-1","message_id":"m"}'),
        "type-not-inbound",
    ),
    "the order *": (order_named("*"), "order-id-unusable"),
    "an order with a bell in it": (order_named("ORD\x07-1"), "order-id-unusable"),
    "an order with a header in it": (order_named("ORD-1\r\nBcc: thief@example.org"), "order-id-unusable"),
    "an order without a name": (order_named(""), "fact-invalid"),
    "a replacement for *": (line(placed("ORD-ALL", replaces="*")), "order-id-unusable"),
    "a replacement for a header": (
        line(placed("ORD-HEAD", replaces="ORD-1\r\nBcc: thief@example.org")),
        "order-id-unusable",
    ),
    "a status that is none": (
        line(scan("odd", "teleported", MONDAY, "1Z-ODD")),
        "fact-invalid",
    ),
    "a scan of nothing": (raw("checkpoint.reached.v1", body='{"status":"in_transit"}'), "fact-invalid"),
    "a scan of a placeholder": (line(scan("dashes", "in_transit", MONDAY, "---")), "order-unknown"),
    "a scan that nobody claims": (
        line(scan("stranger", "in_transit", MONDAY, "1Z-STRANGER")),
        "tracking-number-unclaimed",
    ),
    "a line above the limit": (b'{"x": "' + b"x" * (2 * MIB) + b'"}', "record-too-large"),
}

THIEF = "thief@example.org"
STRANGE = {
    "Jinja": {"line": {"title": "{{7*7}} {% for x in [1] %}y{% endfor %} ${7*7}"}, "shows": "{{7*7}} {% for x in [1] %}y{% endfor %}"},
    "HTML": {"line": {"title": "<script>alert(1)</script> & <img src=x onerror=alert(1)>"}, "shows": "<script>alert(1)</script> & <img src=x onerror=alert(1)>"},
    "Markdown": {"line": {"title": "**x** _y_ # z"}, "shows": "**x** _y_ # z"},
    "link": {"line": {"title": "[a](javascript:alert(1)) ![b](https://example.org/c.png)"}, "shows": "[a](javascript:alert(1)) ![b](https://example.org/c.png)"},
    "table": {"line": {"title": "a|b\n\n- c\n\n---\n> d"}, "shows": "a|b"},
    "script name": {"customer": {"name": "<script>alert(2)</script>"}, "shows": "Hello,"},
    "Jinja name": {"customer": {"name": "{{config}} **Bob**"}, "shows": "Hello,"},
    "header name": {"customer": {"name": f"Ines\r\nBcc: {THIEF}\r\n\r\nBody"}, "shows": "Ines"},
    "many names": {"customer": {"name": f'Ines <{THIEF}>, "x" <{THIEF}>'}, "shows": "Ines"},
    "locale": {"customer": {"locale": "../../etc/passwd"}, "shows": "Brush markers"},
    "other locale": {"customer": {"locale": "tlh-<script>"}, "shows": "Brush markers"},
    "zone": {"customer": {"time_zone": "Mars/Olympus_Mons"}, "shows": "Brush markers"},
    "other zone": {"customer": {"time_zone": "../../../etc/localtime"}, "shows": "Brush markers"},
    "country": {"customer": {"country": "Atlantis\r\nX: y"}, "shows": "Brush markers"},
    "sku": {"line": {"sku": "<b>{{1}}</b>\r\nBcc: x"}, "shows": "Brush markers"},
    "letters from right to left": {"line": {"title": "\u202egnp.exe\u202c מארז"}, "shows": "מארז"},
}  # fmt: skip
UNREACHABLE = {
    "header": f"ines@example.com\r\nBcc: {THIEF}",
    "two": f"ines@example.com, {THIEF}",
    "quoted": f'"{THIEF}"\n@example.com',
    "none": "not an address",
    "empty": "",
    "percent": "ines@example.com%0d%0aBcc:x",
}


def strange_orders():
    """Orders in trouble, whose own words are attacks; they must get their mail, and nobody else one."""
    for number, (name, said) in enumerate(STRANGE.items()):
        yield name, f"ORD-STRANGE-{number}", {key: value for key, value in said.items() if key != "shows"}
    for number, (name, address) in enumerate(UNREACHABLE.items()):
        yield name, f"ORD-UNREACHABLE-{number}", {"customer": {"email": address}}


def good_events():
    for number in range(1, 6):
        yield from swapped(f"ORD-GOOD-{number}", MONDAY)
        yield from delivered_well(f"ORD-CALM-{number}", MONDAY)
    for _, order_id, said in strange_orders():
        yield from swapped(order_id, MONDAY, **said)


def odd_but_harmless():
    """Events that are understood, and must hurt nobody."""
    again = placed("ORD-GOOD-1") | {"time": (MONDAY + HOUR).isoformat()}
    again["data"] |= {"customer": {"customer_id": "C-2", "email": THIEF}}
    yield again  # the id of another event, with different content: the first one counts
    yield scan("old", "in_transit", MONDAY.replace(year=1996), "1ZORD-CALM-1")
    yield placed("ORD-PAST", MONDAY, by="2026-01-05")  # promised before it was placed
    yield event(
        "promise.revised.v1",
        "p",
        MONDAY,
        order_id="ORD-CALM-2",
        promise={"by": "2099-12-31"},
        told_customer=True,
    )
    yield event("order.canceled.v1", "unknown-order", MONDAY, order_id="ORD-NEVER-PLACED")
    yield event(
        "review.resolved.v1",
        "r",
        MONDAY,
        order_id="ORD-CALM-3",
        review_id="rev_none",
        approved=True,
        by="x\r\ny",
    )
    yield event("choice.made.v1", "c", MONDAY, order_id="ORD-CALM-3", case_id="case_none", choice="{{x}}")
    yield shipped("ORD-NUMBERLESS", MONDAY, tracking_number="---")


def write_file(path, *, huge):
    """Bad lines between the good ones, each good one in the order of its time; a byte order mark in front."""
    good = ndjson.in_time(*good_events(), *(one for one in odd_but_harmless() if one["id"] != "old"))
    bad = [text for text, _ in BAD.values()]
    with path.open("wb") as file:
        file.write(b"\xef\xbb\xbf")
        for number, one in enumerate(good):
            file.write(line(one) + b"\n")
            if number < len(bad):
                file.write(bad[number] + b"\r\n\n")
        file.write(line(next(one for one in odd_but_harmless() if one["id"] == "old")) + b"\n")
        if huge:
            file.write(b'{"id": "')
            for _ in range(50):
                file.write(b"x" * MIB)
            file.write(b'"}\n')
        file.write(line(placed("ORD-LAST", MONDAY + 3 * DAY)))
    return path


def run(data, events):
    """Run the command in a process of its own; return its summary and its largest size in KiB."""
    log = data.with_suffix(".log")
    command = [
        *(sys.executable, "-m", "streams", "run", "--data", str(data), "--source", f"native={events}"),
        *("--clock", "history", "--until", UNTIL, "--json"),
    ]
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return json.loads(log.read_text()), usage.ru_maxrss


class Page(HTMLParser):
    """The markup of a page, and its words."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        # The label is the subject, which names the order; what would break out of it shows in the other tags.
        self.tags.append((tag, [one for one in attributes if one[0] != "aria-label"]))

    def handle_data(self, words):
        self.text += words


class Bad:
    """What is left of the run."""

    def __init__(self, folder):
        self.summary, self.size = run(folder / "run", write_file(folder / "events.ndjson", huge=True))
        journal = Journal(folder / "run" / "journal.sqlite")
        self.dead = list(journal.dead_letters())
        self.decisions = list(journal.decisions())
        journal.close()
        self.mails = [
            email.message_from_bytes(file.read_bytes(), policy=email_policy.default)
            for file in (folder / "run" / "mail" / "new").glob("*")
        ]

    def mail(self, order_id):
        (found,) = [mail for mail in self.mails if mail["X-Firstword-Order"] == order_id]
        return found


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    return Bad(tmp_path_factory.mktemp("bad"))


def test_every_bad_line_is_a_dead_letter_with_place_code_why_and_hint(bad):
    """Each under its own code, none twice, the huge line among them."""
    expected = Counter(code for _, code in BAD.values()) + Counter(["record-too-large"])
    seen = Counter(letter.code for letter in bad.dead)

    assert seen == expected
    assert [letter for letter in bad.dead if not (letter.why and letter.hint)] == []
    assert [letter.place for letter in bad.dead if not letter.place.startswith("events.ndjson:")] == []


def test_a_dead_letter_names_the_line(bad):
    """What stands at its place is what it keeps, as far as that was kept."""
    lines = (bad.dead[0].raw, *(letter.raw for letter in bad.dead))
    texts = {text.strip() for text, _ in BAD.values()}
    verbatim = [letter for letter in bad.dead if letter.raw in texts]

    assert len(lines) > 1
    # Events that were understood are kept as the events they are, too long ones as their beginning.
    assert len(verbatim) >= len(BAD) - 7


def test_the_four_counts_add_up(bad):
    """What came in is folded, a duplicate, parked or a dead letter, and nothing is missing from the file."""
    events = bad.summary["events"]
    lines = len(list(good_events())) + len(list(odd_but_harmless())) + len(BAD) + 2

    assert events["in"] == lines
    assert events["in"] == events["folded"] + events["duplicates"] + events["parked"] + events["dead_letters"]
    assert events["duplicates"] == 1
    assert events["dead_letters"] == len(bad.dead)


def test_the_good_orders_in_between_get_exactly_their_mails(bad):
    """One apology for each order in trouble that can be reached, none for anybody else."""
    troubled = [f"ORD-GOOD-{number}" for number in range(1, 6)]
    strange = [f"ORD-STRANGE-{number}" for number in range(len(STRANGE))]

    assert sorted(mail["X-Firstword-Order"] for mail in bad.mails) == sorted(troubled + strange)
    assert {mail["X-Firstword-Template"] for mail in bad.mails} == {"wrong_item"}


def test_an_address_that_is_none_is_suppressed(bad):
    """Nothing is sent, and the journal says why, without the address."""
    suppressed = [one.fact for one in bad.decisions if one.type == "message.suppressed.v1"]
    held = [
        one.fact for one in bad.decisions if one.type == "message.held.v1" and one.fact.reason == "no_address"
    ]
    unreachable = {f"ORD-UNREACHABLE-{number}" for number in range(len(UNREACHABLE))}

    assert {fact.order_id for fact in (*suppressed, *held)} == unreachable
    assert [fact.reply for fact in suppressed if THIEF in (fact.reply or "")] == []


def test_every_mail_has_one_recipient_and_no_header_of_a_stranger(bad):
    """To: one address, the customer's; no Bcc, Cc or anything that a customer's words brought."""
    known = {
        *("Date", "From", "Reply-To", "MIME-Version", "Auto-Submitted", "X-Auto-Response-Suppress", "To"),
        *("Message-ID", "Subject", "Content-Type", "X-Firstword-Message", "X-Firstword-Order"),
        *("X-Firstword-Case", "X-Firstword-Template", "References"),
    }
    recipients = {
        mail["X-Firstword-Order"]: [one.addr_spec for one in mail["To"].addresses] for mail in bad.mails
    }

    assert {name for mail in bad.mails for name in mail.keys()} == known  # noqa: SIM118 - a mail is no dict
    assert [mail["X-Firstword-Order"] for mail in bad.mails if len(mail.keys()) != len(known)] == []
    assert recipients == {order_id: [f"{order_id.lower()}@example.com"] for order_id in recipients}


@pytest.mark.parametrize("name", STRANGE)
def test_words_of_customers_and_shops_show_as_they_are(bad, name):
    """Literally, in the text and in the HTML, whose markup is the same as in any other customer's mail."""
    mail = bad.mail(f"ORD-STRANGE-{list(STRANGE).index(name)}")
    usual = Page(bad.mail("ORD-GOOD-1").get_body(("html",)).get_content())
    page = Page(mail.get_body(("html",)).get_content())

    assert STRANGE[name]["shows"] in mail.get_body(("plain",)).get_content()
    assert STRANGE[name]["shows"] in page.text
    assert page.tags == usual.tags


def test_a_line_of_50_megabytes_is_read_without_being_held(bad, tmp_path):
    """The process is at most 16 MiB larger than the same run without that line."""
    _, small = run(tmp_path / "small", write_file(tmp_path / "small.ndjson", huge=False))

    assert bad.size - small < 16 * 1024


def test_time_did_not_leap(bad):
    """Neither a clock that ran ahead nor one from 1996 moved the time of the run."""
    assert bad.summary["now"] == "2026-03-08T00:00:00Z"
    assert {one.now.year for one in bad.decisions} == {2026}


def test_what_was_understood_can_be_sent_again(bad):
    """An event that was buried later is kept whole, under its own id."""
    (stranger,) = [letter for letter in bad.dead if letter.code == "tracking-number-unclaimed"]
    again = json.loads(stranger.raw)

    assert stranger.source == "native"
    assert (again["id"], again["source"], again["data"]["tracking_number"]) == (
        "stranger",
        "carrier/usual",
        "1Z-STRANGER",
    )
    assert datetime.fromisoformat(again["time"]) == MONDAY
