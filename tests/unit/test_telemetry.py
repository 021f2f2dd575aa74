"""Telemetry: one line of JSON, a fixed sentence, a counter, and nobody's address."""

from __future__ import annotations

import io
import json
import logging
import threading
from datetime import datetime, timedelta

import pytest

from streams import telemetry
from streams.telemetry import DEBUG, ERROR, INFO, LINES, WARN, counters, declare


@pytest.fixture
def log():
    """Write lines to memory from INFO on, and put the logger back as it was."""
    logger = logging.getLogger("firstword")
    before = (logger.handlers[:], logger.level, logger.propagate)
    stream = io.StringIO()
    telemetry.configure("INFO", stream)
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


@pytest.fixture
def declared():
    """Take away what a test declares."""
    before = dict(LINES)
    yield LINES
    LINES.clear()
    LINES.update(before)


def test_every_line_is_declared_once_with_its_own_sentence():
    """The name is the function's, the sentence its docstring; no two lines say the same."""
    assert len(LINES) > 10
    for name, line in LINES.items():
        assert (name, line.sentence) == (line.name, getattr(telemetry, name).__doc__)
        assert line.sentence.endswith(".")
    assert len({line.sentence for line in LINES.values()}) == len(LINES)


def test_every_line_has_a_level_of_the_house():
    """WARN: nothing is lost. ERROR: somebody must act, and the sentence says what happened."""
    assert {line.level for line in LINES.values()} == {DEBUG, INFO, WARN, ERROR}
    assert {"message_in_doubt", "relay_refuses_us"} <= {n for n, line in LINES.items() if line.level == ERROR}


def test_no_line_above_debug_has_a_field_of_a_person():
    """Names, addresses and letters are not logged; a hash of an address may be."""
    personal = {
        (name, field)
        for name, line in LINES.items()
        if line.level > DEBUG
        for field in line.fields
        if telemetry.is_personal(field)
    }

    assert personal == set()


@pytest.mark.parametrize(
    "field",
    ["address", "to", "to_address", "email", "customer_name", "mail", "recipient", "letter", "sent_from"],
)
def test_a_field_named_like_an_address_does_not_pass(field, declared):
    """The declaration itself fails, so that no such line can ever be written."""
    scope: dict[str, object] = {}
    exec(f"def pigeon_seen(*, {field}): 'A pigeon was seen.'", scope)

    with pytest.raises(ValueError, match="cannot have a field"):
        declare(INFO)(scope["pigeon_seen"])

    assert "pigeon_seen" not in declared


def test_debug_may_show_a_person(declared):
    """Whoever turns DEBUG on knows what it is for."""

    def pigeon_seen(*, to_address: str) -> None:
        """A pigeon was seen."""

    declare(DEBUG)(pigeon_seen)

    assert declared["pigeon_seen"].fields == ("to_address",)


def test_a_name_is_taken_once(declared):
    """Two lines of one name would share a counter."""

    def program_started(*, version: str) -> None:
        """Something else started."""

    with pytest.raises(ValueError, match="declared twice"):
        declare(INFO)(program_started)


def test_a_line_without_a_sentence_is_refused(declared):
    """A counter without a sentence is noise."""

    def pigeon_seen() -> None:
        pass

    def pigeon_lost() -> None:
        """A pigeon.

        And more than one sentence.
        """

    for function in (pigeon_seen, pigeon_lost):
        with pytest.raises(ValueError, match="needs one sentence"):
            declare(INFO)(function)


@pytest.mark.parametrize("field", ["time", "level", "sentence", "name"])
def test_a_field_cannot_hide_the_head_of_a_line(field, declared):
    """Every line has the same four first keys."""
    scope: dict[str, object] = {}
    exec(f"def pigeon_seen(*, {field}): 'A pigeon was seen.'", scope)

    with pytest.raises(ValueError, match="cannot have a field"):
        declare(DEBUG)(scope["pigeon_seen"])


