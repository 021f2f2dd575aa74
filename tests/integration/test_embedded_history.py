"""A history at its own pace: time is the events' own, and running again goes on where it stopped."""

import asyncio
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module

import msgspec
import pytest

from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.pipeline.ports import Record
from streams.policies.loader import load_policy
from streams.sources.native.adapter import SOURCE
from tests.embedded_runs import run_history
from tests.ndjson import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    delivered_well,
    in_time,
    line,
    placed,
    scan,
    shipped,
    swapped,
    write,
)
from tests.smtp_server import scripted_server

POLICY = load_policy(None)
NOON = MONDAY + 3 * HOUR  # in Chicago
EIGHT = MONDAY - HOUR  # in the morning there, when the night is over


@contextmanager
def relay(**script):
    """A scripted relay in a thread of its own; yields the server and its mail URL."""
    loop = asyncio.new_event_loop()
    ready, done = threading.Event(), asyncio.Event()
    servers = []

    async def serve():
        async with scripted_server(**script) as server:
            servers.append(server)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield servers[0], f"smtp://127.0.0.1:{servers[0].port}?tls=none&connections=1"
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def at_risk(order_id="ORD-RISK"):
    """Promised for Monday and not with the carrier when Monday begins: told when the night is over."""
    return [
        placed(order_id, MONDAY - 5 * DAY, by="2026-03-02"),
        shipped(order_id, MONDAY - 4 * DAY),
        placed("ORD-CLOCK", NOON, by="2026-03-20"),
    ]


def arrives(at, order_id="ORD-RISK"):
    return scan(f"{order_id}-home", "delivered", at, f"1Z{order_id}")


def told(run):
    """Every decision and outcome with its moment."""
    return [(one.number, one.id, one.type, one.now) for one in run.decisions]


def folded(data):
    journal = Journal(data / "journal.sqlite")
    found = [
        (one.id, one.recorded_at) for _, block in journal.blocks() for one in block if one.order_id != "*"
    ]
    journal.close()
    return found


# ---------------------------------------------------------------------------- sources


def test_two_sources_are_merged_by_arrival(tmp_path):
    """Each keeps its own order; a record that is late in its own file arrives when that file has come so far."""
    shop = write(
        tmp_path / "shop.ndjson",
        placed("ORD-1", MONDAY),
        placed("ORD-2", MONDAY + 4 * HOUR),
        placed("ORD-3", MONDAY + HOUR),  # late in its own file
        placed("ORD-4", MONDAY + 8 * HOUR),
    )
    carrier = write(
        tmp_path / "carrier.ndjson",
        shipped("ORD-1", MONDAY + 2 * HOUR),
        shipped("ORD-2", MONDAY + 6 * HOUR),
    )
    run_history(tmp_path / "run", f"native={shop}", f"native={carrier}", until=MONDAY + 9 * HOUR)

    assert folded(tmp_path / "run") == [
        ("ORD-1-placed", MONDAY),
        ("ORD-1-labelled", MONDAY + 2 * HOUR),
        ("ORD-2-placed", MONDAY + 4 * HOUR),
        ("ORD-3-placed", MONDAY + 4 * HOUR),
        ("ORD-2-labelled", MONDAY + 6 * HOUR),
        ("ORD-4-placed", MONDAY + 8 * HOUR),
    ]


def test_a_finished_history_takes_nothing_twice(tmp_path):
    """The same command again decides, sends and counts nothing more."""
    events = write(tmp_path / "e.ndjson", *in_time(*swapped("ORD-1"), *delivered_well("ORD-2")))
    first = run_history(tmp_path / "run", f"native={events}", until=MONDAY + 5 * DAY)
    second = run_history(tmp_path / "run", f"native={events}", until=MONDAY + 5 * DAY)

    assert told(second) == told(first)
    assert second.summary.events == first.summary.events
    assert len(second.mails()) == 1


def test_a_file_that_has_grown_gives_only_its_new_lines(tmp_path):
    """Also when the first run was told where to end; what was taken is not taken again."""
    path = tmp_path / "e.ndjson"
    events = in_time(*delivered_well("ORD-1"), *delivered_well("ORD-2", MONDAY + 3 * DAY))
    cut = 3
    first = run_history(tmp_path / "run", f"native={write(path, *events[:cut])}", until=MONDAY + 2 * DAY)
    grown = run_history(tmp_path / "run", f"native={write(path, *events)}", until=MONDAY + 7 * DAY)
    whole = run_history(tmp_path / "whole", f"native={path}", until=MONDAY + 7 * DAY)

    assert (first.summary.events["in"], grown.summary.events["in"]) == (cut, len(events))
    assert grown.summary.events == whole.summary.events
    assert grown.summary.events["duplicates"] == 0


