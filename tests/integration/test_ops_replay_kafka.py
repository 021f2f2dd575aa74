"""Replay over real Kafka: against what real workers decided, without a trace, and into the outbox once."""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta

import msgspec
import pytest

from streams.core import events as facts
from streams.ops.log_kafka import JournalTopics
from streams.ops.replay.crew import Stop
from streams.ops.replay.live import Kept, plan
from streams.ops.replay.outbox_kafka import TopicOutbox
from streams.ops.replay.travel import Route
from streams.ops.stretch import Span, Stretch
from streams.problems import WorldProblem
from streams.service.partition import partition_of
from streams.service.records import read_outbox
from streams.service.topics import topics_of
from tests import effects_rig, fold_rig
from tests.command_line import document, environment
from tests.embedded_runs import ROOT
from tests.fold_rig import cut, declare, folding, packed, put, records, settings_of, through, until
from tests.kafka_rig import admin
from tests.replay_rig import policy_with, shadowed
from tests.service_rig import Deployment

ANOTHER_TEST = re.compile(r".+-[0-9a-f]{8}-")  # as the fixture `topic_prefix` names what is a test's

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Ten simulated days as one machine wrote them."""
    return fold_rig.lived(tmp_path_factory.mktemp("history"))


@pytest.fixture
def folded(kafka, topic_prefix, tmp_path, history):
    """Settings of a deployment whose fold worker has decided all of it."""
    settings = settings_of(kafka, topic_prefix, tmp_path)
    declare(kafka, topics_of(settings))

    async def work():
        ends = await put(settings, [packed(part) for part in cut(history, 3)])
        async with folding(settings) as fold:
            await until(through(ends, fold), fold)

    asyncio.run(work())
    return settings


def groups(kafka, prefix):
    """The groups that the brokers know, without those of the tests that run beside this one."""
    with admin(kafka.bootstrap) as client:
        names = {one["group_id"] for one in client.list_groups()}
    return {one for one in names if one.startswith(prefix) or not ANOTHER_TEST.match(one)}


def ends_of(settings):
    """How many records each of our topics has."""
    return {
        topic.name: len(asyncio.run(records(settings, topic.name))) for topic in topics_of(settings).ours()
    }


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_a_worker_decided_is_decided_again(folded, jobs):
    """Every public record of three partitions, news of replacements across them included."""
    found = shadowed(JournalTopics(folded), jobs=jobs)

    assert found.differences == ()
    assert found.tally.same == found.recorded > 40
    assert found.beyond == found.unwritten == 0


def test_a_replay_leaves_no_trace_at_the_brokers(kafka, folded, topic_prefix):
    """No group, no commit, no record more."""
    before, known = ends_of(folded), groups(kafka, topic_prefix)
    shadowed(JournalTopics(folded), policy_with(returns__keep_days="30"), jobs=2)

    assert (ends_of(folded), groups(kafka, topic_prefix)) == (before, known)
    assert any(one.startswith(topic_prefix) for one in known)


def test_a_changed_policy_is_found_in_topics_as_in_a_file(folded, history):
    """The differences are those of the orders whose labels it changes; letters, which the log lacks, are none."""
    found = shadowed(JournalTopics(folded), policy_with(returns__keep_days="30"), jobs=2)
    issued = {entry.order_id for entry in history if entry.type == facts.ReturnLabelIssued.TYPE}

    assert {one.order_id for one in found.differences} == issued != set()
    assert {change.field for one in found.differences for change in one.changes} == {"keep_after"}
    assert found.tally.changed == found.tally.by_type["return_label.requested.v1"][0]


def test_a_range_of_offsets_is_told_alone(folded):
    """One partition, some of its blocks."""
    found = shadowed(JournalTopics(folded), None, Stretch(spans=(Span(partition=1, first=3, last=9),)))
    whole = shadowed(JournalTopics(folded))

    assert [came.partition for came in found.came] == [1]
    assert found.differences == ()
    assert found.tally.same < whole.tally.same


def test_a_topic_that_moves_on_is_read_to_the_end_that_was_there(folded, history):
    """What is written while we read waits for the next replay."""
    topics = JournalTopics(folded)
    later = [msgspec.structs.replace(one, id=f"{one.id}-later") for one in history[:40]]
    asyncio.run(put(folded, [packed(part) for part in cut(later, 3)]))
    found = shadowed(topics, jobs=2)

    assert found.differences == ()
    assert sum(one.events for one in found.came) == sum(len(part) for part in cut(history, 3))


IMPORTED = """
import sys
from streams.cli.program import run
code = run(sys.argv[1:])
sys.stderr.write(" ".join(sorted(sys.modules)))
sys.exit(code)
"""


def command(settings, *arguments):
    """Replay the deployment as a person does; return the end, and everything that was imported."""
    settings_given = {
        "FIRSTWORD_TOPIC_PREFIX": settings.topic_prefix,
        "FIRSTWORD_TOPICS": settings.topics,
        "FIRSTWORD_PARTITIONS": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, "replay", "--kafka", settings.kafka, *arguments],
        cwd=ROOT,
        env=environment(**settings_given),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done, set(done.stderr.split())


def test_the_command_reads_topics_and_imports_no_sender(folded):
    """Two processes, every partition, and nobody in the process who could send, buy or ship."""
    done, modules = command(folded, "--jobs", "2", "--json")

    assert done.returncode == 0, done.stderr[-2000:]
    found = document(done)
    assert [came["partition"] for came in found["came"]] == [0, 1, 2]
    assert (found["tally"]["orders"], found["tally"]["same"]) == (0, found["recorded"])
    senders = ("streams.mail", "streams.labels", "streams.desks", "streams.wiring", "streams.service.effects")
    assert "streams.ops.log_kafka" in modules
    assert [one for one in modules if one.startswith((*senders, "aiokafka", "faust", "sqlalchemy"))] == []


def test_the_command_writes_the_decisions_of_all_partitions(folded, tmp_path):
    """The public log once more, by its moments."""
    log = tmp_path / "decisions.ndjson"
    done, _ = command(folded, "--mode", "rebuild", "--out", str(log), "--jobs", "3")
    public = [one.value for one in asyncio.run(records(folded, topics_of(folded).decisions.name))]

    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(log.read_bytes().splitlines()) == sorted(public)


# ---------------------------------------------------------------------------- live


def planned(settings, now):
    """What would go into the outbox."""
    history = JournalTopics(settings)
    route = Route(history=history, policy=policy_with(), stretch=Stretch(), to_the_end=True)
    return plan(route, tuple(history.extents()), now=now, jobs=2, report=lambda _moved: None, stop=Stop())


def test_decisions_without_an_answer_go_to_the_outbox_of_their_orders(kafka, topic_prefix, tmp_path, history):
    """A deployment whose effects never ran: what the fold decided is planned, and written as the fold writes it."""
    settings = settings_of(kafka, topic_prefix, tmp_path)
    declare(kafka, topics_of(settings))
    unanswered = [one for one in history if one.source != "firstword/effects"]
    asyncio.run(put(settings, [packed(part) for part in cut(unanswered, 3)]))
    found = planned(settings, unanswered[0].recorded_at + timedelta(days=2))
    assert found.messages > 3
    assert TopicOutbox(settings).put(found.decisions) == len(found.decisions)

    written = asyncio.run(records(settings, topics_of(settings).outbox.name))
    effective = [(record.partition, one) for record in written for one in read_outbox(record.value)]
    assert Counter(one.decision.decision_id for _, one in effective) == Counter(
        one.id for one in found.decisions
    )
    assert {one.now for _, one in effective} == {one.now for one in found.decisions}
    for partition, one in effective:
        assert partition == partition_of(one.decision.order_id, 3)


def test_the_ledger_sends_a_message_once_however_often_it_is_handed_over(kafka, topic_prefix, tmp_path):
    """Twice into the outbox, one mail in the mailbox of a real effects worker."""
    mailbox = tmp_path / "mail"
    deployment = Deployment(
        kafka, topic_prefix.rstrip("-"), tmp_path, mail_url=f"maildir:{mailbox}", clock="history"
    )
    deployment.declare()
    mail = effects_rig.mail(1)
    kept = Kept(mail.decision_id, mail.order_id, mail.TYPE, effects_rig.DECIDED, msgspec.json.encode(mail))
    outbox = TopicOutbox(deployment.settings)

    async def send():
        async with effects_rig.effects(deployment) as worker:
            outbox.put([kept])
            await effects_rig.until(lambda: any((mailbox / "new").glob("*")), worker)
            outbox.put([kept, kept])

            async def all_taken():
                return sum((await effects_rig.committed(deployment)).values()) == 3

            await effects_rig.until(all_taken, worker)

    asyncio.run(send())
    assert len(list((mailbox / "new").glob("*"))) == 1


GONE = """
import datetime, sys
from streams.ops.replay.live import Kept
from streams.ops.replay.outbox_kafka import TopicOutbox
from streams.problems import WorldProblem
from streams.settings import load
kept = Kept("dec", "order", "message.queued.v1", datetime.datetime.now(datetime.UTC), b"{}")
try:
    TopicOutbox(load({}, kafka="localhost:1")).put([kept])
except WorldProblem as problem:
    print(problem.code)
"""


def test_brokers_that_are_gone_are_a_problem():
    """And nothing is claimed to have been written. In a process of its own: their client leaves sockets behind."""
    done = subprocess.run(
        [sys.executable, "-c", GONE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )

    assert done.stdout == "kafka-unreachable\n", done.stderr


def test_a_topic_that_is_not_there_is_a_problem_and_is_not_made(kafka, topic_prefix, tmp_path):
    """A slip in the prefix writes mails into nobody's topic."""
    settings = settings_of(kafka, topic_prefix, tmp_path)
    mail = effects_rig.mail(1)
    kept = Kept(mail.decision_id, mail.order_id, mail.TYPE, effects_rig.DECIDED, msgspec.json.encode(mail))
    with pytest.raises(WorldProblem) as raised:
        TopicOutbox(settings).put([kept])

    assert raised.value.code == "outbox-unwritable"
    assert [one for one in kafka.topics() if one.startswith(topic_prefix.rstrip("-"))] == []
