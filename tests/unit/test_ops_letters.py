"""Letters: which are meant, how they are counted, whether they are whole, and where each goes."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.cli.dead_letters.filters import printable
from streams.cli.dead_letters.show import pretty
from streams.codec.blocks import decode_entries
from streams.core.events import MessageAccepted, TimePassed
from streams.embedded.inbox import look, put, put_all, waiting
from streams.embedded.journal import Batch, Journal
from streams.ops.letters import Letter, Selection, find, is_whole, open_letters, reasons
from streams.ops.letters_file import FolderLetters
from streams.ops.letters_kafka import TopicLetters
from streams.ops.redrive import plan, redrive
from streams.pipeline.dead_letters import KEPT_OF_DEAD_LETTER, bury, unlooked
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.ports import Rejected
from streams.pipeline.processor import tick
from streams.problems import UsageProblem, WorldProblem
from streams.service.partition import partition_of
from streams.settings import load
from tests.ndjson import line, placed, scan

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def letter(raw=b"{", *, code="json-malformed", source="native", place="orders[1]@17", at=FRIDAY):
    return bury(source, place, Rejected(code=code, why="because", hint="look"), raw, at)


def folder_with(folder, *letters):
    """A data folder whose journal holds these letters."""
    batch = Batch()
    batch.dead = list(letters)
    journal = Journal(folder / "journal.sqlite")
    journal.commit(batch)
    journal.close()
    return FolderLetters(folder)


# ---------------------------------------------------------------------------- which are meant


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        (Selection(), {"a", "b", "c"}),
        (Selection(codes=("json-malformed",)), {"a", "b"}),
        (Selection(sources=("shopify",)), {"b"}),
        (Selection(codes=("json-malformed",), sources=("native",)), {"a"}),
        (Selection(since=FRIDAY + MINUTE), {"b", "c"}),
        (Selection(since=FRIDAY + 3 * MINUTE), set()),
    ],
)
def test_a_selection_means_what_every_word_fits(selection, meant):
    """Each word leaves out more; none means all."""
    letters = {
        "a": letter(b"a"),
        "b": letter(b"b", source="shopify", at=FRIDAY + MINUTE),
        "c": letter(b"c", code="fact-invalid", at=FRIDAY + 2 * MINUTE),
    }

    assert {name for name, one in letters.items() if selection.covers(one)} == meant


def test_letters_are_counted_by_source_and_reason():
    """Those with most open ones first; the words are those of the newest."""
    old, new = letter(b"1"), msgspec.structs.replace(letter(b"2", at=FRIDAY + MINUTE), why="now")
    counted = reasons(
        [
            Letter(dead=new),
            Letter(dead=letter(b"3", code="fact-invalid"), state="redriven"),
            Letter(dead=old),
            Letter(dead=letter(b"4"), state="waiting"),
        ]
    )

    assert [(one.code, one.open, one.waiting, one.redriven) for one in counted] == [
        ("json-malformed", 2, 1, 0),
        ("fact-invalid", 0, 0, 1),
    ]
    assert (counted[0].first, counted[0].last, counted[0].why) == (FRIDAY, FRIDAY + MINUTE, "now")


def test_a_letter_is_found_by_the_beginning_of_its_id(tmp_path):
    """As people copy them; what is unclear is refused with the ids that fit."""
    one, two = letter(b"1"), letter(b"2")
    letters = folder_with(tmp_path, one, two)

    assert find(letters, one.id).dead == one
    assert find(letters, two.id[:20]).dead == two
    with pytest.raises(UsageProblem, match="2 letters begin with ded_") as unclear:
        find(letters, "ded_")
    assert unclear.value.code == "letter-ambiguous"
    with pytest.raises(UsageProblem, match="there is no dead letter ded_nobody"):
        find(letters, "ded_nobody")


def test_half_an_id_never_redrives_two_letters(tmp_path):
    """A slip would put back what nobody looked at."""
    letters = folder_with(tmp_path, letter(line(placed("A"))), letter(line(placed("B"))))

    with pytest.raises(UsageProblem) as unclear:
        plan(letters, Selection(ids=("ded_",)))
    assert unclear.value.code == "letter-ambiguous"


# ---------------------------------------------------------------------------- whole or not


def test_a_letter_knows_whether_it_is_whole():
    """Its id was made of every byte: one that has just as many as are kept is whole, one that had more is not."""
    exactly, more = letter(b"x" * KEPT_OF_DEAD_LETTER), letter(b"x" * (KEPT_OF_DEAD_LETTER + 1))

    assert len(exactly.raw) == len(more.raw) == KEPT_OF_DEAD_LETTER
    assert (is_whole(letter()), is_whole(exactly), is_whole(more)) == (True, True, False)


def test_a_letter_that_was_cut_is_refused_with_the_place_of_the_whole(tmp_path):
    """Half a record is another record."""
    cut = letter(line(placed("A")) + b" " * KEPT_OF_DEAD_LETTER, place="orders[1]@17")
    letters = folder_with(tmp_path, cut)

    (refused,) = plan(letters, Selection()).refused

    assert refused.reason.code == "letter-cut"
    assert refused.reason.why.endswith("the whole record stands at orders[1]@17")


@pytest.mark.parametrize(
    ("dead", "code"),
    [
        (letter(b""), "letter-empty"),
        (letter(b"{"), "json-truncated"),
        (letter(line(placed("A")), code="time-ahead"), "time-ahead"),
        (letter(line(placed("A")), source="teleport"), "source-not-installed"),
        (letter(b"row", source="csv_history", place="orders.csv:7"), "csv-row-alone"),
        (unlooked(tick(FRIDAY), ValueError("no"), "a look at A"), "type-not-inbound"),
    ],
)
def test_what_cannot_end_otherwise_stays(tmp_path, dead, code):
    """Nothing is put back that today's program would set aside again."""
    planned = plan(folder_with(tmp_path, dead), Selection())

    assert (planned.ready, [one.reason.code for one in planned.refused]) == ((), [code])