# ---------------------------------------------------------------------------- time


def test_deadlines_fire_at_their_own_moments(tmp_path):
    """Not when the next event happens to come: a promise of Monday breaks at midnight in Chicago."""
    events = write(
        tmp_path / "e.ndjson", placed("ORD-1", MONDAY, by="2026-03-02"), placed("ORD-2", MONDAY + 9 * DAY)
    )
    run = run_history(tmp_path / "run", f"native={events}", until=MONDAY + 9 * DAY)
    late = [one.now for one in run.of("exception.opened.v1", "ORD-1") if one.fact.kind == "late_delivery"]

    assert late == [datetime.fromisoformat("2026-03-03T06:00:00+00:00")]


def test_time_runs_on_to_until_and_no_further(tmp_path):
    """An instant before the promise is broken nothing is late; at that instant it is."""
    events = write(tmp_path / "e.ndjson", placed("ORD-1", MONDAY, by="2026-03-02"))
    midnight = datetime.fromisoformat("2026-03-03T06:00:00+00:00")
    before = run_history(tmp_path / "before", f"native={events}", until=midnight - timedelta(seconds=1))
    after = run_history(tmp_path / "after", f"native={events}", until=midnight)
    kinds = [
        [one.fact.kind for one in run.of("exception.opened.v1") if one.fact.kind == "late_delivery"]
        for run in (before, after)
    ]

    assert kinds == [[], ["late_delivery"]]
    assert (before.summary.now, after.summary.now) == (midnight - timedelta(seconds=1), midnight)


def test_without_until_silence_lasts_sixty_days_and_does_not_add_up(tmp_path):
    """Counted from the last record, however often it is run."""
    events = write(tmp_path / "e.ndjson", placed("ORD-1", MONDAY))
    ends = [run_history(tmp_path / "run", f"native={events}").summary.now for _ in range(2)]

    assert ends == [MONDAY + 60 * DAY] * 2


def stray(at):
    return line(placed("ORD-STRAY", at))


@pytest.mark.parametrize("where", [0, 1, 3], ids=["first", "second", "in the middle"])
def test_a_clock_that_ran_ahead_takes_nobody_with_it(tmp_path, where):
    """One record of the year 2031 is a dead letter, not the moment at which every parcel is lost."""
    good = [line(one) for one in in_time(*delivered_well("ORD-1"), *delivered_well("ORD-2"))]
    lines = [*good[:where], stray(MONDAY.replace(year=2031)), *good[where:]]
    run = run_history(
        tmp_path / "run", f"native={write(tmp_path / 'e.ndjson', *lines)}", until=MONDAY + 5 * DAY
    )
    calm = run_history(
        tmp_path / "calm", f"native={write(tmp_path / 'c.ndjson', *good)}", until=MONDAY + 5 * DAY
    )

    assert told(run) == told(calm)
    assert (run.summary.events["dead_letters"], run.summary.events["folded"]) == (1, len(good))


def test_a_shop_that_paused_for_two_years_is_believed(tmp_path):
    """A leap that the records behind it confirm is time that has passed."""
    later = MONDAY.replace(year=2028)
    events = [*delivered_well("ORD-1"), *delivered_well("ORD-2", later), *delivered_well("ORD-3", later)]
    run = run_history(
        tmp_path / "run", f"native={write(tmp_path / 'e.ndjson', *in_time(*events))}", until=later + DAY
    )

    assert run.summary.events["folded"] == len(events)


def test_the_end_of_a_file_convicts_nobody(tmp_path):
    """The last record may be as late as it likes: nothing behind it says otherwise."""
    events = [*delivered_well("ORD-1"), placed("ORD-2", MONDAY.replace(year=2029))]
    run = run_history(tmp_path / "run", f"native={write(tmp_path / 'e.ndjson', *events)}")

    assert run.summary.events["folded"] == len(events)


# ---------------------------------------------------------------------------- mails that wait


def test_a_deferred_mail_is_tried_again_at_its_own_time(tmp_path):
    """Twice put off: after one minute and after five more of the history, not of the machine."""
    events = write(tmp_path / "e.ndjson", *at_risk(), placed("ORD-END", NOON + HOUR))
    with relay(RCPT=["451 4.7.1 greylisted", "450 4.2.1 busy"]) as (server, url):
        run = run_history(tmp_path / "run", f"native={events}", until=NOON + HOUR, mail=url)
    moments = [(one.type, one.now - EIGHT) for one in run.decisions if one.type.startswith("message.")][1:]

    assert moments == [
        ("message.queued.v1", timedelta(0)),
        ("message.deferred.v1", timedelta(0)),
        ("message.deferred.v1", MINUTE),
        ("message.accepted.v1", 6 * MINUTE),
    ]
    assert len(server.mailbox) == 1


