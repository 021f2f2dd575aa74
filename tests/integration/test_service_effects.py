"""The effects worker over real Kafka, a real ledger and a real SMTP server: once, in order, and told."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.codec.blocks import decode_entries, encode_block
from streams.labels.store import LabelStore
from streams.mail import ledger as rules
from streams.mail.ledger_sql import open_ledger
from streams.problems import WorldProblem
from streams.service import effects_room
from streams.service.records import outbox_record, read_outbox
from tests.effects_rig import (
    DECIDED,
    by_type,
    committed,
    copies,
    decide,
    effects,
    label,
    letters,
    mail,
    outcomes,
    replacement,
    told,
    until,
    withdrawal,
)
from tests.service_rig import Deployment, put, records
from tests.smtp_server import TAKE_AND_HANG_UP, scripted_server

SECOND = timedelta(seconds=1)
FAR = datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request):
    """Where the ledger is: None is the file in the data directory."""
    return request.getfixturevalue("postgres") if request.param == "postgresql" else None


@pytest.fixture
def deployment(kafka, topic_prefix, tmp_path, database):
    """Topics, settings and a ledger, without a worker."""
    made = Deployment(kafka, topic_prefix, tmp_path, **({} if database is None else {"database": database}))
    made.declare()
    return made


@pytest.fixture
def hasty(monkeypatch):
    """What a relay defers is tried again after a second."""
    monkeypatch.setattr(rules, "RETRY_AFTER", (SECOND,))


def relay(deployment, server, connections=2):
    """Let the deployment's mails go to this server."""
    deployment.given["mail_url"] = f"smtp://127.0.0.1:{server.port}?tls=none&connections={connections}"


def ledger_of(deployment):
    return open_ledger(str(deployment.given.get("database") or deployment.folder / "data" / "ledger.sqlite"))


def left_untold(deployment):
    ledger = ledger_of(deployment)
    rows = ledger.untold(FAR)
    ledger.close()
    return rows


def row_of(deployment, message_id):
    ledger = ledger_of(deployment)
    row = ledger.find(message_id)
    ledger.close()
    return row


async def unheard(*_record, **_where):
    """Brokers that hear nothing from now on."""
    await asyncio.Event().wait()


def told_of(worker, count):
    """A condition: so many outcomes are with the brokers."""
    return lambda: worker.vitals.counts["outcomes_reported", ""] >= count


async def reset(deployment, offset=0):
    """Let the effects read the outbox from there again; no worker may be at work."""
    topic, group = deployment.topics.outbox, f"{deployment.settings.topic_prefix}-effects"
    consumer = AIOKafkaConsumer(
        bootstrap_servers=deployment.settings.kafka, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(topic.name, p) for p in range(topic.partitions)])
    await consumer.commit({TopicPartition(topic.name, p): offset for p in range(topic.partitions)})
    await consumer.stop()


async def acknowledged(deployment):
    """Whether the whole outbox is acknowledged."""
    topic = deployment.topics.outbox
    consumer = AIOKafkaConsumer(bootstrap_servers=deployment.settings.kafka)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(topic.name, p) for p in range(topic.partitions)])
    await consumer.stop()
    return await committed(deployment) == {tp.partition: end for tp, end in ends.items()}


def test_each_decision_is_made_true_and_told(deployment):
    """A label, a replacement and mails: each once, each outcome in the topic, and nothing owed afterwards."""

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            await decide(deployment, label(1), replacement(2), *(mail(n) for n in range(20)), at_once=7)
            async with effects(deployment) as worker:
                await until(told_of(worker, 22), worker)
            assert await acknowledged(deployment)
            return await outcomes(deployment), copies(server.mailbox), worker.vitals

    entries, mailbox, vitals = asyncio.run(story())

    assert by_type(entries) == {
        "message.accepted.v1": 20,
        "return_label.issued.v1": 1,
        "replacement.accepted.v1": 1,
    }
    assert mailbox == {f"msg_{n}": 1 for n in range(20)}
    assert left_untold(deployment) == []
    assert (vitals.counts["mails", "accepted"], vitals.counts["effects", "message.queued.v1"]) == (20, 20)
    assert vitals.gauges["effects_under_way", ""] == 0


