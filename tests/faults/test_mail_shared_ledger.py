"""Several processes and a PostgreSQL that gets killed: every mail goes out, and none goes out twice."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from streams.core.events import MessageAccepted
from streams.mail import ledger as rules
from streams.mail.ledger import LEASE, Swap
from streams.mail.ledger_sql import open_ledger
from streams.mail.smtp import Relay, SmtpTransport
from streams.problems import Problem
from tests.mail_builders import FRIDAY, queued, sender_over
from tests.mail_receiver import MailReceiver

ROOT = Path(__file__).parents[2]
COUNT = 60
NAMES = [f"msg_{number}" for number in range(COUNT)]
# Sends the whole outbox from its beginning or its end, as two workers do whose partitions were swapped.
WORKER = """
import asyncio, sys
from streams.mail.ledger_sql import open_ledger
from streams.mail.smtp import Relay, SmtpTransport
from tests.mail_builders import FRIDAY, queued, sender_over

url, port, owner, direction, count = sys.argv[1:]
transport = SmtpTransport(Relay(host="127.0.0.1", port=int(port), tls="none"))
sender = sender_over(open_ledger(url), transport, owner=owner)
names = [f"msg_{number}" for number in range(int(count))][:: int(direction)]

async def work():
    print("ready", flush=True)
    sys.stdin.readline()
    at_once = asyncio.Semaphore(8)

    async def send(name):
        async with at_once:
            await sender.send(queued(name), FRIDAY)

    await asyncio.gather(*map(send, names))
    await sender.close()

asyncio.run(work())
"""


def copies(receiver):
    """Return how often each message was taken, by the relay's word."""
    found = [re.search(rb"^Message-ID: <(\S+)@", mail, re.MULTILINE) for mail in receiver.mailbox]
    return Counter(match.group(1).decode() for match in found)


