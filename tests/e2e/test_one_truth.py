"""The same simulated month through one machine, the service with one, two and three folds, and a pure fold.

Equal states, equal decisions, equal mailboxes. One machine runs first; what it recorded (when each line came, what
came of its decisions, when time passed) is the history that the service is given, with all its disorder.
"""

import asyncio
import email
import json
import sqlite3
import time
from datetime import date
from email import policy as email_policy

import pytest

from streams.codec.blocks import decode_block, decode_entries, encode_block
from streams.codec.envelope import decode_envelope
from streams.embedded.journal import Journal
from streams.pipeline.outcomes import SOURCE as OUTCOMES
from streams.pipeline.processor import TICK_ORDER, Processor
from streams.pipeline.shape import state_shape
from streams.problems import InputProblem
from streams.service.client import producer
from streams.service.order_table import state_hash
from streams.service.partition_state import loaded_state
from streams.service.snapshots import Snapshots
from streams.simulate.plan import Plan
from streams.simulate.shop import write
from streams.wiring import policy_of
from tests.embedded_runs import run_history
from tests.faults.test_fold_killed import committed
from tests.mail_receiver import MailReceiver
from tests.service_rig import Deployment, closing, records

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
PARTITIONS = 6
ORDERS = 16_000  # 200,000 events and more


class Embedded:
    """What one machine made of the month."""

    def __init__(self, folder):
        # Long ago: brokers take no record from the future.
        self.plan = Plan(orders=ORDERS, days=30, seed=23, start=date(2026, 3, 2))
        self.shop = write(self.plan, folder / "shop")
        began = time.perf_counter()
        run = run_history(folder / "run", f"native={self.shop.events}", until=self.plan.until)
        self.seconds = time.perf_counter() - began
        self.mailbox = mailbox(path.read_bytes() for path in (run.data / "mail" / "new").iterdir())
        self.decisions = {one.id for one in run.decisions}
        journal = Journal(run.data / "journal.sqlite")
        orders, _, _ = journal.load_snapshot(state_shape())
        self.state = state_hash(orders.values())
        journal.close()
        connection = sqlite3.connect(run.data / "journal.sqlite")
        blocks = [
            bytes(block) for (block,) in connection.execute("SELECT block FROM blocks ORDER BY position")
        ]
        connection.close()
        self.entries = [entry for block in blocks for entry in decode_entries(block)]
        self.history = list(self._in_order())

    def _in_order(self):
        """Yield the history so that topics read in the order of their names keep what came at the same moment apart.

        What one machine read of an order behind an outcome of its, at the same moment, goes into `shipments`, which is
        read after it.
        """
        spoken = set()
        for topic, at, value, order_id in self._history():
            if topic == "outcomes":
                spoken.add((at, order_id))
            yield ("shipments" if topic == "orders" and (at, order_id) in spoken else topic), at, value

    def _history(self):
        """Yield (topic, milliseconds, value, order): each line when it came, each outcome and each tick when it was written."""
        entries = self.entries
        told = set()  # a scan that had to wait stands in the journal where it was claimed, not where it came
        written, now = 0, entries[0].recorded_at
        for line in self.shop.events.read_bytes().splitlines():
            name = identity(line)
            ahead = written
            while ahead < len(entries) and (is_own(entries[ahead]) or key_of(entries[ahead]) in told):
                ahead += 1
            if ahead < len(entries) and key_of(entries[ahead]) == name:
                for entry in filter(is_own, entries[written:ahead]):
                    yield self._own(entry)
                written, now = ahead + 1, entries[ahead].recorded_at
            told.add(name)
            yield "orders", milliseconds(now), line, entries[ahead].order_id if written == ahead + 1 else None
        for entry in filter(is_own, entries[written:]):
            yield self._own(entry)

    @staticmethod
    def _own(entry):
        if entry.source == OUTCOMES:
            return "outcomes", milliseconds(entry.recorded_at), encode_block([entry]), entry.order_id
        return "orders", milliseconds(entry.recorded_at), tick_line(entry), None


