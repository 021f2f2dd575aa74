"""The effects worker killed, its database killed, and told to stop at a bad moment: no mail twice, no outcome lost."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime

import pytest

from streams.mail.ledger_sql import open_ledger
from tests.effects_rig import by_type, copies, decide, label, mail, outcomes
from tests.mail_receiver import MailReceiver
from tests.service_rig import WITHIN, Deployment, closing
from tests.worker_processes import LONG

pytestmark = pytest.mark.slow

KILLS = 30 if LONG else 4  # each waits twelve seconds for its group to notice
SEED = 20261123
FAR = datetime(9999, 1, 1, tzinfo=UTC)
# What a worker says when its database is away for longer than it waits, and it ends.
AWAY = 3


def wait_for(condition, *workers, within=WITHIN):
    """Poll until it is so; a worker that ends meanwhile says why."""
    deadline = time.monotonic() + within
    while not condition():
        for worker in workers:
            assert worker.process.poll() is None, worker.text()[-4000:]
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class Shop:
    """A deployment with a relay, and what lies where at the end."""

    def __init__(self, deployment, receiver, connections):
        self.deployment, self.receiver = deployment, receiver
        url = f"smtp://127.0.0.1:{receiver.port}?tls=none&connections={connections}"
        deployment.given["mail_url"] = url
        place = deployment.given.get("database") or deployment.folder / "data" / "ledger.sqlite"
        (deployment.folder / "data").mkdir(exist_ok=True)
        self.ledger = open_ledger(str(place))

    def decide(self, *decisions, at_once=3):
        asyncio.run(decide(self.deployment, *decisions, at_once=at_once))

    def taken(self):
        return len(self.receiver.mailbox)

    def is_done(self, count):
        """Every mail has come to its end, and every end was told."""
        counts = self.ledger.counts()
        ended = counts.get("accepted", 0) + counts.get("in_doubt", 0)
        return ended == count and self.ledger.untold(FAR) == []

    def ends(self):
        """How the mails ended, by the ledger; what the topic says; what lies in the mailbox."""
        told = asyncio.run(outcomes(self.deployment))
        of_mails = {
            (json.loads(one.data)["message_id"], one.type)
            for one in told
            if one.type in {"message.accepted.v1", "message.in_doubt.v1"}
        }
        return of_mails, by_type(told), copies(self.receiver.mailbox)


def shop(kafka, topic_prefix, tmp_path, receiver, *, connections=4, **given):
    deployment = Deployment(kafka, topic_prefix, tmp_path, **given)
    deployment.declare()
    return Shop(deployment, receiver, connections)


@pytest.mark.parametrize(("kind", "kills"), [("postgresql", KILLS), ("sqlite", KILLS // 2)])
def test_nothing_twice_and_nothing_lost_through_kills(kind, kills, kafka, topic_prefix, tmp_path, request):
    """SIGKILL under load, again and again: each mail once or in doubt, and every end in the topic."""
    given = {"database": request.getfixturevalue("postgres")} if kind == "postgresql" else {}
    dice = random.Random(SEED)
    mails, labels = 120 * kills, 30
    with MailReceiver(pause_after_dot=0.03) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, **given)
        stack.callback(place.ledger.close)
        decisions = [*(mail(n) for n in range(mails)), *(label(n) for n in range(labels))]
        dice.shuffle(decisions)
        place.decide(*decisions)
        for _ in range(kills):
            worker = place.deployment.worker("effects")
            stack.callback(worker.close)
            before = place.taken()
            wait_for(lambda before=before: place.taken() > before, worker)  # from here on a kill hits work
            time.sleep(dice.uniform(0.0, 1.2))  # before and after the first commits, which come at 0.5 s
            worker.kill()
            assert place.taken() < mails, "the load ended before the kills: more mails are needed"
        last = place.deployment.worker("effects")
        stack.callback(last.close)
        wait_for(lambda: place.is_done(mails), last)
        wait_for(
            lambda: by_type(asyncio.run(outcomes(place.deployment))).get("return_label.issued.v1") == labels
        )
        code, _ = last.stop()
        told, kinds, mailbox = place.ends()
        in_doubt = {message for message, kind in told if kind == "message.in_doubt.v1"}

    assert code == 0
    assert [message for message, count in mailbox.items() if count > 1] == []
    assert set(mailbox) | in_doubt == {f"msg_{n}" for n in range(mails)}
    assert {message for message, _ in told} == {f"msg_{n}" for n in range(mails)}
    assert len(told) == mails
    assert kinds["return_label.issued.v1"] == labels
    assert len(in_doubt) <= kills * 4  # no more than were on a connection


def test_workers_come_and_go_under_load(kafka, topic_prefix, tmp_path, postgres):
    """A second one joins, the first one goes: partitions move while mails are under way, and nobody minds."""
    mails = 500
    with MailReceiver(pause_after_dot=0.05) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, connections=2, database=postgres)
        stack.callback(place.ledger.close)
        place.decide(*(mail(n) for n in range(mails)))
        first = place.deployment.worker("effects")
        stack.callback(first.close)
        wait_for(lambda: place.taken() > mails / 10, first)
        second = place.deployment.worker("effects")
        stack.callback(second.close)
        wait_for(lambda: owners(place) == {0, 1} or place.taken() == mails, first, second)
        shared = place.taken()
        code, seconds = first.stop()
        wait_for(lambda: place.is_done(mails), second)
        second.stop()
        told, _, mailbox = place.ends()

    in_order = code == 0
    in_doubt = {message for message, kind in told if kind == "message.in_doubt.v1"}
    assert shared < mails
    assert in_order or seconds >= 10  # a machine that gives it no time: it ends itself then, as it says
    assert in_doubt == set() or not in_order
    assert max(mailbox.values()) == 1
    assert set(mailbox) | in_doubt == {f"msg_{n}" for n in range(mails)}
    assert {message for message, _ in told} == {f"msg_{n}" for n in range(mails)}
    assert len(told) == mails


def owners(place):
    """Which seats have claimed mails."""
    rows = [place.ledger.find(f"msg_{n}") for n in range(0, 500, 5)]
    return {int(row.claimed_by.rpartition("/")[2]) for row in rows if row}


def test_a_database_that_comes_back_soon_is_waited_for(kafka, topic_prefix, tmp_path, own_postgres):
    """Killed under load and started again: the worker lives, knows what became of its mails, and doubts none."""
    mails = 300
    with MailReceiver(pause_after_dot=0.02) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, database=own_postgres.url)
        stack.callback(place.ledger.close)
        place.decide(*(mail(n) for n in range(mails)))
        worker = place.deployment.worker("effects")
        stack.callback(worker.close)
        for part in (1, 2):
            wait_for(lambda part=part: place.taken() > part * mails / 3, worker)
            own_postgres.kill()
            time.sleep(1.0)  # long enough for every mail under way to miss it
            own_postgres.start()
        wait_for(lambda: place.is_done(mails), worker)
        code, _ = worker.stop()
        told, kinds, mailbox = place.ends()

    assert code == 0
    assert worker.says("world_awaited", "mail-ledger")
    assert mailbox == {f"msg_{n}": 1 for n in range(mails)}
    assert told == {(f"msg_{n}", "message.accepted.v1") for n in range(mails)}
    assert "message.in_doubt.v1" not in kinds


def test_a_database_that_stays_away_ends_the_worker(kafka, topic_prefix, tmp_path, own_postgres):
    """Exit code 3 and a problem; started again by whoever runs it, it goes on: nothing lost, nothing twice."""
    mails = 200
    with MailReceiver(pause_after_dot=0.02) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, database=own_postgres.url)
        stack.callback(place.ledger.close)
        place.decide(*(mail(n) for n in range(mails)))
        first = place.deployment.worker("effects")
        stack.callback(first.close)
        wait_for(lambda: place.taken() > mails / 3, first)
        own_postgres.kill()
        ended = first.process.wait(WITHIN)
        without = place.deployment.worker("effects")  # as an orchestrator would, whatever the database does
        stack.callback(without.close)
        refused = without.process.wait(WITHIN)
        own_postgres.start()
        last = place.deployment.worker("effects")
        stack.callback(last.close)
        wait_for(lambda: place.is_done(mails), last)
        code, _ = last.stop()
        told, _, mailbox = place.ends()

    assert (ended, refused, code) == (AWAY, AWAY, 0)
    assert "[mail-ledger]" in first.text() or "[seat-lost]" in first.text()
    assert [message for message, count in mailbox.items() if count > 1] == []
    in_doubt = {message for message, kind in told if kind == "message.in_doubt.v1"}
    assert set(mailbox) | in_doubt == {message for message, _ in told} == {f"msg_{n}" for n in range(mails)}


def test_told_to_stop_with_mails_under_way(kafka, topic_prefix, tmp_path, postgres):
    """In order and within ten seconds: what is on a connection is finished, the rest is left for the next start."""
    mails = 60
    with MailReceiver(pause_after_dot=0.4) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, connections=3, database=postgres)
        stack.callback(place.ledger.close)
        place.decide(*(mail(n) for n in range(mails)))
        worker = place.deployment.worker("effects")
        stack.callback(worker.close)
        wait_for(lambda: place.taken() >= 5, worker)
        code, took = worker.stop()
        after = place.ledger.counts()
        taken = place.taken()
        untold = place.ledger.untold(FAR)
        receiver._pause = 0.0
        again = place.deployment.worker("effects")
        stack.callback(again.close)
        wait_for(lambda: place.is_done(mails), again)
        again.stop()
        told, kinds, mailbox = place.ends()

    assert (code, took < 10) == (0, True)
    assert after.get("sending", 0) == 0  # nothing was cut off between its final dot and the answer
    assert after["accepted"] == taken < mails
    assert untold == []
    assert mailbox == {f"msg_{n}": 1 for n in range(mails)}
    assert kinds == {"message.accepted.v1": mails}
    assert len(told) == mails


def test_told_to_stop_while_the_relay_is_silent(kafka, topic_prefix, tmp_path, postgres):
    """A mail whose final dot nobody answers is cut off in time; the next start says that it is in doubt."""
    with MailReceiver(pause_after_dot=600) as receiver, closing() as stack:
        place = shop(kafka, topic_prefix, tmp_path, receiver, connections=1, database=postgres)
        stack.callback(place.ledger.close)
        place.decide(mail(1))
        worker = place.deployment.worker("effects")
        stack.callback(worker.close)
        wait_for(lambda: place.taken() == 1, worker)
        wait_for(lambda: place.ledger.counts() == {"sending": 1}, worker)
        code, took = worker.stop()
        again = place.deployment.worker("effects")
        stack.callback(again.close)
        wait_for(lambda: place.is_done(1), again)
        again.stop()
        told, _, mailbox = place.ends()

    assert (code, took < 10) == (0, True)
    assert (told, mailbox) == ({("msg_1", "message.in_doubt.v1")}, {"msg_1": 1})