def test_a_mistake_in_an_adapter_hides_no_other_letter(tmp_path):
    """Its letters stay, with what it raised; the others go."""

    class Broken:
        name = "shopify"

        def translate(self, _record):
            raise LookupError("no such key")

    from streams.sources import discover

    mine, other = letter(b"{}", source="shopify"), letter(line(placed("A")))
    folder_with(tmp_path, mine, other)
    planned = plan(FolderLetters(tmp_path, discover() | {"shopify": Broken()}), Selection())

    assert planned.ready == (other,)
    assert [(one.dead, one.reason.code) for one in planned.refused] == [(mine, "source-failed")]


# ---------------------------------------------------------------------------- the inbox


def test_of_one_key_only_the_first_record_is_kept(tmp_path):
    """A double click, or two commands at once, leave one record; records without a key are all kept."""
    came = [put(tmp_path, "native", b"1", key="k"), put(tmp_path, "native", b"2", key="k")]
    for _ in range(2):
        assert put(tmp_path, "native", b"3")

    assert came == [True, False]
    assert [one.key for one in look(tmp_path)] == ["k", "", ""]
    assert waiting(tmp_path) == 3


def test_nothing_is_left_where_no_folder_is(tmp_path):
    """Whoever leaves a record hears that it was not kept."""
    with pytest.raises(WorldProblem) as problem:
        put(tmp_path / "nowhere", "native", b"1")
    assert problem.value.code == "inbox-not-written"
    assert look(tmp_path / "nowhere") == ()


def test_a_letter_is_put_back_once(tmp_path):
    """Twice planned and twice done: the second time there is nothing to do, and nothing new is left."""
    letters = folder_with(tmp_path, letter(line(placed("A"))))
    planned = plan(letters, Selection())

    counts = [redrive(letters, planned, FRIDAY), redrive(letters, planned, FRIDAY)]

    assert counts == [1, 0]
    again = plan(letters, Selection())
    assert (again.ready, [one.state for one in again.done]) == ((), ["waiting"])
    assert again.done[0].redriven_at == FRIDAY


def test_all_records_are_left_or_none(tmp_path):
    """A record that cannot be written takes the others with it."""
    from streams.embedded.inbox import Note

    good = Note(source="native", raw=b"1", at=FRIDAY)
    with pytest.raises(WorldProblem):
        put_all(tmp_path, [good, msgspec.structs.replace(good, source=None)])

    assert look(tmp_path) == ()


def test_a_journal_of_an_older_program_is_read(tmp_path):
    """It does not say by which version a letter was written, and gets the column when it is next worked in."""
    letters = folder_with(tmp_path, letter())
    journal = Journal(tmp_path / "journal.sqlite")
    journal._db.execute("ALTER TABLE dead_letters DROP COLUMN version")
    journal.close()

    assert [one.dead.version for one in letters.letters()] == [""]
    journal = Journal(tmp_path / "journal.sqlite")
    assert [one.version for one in journal.dead_letters()] == [""]
    journal.close()