def start(url, port, *workers):
    """Start workers, ``(owner, direction)`` each, and let them go at the same moment."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = (sys.executable, "-c", WORKER, url, str(port))
    begun = [
        subprocess.Popen([*command, owner, str(direction), str(COUNT)], cwd=ROOT, **pipes)
        for owner, direction in workers
    ]
    for worker in begun:
        assert worker.stdout.readline() == "ready\n"
    for worker in begun:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return begun


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def transport_to(receiver):
    return SmtpTransport(Relay(host="127.0.0.1", port=receiver.port, tls="none"))


def test_two_workers_with_the_same_outbox(postgres):
    """Each mail goes out once, and both had a part in it."""
    with MailReceiver(pause_after_dot=0.02) as receiver:
        workers = start(postgres, receiver.port, ("a", 1), ("b", -1))
        for worker in workers:
            worker.communicate(timeout=60)
        taken = copies(receiver)
    ledger = open_ledger(postgres)
    owners = {ledger.find(name).claimed_by for name in NAMES}
    counts = ledger.counts()
    ledger.close()

    assert [worker.returncode for worker in workers] == [0, 0]
    assert taken == Counter(NAMES)
    assert (counts, owners) == ({"accepted": COUNT}, {"a", "b"})


def test_one_of_two_workers_is_killed(postgres):
    """The other goes on; what the dead one had in hand is sent or in doubt when its lease is over, never twice."""
    with MailReceiver(pause_after_dot=0.02) as receiver:
        victim, survivor = start(postgres, receiver.port, ("a", 1), ("b", -1))
        wait_until(lambda: len(receiver.mailbox) >= COUNT // 4)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        survivor.communicate(timeout=60)
        ledger = open_ledger(postgres)
        left = {row.message_id: row.state for row in ledger.unfinished()}
        sender = sender_over(ledger, transport_to(receiver), owner="b")

        async def later():
            sender.recover(FRIDAY + LEASE + timedelta(minutes=1))
            await sender.retry_due(FRIDAY + LEASE + timedelta(minutes=1))
            await sender.close()

        asyncio.run(later())
        taken, states = copies(receiver), {name: ledger.find(name).state for name in NAMES}
        ledger.close()

    assert survivor.returncode == 0
    assert left != {}
    assert states == {name: "in_doubt" if left.get(name) == "sending" else "accepted" for name in NAMES}
    assert max(taken.values()) == 1
    assert {name for name, state in states.items() if state == "accepted"} <= set(taken)


# ---------------------------------------------------------------------------- the server is killed


class Shop:
    """A worker that goes on, whatever happens to its database."""

    def __init__(self, url, receiver):
        self.ledger = open_ledger(url)
        self.sender = sender_over(self.ledger, transport_to(receiver), owner="a")
        self.now = FRIDAY
        self.problems = []
        self.told = Counter()

    def tell(self, outcomes):
        self.told.update(outcome.message_id for outcome in outcomes if isinstance(outcome, MessageAccepted))

    async def send(self, name):
        """Send one mail, again and again while the ledger cannot be used: as a worker does with a record."""
        while True:
            try:
                self.tell(await self.sender.send(queued(name), self.now))
            except Problem as problem:
                self.problems.append(problem)
                await asyncio.sleep(0.02)
            else:
                return

    async def retry(self):
        """Try what is due until nothing waits any more; meanwhile time passes."""
        while True:
            await asyncio.sleep(0)  # let the clock of the test have its say
            try:
                if (due := self.sender.next_retry()) is None:
                    return
                self.now = max(self.now, due)
                if self.now > FRIDAY + LEASE:
                    return
                self.tell(await self.sender.retry_due(self.now))
            except Problem as problem:
                self.problems.append(problem)
                self.now += timedelta(seconds=1)
                await asyncio.sleep(0.02)

    async def close(self):
        await self.sender.close()
        self.ledger.close()


async def killed_when(own_postgres, receiver, *numbers):
    """Kill the server when so many mails have been taken, and bring it back a little later; each time."""
    for number in numbers:
        await asyncio.to_thread(wait_until, lambda number=number: len(receiver.mailbox) >= number)
        await asyncio.to_thread(own_postgres.kill)
        await asyncio.sleep(0.1)
        await asyncio.to_thread(own_postgres.start)


@pytest.mark.parametrize("kills", [(1,), (20,), (10, 40)])
def test_the_database_is_killed_while_mails_go_out(own_postgres, kills):
    """Trying again is enough: all are accepted, once, and since somebody was there nothing is in doubt."""

    async def story(receiver):
        shop = Shop(own_postgres.url, receiver)
        async with asyncio.timeout(120):
            await asyncio.gather(killed_when(own_postgres, receiver, *kills), *map(shop.send, NAMES))
            await shop.retry()
        counts = shop.ledger.counts()
        await shop.close()
        return counts, shop

    with MailReceiver(pause_after_dot=0.01) as receiver:
        counts, shop = asyncio.run(story(receiver))
        taken = copies(receiver)

    assert {(problem.code, problem.retriable) for problem in shop.problems} == {("mail-ledger", True)}
    assert (taken, counts) == (Counter(NAMES), {"accepted": COUNT})
    assert set(shop.told) == set(NAMES)


def test_the_database_is_killed_while_mails_are_tried_again(own_postgres):
    """Nobody asks for these a second time: the sender itself keeps them in mind."""

    async def story(receiver):
        shop = Shop(own_postgres.url, receiver)
        claims = [rules.claimed(queued(name), FRIDAY, "a", 1) for name in NAMES]
        shop.ledger.write(claims)
        shop.ledger.write(swaps=[Swap(old=row, new=rules.due_now(row, "later", FRIDAY)) for row in claims])
        async with asyncio.timeout(120):
            await asyncio.gather(killed_when(own_postgres, receiver, 10, 40), shop.retry())
            await shop.retry()
        counts = shop.ledger.counts()
        await shop.close()
        return counts, shop

    with MailReceiver(pause_after_dot=0.01) as receiver:
        counts, shop = asyncio.run(story(receiver))
        taken = copies(receiver)

    assert (taken, counts) == (Counter(NAMES), {"accepted": COUNT})
    assert set(shop.told) == set(NAMES)


def test_database_and_worker_are_killed_together(own_postgres):
    """What was committed is there again: no mail that may have gone out goes out a second time."""
    with MailReceiver(pause_after_dot=0.02) as receiver:
        (victim,) = start(own_postgres.url, receiver.port, ("a", 1))
        wait_until(lambda: len(receiver.mailbox) >= COUNT // 3)
        own_postgres.kill()
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        own_postgres.start()

        async def story():
            shop = Shop(own_postgres.url, receiver)
            shop.sender.recover(FRIDAY)
            await asyncio.gather(*map(shop.send, NAMES))
            await shop.retry()
            states = {name: shop.ledger.find(name).state for name in NAMES}
            await shop.close()
            return states

        states = asyncio.run(story())
        taken = copies(receiver)

    assert max(taken.values()) == 1
    assert set(states.values()) <= {"accepted", "in_doubt"}
    assert {name for name, state in states.items() if state == "accepted"} <= set(taken)
