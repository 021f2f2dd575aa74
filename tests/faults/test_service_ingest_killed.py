"""Ingest workers that are killed, joined and left by others, and whose brokers fall silent: nothing is lost."""

import asyncio
import itertools
import json
import random
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack
from functools import partial

import pytest

from streams.service.client import producer
from streams.service.ingest import Ingest
from tests.ingest_rig import committed, deploy, ids, letters, parked, source, until, value, working
from tests.ndjson import HOUR, MONDAY, line, placed, scan, shipped
from tests.service_rig import ROOT
from tests.service_rig import records as records_of
from tests.worker_processes import LONG

KILLS = 30 if LONG else 10
SEED = 20261123
SESSION = 1.0  # seconds until a killed worker's partitions go to the next one
QUICK = {"group.min.session.timeout.ms": "500"}

# The worker as the command runs it, with a shorter session; it says when it has written something down.
WORKER = """
import asyncio, sys
from streams import telemetry
from streams.service.ingest import Ingest
from streams.service.worker import run
from streams.settings import load

async def main():
    worker = Ingest(load(), session=float(sys.argv[1]))
    async def tell():
        while not worker.vitals.counts["events_journaled", ""]:
            await asyncio.sleep(0.005)
        print("at work", flush=True)
    telling = asyncio.create_task(tell())
    await run(worker)
    telling.cancel()

telemetry.configure("ERROR")
asyncio.run(main())
"""


class Shop:
    """Writes the events of orders, some twice, many labels long after their scans, until it is closed."""

    def __init__(self, deployment, seed: int = SEED, pause: float = 0.02) -> None:
        self.told: set[str] = set()
        self._deployment = deployment
        self._dice = random.Random(seed)
        self._pause = pause
        self._is_closed = False

    def turns(self):
        """Yield what is written next, as topics and events, until every order is told."""
        late: dict[int, list] = {}
        for turn in itertools.count():
            if self._is_closed and not late:
                return
            events = late.pop(turn, [])
            if not self._is_closed:
                here, there = self._order(f"ORD-{turn}")
                events += here
                late.setdefault(turn + self._dice.randrange(1, 100), []).extend(there)
            yield events

    def _order(self, name: str) -> tuple[list, list]:
        """Return what is told of an order now, and what later."""
        events = [
            ("shipments", scan(f"{name}-s{n}", "in_transit", MONDAY + n * HOUR, f"1Z{name}"))
            for n in range(3)
        ]
        events.append(("orders", placed(name)))
        label = ("orders", shipped(name))
        self._dice.shuffle(events)
        events += self._dice.sample(events, k=self._dice.randrange(2))
        return (events, [label]) if self._dice.random() < 0.5 else ([*events, label], [])

    async def open(self) -> None:
        """Write until it is closed, and wait for the brokers to have everything."""
        sender = producer(self._deployment.settings, "shop")
        await sender.start()
        sent = []
        for events in self.turns():
            for topic, one in events:
                self.told.add(one["id"])
                to, where = source(self._deployment, topic), self._dice.randrange(2)
                sent.append(await sender.send(to, line(one), partition=where))
            await asyncio.sleep(self._pause)
        for one in sent:
            await one
        await sender.stop()

    def close(self) -> None:
        """Tell it to come to an end."""
        self._is_closed = True


async def seen(deployment) -> set[str]:
    """The ids of the journal's events."""
    return set(await ids(deployment))


async def missing(deployment, told: set[str]) -> set[str]:
    """What was told and is not in the journal."""
    return told - await seen(deployment)


async def read(deployment) -> dict[tuple[str, int], list]:
    """Every record of the sources."""
    found: dict[tuple[str, int], list] = {}
    for topic in ("orders", "shipments"):
        for record in await records_of(deployment.settings, source(deployment, topic), 2):
            found.setdefault((topic, record.partition), []).append(record)
    return found


async def lost(deployment) -> set[str]:
    """What counts as done with, and is neither in the journal nor parked."""
    positions = await committed(deployment)
    kept = await seen(deployment) | {key.decode().rpartition("\x1f")[2] for key in await parked(deployment)}
    done = {
        json.loads(record.value)["id"]
        for place, some in (await read(deployment)).items()
        for record in some
        if record.offset < positions.get(place, 0)
    }
    return done - kept


async def all_committed(deployment) -> bool:
    """True when every record of the sources is done with."""
    positions = await committed(deployment)
    return all(
        positions.get(place) == some[-1].offset + 1 for place, some in (await read(deployment)).items()
    )


