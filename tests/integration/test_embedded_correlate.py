"""Scans that know only a number: parked until their parcel is announced, and never lost in between."""

import asyncio

from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.pipeline.correlate import PATIENCE
from streams.pipeline.ports import Record
from streams.policies.loader import load_policy
from streams.sources import discover
from tests.embedded_runs import run_history
from tests.ndjson import DAY, HOUR, MINUTE, MONDAY, line, placed, scan, shipped, swapped, write
from tests.wall_runs import Clock, wall

POLICY = load_policy(None)
NATIVE = discover()["native"]
NUMBER = "1Z-ORD-1"


def engine_at(tmp_path):
    return Engine(Journal(tmp_path / "journal.sqlite"), POLICY)


def take(engine, *events, now=MONDAY, place="push"):
    for number, one in enumerate(events):
        record = Record(source="native", place=f"{place}:{number}", position=number, raw=line(one))
        engine.take(record, NATIVE.translate(record), now)
    engine.commit()


def again(engine, tmp_path):
    """The engine of the next process."""
    engine.journal.close()
    return engine_at(tmp_path)


def balance(engine):
    """Parked scans, and whether the four counts add up."""
    parked = sum(len(some) for some in engine.correlator.parked.values())
    counts = engine.counters
    return parked, counts["in"] == counts["folded"] + counts["duplicates"] + parked + counts["dead_letters"]


def journal_events(engine):
    return [event for _, block in engine.journal.blocks() for event in block]


def test_an_early_scan_is_claimed_by_its_label(tmp_path):
    """It comes before the shop's word, waits, and then counts as if it had come behind it."""
    engine = engine_at(tmp_path)
    take(engine, placed("ORD-1"), scan("s1", "in_transit", MONDAY + HOUR, NUMBER))
    waiting = balance(engine)
    take(engine, shipped("ORD-1", MONDAY, tracking_number=NUMBER.lower().replace("-", " ")))
    (shipment,) = engine.processor.orders["ORD-1"].shipments

    assert (waiting, balance(engine)) == ((1, True), (0, True))
    assert shipment.handed_over_at == MONDAY + HOUR
    engine.journal.close()


def test_a_restart_keeps_what_is_parked(tmp_path):
    """Parked before, claimed after; and the next restart knows that it was."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "delivered", MONDAY + HOUR, NUMBER))
    engine = again(engine, tmp_path)
    kept = balance(engine)
    take(engine, placed("ORD-1"), shipped("ORD-1", MONDAY, tracking_number=NUMBER))
    engine = again(engine, tmp_path)

    assert (kept, balance(engine)) == ((1, True), (0, True))
    assert engine.processor.orders["ORD-1"].arrived_at == MONDAY + HOUR
    engine.journal.close()


def test_the_same_scan_twice_is_parked_once(tmp_path):
    """Before and after a restart; the second is a duplicate."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER), scan("s1", "in_transit", MONDAY, NUMBER))
    engine = again(engine, tmp_path)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER))

    assert balance(engine) == (1, True)
    assert engine.counters["duplicates"] == 2
    engine.journal.close()


def test_one_event_under_two_numbers_is_parked_once(tmp_path):
    """Its identity counts, not its content; the counts add up after a restart, too."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER), scan("s1", "in_transit", MONDAY, "1Z-OTHER"))
    before = balance(engine)
    engine = again(engine, tmp_path)

    assert (before, balance(engine)) == ((1, True), (1, True))
    engine.journal.close()


def test_a_restart_folds_parked_scans_in_the_same_order(tmp_path):
    """As they happened, whether the process that parked them is still alive or not."""
    scans = [
        scan("s-b", "out_for_delivery", MONDAY + 2 * HOUR, NUMBER),
        scan("s-c", "in_transit", MONDAY + HOUR, NUMBER),
        scan("s-a", "delivered", MONDAY + 3 * HOUR, NUMBER),
    ]
    orders = {}
    for name in ("alive", "dead"):
        engine = engine_at(tmp_path / name)
        take(engine, *scans)
        if name == "dead":
            engine = again(engine, tmp_path / name)
        take(engine, shipped("ORD-1", MONDAY, tracking_number=NUMBER))
        orders[name] = [event.id for event in journal_events(engine)]
        engine.journal.close()

    assert orders["alive"] == orders["dead"] == ["ORD-1-labelled", "s-c", "s-b", "s-a"]


def test_patience_ends_and_the_scan_becomes_a_dead_letter(tmp_path):
    """After three days, not a moment before, with its place and the event itself."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER), place="events.ndjson")
    due = engine.next_alarm()
    engine.pass_time(MONDAY + PATIENCE - MINUTE)
    before = balance(engine)
    engine.pass_time(MONDAY + PATIENCE)
    engine.commit()
    engine = again(engine, tmp_path)
    (letter,) = engine.journal.dead_letters()

    assert due == MONDAY + PATIENCE
    assert (before, balance(engine)) == ((1, True), (0, True))
    assert (letter.code, letter.place, letter.at) == (
        "tracking-number-unclaimed",
        "events.ndjson:0",
        MONDAY + PATIENCE,
    )
    engine.journal.close()


