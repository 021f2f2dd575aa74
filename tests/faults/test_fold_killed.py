"""The fold worker as a process that is killed, joined, frozen and cut off: nothing lost, nothing decided twice."""

import asyncio
import itertools
import json
import random
import threading
import time
from contextlib import ExitStack

import pytest

from streams.service.records import read_outbox
from streams.service.topics import topics_of
from tests import fold_rig as rig
from tests.fold_rig import Folded, cut, declare, folding, packed, put, records, settings_of, through, until
from tests.worker_processes import LONG, WorkerProcess, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
KILLS = 30 if LONG else 8
PARTITIONS = 3


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return rig.lived(tmp_path_factory.mktemp("history"), orders=400, seed=11)


@pytest.fixture
def deployment(kafka, topic_prefix, tmp_path):
    settings = settings_of(kafka, topic_prefix, tmp_path, snapshot_seconds=1)
    declare(kafka, topics_of(settings))
    return settings


class Load:
    """Writes a journal over some seconds, in a thread of its own; ``ends`` once it is written."""

    def __init__(self, settings, history, seconds):
        self.settings, self.seconds = settings, seconds
        self.parts = [packed(part, 8) for part in cut(history, settings.partitions)]
        self.ends = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._write()), daemon=True)
        self._thread.start()

    async def _write(self):
        slices = 40
        ends = [0] * len(self.parts)
        for number in range(slices):
            now = [
                part[number * len(part) // slices : (number + 1) * len(part) // slices] for part in self.parts
            ]
            ends = [max(pair) for pair in zip(ends, await put(self.settings, now), strict=True)]
            await asyncio.sleep(self.seconds / slices)
        self.ends = ends


def committed(settings, role="fold", topic=None):
    """How far a group's workers have acknowledged a topic, by partition."""
    from kafka.errors import KafkaError

    from tests.kafka_rig import admin

    with admin(settings.kafka) as client:
        try:
            offsets = client.list_group_offsets([f"{settings.topic_prefix}-{role}"])
        except KafkaError:  # the first group of a broker waits for its coordinator
            return {}
    found = next(iter(offsets.values())) if isinstance(offsets, dict) else offsets
    name = topic or topics_of(settings).journal.name
    return {tp.partition: meta.offset for tp, meta in found.items() if tp.topic == name}


def settled(load):
    """A condition: all is written, and all of it acknowledged."""

    def reached():
        if load.ends is None:
            return False
        done = committed(load.settings)
        return all(done.get(p, 0) >= end for p, end in enumerate(load.ends))

    return reached


def judge(settings, history, load):
    """What the topics hold against the pure fold: (decided, said again); fails on anything lost or made up."""
    policy = rig.policy_of(settings)
    truth = [Folded(part, policy) for part in cut(history, settings.partitions)]
    ids = {decision for one in truth for decision in one.decisions}

    async def look():
        public = [
            json.loads(r.value)["id"] for r in await records(settings, topics_of(settings).decisions.name)
        ]
        outbox = [
            one.decision.decision_id
            for record in await records(settings, topics_of(settings).outbox.name)
            for one in read_outbox(record.value)
        ]
        letters = await records(settings, topics_of(settings).dead_letters.name)
        async with folding(settings) as fold:
            more = await put(settings, [[packed(history[-1:])[0]]] * settings.partitions)
            await until(through(more, fold), fold)
            orders = {p: len(state.table) for p, state in fold.states.items()}
        return public, outbox, letters, orders

    public, outbox, letters, orders = asyncio.run(look())
    assert letters == []
    assert ids <= set(public)  # nothing lost
    outcomes = {e.id for e in history if e.source == "firstword/effects"}
    assert set(public) <= ids | outcomes  # nothing made up
    assert set(outbox) <= ids
    assert orders == {p: one.orders for p, one in enumerate(truth)}
    return len(ids), len(public) - len(set(public))


def test_killed_at_random_moments_under_load(deployment, history):
    """SIGKILL again and again while the journal grows: what is decided is what one undisturbed fold decides."""
    whims = random.Random(3)
    load = Load(deployment, history, seconds=KILLS * 2.5)
    kills = 0
    with WorkerProcess("fold", deployment) as worker:
        while kills < KILLS:
            time.sleep(whims.uniform(0.5, 4))
            worker.kill()
            kills += 1
            worker.start()
        wait_until(settled(load), worker)
        assert worker.stop() == 0
    decided, again = judge(deployment, history, load)
    print(
        f"\n{len(history)} events in, {decided} decided, {kills} kills, {again} said again under the same id, 0 lost"
    )
    assert decided > 100


def test_workers_join_and_leave_under_load(deployment, history):
    """One, two, three, two, one: every partition always has an owner, and none decides alone."""
    load = Load(deployment, history, seconds=25)
    with ExitStack() as stack:
        crew = [WorkerProcess("fold", deployment, f"fold-{n}") for n in range(3)]
        for worker in crew:
            stack.callback(worker.close)
        crew[0].start()
        for change in itertools.chain((crew[1].start, crew[2].start), (crew[0].stop, crew[1].stop)):
            time.sleep(5)
            change()
        wait_until(settled(load), crew[2])
        assert crew[2].stop() == 0
    decided, again = judge(deployment, history, load)
    print(f"\n{len(history)} events in, {decided} decided, {again} said again under the same id, 0 lost")


def test_a_worker_that_was_thought_dead_writes_no_snapshot(deployment, history):
    """Frozen until its partitions went to another, then thawed: its old hand must not write over the new state."""
    load = Load(deployment, history, seconds=2)
    with WorkerProcess("fold", deployment, "first") as first:
        wait_until(settled(load), first)
        first.freeze()
        with WorkerProcess("fold", deployment, "second") as second:
            rest = Load(deployment, history, seconds=2)
            wait_until(settled(rest), second)
            assert second.said("partition_opened")
            first.thaw()
            time.sleep(4)
            assert second.stop() == 0
        first.close()
    judge(deployment, history, load)
