"""kill -9 while a mail is under way: what the next process finds, says and does."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from streams.core.events import MessageAccepted, MessageInDoubt
from streams.mail.ledger import LEASE
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.maildir import MaildirTransport
from streams.mail.smtp import Relay, SmtpTransport
from streams.mail.transport import Envelope
from tests.mail_builders import FRIDAY, queued, sender_over
from tests.smtp_server import SILENCE, scripted_server

ROOT = Path(__file__).parents[2]
VICTIM = """
import asyncio, sys
from streams.mail.ledger_sql import open_ledger
from streams.mail.smtp import Relay, SmtpTransport
from tests.mail_builders import FRIDAY, queued, sender_over

transport = SmtpTransport(Relay(host="127.0.0.1", port=int(sys.argv[2]), tls="none"))
sender = sender_over(open_ledger(sys.argv[1], synchronous=sys.argv[3]), transport, owner=sys.argv[4])
asyncio.run(sender.send(queued(), FRIDAY))
"""


@pytest.fixture(params=["SQLite FULL", "SQLite NORMAL", "PostgreSQL"])
def place(request, tmp_path):
    """Where the ledger is, and how long SQLite waits for the disk."""
    if request.param == "PostgreSQL":
        return request.getfixturevalue("postgres"), "FULL"
    return str(tmp_path / "ledger.db"), request.param.partition(" ")[2]


async def killed_while_silent(place, *, heir="test", after=timedelta(), **script):
    """Let a process send, kill it while the relay is silent, and send again from a new one, ``after`` that."""
    url, synchronous = place
    async with scripted_server(**script) as server:
        victim = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", VICTIM, url, str(server.port), synchronous, "test"),
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        async with asyncio.timeout(30):
            await server.silent.wait()
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        ledger = open_ledger(url)
        before = ledger.find("msg_armchair").state
        transport = SmtpTransport(Relay(host="127.0.0.1", port=server.port, tls="none"))
        sender = sender_over(ledger, transport, owner=heir)
        told = [
            *sender.recover(FRIDAY + after),
            *await sender.retry_due(FRIDAY + after),
            *await sender.send(queued(), FRIDAY + after),
        ]
        await sender.close()
        ledger.close()
        return before, [type(outcome) for outcome in told], len(server.mailbox)


def test_killed_after_the_final_dot(place):
    """The row stands in `sending`; the next process says in doubt, and never sends it again."""
    before, told, later_copies = asyncio.run(killed_while_silent(place, DOT=[SILENCE]))

    assert (before, told, later_copies) == ("sending", [MessageInDoubt, MessageInDoubt], 0)


def test_killed_before_the_final_dot(place):
    """The row stands in `claimed`: certainly not sent, so the next process sends it, once."""
    before, told, copies = asyncio.run(killed_while_silent(place, RCPT=[SILENCE]))

    assert (before, told, copies) == ("claimed", [MessageAccepted, MessageAccepted], 1)


@pytest.mark.parametrize(
    ("verb", "state", "after", "told", "copies"),
    [
        ("RCPT", "claimed", timedelta(), [], 0),
        ("RCPT", "claimed", 2 * LEASE, [MessageAccepted, MessageAccepted], 1),
        ("DOT", "sending", timedelta(), [], 0),
        ("DOT", "sending", 2 * LEASE, [MessageInDoubt, MessageInDoubt], 0),
    ],
)
def test_killed_beside_a_neighbor(postgres, verb, state, after, told, copies):
    """A process of another name cannot know whether the first one lives: it waits until the lease is over."""
    story = killed_while_silent((postgres, "FULL"), heir="neighbor", after=after, **{verb: [SILENCE]})

    assert asyncio.run(story) == (state, told, copies)


class DiesAfterDelivery(MaildirTransport):
    """A Maildir whose process ends before anyone hears of the delivery."""

    async def deliver(self, envelope, before_dot):
        """Deliver, then die."""
        await super().deliver(envelope, before_dot)
        raise KeyboardInterrupt


@pytest.mark.parametrize("was_read", [False, True])
def test_a_maildir_is_evidence(tmp_path, was_read):
    """Nobody need doubt what lies there: found again, read or unread, it is accepted and not written twice."""
    ledger = MemoryLedger()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(sender_over(ledger, DiesAfterDelivery(tmp_path)).send(queued(), FRIDAY))
    if was_read:
        (tmp_path / "new" / "msg_armchair").rename(tmp_path / "cur" / "msg_armchair:2,S")
    sender = sender_over(ledger, MaildirTransport(tmp_path))
    told = [*sender.recover(FRIDAY), *asyncio.run(sender.send(queued(), FRIDAY))]

    assert [type(outcome) for outcome in told] == [MessageAccepted, MessageAccepted]
    assert len([*tmp_path.glob("new/*"), *tmp_path.glob("cur/*")]) == 1


def test_an_empty_maildir_is_evidence_too(tmp_path):
    """Interrupted before the move: certainly not there, so it is delivered by the next process."""
    ledger = MemoryLedger()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(sender_over(ledger, DiesAfterDelivery(tmp_path)).send(queued(), FRIDAY))
    (tmp_path / "new" / "msg_armchair").unlink()
    sender = sender_over(ledger, MaildirTransport(tmp_path))
    recovered = sender.recover(FRIDAY)
    told = asyncio.run(sender.retry_due(FRIDAY))

    assert [type(outcome).__name__ for outcome in (*recovered, *told)] == [
        "MessageDeferred",
        "MessageAccepted",
    ]
    assert len([*tmp_path.glob("new/*")]) == 1


def test_a_second_delivery_into_a_maildir_replaces_the_first(tmp_path):
    """The file's name is the message's, so even without a ledger there is one."""

    async def twice():
        async def yes():
            return True

        envelope = Envelope(
            message_id="msg_1", sender="a@example.com", recipient="b@example.com", content=b"x\r\n"
        )
        transport = MaildirTransport(tmp_path, fsync=True)
        await transport.deliver(envelope, yes)
        await transport.deliver(envelope, yes)

    asyncio.run(twice())

    assert [path.name for path in tmp_path.glob("new/*")] == ["msg_1"]
    assert [*tmp_path.glob("tmp/*")] == []