def is_own(entry):
    """Whether one machine said it to itself: what came of a decision, or that time passed."""
    return entry.source == OUTCOMES or entry.order_id == TICK_ORDER


def key_of(entry):
    return entry.source, entry.id


def milliseconds(moment):
    """Kafka's clock is no finer; a month whose moments are would not be the same month."""
    assert moment.microsecond % 1000 == 0
    return int(moment.timestamp() * 1000)


def identity(line):
    try:
        found = decode_envelope(line)
    except InputProblem:
        return None
    return found.source, found.id


def tick_line(entry):
    fact = {"specversion": "1.0", "id": entry.id, "source": entry.source, "type": entry.type}
    return json.dumps(fact | {"time": entry.occurred_at.isoformat(), "data": json.loads(entry.data)}).encode()


def mailbox(contents):
    """Mails by message id, as a customer sees them."""
    found = {}
    for content in contents:
        # A Maildir ends its lines as files do, SMTP as RFC 5321 has it.
        mail = email.message_from_bytes(content.replace(b"\r\n", b"\n"), policy=email_policy.default)
        assert mail["Message-ID"] not in found, "one mail arrived twice"
        headers = [
            mail[name] for name in ("To", "Subject", "From", "References", "Date", "X-Firstword-Template")
        ]
        found[mail["Message-ID"]] = (
            *headers,
            [part.get_content() for part in mail.walk() if not part.is_multipart()],
        )
    return found


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    return Embedded(tmp_path_factory.mktemp("month"))


async def load(deployment, history):
    """Write the history into the topics, each record with its own time."""
    sender = producer(deployment.settings, "test", linger_ms=20)
    await sender.start()
    prefix = deployment.given["topic_prefix"]
    names = {name: f"{prefix}.{name}" for name in ("orders", "outcomes", "shipments")}
    waiting = []
    for topic, at, value in history:
        waiting.append(await sender.send(names[topic], value, partition=0, timestamp_ms=at))
        if len(waiting) >= 2000:
            await waiting[-1]
            waiting.clear()
    await sender.flush()
    await sender.stop()


async def journal_of(deployment):
    journal = deployment.topics.journal
    return await records(deployment.settings, journal.name, journal.partitions)


def done(deployment, group, topic, partitions):
    """A condition: the group has acknowledged every record of the topic."""
    ends = dict.fromkeys(range(partitions), 0)
    for record in asyncio.run(records(deployment.settings, topic, partitions)):
        ends[record.partition] = max(ends[record.partition], record.offset + 1)

    def reached():
        have = committed(deployment.settings, group, topic)
        return all(have.get(p, 0) >= end for p, end in ends.items())

    return reached


