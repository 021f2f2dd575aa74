"""The fold worker over real Kafka: equal to the pure fold, through restarts, takeovers, resets and poison."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.codec.blocks import encode_block, tick, to_entry
from streams.service.client import producer
from streams.service.topics import topics_of
from tests import fold_rig as rig
from tests.builders import event, placed
from tests.fold_rig import Folded, cut, declare, folding, packed, put, records, settings_of, through, until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def msgpack(*parts):
    return msgspec.msgpack.encode(parts)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return rig.lived(tmp_path_factory.mktemp("history"))


@pytest.fixture
def deployment(kafka, topic_prefix, tmp_path):
    settings = settings_of(kafka, topic_prefix, tmp_path)
    declare(kafka, topics_of(settings))
    return settings


def expected(settings, history):
    policy = rig.policy_of(settings)
    return [Folded(part, policy) for part in cut(history, settings.partitions)]


async def public_ids(settings):
    found = await records(settings, topics_of(settings).decisions.name)
    return [json.loads(record.value)["id"] for record in found]


def decided(folds):
    return {decision for one in folds for decision in one.decisions}


def test_one_worker_decides_what_the_pure_fold_decides(deployment, history):
    """Same journal, same states, same decision ids, each said once."""
    truth = expected(deployment, history)

    async def run():
        ends = await put(deployment, [packed(part) for part in cut(history, 3)])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert rig.states(fold) == {p: one.state for p, one in enumerate(truth)}
        ids = await public_ids(deployment)
        assert len(ids) == len(set(ids))
        assert decided(truth) <= set(ids)
        assert len(decided(truth)) > 20

    asyncio.run(run())


def test_a_restart_goes_on_from_the_snapshot(deployment, history):
    """Half the history, a stop, the other half: nothing folded twice, and the same end."""
    truth = expected(deployment, history)
    parts = [packed(part) for part in cut(history, 3)]

    async def run():
        ends = await put(deployment, [part[: len(part) // 2] for part in parts])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
        ends = await put(deployment, [part[len(part) // 2 :] for part in parts])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert rig.states(fold) == {p: one.state for p, one in enumerate(truth)}
            assert sum(state.events for state in fold.states.values()) < 0.6 * len(history)
        ids = await public_ids(deployment)
        assert len(ids) == len(set(ids))

    asyncio.run(run())


def test_without_its_snapshots_a_worker_reads_the_whole_journal(kafka, deployment, history):
    """The journal is the truth: what was decided is decided again, under the same ids."""
    truth = expected(deployment, history)

    async def run():
        ends = await put(deployment, [packed(part) for part in cut(history, 3)])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
        before = set(await public_ids(deployment))
        snapshots = topics_of(deployment).snapshots
        kafka.delete_topics([snapshots.name])
        kafka.create_topics({snapshots.name: snapshots.partitions}, config=dict(snapshots.config))
        ends = await put(deployment, [[encode_block([history[-1]])]] * 3)
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert {p: len(s.table) for p, s in fold.states.items()} == {
                p: one.orders for p, one in enumerate(truth)
            }
        ids = await public_ids(deployment)
        assert set(ids) == before
        assert len(ids) > len(before)  # said again, and the same

    asyncio.run(run())


def test_offsets_reset_to_zero_decide_nothing_new(deployment, history):
    """Faust's committed offset is advice; the snapshot's position is the truth."""

    async def run():
        ends = await put(deployment, [packed(part) for part in cut(history, 3)])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
        before = await public_ids(deployment)
        await reset_group(deployment)
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert sum(state.events for state in fold.states.values()) == 0
        assert await public_ids(deployment) == before

    asyncio.run(run())


async def reset_group(settings):
    """Commit offset 0 for the whole group, as an operator might."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    name = topics_of(settings).journal.name
    hand = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, group_id=f"{settings.topic_prefix}-fold", enable_auto_commit=False
    )
    await hand.start()
    at = [TopicPartition(name, p) for p in range(settings.partitions)]
    hand.assign(at)
    await hand.commit(dict.fromkeys(at, 0))
    await hand.stop()