def test_a_line_is_counted_by_a_field_that_it_has(declared):
    """A misspelled field would be found when it first happens, at night."""

    def pigeon_seen(*, color: str) -> None:
        """A pigeon was seen."""

    with pytest.raises(ValueError, match="counted by colour"):
        declare(INFO, by="colour")(pigeon_seen)


def test_a_line_is_one_json_object(log):
    """Head first, then the fields; a line end or another script inside a value does not break it."""
    telemetry.dead_letter_written(source="shopify", place="orders\n.ndjson:7 注文", code="json-broken")

    (text,) = log.getvalue().splitlines()
    line = json.loads(text)
    moment = datetime.fromisoformat(line.pop("time"))
    assert moment.utcoffset() == timedelta(0)
    assert line == {
        "level": "WARN",
        "name": "dead_letter_written",
        "sentence": "A record could not be understood and was set aside, whole and with the reason.",
        "source": "shopify",
        "place": "orders\n.ndjson:7 注文",
        "code": "json-broken",
    }
    assert text.isascii()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("550 5.7.1 <zoe@example.com>: no", "550 5.7.1 <[address]>: no"),
        ("to=zoe.w+x@mail.example.org, cc=a@localhost", "[address] [address]"),
        ("orders[0]@1234 is broken", "orders[0]@1234 is broken"),
        ("user@", "user@"),
    ],
)
def test_a_mail_address_inside_a_value_is_blotted_out(said, written, log):
    """Relays repeat the address in their answers; a place in Kafka is no address."""
    telemetry.relay_refuses_us(code="5.7.1", why=said)

    assert json.loads(log.getvalue())["why"] == written


def test_below_the_level_nothing_is_written_and_everything_counted(log):
    """Counters do not depend on how loud the log is."""
    before = counters().get("deadline_fired", 0)

    telemetry.deadline_fired(order_id="CRUNCHY-ARMCHAIR", due="2026-11-24T00:00:00Z")

    assert log.getvalue() == ""
    assert counters()["deadline_fired"] == before + 1


def test_configuring_again_replaces_the_stream(log):
    """No line is written twice."""
    second = io.StringIO()

    telemetry.configure("ERROR", second)
    telemetry.dead_letters_redriven(count=3)
    telemetry.message_in_doubt(order_id="CRUNCHY-ARMCHAIR", message_id="m", template="late")

    assert log.getvalue() == ""
    assert [json.loads(text)["name"] for text in second.getvalue().splitlines()] == ["message_in_doubt"]


def test_an_unknown_level_is_refused():
    """The settings allow four."""
    with pytest.raises(KeyError):
        telemetry.configure("LOUD", io.StringIO())


def test_a_line_is_counted_in_all_and_by_its_field(log):
    """By kind, state, source or code: words of the house, so that the number of counters stays small."""
    before = counters()

    telemetry.message_settled(order_id="A", message_id="m1", template="late", state="accepted")
    telemetry.message_settled(order_id="A", message_id="m2", template="late", state="refused")
    telemetry.records_accepted(source="native", place="POST /in/native #1", count=7)

    grown = {name: count - before.get(name, 0) for name, count in counters().items()}
    assert {name: count for name, count in grown.items() if count} == {
        "message_settled": 2,
        "message_settled{state=accepted}": 1,
        "message_settled{state=refused}": 1,
        "records_accepted": 7,
        "records_accepted{source=native}": 7,
    }


def test_the_counters_are_a_copy():
    """Who reads them cannot change them."""
    counters()["deadline_fired"] = -1

    assert counters().get("deadline_fired", 0) >= 0


def test_threads_do_not_lose_counts(log):
    """Effects run beside the fold."""
    before = counters().get("scan_parked", 0)

    def park():
        for _ in range(500):
            telemetry.scan_parked(source="easypost", event_id="e")

    threads = [threading.Thread(target=park) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counters()["scan_parked"] == before + 2000