def wait(condition, *workers, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        for worker in workers:
            assert worker.process.poll() is None, f"a worker ended:\n{worker.text()[-3000:]}"
        assert time.monotonic() < deadline, "\n".join(worker.text()[-2000:] for worker in workers)
        time.sleep(0.2)


def pure(deployment, journal):
    """What a pure fold over the Kafka journal makes of it: states of all orders, decision ids."""
    policy, orders, decided = policy_of(deployment.settings), [], set()
    for partition in range(PARTITIONS):
        processor = Processor(policy)
        for record in journal:
            if record.partition == partition:
                for event in decode_block(record.value):
                    decided |= {decision.decision_id for decision in processor.fold(event)}
        orders += processor.orders.values()
    return state_hash(orders), decided


async def folded_state(deployment, journal):
    """The state that the workers left when they stopped: each partition's snapshot, and the tail behind it."""
    snapshots = Snapshots(deployment.settings, deployment.topics.snapshots.name)
    policy, orders = policy_of(deployment.settings), []
    for partition in range(PARTITIONS):
        found = await snapshots.read(partition)
        assert found is not None
        state = loaded_state(partition, policy, found.buckets, found.note.position, found.note.now)
        for record in journal:
            if record.partition == partition and record.offset > state.position:
                state.fold(record.offset, record.value)
        orders += state.table.values()
    return state_hash(orders)


async def public_ids(deployment):
    found = await records(deployment.settings, deployment.topics.decisions.name, PARTITIONS)
    return {json.loads(record.value)["id"] for record in found}


def test_every_room_tells_the_same_truth(kafka, topic_prefix, tmp_path, month):
    """One journal, folded by one, two and three workers, mailed by one: what one machine did, to the byte."""
    prefix = topic_prefix.rstrip("-")
    deployment = Deployment(
        kafka, prefix, tmp_path, partitions=PARTITIONS, clock="history", snapshot_seconds=5
    )
    told = {f"{prefix}.orders": 1, f"{prefix}.shipments": 1, deployment.topics.outcomes.name: PARTITIONS}
    kafka.create_topics(told, config={"retention.ms": "-1"})  # or brokers would drop a history at once
    deployment.declare()
    asyncio.run(load(deployment, month.history))
    with closing() as stack:
        ingest = deployment.worker("ingest")
        stack.callback(ingest.close)
        began = time.perf_counter()
        wait(done(deployment, "ingest", f"{prefix}.orders", 1), ingest)
        wait(done(deployment, "ingest", f"{prefix}.shipments", 1), ingest)
        wait(done(deployment, "ingest", deployment.topics.outcomes.name, 1), ingest)
        ingested = time.perf_counter() - began
        assert ingest.stop()[0] == 0
    journal = asyncio.run(journal_of(deployment))
    state, decided = pure(deployment, journal)
    assert state == month.state
    assert decided <= month.decisions
    for count in (1, 2, 3):
        seconds = fold_with(deployment, count, kafka)
        assert asyncio.run(folded_state(deployment, journal)) == month.state
        assert asyncio.run(public_ids(deployment)) == month.decisions
        found = mail_out(deployment, tmp_path, count)
        assert found.keys() == month.mailbox.keys()
        assert found == month.mailbox
        print(
            f"\n{len(month.entries):,} events, {count} fold worker{'s' * (count > 1)}: state {state[:8]},"
            f" {len(month.decisions):,} decisions, {len(found)} mails; folded in {seconds:.1f} s"
        )
        forget(deployment, kafka)
    print(f"one machine took {month.seconds:.1f} s, ingest {ingested:.1f} s")
    assert len(month.mailbox) > 50


def fold_with(deployment, count, kafka):
    journal = deployment.topics.journal
    began = time.perf_counter()
    with closing() as stack:
        crew = [deployment.worker("fold") for _ in range(count)]
        for worker in crew:
            stack.callback(worker.close)
        wait(done(deployment, "fold", journal.name, PARTITIONS), *crew)
        seconds = time.perf_counter() - began
        for worker in crew:
            assert worker.stop()[0] == 0, worker.text()[-2000:]
    return seconds


def mail_out(deployment, folder, count):
    """Let a fresh effects worker, with a ledger of its own, make the outbox true; return the mailbox."""
    with MailReceiver() as receiver, closing() as stack:
        given = {
            **deployment.given,
            "data": folder / f"effects-{count}",
            "mail_url": f"smtp://127.0.0.1:{receiver.port}?tls=none",
        }
        sending = Deployment(kafka_of(deployment), deployment.given["topic_prefix"], folder, **given)
        worker = sending.worker("effects")
        stack.callback(worker.close)
        wait(done(deployment, "effects", deployment.topics.outbox.name, PARTITIONS), worker)
        assert worker.stop()[0] == 0, worker.text()[-2000:]
        return mailbox(receiver.mailbox)


def kafka_of(deployment):
    class Address:
        bootstrap = deployment.given["kafka"]

    return Address


def forget(deployment, kafka):
    """Make the fold and the effects begin anew: no snapshots, no outbox, no offsets."""
    topics = deployment.topics
    gone = [topics.snapshots, topics.outbox, topics.decisions]
    kafka.delete_topics([topic.name for topic in gone])
    for topic in gone:
        kafka.create_topics({topic.name: topic.partitions}, config=dict(topic.config))
    from tests.kafka_rig import admin

    with admin(deployment.given["kafka"]) as client:
        prefix = deployment.given["topic_prefix"]
        client.delete_groups([f"{prefix}-fold", f"{prefix}-effects"])
