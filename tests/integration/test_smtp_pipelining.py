"""A relay that offers PIPELINING gets several commands at once (RFC 2920), and may answer them as it likes."""

import asyncio
from contextlib import suppress

import pytest

from streams.core.events import MessageAccepted, MessageDeferred
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.smtp import Relay, SmtpTransport
from tests.mail_builders import FRIDAY, queued, sender_over


class Gatherer:
    """A relay that answers nothing until DATA has come, and speaks in pieces of as many octets as it is told."""

    def __init__(self, answers, pieces=1 << 20):
        self.answers = answers
        self.pieces = pieces
        self.mails = 0
        self.port = 0

    async def talk(self, reader, writer):
        """Greet, gather, answer, take."""
        await self._say(writer, b"220 hello\r\n")
        await reader.readuntil(b"\r\n")
        await self._say(writer, b"250-gatherer\r\n250 PIPELINING\r\n")
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while (line := await reader.readline()) not in {b"", b"QUIT\r\n"}:
                if line == b"DATA\r\n":
                    await self._say(writer, self.answers)
                    await reader.readuntil(b"\r\n.\r\n")
                    self.mails += 1
                    await self._say(writer, b"250-2.0.0 taken\r\n250 2.0.0 as 4711\r\n")
        writer.close()

    async def _say(self, writer, answers):
        for start in range(0, len(answers), self.pieces):
            writer.write(answers[start : start + self.pieces])
            await writer.drain()
            await asyncio.sleep(0)


async def gathered(answers, pieces=1 << 20, mails=2):
    """Send some mails to a gatherer, and return the outcomes and how many it took; none may wait for a timeout."""
    gatherer = Gatherer(answers, pieces)
    listening = await asyncio.start_server(gatherer.talk, "127.0.0.1", 0)
    gatherer.port = listening.sockets[0].getsockname()[1]
    relay = Relay(host="127.0.0.1", port=gatherer.port, tls="none")
    sender = sender_over(MemoryLedger(), SmtpTransport(relay))
    async with listening, asyncio.timeout(10):
        outcomes = [await sender.send(queued(f"msg_{number}"), FRIDAY) for number in range(mails)]
        await sender.close()
    return [outcome for (outcome,) in outcomes], gatherer.mails


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


@pytest.mark.parametrize("pieces", [1 << 20, 1, 7])
def test_mail_rcpt_and_data_go_out_together(pieces):
    """A relay that offers PIPELINING is not asked three times; its answers may come in one packet or letter by letter."""
    answers = b"250-2.1.0 one\r\n250 2.1.0 more\r\n250 2.1.5 ok\r\n354 go on\r\n"

    outcomes, taken = asyncio.run(gathered(answers, pieces))

    assert (kinds(outcomes), taken) == ([MessageAccepted] * 2, 2)
    assert outcomes[0].reply == "250 2.0.0 taken 2.0.0 as 4711"


@pytest.mark.parametrize(
    "answers",
    [
        b"hello?\r\n" * 3,
        b"250 ok\r\n250 ok\r\n354 go on\r\n250 and another\r\n",
        b"250-endless\r\n" * 4000,
        b"2" * 40_000,
    ],
    ids=["not SMTP", "one too many", "endless", "no line"],
)
def test_a_relay_that_talks_nonsense_gets_no_mail(answers):
    """The connection is given up, and the mail is tried again later."""
    outcomes, taken = asyncio.run(gathered(answers, mails=1))

    assert (kinds(outcomes), taken) == ([MessageDeferred], 0)
