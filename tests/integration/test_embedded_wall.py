"""The present: what comes is taken at once, what is due fires on the clock, and nothing waits for a slow relay."""

import asyncio

import pytest

from streams.problems import WorldProblem
from tests.ndjson import (
    DAY,
    HOUR,
    MINUTE,
    MONDAY,
    delivered_well,
    event,
    line,
    placed,
    scan,
    shipped,
    swapped,
    write,
)
from tests.smtp_server import HANG_UP, SILENCE, scripted_server
from tests.wall_runs import Clock, Wall, wall

NOON = MONDAY + 3 * HOUR  # noon in Chicago: nobody's night


def relay(server):
    return f"smtp://127.0.0.1:{server.port}?tls=none&connections=2"


def lines(*events):
    return [line(one) for one in events]


def at_risk(order_id="ORD-RISK"):
    """Promised for today and not with the carrier yet: the customer is told at once."""
    return [placed(order_id, MONDAY - 5 * DAY, by="2026-03-02"), shipped(order_id, MONDAY - 4 * DAY)]


def arrives(order_id="ORD-RISK"):
    return scan(f"{order_id}-s2", "delivered", NOON, f"1Z{order_id}")


def kinds(run, order_id):
    """What is wrong with an order, as far as it was said."""
    decisions = run.engine.journal.decisions(order_id)
    return [one.fact.kind for one in decisions if one.type == "exception.opened.v1"]


# ---------------------------------------------------------------------------- time


def test_a_deadline_fires_on_the_clock(tmp_path):
    """The promised day ends in silence: the order is late from the first instant of the next one, and not before."""

    async def story():
        clock = Clock(MONDAY)
        async with wall(tmp_path, clock) as run:
            await run.push(*lines(placed("ORD-1", MONDAY, by="2026-03-02")))
            clock.moment = midnight - MINUTE
            await run.push(line(placed("ORD-2", MONDAY, by="2026-03-31")))  # the keeper of time looks up
            await asyncio.sleep(0.05)
            before = kinds(run, "ORD-1")
            clock.moment = midnight
            await run.until(lambda: "late_delivery" in kinds(run, "ORD-1"))
            return before

    midnight = MONDAY + 15 * HOUR  # in Chicago

    assert "late_delivery" not in asyncio.run(story())


def test_a_mail_goes_out_when_its_time_has_come(tmp_path):
    """A wrong box is told ten minutes after the scan, once, with everything that it speaks of done before."""

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            await run.push(*lines(*swapped("ORD-1")))
            clock.move(9 * MINUTE)
            run.runner._nudge.set()
            await asyncio.sleep(0.05)
            early = run.mails()
            clock.move(2 * MINUTE)
            await run.until(lambda: "message.accepted.v1" in run.types())
            return early, run.types(), len(run.mails())

    early, types, mails = asyncio.run(story())

    assert early == []
    assert types == [
        "exception.opened.v1",
        "return_label.requested.v1",
        "replacement.requested.v1",
        "return_label.issued.v1",
        "replacement.accepted.v1",
        "message.queued.v1",
        "message.accepted.v1",
    ]
    assert mails == 1


# ---------------------------------------------------------------------------- reading files


def test_a_file_is_read_to_its_end_before_anybody_is_told(tmp_path):
    """Last week's orders in a file: each looks endangered until its last line, and nobody gets a mail."""
    calm = [one for number in range(200) for one in (*at_risk(f"ORD-{number}"), arrives(f"ORD-{number}"))]
    calm.sort(key=lambda one: one["time"])
    events = write(tmp_path / "events.ndjson", *calm)

    async def story():
        async with wall(tmp_path / "run", Clock(NOON), f"native={events}", forever=False) as run:
            await run.until(lambda: run.runner._is_ending)
            await run.until(lambda: not run.engine.pending)
            return run.summary(), len(run.mails())

    summary, mails = asyncio.run(story())

    assert summary.events["folded"] == 600
    assert (summary.messages["accepted"], mails) == (0, 0)


def test_a_run_over_files_ends_with_them_and_with_what_they_ask_for(tmp_path):
    """Without a port the command ends when its files are read and their mails are out."""
    events = write(tmp_path / "events.ndjson", *at_risk(), *delivered_well("ORD-2", MONDAY - 5 * DAY))

    async def story():
        run = Wall(tmp_path / "run", Clock(NOON), [f"native={events}"], None)
        async with asyncio.timeout(10):
            await run.runner.run_wall(run.clock, run.kit.sender.recover, forever=False)
        found = run.types(), len(run.mails()), run.runner.stop.is_set()
        await run.close()
        return found

    types, mails, stopped = asyncio.run(story())

    assert types.count("message.accepted.v1") == mails == 1
    assert not stopped