def start(deployment, stack: ExitStack) -> subprocess.Popen:
    """Start a worker process that does not outlive the test."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(SESSION)],
        cwd=ROOT,
        env=deployment.environ(),
        stdout=subprocess.PIPE,
    )
    stack.enter_context(process)
    stack.callback(process.kill)
    return process


@pytest.mark.slow
@pytest.mark.parametrize("own_broker", [QUICK], indirect=True)
def test_nothing_is_lost_however_often_workers_are_killed(own_broker, topic_prefix, tmp_path):
    """SIGKILL at ten random moments under load: what counts as read is written down, and in the end all is."""
    # Blocks that stay open for long are what a careless offset would lose.
    deployment = deploy(own_broker, topic_prefix, tmp_path, block_milliseconds=150)
    dice = random.Random(SEED)

    async def story(stack: ExitStack):
        shop = Shop(deployment)
        selling = asyncio.create_task(shop.open())
        for kill in range(KILLS):
            worker = start(deployment, stack)
            # From here on a kill hits work, not start-up.
            assert await asyncio.wait_for(asyncio.to_thread(worker.stdout.readline), 60) == b"at work\n"
            await asyncio.sleep(dice.expovariate(1 / 0.8))
            worker.kill()
            await asyncio.to_thread(worker.wait)
            assert (kill, await lost(deployment)) == (kill, set())
        shop.close()
        await selling
        last = start(deployment, stack)
        await until(set(), partial(missing, deployment, shop.told))
        await until(set(), partial(parked, deployment))
        await until(True, partial(all_committed, deployment))
        last.terminate()
        code = await asyncio.to_thread(last.wait, 15)
        return shop.told, await seen(deployment), await letters(deployment), code

    with ExitStack() as stack:
        told, found, dead, code = asyncio.run(story(stack))

    assert found == told
    assert dead == []
    assert code == 0
    assert len(told) > 1000


@pytest.mark.slow
def test_workers_join_and_leave_under_load_and_nothing_is_read_twice(kafka, topic_prefix, tmp_path):
    """Who gives a partition back has written down and committed what it read of it."""
    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        shop = Shop(deployment)
        sent: Counter[str] = Counter()
        selling = asyncio.create_task(shop.open())
        async with working(deployment) as first:
            for _ in range(3):
                async with working(deployment) as second:
                    await until(True, lambda second=second: has_taken(second))
                    await asyncio.sleep(0.5)
                await asyncio.sleep(0.3)
            shop.close()
            await selling
            await until(set(), partial(missing, deployment, shop.told))
            await until(set(), partial(parked, deployment))
            await until(True, partial(all_committed, deployment))
            too_late = first.vitals.counts["commits_too_late", ""]
        for some in (await read(deployment)).values():
            sent.update(json.loads(record.value)["id"] for record in some)
        return sent, Counter(await ids(deployment)), too_late

    sent, found, too_late = asyncio.run(story())

    assert set(found) == set(sent)
    assert found - sent == Counter()  # no more copies than were sent: a scan that waits swallows its second
    assert too_late == 0


async def has_taken(worker: Ingest) -> bool:
    """True when a worker has taken something in."""
    return worker.vitals.counts["events_in", "native"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("own_broker", [QUICK], indirect=True)
def test_brokers_that_fall_silent_for_twenty_seconds_are_waited_for(own_broker, topic_prefix, tmp_path):
    """The worker lives, and goes on where it was; so does one whose broker was killed and started again."""
    deployment = deploy(own_broker, topic_prefix, tmp_path)

    async def story():
        shop = Shop(deployment)
        selling = asyncio.create_task(shop.open())
        async with working(deployment, session=6.0) as worker:
            await until(True, partial(has_taken, worker))
            own_broker.pause()
            await asyncio.sleep(20)
            own_broker.resume()
            before = worker.vitals.counts["events_journaled", ""]
            await until(True, lambda: value(worker.vitals.counts["events_journaled", ""] > before + 100))
            await asyncio.to_thread(own_broker.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(own_broker.start)
            before = worker.vitals.counts["events_journaled", ""]
            await until(True, lambda: value(worker.vitals.counts["events_journaled", ""] > before + 100))
            shop.close()
            await selling
            await until(set(), partial(missing, deployment, shop.told))
            await until(set(), partial(parked, deployment))
            await until(True, partial(all_committed, deployment))
        return shop.told, await seen(deployment)

    told, found = asyncio.run(story())

    assert found == told


def test_a_worker_whose_brokers_are_silent_does_not_pass_for_idle(own_broker, topic_prefix, tmp_path):
    """Nothing comes because nobody answers: that is no rest, and the watchdog is to know."""
    deployment = deploy(own_broker, topic_prefix, tmp_path)

    async def story():
        async with working(deployment) as worker:
            await until(True, lambda: value(worker.vitals.is_ready))
            await until(0.0, lambda: value(worker.vitals.stuck_for()))
            own_broker.pause()
            await until(True, lambda: value(worker.vitals.stuck_for() > 2))
            own_broker.resume()
            await until(0.0, lambda: value(worker.vitals.stuck_for()))

    asyncio.run(story())
