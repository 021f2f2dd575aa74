"""Mails over SMTP, from queued message to settled row, beside the same pool pushing the same bytes ready-made."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator
from functools import partial

from streams import wiring
from streams.assets import templates_dir
from streams.core.events import MessageQueued
from streams.labels.store import LabelStore
from streams.mail.compose import compose
from streams.mail.ledger_sql import open_ledger
from streams.mail.sender import LedgerSender
from streams.mail.smtp import Relay, SmtpTransport
from streams.mail.transport import Envelope
from streams.templating.brand import read_brand
from streams.templating.renderer import CatalogueRenderer
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside
from tests.benchmarks.sink import sink

_NUMBERS = itertools.count()
NOON = month.PLAN.until


def rows() -> Iterator[Row]:
    """One connection, where every reply is waited for, and ten, where nothing is."""
    mails = Mails()
    with sink() as port:
        for connections in (1, 10):
            yield beside(
                f"mail, {connections} connection{'s' * (connections > 1)}",
                "mails",
                partial(_run, mails.sent, port, connections),
                partial(_run, mails.pushed, port, connections),
                floor_name="the pool with ready-made bytes",
                aim_ratio=0.7,
            )


def _run(work, port: int, connections: int) -> float:
    return asyncio.run(work(port, connections))


class Mails:
    """The month's mails, as messages to send and as bytes to push."""

    def __init__(self) -> None:
        self.messages = month.letters()
        self.brand = read_brand(templates_dir() / "brand.toml")
        self.identity = wiring.identity_of(self.brand)
        self.renderer = CatalogueRenderer.from_folder(templates_dir())
        self.attachments = wiring.Attachments(LabelStore(month.room() / "kit" / "labels"))
        self.ready = [self._envelope(message) for message in self.messages]

    def _envelope(self, message: MessageQueued) -> Envelope:
        assert message.letter is not None
        content = compose(
            message,
            self.renderer.render(message),
            self.attachments(message),
            identity=self.identity,
            to=message.letter.to,
            first_subject=None,
            date=NOON,
        )
        return Envelope(
            message_id=message.message_id,
            sender=self.identity.return_path(message.message_id),
            recipient=message.letter.to,
            content=content,
        )

    async def sent(self, port: int, connections: int) -> float:
        """Return mails a second through everything: ledger, words, bytes, relay, ledger."""
        ledger = open_ledger(str(month.room() / f"ledger-{next(_NUMBERS)}.sqlite"), synchronous="NORMAL")
        sender = LedgerSender(
            ledger=ledger,
            transport=_transport(port, connections),
            renderer=self.renderer,
            identity=self.identity,
            owner="bench",
            attachments=self.attachments,
        )
        started = time.perf_counter()
        outcomes = await asyncio.gather(*(sender.send(message, NOON) for message in self.messages))
        seconds = time.perf_counter() - started
        await sender.close()
        assert {type(outcome).__name__ for (outcome,) in outcomes} == {"MessageAccepted"}
        assert ledger.counts() == {"accepted": len(self.messages)}
        ledger.close()
        return len(self.messages) / seconds

    async def pushed(self, port: int, connections: int) -> float:
        """Return mails a second of the pool alone."""
        transport = _transport(port, connections)
        room = asyncio.Semaphore(2 * connections)

        async def yes() -> bool:
            return True

        async def push(envelope: Envelope) -> None:
            async with room:
                await transport.deliver(envelope, yes)

        started = time.perf_counter()
        await asyncio.gather(*map(push, self.ready))
        seconds = time.perf_counter() - started
        await transport.close()
        return len(self.ready) / seconds


def _transport(port: int, connections: int) -> SmtpTransport:
    return SmtpTransport(Relay(host="127.0.0.1", port=port, tls="none", connections=connections))