def test_a_source_that_breaks_ends_the_run_and_nothing_more_is_begun(tmp_path):
    """A folder without a readable file is a problem, said; the orders that were read stay pending."""
    (tmp_path / "empty").mkdir()
    events = write(tmp_path / "events.ndjson", *at_risk())

    async def story():
        run = Wall(tmp_path / "run", Clock(NOON), [f"native={events}", f"native={tmp_path / 'empty'}"], None)
        with pytest.raises(Exception, match="nothing to read"):
            await run.runner.run_wall(run.clock, run.kit.sender.recover, forever=True)
        found = len(run.mails())
        await run.close()
        return found

    assert asyncio.run(story()) == 0


# ---------------------------------------------------------------------------- a slow or rude relay


def test_a_relay_that_never_answers_holds_up_neither_intake_nor_deadlines(tmp_path):
    """While a mail hangs behind its final dot, events are taken and other orders become late."""

    async def story():
        clock = Clock(NOON)
        async with (
            scripted_server(DOT=[SILENCE]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.push(*lines(*at_risk()))
            await run.until(server.silent.is_set)
            await run.push(*lines(placed("ORD-2", NOON, by="2026-03-02")))
            clock.move(15 * HOUR)
            await run.until(lambda: "late_delivery" in kinds(run, "ORD-2"))
            found = kinds(run, "ORD-2"), "message.accepted.v1" in run.types()
            for writer in list(server._writers):
                writer.transport.abort()
            await run.until(lambda: "message.in_doubt.v1" in run.types())
            return found

    seen, accepted = asyncio.run(story())

    assert "late_delivery" in seen
    assert not accepted


def test_mails_that_wait_for_a_relay_hold_up_no_label_and_no_replacement(tmp_path):
    """A hundred mails stand in line; the right thing for another customer leaves at once all the same."""

    async def story():
        clock = Clock(NOON)
        async with (
            scripted_server(DOT=[SILENCE, SILENCE]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.push(*lines(*(one for number in range(100) for one in at_risk(f"ORD-{number}"))))
            await run.until(server.silent.is_set)
            in_line = len(run.engine.pending)
            await run.push(*lines(*swapped("ORD-SWAPPED", NOON - 2 * HOUR)))
            clock.move(11 * MINUTE)
            await run.until(lambda: "replacement.accepted.v1" in run.types())
            found = in_line, "return_label.issued.v1" in run.types(), "message.accepted.v1" in run.types()
            while "message.accepted.v1" not in run.types():
                for writer in list(server._writers):
                    writer.transport.abort()
                await asyncio.sleep(0.01)
            return found

    assert asyncio.run(story()) == (100 - 64, True, False)


def test_a_slow_retry_holds_up_nothing_either(tmp_path):
    """The second try hangs; events are taken, deadlines fire, and the first try is not repeated meanwhile."""

    async def story():
        clock = Clock(NOON)
        script = {"RCPT": ["451 4.7.1 come back later"], "DOT": [SILENCE]}
        async with scripted_server(**script) as server, wall(tmp_path, clock, mail=relay(server)) as run:
            await run.push(*lines(*at_risk()))
            await run.until(lambda: "message.deferred.v1" in run.types())
            clock.move(2 * MINUTE)
            run.runner._nudge.set()
            await run.until(server.silent.is_set)
            await run.push(*lines(placed("ORD-2", NOON, by="2026-03-02")))
            clock.move(15 * HOUR)
            await run.until(lambda: "late_delivery" in kinds(run, "ORD-2"))
            asked = sum(command.startswith("DATA") for command in server.commands)
            for writer in list(server._writers):
                writer.transport.abort()
            await run.until(lambda: "message.in_doubt.v1" in run.types())
            return asked

    assert asyncio.run(story()) == 1


def test_a_deferred_mail_is_tried_again_when_the_clock_says_so(tmp_path):
    """Greylisted: not before a minute has passed, then once."""

    async def story():
        clock = Clock(NOON)
        async with (
            scripted_server(RCPT=["451 4.7.1 greylisted"]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.push(*lines(*at_risk()))
            await run.until(lambda: "message.deferred.v1" in run.types())
            clock.move(MINUTE / 2)
            run.runner._nudge.set()
            await asyncio.sleep(0.05)
            early = len(server.mailbox)
            clock.move(MINUTE / 2)
            await run.until(lambda: "message.accepted.v1" in run.types())
            return early, len(server.mailbox), run.engine.journal.pending()

    assert asyncio.run(story()) == (0, 1, [])


def test_a_deferred_mail_is_withdrawn_when_the_parcel_arrives(tmp_path):
    """The relay says later, the parcel comes, the retry time passes: no mail arrives."""

    async def story():
        clock = Clock(NOON)
        async with (
            scripted_server(RCPT=["451 4.7.1 greylisted"]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.push(*lines(*at_risk()))
            await run.until(lambda: "message.deferred.v1" in run.types())
            await run.push(line(arrives()))
            await run.until(lambda: "message.withdrawn.v1" in run.types() and not run.engine.pending)
            for _ in range(4):
                clock.move(20 * MINUTE)
                run.runner._nudge.set()
                await asyncio.sleep(0.02)
            return len(server.mailbox), run.types().count("message.accepted.v1"), run.kit.ledger.counts()

    assert asyncio.run(story()) == (0, 0, {"withdrawn": 1})


# ---------------------------------------------------------------------------- ends and beginnings


def test_what_was_not_begun_when_told_to_stop_is_done_at_the_next_start(tmp_path):
    """A stop finishes what is under way and begins nothing; the next run does it, once."""

    async def story():
        run = Wall(tmp_path, Clock(NOON), [], None)
        await run.push(*lines(*at_risk()))
        run.runner.stop.set()
        await run.runner.run_wall(run.clock, run.kit.sender.recover, forever=True)
        first = len(run.mails()), len(run.engine.journal.pending())
        await run.close()
        async with wall(tmp_path, Clock(NOON)) as again:
            await again.until(lambda: "message.accepted.v1" in again.types())
            return first, len(again.mails()), again.engine.journal.pending()

    assert asyncio.run(story()) == ((0, 1), 1, [])


def test_the_end_of_a_retried_mail_is_not_lost_with_the_process(tmp_path):
    """The relay took it at the second try and we died before writing that down: the next start learns it."""

    async def story():
        clock = Clock(NOON)
        async with scripted_server(RCPT=["451 4.7.1 greylisted"]) as server:
            async with wall(tmp_path, clock, mail=relay(server)) as run:
                await run.push(*lines(*at_risk()))
                await run.until(lambda: "message.deferred.v1" in run.types())
            dying = Wall(tmp_path, clock, [], relay(server))
            await dying.kit.sender.retry_due(NOON + 2 * MINUTE)
            await dying.close()
            clock.move(3 * MINUTE)
            async with wall(tmp_path, clock, mail=relay(server)) as run:
                await run.until(lambda: "message.accepted.v1" in run.types())
                await run.until(lambda: run.engine.journal.pending() == [])
                return len(server.mailbox), run.types().count("message.accepted.v1")

    assert asyncio.run(story()) == (1, 1)


def test_a_hanging_relay_does_not_keep_a_start_from_taking_events(tmp_path):
    """What a dead run left for the relay is sent beside the intake, not before it."""

    async def story():
        clock = Clock(NOON)
        before = Wall(tmp_path, clock, [], None)
        await before.push(*lines(*at_risk()))
        await before.close()
        async with (
            scripted_server(DOT=[SILENCE]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.until(server.silent.is_set)
            clock.move(HOUR)
            await run.push(*lines(placed("ORD-2", NOON, by="2026-03-02")))
            clock.move(15 * HOUR)
            await run.until(lambda: "late_delivery" in kinds(run, "ORD-2"))
            for writer in list(server._writers):
                writer.transport.abort()
            return True

    assert asyncio.run(story())


def test_a_journal_that_cannot_be_written_ends_the_run_with_the_reason(tmp_path):
    """Not a traceback of SQLite, and not a process that goes on as if it had written."""

    async def story():
        clock = Clock(NOON)
        run = Wall(tmp_path, clock, [], None)
        task = asyncio.create_task(run.runner.run_wall(clock, run.kit.sender.recover, forever=True))
        await asyncio.sleep(0)
        run.engine.journal._db.execute("PRAGMA query_only=ON")  # the file system, remounted read-only
        with pytest.raises(WorldProblem) as refused:
            await run.push(*lines(*at_risk()))
        clock.move(20 * DAY)
        run.runner._nudge.set()
        with pytest.raises(WorldProblem) as ended:
            async with asyncio.timeout(10):
                await task
        await run.close()
        return refused.value.code, ended.value.code

    assert asyncio.run(story()) == ("journal-not-written", "journal-not-written")


def test_a_relay_that_hangs_up_before_the_dot_gets_the_mail_later_and_once(tmp_path):
    """Interrupted before anything was handed over: tried again, and accepted once."""

    async def story():
        clock = Clock(NOON)
        async with (
            scripted_server(DATA=[HANG_UP]) as server,
            wall(tmp_path, clock, mail=relay(server)) as run,
        ):
            await run.push(*lines(*at_risk()))
            await run.until(lambda: "message.deferred.v1" in run.types())
            clock.move(MINUTE)
            await run.until(lambda: "message.accepted.v1" in run.types())
            return len(server.mailbox)

    assert asyncio.run(story()) == 1


def test_an_early_scan_waits_for_its_parcel(tmp_path):
    """Parked on arrival, claimed by the label; an order report between them changes nothing."""

    async def story():
        async with wall(tmp_path, Clock(NOON)) as run:
            await run.push(line(scan("s1", "in_transit", NOON, "1ZORD-1")))
            parked = run.summary().events
            await run.push(
                *lines(placed("ORD-1", MONDAY), event("payment.approved.v1", "p", MONDAY, order_id="ORD-1"))
            )
            await run.push(line(shipped("ORD-1", MONDAY)))
            return parked, run.summary().events

    parked, after = asyncio.run(story())

    assert (parked["in"], parked["parked"], parked["folded"]) == (1, 1, 0)
    assert (after["in"], after["parked"], after["folded"]) == (4, 0, 4)