def test_two_workers_with_the_same_outbox_send_each_mail_once(deployment, kafka, topic_prefix):
    """Two consumer groups over one ledger, each given every mail at the same time."""

    async def story():
        async with scripted_server() as server:
            twin = Deployment(kafka, f"{topic_prefix}twin", deployment.folder, **{"data": None, **shared})
            relay(deployment, server, 3)
            relay(twin, server, 3)
            await asyncio.to_thread(twin.declare)
            mails = [mail(n) for n in range(60)]
            await decide(deployment, *mails)
            await decide(twin, *mails)
            async with effects(deployment) as one, effects(twin) as two:
                assert one._kit.seat.name != two._kit.seat.name
                await until(lambda: len(server.mailbox) >= 60, one, two)
                await until(lambda: acknowledged(deployment), one, two)
                await until(lambda: acknowledged(twin), one, two)
            both = await told(deployment) + await told(twin)
            return copies(server.mailbox), {identity.split(":")[0] for identity in both}

    shared = {name: deployment.given[name] for name in ("data", "database") if name in deployment.given}
    mailbox, heard = asyncio.run(story())

    assert mailbox == {f"msg_{n}": 1 for n in range(60)}
    assert heard == {f"msg_{n}" for n in range(60)}


def test_a_replayed_outbox_sends_nothing_new(deployment):
    """From offset 0 again: no mail, no label, the same outcomes under the same ids."""
    decisions = [label(1), *(mail(n) for n in range(10))]

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            await decide(deployment, *decisions)
            async with effects(deployment) as worker:
                await until(told_of(worker, 11), worker)
            before = set(await told(deployment))
            await reset(deployment)
            async with effects(deployment) as again:
                await until(told_of(again, 11), again)
            return before, set(await told(deployment)), copies(server.mailbox)

    before, after, mailbox = asyncio.run(story())

    assert after == before
    assert mailbox == {f"msg_{n}": 1 for n in range(10)}


def test_a_deferred_mail_holds_nobody_up(deployment, hasty):
    """Greylisted first in its partition: those behind it go out and are acknowledged, then it does, and both are told."""

    async def story():
        async with scripted_server(RCPT=["451 4.7.1 greylisted, come back later"]) as server:
            relay(deployment, server, 1)
            await decide(deployment, *(mail(n, order="ORD-1") for n in range(5)))
            async with effects(deployment) as worker:
                await until(lambda: acknowledged(deployment), worker)
                sent_at_once = copies(server.mailbox)
                await until(lambda: len(server.mailbox) == 5, worker)
                await until(told_of(worker, 6), worker)
            return sent_at_once, copies(server.mailbox), await told(deployment)

    at_once, mailbox, heard = asyncio.run(story())

    assert set(at_once) >= {f"msg_{n}" for n in range(1, 5)}
    assert mailbox == {f"msg_{n}": 1 for n in range(5)}
    assert heard["msg_0:message.deferred.v1:1"] == heard["msg_0:message.accepted.v1:2"] == 1
    assert left_untold(deployment) == []


def test_a_deferral_that_nobody_heard_of_is_told_before_the_next_try(deployment, hasty):
    """Settled in the ledger, and the process died before it could say so."""

    async def story():
        async with scripted_server(RCPT=["451 4.7.1 greylisted, come back later"]) as server:
            relay(deployment, server, 1)
            await decide(deployment, mail(1))
            async with effects(deployment) as worker:
                worker.core.reporter._send = unheard
                await until(lambda: worker.vitals.counts["mails", "deferred"] == 1, worker)
                row = await asyncio.to_thread(row_of, deployment, "msg_1")
                await until(lambda: datetime.now(UTC) > row.next_attempt_at + 2 * SECOND, worker)
                seen = copies(server.mailbox), await acknowledged(deployment)
                for task in worker.core.room._tasks | set(worker.core._chores):
                    task.cancel()
            async with effects(deployment) as worker:
                await until(lambda: len(server.mailbox) == 1, worker)
                await until(told_of(worker, 2), worker)
            return seen, await told(deployment)

    (mailbox, was_acknowledged), heard = asyncio.run(story())

    assert (mailbox, was_acknowledged) == ({}, False)
    assert set(heard) == {"msg_1:message.deferred.v1:1", "msg_1:message.accepted.v1:2"}


