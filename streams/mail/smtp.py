"""Mail through a relay: a few connections, kept and reused, over aiosmtplib.

aiosmtplib has no pool, and reconnecting one of its objects has a history of bugs, so a connection that
met any error is thrown away. The dialogue is ours (:mod:`streams.mail.line`), because the moment that matters
lies inside DATA: everything but the final dot goes out, ``before_dot`` writes down that the dot is about
to, and only then does it. A connection that dies before is safe to try again; one that dies after is not.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from functools import cached_property
from typing import Literal

import aiosmtplib
import msgspec

from streams.mail.line import Line, Reply, line_over
from streams.mail.outcomes import Delivery, OurFault, Temporary, Unknown, Withheld, classify
from streams.mail.pace import Pace
from streams.mail.transport import BeforeDot, Envelope

Tls = Literal["starttls", "implicit", "none"]

_LOST = (aiosmtplib.SMTPException, OSError, TimeoutError)


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail goes, and how gently. Times are seconds.

    5 connections of 100 messages are what nodemailer's pool has by default; the final reply's 600 s are
    RFC 5321 4.5.3.2.6: a shorter wait manufactures mails whose fate nobody knows. ``rate`` is messages per
    second for the whole relay.
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: Tls = "starttls"
    connections: int = 5
    rate: float | None = None
    messages_per_connection: int = 100
    idle: float = 30.0
    noop_after: float = 10.0
    connect_timeout: float = 10.0
    command_timeout: float = 60.0
    final_timeout: float = 600.0
    hello: str = "localhost"

    def __repr__(self) -> str:
        """Name the relay without its password."""
        return f"Relay({self})"

    def __str__(self) -> str:
        user = f"{self.username}@" if self.username else ""
        return f"smtp://{user}{self.host}:{self.port}?tls={self.tls}"


class _Link:
    """One open connection, how many mails it has carried, and when it was last of use."""

    def __init__(self, line: Line, now: float) -> None:
        self.line = line
        self.carried = 0
        self.used_at = now
        self.is_worn = False  # something happened on it: not to be used again
        self.got_through = False  # the relay answered MAIL on it this time


class SmtpTransport:
    """Delivers to one relay; belongs to one event loop."""

    def __init__(self, relay: Relay, *, tls_context: ssl.SSLContext | None = None) -> None:
        self.relay = relay
        self.concurrency = relay.connections
        self.pace = Pace(relay.rate)
        self._given_tls = tls_context
        self._slots = asyncio.Semaphore(relay.connections)
        self._idle: list[_Link] = []
        self._sweeping: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        """Name the relay without its password."""
        return f"SmtpTransport({self.relay})"

    def evidence(self, message_id: str) -> None:  # noqa: ARG002 - the port's signature
        """Return None: a relay does not tell what it took before the line broke."""
        return

    async def deliver(self, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """Hand one mail to the relay, on a kept connection where there is one."""
        async with self._slots:
            await self.pace.turn()
            link = await self._kept()
            if link is not None:
                delivery = await self._deliver_on(link, envelope, before_dot)
                if not _was_stale(link, delivery):
                    return delivery
            opened = await self._open()
            if not isinstance(opened, _Link):
                self._feel(opened)
                return opened
            return await self._deliver_on(opened, envelope, before_dot)

    async def close(self) -> None:
        """Say goodbye on every kept connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        while self._idle:
            self._say_goodbye(self._idle.pop())
        if self._goodbyes:
            await asyncio.wait(self._goodbyes)

    # ------------------------------------------------------------------------ connections

    async def _kept(self) -> _Link | None:
        """Return a connection that is worth using again."""
        while self._idle:
            link = self._idle.pop()
            rest = _seconds() - link.used_at
            if link.line.is_connected and rest < self.relay.idle and await self._answers(link, rest):
                return link
            link.line.close()
        return None

    async def _answers(self, link: _Link, rest: float) -> bool:
        if rest < self.relay.noop_after:
            return True
        try:
            return (await link.line.ask(b"NOOP")).code == 250
        except _LOST:
            return False

    async def _open(self) -> _Link | Temporary | OurFault:
        """Connect, secure, introduce, log in: or say why not, as the outcome of the delivery."""
        relay = self.relay
        try:
            client = aiosmtplib.SMTP(
                hostname=relay.host,
                port=relay.port,
                username=relay.username,
                password=relay.password,
                local_hostname=relay.hello,  # the default asks DNS each time
                timeout=relay.command_timeout,
                use_tls=relay.tls == "implicit",
                start_tls=relay.tls == "starttls",
                tls_context=self._tls,
            )
            await client.connect(timeout=relay.connect_timeout)
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except aiosmtplib.SMTPResponseException as refusal:
            return _not_open(refusal.code, refusal.message)
        except (*_LOST, ValueError) as error:
            if _is_lacking(error):
                return OurFault(text=f"the relay does not offer what the mail URL asks for: {error}")
            if _is_untrusted(error):
                return OurFault(text=f"the relay's certificate is not trusted: {error}")
            return Temporary(text=f"no connection to the relay: {_words(error)}")
        return _Link(line_over(client, relay.command_timeout), _seconds())

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """Made once: loading the trusted certificates takes longer than a mail."""
        if self.relay.tls == "none":
            return None
        return self._given_tls or ssl.create_default_context()

    def _put_back(self, link: _Link) -> None:
        if link.is_worn or not link.line.is_connected:
            link.line.close()
        elif link.carried >= self.relay.messages_per_connection:
            self._say_goodbye(link)
        else:
            link.used_at = _seconds()
            self._idle.append(link)
            self._sweep_later()

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(self.relay.idle, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle too long, so that relays need not."""
        self._sweeping = None
        old = [link for link in self._idle if _seconds() - link.used_at >= self.relay.idle]
        self._idle = [link for link in self._idle if link not in old]
        for link in old:
            self._say_goodbye(link)
        if self._idle:
            self._sweep_later()

    def _say_goodbye(self, link: _Link) -> None:
        """QUIT beside the next mail, not before it."""
        task = asyncio.create_task(_quit(link.line))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    # ------------------------------------------------------------------------ dialogue

    async def _deliver_on(self, link: _Link, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        link.is_worn, link.got_through = True, False  # until the dialogue ends well, even if canceled
        try:
            delivery = await self._dialogue(link, envelope, before_dot)
        finally:
            self._put_back(link)
        self._feel(delivery)
        return delivery

    def _feel(self, delivery: Delivery) -> None:
        if isinstance(delivery, Temporary) and delivery.code == 421:
            self.pace.slow_down()
        else:
            self.pace.went_well()

    async def _dialogue(self, link: _Link, envelope: Envelope, before_dot: BeforeDot) -> Delivery:
        """MAIL, RCPT, DATA, content, ``before_dot``, dot."""
        line = link.line
        mail = b"MAIL FROM:<%s>" % envelope.sender.encode("ascii")
        recipient = b"RCPT TO:<%s>" % envelope.recipient.encode("ascii")
        try:
            line.announce((mail, recipient, b"DATA"))
            for command, wanted in ((mail, 2), (recipient, 2), (b"DATA", 3)):
                reply = await line.reply_to(command)
                if reply.code // 100 != wanted:
                    return await self._refused(link, reply)
                link.got_through = True
            await self._write_content(line, envelope.content)
        except _LOST as error:
            return Temporary(text=f"the relay hung up before the mail was complete: {_words(error)}")
        if not await before_dot():
            return Withheld()  # the connection is closed, and a mail without its dot is nobody's
        return await self._final_dot(link)

    async def _write_content(self, line: Line, content: bytes) -> None:
        async with asyncio.timeout(self.relay.final_timeout):
            line.write(dot_stuffed(content))
            await line.drain()

    async def _final_dot(self, link: _Link) -> Delivery:
        try:
            link.line.write(b".\r\n")
        except _LOST as error:
            return Temporary(text=f"the relay hung up before the final dot: {_words(error)}")
        try:
            reply = await link.line.final_reply(self.relay.final_timeout)
        except _LOST as error:
            return Unknown(why=f"no answer to the final dot: {_words(error)}")
        link.carried += 1
        link.is_worn = reply.code == 421
        return classify(reply.code, reply.message)

    async def _refused(self, link: _Link, reply: Reply) -> Delivery:
        """Turn a refusal into its meaning, and clear the connection for the next mail."""
        delivery = classify(reply.code, reply.message)
        if reply.code != 421:
            with suppress(*_LOST):
                link.is_worn = not (await link.line.settle() and (await link.line.ask(b"RSET")).code == 250)
        return delivery


def dot_stuffed(content: bytes) -> bytes:
    """Return CRLF content as it goes over the wire, without the final dot (RFC 5321 4.5.2)."""
    if _has_dotted_line(content):
        content = content.replace(b"\r\n.", b"\r\n..")
        if content.startswith(b"."):
            content = b"." + content
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _has_dotted_line(content: bytes) -> bool:
    """Return whether a line begins with a dot: base64 has none, and looking for dots alone is ten times as fast."""
    at = content.find(b".")
    while at > 0 and content[at - 1] != 10:  # a line feed
        at = content.find(b".", at + 1)
    return at >= 0


def _was_stale(link: _Link, delivery: Delivery) -> bool:
    """Return whether a kept connection had died of old age: then a new one deserves the try."""
    return isinstance(delivery, Temporary) and delivery.code in {0, 421} and not link.got_through


def _not_open(code: int, text: str) -> Temporary | OurFault:
    """A relay that does not let us in refuses us, not the mail: no address may suffer for it."""
    delivery = classify(code, text)
    if isinstance(delivery, Temporary | OurFault):
        return delivery
    return OurFault(text=f"the relay refuses the connection: {code} {text}", code=code)


def _is_lacking(error: BaseException) -> bool:
    """Return whether the relay knows no STARTTLS or AUTH: for that aiosmtplib raises its plainest error."""
    return type(error) in {aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported}


def _is_untrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def _quit(line: Line) -> None:
    with suppress(*_LOST):
        await line.ask(b"QUIT", timeout=5)
    line.close()


def _seconds() -> float:
    return asyncio.get_running_loop().time()
