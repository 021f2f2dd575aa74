"""Redriving in one data folder: after a fix each letter is folded once, whoever works there and whenever it dies."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from streams import telemetry, wiring
from streams.embedded.engine import Engine
from streams.embedded.inbox import INBOX, Inbox, Note, look, put, put_all, waiting
from streams.embedded.journal import Journal
from streams.ops.letters import Selection
from streams.ops.letters_file import FolderLetters
from streams.ops.redrive import plan, redrive
from streams.pipeline.ports import Record, Rejected
from streams.settings import load
from streams.sources import discover
from streams.sources.native.adapter import SOURCE
from tests.ndjson import DAY, HOUR, MONDAY, event, line, placed, scan, shipped
from tests.wall_runs import Clock, Wall, wall

MANY = 1000


class Yesterday:
    """Yesterday's adapter: it did not know the carrier."""

    name = "native"

    def read(self, location, *, after=-1):
        return SOURCE.read(location, after=after)

    def translate(self, record):
        if b"Usual Post" in record.raw:
            return Rejected(code="carrier-unknown", why="nobody knows Usual Post", hint="upgrade")
        return SOURCE.translate(record)


class Folder:
    """A data folder, worked in by whoever holds the engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.policy = wiring.policy_of(load({}, data=path))
        self.sources = discover()

    def engine(self) -> Engine:
        return Engine(Journal(self.path / "journal.sqlite"), self.policy)

    def take(self, source, events, now) -> Engine:
        """Take events as a run does, and leave."""
        engine = self.engine()
        for number, one in enumerate(events):
            raw = one if isinstance(one, bytes) else line(one)
            record = Record(source="native", place=f"events.ndjson:{number + 1}", position=number, raw=raw)
            engine.take(record, source.translate(record), now, "events")
        engine.commit()
        engine.journal.close()
        return engine

    def drain(self, now, *, times=10) -> Engine:
        """Take what is in the inbox, as a run does, and leave."""
        engine = self.engine()
        inbox = Inbox(self.path, self.sources)
        for _ in range(times):
            inbox.drain(engine, now)
        engine.journal.close()
        return engine

    def letters(self) -> FolderLetters:
        return FolderLetters(self.path, self.sources)

    def redrive(self, now, selection=Selection()) -> int:  # noqa: B008 - frozen
        letters = self.letters()
        return redrive(letters, plan(letters, selection), now)

    def decisions(self) -> list[str]:
        journal = Journal(self.path / "journal.sqlite")
        found = [one.id for one in journal.decisions()]
        journal.close()
        return found


def state(engine: Engine) -> dict[str, bytes]:
    """The orders, without what only says how far time has come."""
    return {order_id: repr(order).encode() for order_id, order in engine.processor.orders.items()}


def add_up(engine: Engine) -> bool:
    """In is folded, a duplicate, parked or a dead letter."""
    parked = sum(len(some) for some in engine.correlator.parked.values())
    counts = engine.counters
    return counts["in"] == counts["folded"] + counts["duplicates"] + parked + counts["dead_letters"]


@pytest.fixture
def folder(tmp_path):
    """A thousand orders whose parcels nobody could announce, because the adapter did not know the carrier."""
    made = Folder(tmp_path)
    orders = [f"ORD-{number}" for number in range(MANY)]
    events = [placed(one) for one in orders]
    events += [shipped(one) for one in orders]
    events += [scan(f"{one}-s1", "in_transit", MONDAY + HOUR, f"1Z{one}") for one in orders]
    engine = made.take(Yesterday(), events, MONDAY + HOUR)
    assert (engine.counters["dead_letters"], engine.counters["folded"]) == (MANY, MANY)
    return made


def test_a_thousand_letters_are_folded_once_after_the_fix(folder):
    """Each parcel is announced, and the scan that waited for it goes with it; nothing is left over."""
    assert folder.redrive(MONDAY + 2 * HOUR) == MANY
    engine = folder.drain(MONDAY + 2 * HOUR)

    assert engine.counters["folded"] == 3 * MANY
    assert engine.counters["duplicates"] == 0
    assert engine.correlator.parked == {}
    assert add_up(engine)
    ships = Counter(len(order.shipments) for order in engine.processor.orders.values())
    assert ships == {1: MANY}
    assert {one.state for one in folder.letters().letters()} == {"redriven"}


def test_doing_it_twice_changes_nothing(folder):
    """Not the letters, not the orders, not the decisions."""
    folder.redrive(MONDAY + 2 * HOUR)
    first = folder.drain(MONDAY + 2 * HOUR)
    decided = folder.decisions()

    assert folder.redrive(MONDAY + 3 * HOUR) == 0
    second = folder.drain(MONDAY + 3 * HOUR)

    assert second.counters == first.counters
    assert state(second) == state(first)
    assert folder.decisions() == decided


def test_an_inbox_that_was_lost_costs_nothing_but_the_trouble(folder):
    """Nobody knows any more what was put back; put back again, all of it is known to its orders."""
    folder.redrive(MONDAY + 2 * HOUR)
    first = folder.drain(MONDAY + 2 * HOUR)
    decided = folder.decisions()
    (folder.path / INBOX).unlink()

    assert folder.redrive(MONDAY + 3 * HOUR) == MANY
    second = folder.drain(MONDAY + 3 * HOUR)

    assert second.counters["duplicates"] == MANY
    assert second.counters["folded"] == first.counters["folded"]
    assert add_up(second)
    assert state(second) == state(first)
    assert folder.decisions() == decided


def test_without_the_fix_every_letter_stays(folder):
    """Today's adapter is asked first: a thousand letters do not become two thousand."""
    folder.sources = folder.sources | {"native": Yesterday()}
    letters = folder.letters()

    planned = plan(letters, Selection())

    assert (len(planned.ready), len(planned.refused)) == (0, MANY)
    assert planned.stays() == {"carrier-unknown": MANY}