def test_an_end_that_nobody_heard_of_is_told_by_the_next_start(deployment, hasty):
    """Accepted at the second try, long after its record was acknowledged: only the ledger can still tell."""

    async def story():
        async with scripted_server(RCPT=["451 4.7.1 greylisted, come back later"]) as server:
            relay(deployment, server, 1)
            await decide(deployment, mail(1))
            async with effects(deployment) as worker:
                await until(told_of(worker, 1), worker)
                await until(lambda: acknowledged(deployment), worker)
                worker.core.reporter._send = unheard
                await until(lambda: worker.vitals.counts["mails", "accepted"] == 1, worker)
                for task in [*worker.core.rounds.tries, *worker.core._chores]:
                    task.cancel()
            before = await told(deployment)
            async with effects(deployment) as worker:
                await until(told_of(worker, 1), worker)
            return before, await told(deployment), copies(server.mailbox)

    before, after, mailbox = asyncio.run(story())

    assert set(after) - set(before) == {"msg_1:message.accepted.v1:2"}
    assert mailbox == {"msg_1": 1}
    assert left_untold(deployment) == []


def test_a_relay_that_hangs_up_after_the_final_dot(deployment):
    """In doubt, told once as such, and never sent again: not by a replay either."""

    async def story():
        async with scripted_server(DOT=[TAKE_AND_HANG_UP]) as server:
            relay(deployment, server, 1)
            await decide(deployment, mail(1), mail(2))
            async with effects(deployment) as worker:
                await until(told_of(worker, 2), worker)
            await reset(deployment)
            async with effects(deployment) as worker:
                await until(told_of(worker, 2), worker)
            return copies(server.mailbox), by_type(await outcomes(deployment)), worker

    mailbox, kinds, worker = asyncio.run(story())

    assert mailbox == {"msg_1": 1, "msg_2": 1}
    assert kinds == {"message.in_doubt.v1": 1, "message.accepted.v1": 1}
    assert worker.vitals.counts["mails", "in_doubt"] == 1


def test_poison_goes_to_the_dead_letters(deployment):
    """Bytes that are no block, and one bad decision among good ones: set aside, and all others are done."""
    spoiled = decode_entries(outbox_record([mail(1), mail(2), mail(3)], [DECIDED] * 3))
    spoiled[1] = type(spoiled[1])(
        *[getattr(spoiled[1], name) for name in spoiled[1].__struct_fields__[:-1]], b"{}"
    )
    inbound = encode_block(
        [type(spoiled[0])("ORD-1", "x", "s", "order.canceled.v1", DECIDED, DECIDED, b"{}")]
    )

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            outbox = deployment.topics.outbox.name
            await put(deployment.settings, outbox, [(0, b"garbage"), (0, encode_block(spoiled)), (0, b"")])
            await put(deployment.settings, outbox, [(0, inbound), (0, outbox_record([mail(4)], [DECIDED]))])
            async with effects(deployment) as worker:
                await until(told_of(worker, 3), worker)
                await until(lambda: acknowledged(deployment), worker)
            return copies(server.mailbox), await letters(deployment)

    mailbox, dead = asyncio.run(story())
    outbox = deployment.topics.outbox.name

    assert mailbox == {"msg_1": 1, "msg_3": 1, "msg_4": 1}
    assert sorted((one.place, one.code) for one in dead) == [
        (f"{outbox}[0]@0", "block-corrupt"),
        (f"{outbox}[0]@1#1", "fact-invalid"),
        (f"{outbox}[0]@2", "block-corrupt"),
        (f"{outbox}[0]@3#0", "fact-invalid"),
    ]
    assert {one.source for one in dead} == {"outbox"}
    assert all(timedelta(0) <= datetime.now(UTC) - one.at < timedelta(minutes=5) for one in dead)
    assert decode_entries(next(one.raw for one in dead if one.place.endswith("@1#1"))) == [spoiled[1]]