def test_a_dead_letter_that_is_sent_again_finds_its_order(tmp_path):
    """What was kept is the event under its own id: after the label came it is folded, once."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "delivered", MONDAY, NUMBER))
    engine.pass_time(MONDAY + PATIENCE)
    take(engine, placed("ORD-1"), shipped("ORD-1", MONDAY, tracking_number=NUMBER), now=MONDAY + PATIENCE)
    (letter,) = engine.journal.dead_letters()
    record = Record(source=letter.source, place="redrive", position=0, raw=letter.raw)
    for _ in range(2):
        engine.take(record, discover()[letter.source].translate(record), MONDAY + 4 * DAY)
    engine.commit()

    assert engine.processor.orders["ORD-1"].arrived_at == MONDAY
    assert engine.counters["duplicates"] == 1
    engine.journal.close()


def test_what_expires_and_comes_again_at_once_stays(tmp_path):
    """Buried and parked anew in one transaction: the second one survives the restart."""
    engine = engine_at(tmp_path)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER))
    engine.pass_time(MONDAY + PATIENCE)
    take(engine, scan("s1", "in_transit", MONDAY, NUMBER), now=MONDAY + PATIENCE)
    engine = again(engine, tmp_path)

    assert balance(engine) == (1, True)
    engine.journal.close()


def test_a_placeholder_is_nobodys_number(tmp_path):
    """Two orders whose number is a dash have no parcel in common, and a scan of a dash has no order."""
    engine = engine_at(tmp_path)
    take(
        engine,
        *(placed("ORD-1"), shipped("ORD-1", MONDAY, tracking_number="-")),
        *(placed("ORD-2"), shipped("ORD-2", MONDAY, tracking_number="--")),
        scan("s1", "delivered", MONDAY, "---"),
    )
    (letter,) = engine.journal.dead_letters()

    assert list(engine.journal.owners()) == []
    assert letter.code == "order-unknown"
    assert engine.processor.orders["ORD-2"].arrived_at is None
    engine.journal.close()


def test_every_scan_of_one_record_has_its_own_dead_letter(tmp_path):
    """A webhook with three scans of a stranger's parcel: three counted, three kept."""
    engine = engine_at(tmp_path)
    facts = tuple(
        found
        for number in range(3)
        for found in NATIVE.translate(
            Record(
                source="native",
                place="x",
                position=0,
                raw=line(scan(f"s{number}", "in_transit", MONDAY, NUMBER)),
            )
        )
    )
    engine.take(Record(source="easypost", place="POST /in/easypost #1", position=0, raw=b""), facts, MONDAY)
    engine.pass_time(MONDAY + PATIENCE)
    engine.commit()

    assert balance(engine) == (0, True)
    assert len(list(engine.journal.dead_letters())) == engine.counters["dead_letters"] == 3
    engine.journal.close()


def test_webhooks_of_two_processes_share_no_dead_letter(tmp_path):
    """The count of requests begins anew with each process; what was buried before stays."""
    for moment in (MONDAY, MONDAY + HOUR):
        engine = engine_at(tmp_path)
        record = Record(source="native", place="POST /in/native #1:1", position=0, raw=b"{")
        engine.take(record, NATIVE.translate(record), moment)
        engine.commit()
        letters = [(letter.at, letter.code) for letter in engine.journal.dead_letters()]
        engine.journal.close()

    assert letters == [(MONDAY, "json-truncated"), (MONDAY + HOUR, "json-truncated")]


def test_the_return_label_that_we_issued_is_followed(tmp_path):
    """A scan of its number is news of the return, not of a parcel to the customer; the kind note stays away."""

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            await run.push(*(line(one) for one in swapped("ORD-1")))
            clock.move(11 * MINUTE)
            await run.until(lambda: "message.accepted.v1" in run.types())
            (issued,) = [
                one.fact for one in run.engine.journal.decisions() if one.type == "return_label.issued.v1"
            ]
            await run.push(line(scan("r1", "in_transit", clock(), issued.tracking_number)))
            (returning,) = run.engine.processor.orders["ORD-1"].case.returns
            return returning.seen_at, [event.fact.TYPE for event in journal_events(run.engine)][-1], clock()

    seen, wire_type, now = asyncio.run(story())

    assert (seen, wire_type) == (now, "return.checkpoint.v1")


def test_a_return_scan_that_came_before_its_label(tmp_path):
    """Parked like any other, and claimed as news of the return when the label is issued."""
    first = run_history(
        tmp_path / "first", f"native={write(tmp_path / 'a.ndjson', *swapped('ORD-1'))}", until=MONDAY + DAY
    )
    (issued,) = first.of("return_label.issued.v1")
    early = scan("r1", "in_transit", MONDAY + HOUR, issued.fact.tracking_number)
    events = write(tmp_path / "b.ndjson", *swapped("ORD-1")[:2], early, swapped("ORD-1")[2])
    run_history(tmp_path / "second", f"native={events}", until=MONDAY + DAY)
    engine = engine_at(tmp_path / "second")

    assert balance(engine) == (0, True)
    assert [one.seen_at for one in engine.processor.orders["ORD-1"].case.returns] == [MONDAY + HOUR]
    engine.journal.close()