def test_a_process_without_the_fix_sets_the_record_aside_anew(folder):
    """Redriven while yesterday's program still runs: the new letter is another one, and open."""
    folder.redrive(MONDAY + 2 * HOUR, Selection(ids=(next(folder.letters().letters()).dead.id,)))
    today, folder.sources = folder.sources, {"native": Yesterday()}
    folder.drain(MONDAY + 2 * HOUR)
    folder.sources = today

    states = Counter(one.state for one in folder.letters().letters())
    assert states == {"open": MANY, "redriven": 1}
    assert folder.redrive(MONDAY + 3 * HOUR) == MANY
    again = folder.drain(MONDAY + 3 * HOUR)
    assert {one.state for one in folder.letters().letters()} == {"redriven"}
    assert again.counters["folded"] == 3 * MANY
    assert add_up(again)


def test_a_failure_at_the_same_moment_is_another_letter(folder):
    """A history's time stands still: the third try must not hide behind the second."""
    one = Selection(ids=(next(folder.letters().letters()).dead.id,))
    folder.redrive(MONDAY + HOUR, one)
    today, folder.sources = folder.sources, {"native": Yesterday()}
    for _ in range(2):
        folder.drain(MONDAY + HOUR)
        folder.sources = today
        (anew,) = [
            letter.dead.id
            for letter in folder.letters().letters()
            if letter.state == "open" and "(inbox " in letter.dead.place
        ]
        folder.redrive(MONDAY + HOUR, Selection(ids=(anew,)))
        folder.sources = {"native": Yesterday()}
    folder.drain(MONDAY + HOUR)

    places = sorted(
        letter.dead.place for letter in folder.letters().letters() if "(inbox " in letter.dead.place
    )
    origin = places[0].partition(" ")[0]
    assert places == [f"{origin} (inbox {number})" for number in (1, 2, 3)]


def test_some_are_meant_and_the_others_stay(folder):
    """By id."""
    ids = tuple(one.dead.id for one in folder.letters().letters())[:3]
    folder.redrive(MONDAY + 2 * HOUR, Selection(ids=ids))
    engine = folder.drain(MONDAY + 2 * HOUR)

    assert engine.counters["folded"] == MANY + 2 * 3
    assert Counter(one.state for one in folder.letters().letters()) == {"open": MANY - 3, "redriven": 3}


# ---------------------------------------------------------------------------- dying in between


def test_what_is_in_the_journal_is_not_taken_again(folder):
    """Dead between the journal and the mark for people: the journal knows, and the mark is made up for."""
    folder.redrive(MONDAY + 2 * HOUR)
    first = folder.drain(MONDAY + 2 * HOUR, times=1)
    with_marks = look(folder.path)
    assert all(one.taken for one in with_marks)
    _forget_marks(folder.path)
    assert waiting(folder.path) == MANY

    second = folder.drain(MONDAY + 3 * HOUR)

    assert waiting(folder.path) == 0
    assert second.counters == first.counters


def _forget_marks(path):
    import sqlite3

    db = sqlite3.connect(path / INBOX)
    db.execute("UPDATE inbox SET taken = NULL")
    db.commit()
    db.close()


def test_what_the_journal_lost_is_taken_again(folder):
    """A power cut may take the journal's last commit and leave the mark: the mark decides nothing."""
    kept = (folder.path / "journal.sqlite").read_bytes()
    folder.redrive(MONDAY + 2 * HOUR)
    folder.drain(MONDAY + 2 * HOUR)
    (folder.path / "journal.sqlite").write_bytes(kept)
    for more in ("-wal", "-shm"):
        (folder.path / f"journal.sqlite{more}").unlink(missing_ok=True)

    engine = folder.drain(MONDAY + 3 * HOUR)

    assert engine.counters["folded"] == 3 * MANY
    assert engine.counters["duplicates"] == 0