def test_poison_in_the_journal_is_set_aside_whole(deployment, history):
    """A record that is no block, a newer block, an empty one: letters, and the rest is folded."""
    truth = expected(deployment, history)

    async def run():
        poison = [b"\xff not a block", b"", b'{"specversion": "1.0"}']
        parts = [poison + packed(part) for part in cut(history, 3)]
        ends = await put(deployment, parts)
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert rig.states(fold) == {p: one.state for p, one in enumerate(truth)}
        letters = await records(deployment, topics_of(deployment).dead_letters.name)
        found = [json.loads(record.value) for record in letters]
        assert [letter["code"] for letter in found] == ["block-corrupt"] * 9
        assert {letter["place"] for letter in found} == {
            f"journal[{p}]@{offset}" for p in range(3) for offset in range(3)
        }

    asyncio.run(run())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"7", b"\xff junk"),
        (b"not a bucket", b"x"),
        (b"position", b"junk"),
        (b"8", msgpack(["ORD-1"], [])),
        (b"9", msgpack(["ORD-1"], [b"8 bytes and junk"])),
    ],
)
def test_poison_among_the_snapshots_costs_only_time(deployment, history, key, value):
    """A snapshot that cannot be understood is none: the journal is read from its beginning."""
    truth = expected(deployment, history)

    async def run():
        ends = await put(deployment, [packed(part) for part in cut(history, 3)])
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
        sender = producer(deployment, "test")
        await sender.start()
        for partition in range(3):
            await sender.send_and_wait(
                topics_of(deployment).snapshots.name, value, key=key, partition=partition
            )
        await sender.stop()
        ends = await put(deployment, [[encode_block([history[-1]])]] * 3)
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert {p: len(s.table) for p, s in fold.states.items()} == {
                p: one.orders for p, one in enumerate(truth)
            }
            assert sum(state.events for state in fold.states.values()) > len(history)

    asyncio.run(run())


def test_a_second_worker_takes_over_without_the_first_ones_disk(deployment, history):
    """Three partitions, two workers, one leaves without a word: the other ends where one alone would have."""
    truth = expected(deployment, history)
    parts = [packed(part) for part in cut(history, 3)]

    async def run():
        ends = await put(deployment, [part[: len(part) // 2] for part in parts])
        async with folding(deployment) as first:
            await until(through(ends, first), first)
            async with folding(deployment) as second:
                await until(lambda: second._assigned and len(first._assigned) < 3, first, second)
                ends = await put(deployment, [part[len(part) // 2 :] for part in parts])
                await until(through(ends, first, second), first, second)
                assert first.states.keys() <= first._assigned
                assert rig.states(first, second) == {p: one.state for p, one in enumerate(truth)}
                assert not first.states.keys() & second.states.keys()
            ends = await put(deployment, [[encode_block([history[-1]])]] * 3)
            await until(through(ends, first), first)
            assert {p: len(s.table) for p, s in first.states.items()} == {
                p: one.orders for p, one in enumerate(truth)
            }
        assert decided(truth) <= set(await public_ids(deployment))

    asyncio.run(run())


def test_an_idle_partition_hears_that_time_passes(kafka, topic_prefix, tmp_path):
    """No record comes for a day of deadlines: the worker's own ticks fire them."""
    settings = settings_of(kafka, topic_prefix, tmp_path, clock="wall", tick_seconds=0.1, partitions=1)
    declare(kafka, topics_of(settings))
    long_ago = datetime.now(UTC) - timedelta(days=3)
    order = placed(promise=(long_ago + timedelta(days=1)).date().isoformat())
    block = encode_block([to_entry(event(order, long_ago))])

    async def run():
        await put(settings, [[block]])
        async with folding(settings) as fold:
            await until(lambda: fold.vitals.counts["decisions", "exception.opened.v1"] > 0, fold)
            assert fold.vitals.counts["ticks", ""] >= 1

    asyncio.run(run())


def test_ticks_that_come_twice_or_late_change_nothing(deployment, history):
    """Recorded time never goes back, so a clock set back an hour fires nothing twice."""
    truth = expected(deployment, history)
    early = history[-1].recorded_at - timedelta(hours=1)

    async def run():
        parts = [
            [*packed(part), encode_block([tick(early)]), encode_block([history[-1]])]
            for part in cut(history, 3)
        ]
        ends = await put(deployment, parts)
        async with folding(deployment) as fold:
            await until(through(ends, fold), fold)
            assert rig.states(fold) == {p: one.state for p, one in enumerate(truth)}

    asyncio.run(run())


def test_a_day_of_ticks_on_an_idle_partition_fires_its_deadlines(kafka, topic_prefix, tmp_path):
    """Nothing comes but ticks, one a minute for a day: each deadline fires at the first tick behind it, once."""
    settings = settings_of(kafka, topic_prefix, tmp_path, partitions=1)
    declare(kafka, topics_of(settings))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    orders = [event(placed(f"ORD-{n}", promise="2026-11-24"), noon - timedelta(days=2)) for n in range(5)]
    ticks = [[tick(noon + timedelta(minutes=minute))] for minute in range(24 * 60)]

    async def run():
        blocks = [encode_block([to_entry(one) for one in orders]), *map(encode_block, ticks)]
        ends = await put(settings, [blocks])
        async with folding(settings) as fold:
            await until(through(ends, fold), fold)
        found = await records(settings, topics_of(settings).decisions.name)
        opened = [json.loads(one.value) for one in found if b"exception.opened.v1" in one.value]
        late = sorted(one["subject"] for one in opened if one["data"]["kind"] == "late_delivery")
        assert late == [f"ORD-{n}" for n in range(5)]
        # The day ends in New York at five in the morning, UTC.
        at = {one["time"] for one in opened if one["data"]["kind"] == "late_delivery"}
        assert at == {"2026-11-25T05:00:00Z"}

    asyncio.run(run())