def test_a_deferred_mail_is_withdrawn_when_the_parcel_arrives_first(tmp_path):
    """Put off by the relay; delivered half a minute later; the retry time passes, and no mail arrives."""
    events = write(tmp_path / "e.ndjson", *in_time(*at_risk(), arrives(EIGHT + MINUTE / 2)))
    with relay(RCPT=["451 4.7.1 greylisted"]) as (server, url):
        run = run_history(tmp_path / "run", f"native={events}", until=NOON + DAY, mail=url)
    said = [one.type for one in run.decisions if one.type.startswith("message.")]

    assert said == ["message.held.v1", "message.queued.v1", "message.deferred.v1", "message.withdrawn.v1"]
    assert server.mailbox == []


def test_a_deferred_mail_survives_the_end_of_a_run(tmp_path):
    """The history ends while a mail waits; the next run sends it when its time comes, once."""
    path = tmp_path / "e.ndjson"
    with relay(RCPT=["451 4.7.1 greylisted"]) as (server, url):
        first = run_history(tmp_path / "run", f"native={write(path, *at_risk()[:2])}", until=EIGHT, mail=url)
        pending = Journal(tmp_path / "run" / "journal.sqlite")
        waits = [one.type for one in pending.pending()]
        pending.close()
        second = run_history(tmp_path / "run", f"native={path}", until=NOON + HOUR, mail=url)
    pending = Journal(tmp_path / "run" / "journal.sqlite")
    left = pending.pending()
    pending.close()

    assert first.summary.messages["accepted"] == 0
    assert waits == ["message.queued.v1"]
    assert (second.summary.messages["accepted"], len(server.mailbox), left) == (1, 1, [])


# ---------------------------------------------------------------------------- mistakes of our own


class Nervous:
    """A detector from elsewhere that breaks on one order."""

    kind = "at_risk"
    topic = "delay"
    cured_by_arrival = True
    signs = ~0

    def detect(self, order, _now, _policy):
        if order.order_id == "ORD-BAD":
            raise ZeroDivisionError("a plug-in of ours")
        return [], None


def test_an_order_that_the_program_fails_on_stops_nobody_else(tmp_path):
    """Its event is a dead letter that says so; the orders around it are folded; a restart goes on."""
    nervous = msgspec.structs.replace(POLICY, detectors=(*POLICY.detectors, Nervous()))
    engine = Engine(Journal(tmp_path / "journal.sqlite"), nervous)
    for number, order_id in enumerate(("ORD-1", "ORD-BAD", "ORD-2")):
        record = Record(source="native", place=f"e:{number}", position=number, raw=line(placed(order_id)))
        engine.take(record, SOURCE.translate(record), MONDAY, "e")
    engine.commit()
    (letter,) = engine.journal.dead_letters()
    engine.journal.close()
    again = Engine(Journal(tmp_path / "journal.sqlite"), nervous)

    assert (letter.code, letter.place) == ("event-not-folded", "e:1")
    assert "ZeroDivisionError" in letter.why
    assert sorted(again.processor.orders) == ["ORD-1", "ORD-2"]
    assert (again.counters["in"], again.counters["folded"], again.counters["dead_letters"]) == (3, 2, 1)
    again.journal.close()


def test_a_file_of_rubbish_is_not_held_in_memory(tmp_path):
    """Dead letters are written as they come, and hold at most 64 KiB each."""
    path = tmp_path / "rubbish.ndjson"
    path.write_bytes((b"x" * 100_000 + b"\n") * 600)
    most = 0
    engine_module = import_module("streams.embedded.engine")

    class Watched(engine_module.Engine):
        def take(self, *args, **named):
            nonlocal most
            super().take(*args, **named)
            most = max(most, sum(len(letter.raw) for letter in self._batch.dead))

    journal = Journal(tmp_path / "journal.sqlite")
    engine = Watched(journal, POLICY)
    from streams.embedded.runner import Feed, Runner

    runner = Runner(engine, None, [Feed("rubbish", SOURCE, str(path))])
    asyncio.run(runner.run_history(None, lambda _now: ()))
    letters = sum(1 for _ in journal.dead_letters())
    journal.close()

    assert letters == 600
    assert most <= 256 * 65_536