def test_what_was_withdrawn_is_not_sent(deployment, hasty):
    """Before it came, and while it waits for its second try; once it is out it is too late."""
    early, waiting, late = mail(1, order="ORD-1"), mail(2, order="ORD-1"), mail(3, order="ORD-1")

    async def story():
        async with scripted_server(RCPT=["451 4.7.1 greylisted"] + ["250 ok"] * 9) as server:
            relay(deployment, server, 1)
            rules_slow(60)
            await decide(deployment, waiting)
            async with effects(deployment) as worker:
                await until(told_of(worker, 1), worker)
                await decide(deployment, withdrawal(waiting), withdrawal(early))
                await until(lambda: acknowledged(deployment), worker)  # neighbors are done at the same time
                await decide(deployment, early, late)
                await until(told_of(worker, 2), worker)
                await decide(deployment, withdrawal(late))
                await until(lambda: acknowledged(deployment), worker)
            return copies(server.mailbox), by_type(await outcomes(deployment))

    def rules_slow(seconds):
        rules.RETRY_AFTER = (seconds * SECOND,)

    mailbox, kinds = asyncio.run(story())
    ledger = ledger_of(deployment)
    counts = ledger.counts()
    ledger.close()

    assert mailbox == {"msg_3": 1}
    assert kinds == {"message.deferred.v1": 1, "message.accepted.v1": 1}
    assert counts == {"withdrawn": 2, "accepted": 1}


class Slow:
    """A provider or desk that takes its time."""

    name = "slow"

    def __init__(self, wrapped):
        self._wrapped = wrapped
        self.document = getattr(wrapped, "document", None)
        self.go_on = threading.Event()
        self.asked = 0

    def buy(self, request):
        self.asked += 1
        self.go_on.wait()
        return self._wrapped.buy(request)

    def order(self, request):
        self.asked += 1
        self.go_on.wait()
        return self._wrapped.order(request)


def test_a_slow_provider_stops_nobody_else(deployment):
    """Mails go out while label and desk are waited for; then these are told, and all is acknowledged in order."""

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            async with effects(deployment) as worker:
                kit = worker._kit.effects
                kit.labels, kit.desk = Slow(kit.labels), Slow(kit.desk)
                mails = [mail(n, order="ORD-1") for n in range(10, 20)]  # behind the label, in its partition
                await decide(deployment, label(1), replacement(2), *mails)
                await until(lambda: len(server.mailbox) == 10, worker)
                await until(told_of(worker, 10), worker)
                asked = kit.labels.asked, kit.desk.asked
                meanwhile = by_type(await outcomes(deployment))
                await worker._app.consumer.commit()
                behind = set((await committed(deployment)).values())
                kit.labels.go_on.set()
                kit.desk.go_on.set()
                await until(told_of(worker, 12), worker)
            assert await acknowledged(deployment)
            return asked, meanwhile, behind, by_type(await outcomes(deployment))

    asked, meanwhile, behind, kinds = asyncio.run(story())

    assert asked == (1, 1)
    assert behind == {0}  # the ten behind the label are done, and not acknowledged before it
    assert meanwhile == {"message.accepted.v1": 10}
    assert kinds == {
        "message.accepted.v1": 10,
        "return_label.issued.v1": 1,
        "replacement.accepted.v1": 1,
    }


def with_label(message, issued):
    """The same mail, decided when its label was there."""
    letter = msgspec.structs.replace(
        message.letter, label_id=issued.label_id, label_tracking_number=issued.tracking_number
    )
    return msgspec.structs.replace(message, letter=letter)


def test_a_mail_waits_for_its_label_in_an_outbox_that_is_read_again(deployment):
    """Both stand next to each other and the shelf is empty: the mail goes behind the label, and carries it."""

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            async with effects(deployment) as worker:
                kit = worker._kit.effects
                issued = kit.labels.buy(label(1))
                kit.labels = Slow(kit.labels)
                with_it = with_label(mail(1), issued)
                await decide(deployment, label(1), with_it, mail(2, order="ORD-1"), at_once=3)
                await until(told_of(worker, 1), worker)
                meanwhile = copies(server.mailbox)
                kit.labels.go_on.set()
                await until(told_of(worker, 3), worker)
            assert await acknowledged(deployment)
            return meanwhile, server.mailbox

    meanwhile, mailbox = asyncio.run(story())

    assert meanwhile == {"msg_2": 1}
    assert copies(mailbox) == {"msg_1": 1, "msg_2": 1}
    (carries,) = [content for _, _, content in mailbox if b"X-Firstword-Message: msg_1" in content]
    assert b"application/pdf" in carries


class Away:
    """A provider that cannot be reached for a while."""

    name = "away"

    def __init__(self, wrapped):
        self._wrapped = wrapped
        self.document = wrapped.document
        self.is_back = False
        self.asked = 0

    def buy(self, request):
        self.asked += 1
        if not self.is_back:
            raise WorldProblem("provider-away", "the provider does not answer", retriable=True)
        return self._wrapped.buy(request)