def test_letters_want_a_journal(tmp_path):
    """The folder is named, with what to do."""
    with pytest.raises(UsageProblem, match="there is no journal in") as problem:
        open_letters(load({}, data=tmp_path), kafka=False)
    assert problem.value.code == "data-not-found"


# ---------------------------------------------------------------------------- where a letter goes


def topics(**given):
    return TopicLetters(load({}, topics="shop=native,orders=native,hooks=shopify", **given))


COUNTS = {"shop": 3, "orders": 3, "hooks": 1}


def test_a_record_goes_back_to_its_topic_and_partition_under_its_order():
    """Where it came from; what was folded by an order's own key finds it again."""
    way = topics().way(letter(line(placed("A")), place="orders[2]@17"), COUNTS)

    assert (way.topic, way.partition, way.key, way.value) == ("orders", 2, b"A", line(placed("A")))
    assert way.timestamp is None


def test_a_scan_goes_back_under_its_tracking_number():
    """It names no order."""
    raw = line(scan("s1", "delivered", FRIDAY, "1z-9"))

    assert topics().way(letter(raw, place="orders[0]@1"), COUNTS).key == b"1Z9"


@pytest.mark.parametrize(
    "place", ["journal[2]@5", "a look at A", "orders[7]@1", "hooks[0]@4", "events.ndjson:4"]
)
def test_a_record_without_such_a_place_goes_to_a_topic_of_its_source(place):
    """An event that the fold set aside, or a topic that has fewer partitions by now: its key chooses."""
    way = topics().way(letter(line(placed("A")), place=place), COUNTS)

    assert (way.topic, way.partition) == ("orders" if place.startswith("orders") else "shop", None)


def test_in_a_history_a_record_keeps_its_time():
    """There the time of a record is the time that counts."""
    way = topics(clock="history").way(letter(line(placed("A")), place="orders[0]@1"), COUNTS)

    assert way.timestamp == int(FRIDAY.timestamp() * 1000)


def test_an_outcome_that_an_order_could_not_take_goes_back_to_the_outcomes():
    """The front door refuses what only we may say; it comes in by its own."""
    fact = MessageAccepted(
        order_id="A", case_id="cas_1", message_id="msg_1", template="t", locale="en", to_hash="h", attempt=1
    )
    event = outcome_event(fact, FRIDAY)
    dead = unlooked(event, ValueError("no"), "journal[0]@3")
    letters = topics()

    assert letters.refusal(dead) is None
    way = letters.way(dead, COUNTS)
    assert (way.topic, way.partition) == ("firstword.outcomes", partition_of("A", 12))
    (entry,) = decode_entries(way.value or b"")
    assert (entry.id, entry.source, entry.order_id) == (event.id, event.source, "A")


@pytest.mark.parametrize(
    ("dead", "code"),
    [
        (letter(b"?", source="journal", place="journal[0]@3"), "letter-ours"),
        (letter(b"?", source="firstword.tracking", place="firstword.tracking[0]@3"), "letter-ours"),
        (letter(b"?", source="outbox", place="firstword.outbox[0]@3"), "block-corrupt"),
        (letter(b"?", source="outcomes", place="firstword.outcomes[0]@3"), "block-corrupt"),
        (letter(b"{}", source="easypost"), "source-unread"),
        (unlooked(tick(FRIDAY), ValueError("no"), "a look"), "type-not-inbound"),
    ],
)
def test_what_nobody_would_take_is_not_sent(dead, code):
    """Each says why."""
    reason = topics().refusal(dead)

    assert reason is not None
    assert reason.code == code


# ---------------------------------------------------------------------------- what a person sees


def test_a_terminal_obeys_no_stranger():
    """Control characters are spelled out; letters of all languages and line ends stay."""
    assert printable("Inês\x1b[31m\x9b\n\tx\u202e") == "Inês\\x1b[31m\\x9b\n\tx\\x202e"


def test_a_payload_is_shown_as_a_person_reads_it():
    """JSON is indented, other bytes are spelled out, our own blocks are unpacked."""
    from streams.codec.blocks import encode_block, to_entry

    tick_of_a = msgspec.structs.replace(tick(FRIDAY), fact=TimePassed(order_id="A"))

    assert pretty(b'{"a":[1]}') == '{\n  "a": [\n    1\n  ]\n}'
    assert pretty(b"\xff{") == "\\xff{"
    assert pretty(encode_block([to_entry(tick_of_a)])).startswith("time.passed")
