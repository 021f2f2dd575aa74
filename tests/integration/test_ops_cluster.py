"""What waits for the workers at real brokers: counted and dated by an onlooker who joins nothing and commits nothing."""

import asyncio
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.cli.doctor import brokers as doctor
from streams.ops.cluster import PAUSE, Cluster, Group, look
from tests.kafka_rig import KafkaError, admin
from tests.service_rig import Deployment, put

NOW = datetime.now(UTC)


@pytest.fixture
def deployment(kafka, topic_prefix, tmp_path):
    made = Deployment(kafka, topic_prefix, tmp_path)
    made.declare()
    yield made
    with suppress(KafkaError), admin(kafka.bootstrap) as client:  # there may be no group at all
        client.delete_groups([f"{topic_prefix}-{role}" for role in ("ingest", "fold", "effects")])


def by_role(deployment, **more):
    return {group.role: group for group in look(deployment.settings, **more).groups}


async def take(deployment, role, topic, count):
    """Take so many records as a worker of that role, commit, and yield to the test while still a member."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=deployment.settings.kafka,
        group_id=f"{deployment.settings.topic_prefix}-{role}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=1,
    )
    await consumer.start()
    for _ in range(count):
        await consumer.getone()
        await consumer.commit()
    return consumer


def test_a_service_that_never_ran_has_everything_before_it(deployment):
    """No group yet: all records of the sources wait for ingest, and nobody works."""
    topic = f"{deployment.settings.topic_prefix}.orders"
    asyncio.run(put(deployment.settings, topic, [(0, b"one"), (1, b"two"), (2, b"three")]))
    found = by_role(deployment)

    assert (found["ingest"].workers, found["ingest"].behind, found["ingest"].taken) == (0, 3, None)
    assert timedelta() <= datetime.now(UTC) - found["ingest"].oldest < timedelta(minutes=5)
    assert [(found[role].workers, found[role].behind) for role in ("fold", "effects")] == [(0, 0), (0, 0)]


def test_workers_and_what_waits_for_them_are_counted(deployment):
    """Ten records, four committed by a worker that is still there: six wait, and standing still is seen."""
    journal = deployment.topics.journal.name

    async def scenario():
        await put(deployment.settings, journal, [(0, b"%d" % number) for number in range(10)])
        consumer = await take(deployment, "fold", journal, 4)
        try:
            return await asyncio.to_thread(by_role, deployment, pause=0.1)
        finally:
            await consumer.stop()

    fold = asyncio.run(scenario())["fold"]

    assert (fold.workers, fold.behind, fold.taken) == (1, 6, 0)


def test_a_worker_that_goes_on_is_seen_to_go_on(deployment):
    """Between the two looks it takes more: that is its rate."""
    outbox = deployment.topics.outbox.name

    async def scenario():
        await put(deployment.settings, outbox, [(1, b"%d" % number) for number in range(2000)])
        consumer = await take(deployment, "effects", outbox, 1)

        async def go_on():
            while True:
                await consumer.getone()
                await consumer.commit()

        going = asyncio.create_task(go_on())
        try:
            return await asyncio.to_thread(by_role, deployment, pause=0.5)
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            await consumer.stop()

    effects = asyncio.run(scenario())["effects"]

    assert effects.workers == 1
    assert effects.behind > 0
    assert effects.taken > 0


def test_looking_leaves_no_trace(deployment, kafka):
    """No group is made and no offset committed by the look itself."""
    prefix = deployment.settings.topic_prefix
    look(deployment.settings)
    with admin(kafka.bootstrap) as client:
        groups = [one["group_id"] for one in client.list_groups() if one["group_id"].startswith(prefix)]

    assert groups == []


def test_a_clock_that_runs_ahead_is_found_by_the_journal(deployment):
    """A worker whose clock is most of an hour ahead dates its records there."""
    ahead = datetime.now(UTC) + timedelta(minutes=50)

    async def write():
        producer = AIOKafkaProducer(bootstrap_servers=deployment.settings.kafka)
        await producer.start()
        try:
            await producer.send_and_wait(
                deployment.topics.journal.name, b"x", partition=2, timestamp_ms=int(ahead.timestamp() * 1000)
            )
        finally:
            await producer.stop()

    asyncio.run(write())
    found = {check.what: check for check in doctor.look_at_kafka(deployment.settings)}

    assert found["clocks"].state == "act"
    assert re.search(r"written (49|50) min ahead of this clock", found["clocks"].says)
    assert found["brokers"].says == "1 broker, every copy in step"
    assert found["faust"].state == "ok"


def group(**said):
    usual = {"role": "fold", "name": "p-fold", "workers": 2, "behind": 0, "seconds": PAUSE}
    return Group(**usual | said)


@pytest.mark.parametrize(
    ("one", "state", "says", "do"),
    [
        (group(), "ok", "2 workers, nothing waits", ""),
        (group(workers=0), "look", "no worker, nothing waits", "firstword worker fold"),
        (group(workers=0, behind=3), "act", "no worker, 3 records wait", "firstword worker fold"),
        (group(workers=1, behind=900, taken=600), "ok", "1 worker, 900 records wait; 200 a second", ""),
        (
            group(behind=900_000, taken=300),
            "look",
            "all of it in 2 h",
            "start more of `firstword worker fold`",
        ),
        (
            group(behind=1, taken=0, oldest=NOW - timedelta(hours=5)),
            "act",
            "1 record waits, the oldest for 5 h, and none was taken in 3 seconds",
            "read the log of `firstword worker fold`",
        ),
        (group(behind=1, taken=0, oldest=NOW - timedelta(seconds=5)), "look", "none was taken", "look again"),
    ],
)
def test_what_waits_is_judged(one, state, says, do):
    """Behind is no trouble while it moves; standing still is, and nobody there is more."""
    check = doctor._group(one, NOW)

    assert check.state == state
    assert says in check.says
    assert do in check.do
    assert bool(check.do) == (state != "ok")


def test_a_copy_that_is_missing_is_told(deployment, monkeypatch):
    """One broker down of three is noticed while the service still runs."""
    cluster = Cluster(brokers=2, lagging=("p.journal",), newest=None, groups=())
    monkeypatch.setattr("streams.ops.cluster.look", lambda _settings: cluster)
    (check,) = [one for one in doctor.look_at_kafka(deployment.settings) if one.what == "brokers"]

    assert (check.state, "p.journal" in check.says) == ("act", True)