def test_a_provider_that_is_away_stops_no_mail(deployment, monkeypatch):
    """It is asked again and again; more mails than fit into the window pass it by, and wait only to be acknowledged."""
    monkeypatch.setattr(effects_room, "_PROVIDER_PAUSE", 0.1)
    count = effects_room.WINDOW + 50

    async def story():
        async with scripted_server() as server:
            relay(deployment, server, 5)
            async with effects(deployment) as worker:
                kit = worker._kit.effects
                kit.labels = away = Away(kit.labels)
                mails = [mail(n, order="ORD-1") for n in range(count)]  # behind the label, in its partition
                await decide(deployment, label(1), *mails)
                await until(told_of(worker, count), worker)
                await worker._app.consumer.commit()
                behind, asked = set((await committed(deployment)).values()), away.asked
                away.is_back = True
                await until(told_of(worker, count + 1), worker)
            assert await acknowledged(deployment)
            return behind, asked, by_type(await outcomes(deployment))

    behind, asked, kinds = asyncio.run(story())

    assert behind == {0}
    assert asked > 2
    assert kinds == {"message.accepted.v1": count, "return_label.issued.v1": 1}


def test_a_provider_that_never_answers_does_not_hold_up_the_end(deployment):
    """Told to stop, the worker is gone in time, and the label is asked for again after the next start."""

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            async with effects(deployment) as worker:
                kit = worker._kit.effects
                kit.labels = Slow(kit.labels)
                await decide(deployment, label(1))
                await until(lambda: kit.labels.asked, worker)
                began = time.monotonic()
            took = time.monotonic() - began
            async with effects(deployment) as worker:
                await until(told_of(worker, 1), worker)
            return took, by_type(await outcomes(deployment))

    took, kinds = asyncio.run(story())

    assert took < 10
    assert kinds == {"return_label.issued.v1": 1}


def test_a_label_is_in_the_mail_of_every_host(deployment):
    """Bought by one worker, attached by another one with a data directory of its own, where there is a database."""

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            await decide(deployment, label(1))
            async with effects(deployment) as worker:
                await until(told_of(worker, 1), worker)
            (issued,) = [one for one in await outcomes(deployment) if one.type == "return_label.issued.v1"]
            fact = read_outbox_fact(issued)
            if "database" in deployment.given:
                deployment.given["data"] = deployment.folder / "another host"
            async with effects(deployment) as worker:
                return fact.label_id, worker._kit.effects.store.get(fact.label_id)

    def read_outbox_fact(entry):
        from streams.codec.registry import decode_fact

        return decode_fact(entry.type, entry.data)

    label_id, document = asyncio.run(story())
    files = LabelStore(deployment.folder / "data" / "labels")

    assert document.startswith(b"%PDF")
    assert (files.get(label_id) is None) == ("database" in deployment.given)


def test_a_history_bears_its_own_time(deployment):
    """Loaded in the past: mails are dated as they were decided, and outcomes lie at that moment in the topic."""
    deployment.given["clock"] = "history"
    long_ago = DECIDED - timedelta(days=400)

    async def story():
        async with scripted_server() as server:
            relay(deployment, server)
            record = outbox_record([mail(1), label(2)], [long_ago, long_ago + SECOND])
            await put(deployment.settings, deployment.topics.outbox.name, [(0, record)])
            async with effects(deployment) as worker:
                await until(told_of(worker, 2), worker)
            topic = deployment.topics.outcomes
            found = await records(deployment.settings, topic.name, topic.partitions)
            return server.mailbox, await outcomes(deployment), {one.timestamp for one in found}

    ((_, _, content),), entries, stamps = asyncio.run(story())

    assert {one.recorded_at for one in entries} == {long_ago, long_ago + SECOND}
    assert stamps == {one.recorded_at.timestamp() * 1000 for one in entries}
    assert b"Date: Sun, 19 Oct 2025 15:00:00 +0000" in content


def test_the_outbox_is_what_the_fold_writes():
    """The rig writes records as the fold does, so these tests test the real thing."""
    assert [one.decision for one in read_outbox(outbox_record([mail(1)], [DECIDED]))] == [mail(1)]