def test_who_writes_to_the_inbox_holds_nobody_up(folder):
    """While somebody else has it locked, a heartbeat takes nothing; the next one does."""
    import sqlite3

    folder.redrive(MONDAY + 2 * HOUR)
    db = sqlite3.connect(folder.path / INBOX, isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")

    held = folder.drain(MONDAY + 2 * HOUR, times=1)
    assert held.counters["folded"] == MANY
    db.execute("ROLLBACK")
    db.close()

    assert folder.drain(MONDAY + 2 * HOUR).counters["folded"] == 3 * MANY


# ---------------------------------------------------------------------------- while it runs


def at_risk(order_id):
    """Promised for today and not with the carrier yet: the customer is told at once."""
    return [placed(order_id, MONDAY - 5 * DAY, by="2026-03-02"), shipped(order_id, MONDAY - 4 * DAY)]


def verdict(review_id="rev_nobody"):
    return event(
        "review.resolved.v1",
        f"console-{review_id}",
        MONDAY + 3 * HOUR,
        source="firstword/console",
        order_id="ORD-1",
        review_id=review_id,
        approved=True,
        by="mo",
    )


def test_a_run_takes_what_others_leave_at_its_next_heartbeat(tmp_path):
    """An order at risk, left from outside: decided and mailed as if it had come by any door."""

    async def story():
        clock = Clock(MONDAY + 3 * HOUR)
        async with wall(tmp_path, clock) as run:
            run.runner.inbox = Inbox(tmp_path, run.kit.sources)
            for one in at_risk("ORD-1"):
                put(tmp_path, "native", line(one), key=one["id"])
            put(tmp_path, "native", line(verdict()))
            await run.until(lambda: len(run.mails()) == 1)
            return run.summary()

    summary = asyncio.run(story())

    assert (summary.events["in"], summary.events["dead_letters"]) == (3, 0)
    assert [one.taken for one in look(tmp_path)] == [MONDAY + 3 * HOUR] * 3


def test_a_run_that_ends_with_its_sources_takes_all_that_was_left_first(tmp_path):
    """More than one heartbeat's worth: it is not over before the inbox is empty."""
    orders = [placed(f"ORD-{number}", MONDAY) for number in range(2500)]
    put_all(tmp_path, [Note(source="native", raw=line(one), at=MONDAY) for one in orders])

    async def story():
        clock = Clock(MONDAY + HOUR)
        run = Wall(tmp_path, clock)
        run.runner.inbox = Inbox(tmp_path, run.kit.sources)
        try:
            async with asyncio.timeout(30):
                await run.runner.run_wall(clock, run.kit.sender.recover, forever=False)
            return run.summary()
        finally:
            await run.close()

    assert asyncio.run(story()).events["folded"] == 2500
    assert waiting(tmp_path) == 0


def test_an_inbox_that_cannot_be_read_stops_nobody(tmp_path, capsys):
    """Customers hear of their parcels; the log says that somebody must act, once."""
    (tmp_path / INBOX).write_bytes(b"this is no database, however long it is looked at" * 100)
    telemetry.configure("ERROR")

    async def story():
        clock = Clock(MONDAY + 3 * HOUR)
        async with wall(tmp_path, clock) as run:
            run.runner.inbox = Inbox(tmp_path, run.kit.sources)
            await run.until(lambda: run.runner.inbox is None)
            await run.push(*[line(one) for one in at_risk("ORD-1")])
            await run.until(lambda: len(run.mails()) == 1)

    asyncio.run(story())

    said = [json.loads(text)["name"] for text in capsys.readouterr().err.splitlines() if text.startswith("{")]
    assert said.count("inbox_unreadable") == 1


def test_a_record_of_a_source_that_is_not_there_becomes_a_letter(tmp_path):
    """Whoever left it finds it again, with the reason; the next record is taken."""
    folder = Folder(tmp_path)
    folder.take(SOURCE, [placed("ORD-1")], MONDAY)
    put(tmp_path, "teleport", b"beam", place="console")
    put(tmp_path, "native", line(shipped("ORD-1", MONDAY + DAY)))

    engine = folder.drain(MONDAY + DAY)

    (letter,) = folder.letters().letters()
    assert (letter.dead.code, letter.dead.place, letter.dead.raw) == (
        "source-not-installed",
        "console (inbox 1)",
        b"beam",
    )
    assert engine.counters["folded"] == 2
