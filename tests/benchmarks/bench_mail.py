"""How far a mail is from its floor: the same pool pushing ready-made bytes, with no words and no ledger.

Run with ``pytest -s tests/benchmarks/bench_mail.py``; prints ratios of runs taken in turns, fails nothing by
a time. The relay is a raw sink in a process of its own, so that only our side is measured.
"""

import asyncio
import multiprocessing
import socket
import statistics
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

import aiosmtplib
import jinja2.sandbox
import pytest

from streams.mail.compose import compose
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.smtp import Relay, SmtpTransport
from streams.mail.transport import Envelope
from streams.pipeline.ports import RenderedMail
from tests.mail_builders import FRIDAY, SHOP, queued, sender_over

pytestmark = pytest.mark.benchmark
MAILS = 400
ROUNDS = 3
ROW = (
    '<tr><td style="font-size:16px;padding:10px 25px;word-break:break-word" align="left">'
    '<div style="font-family:Helvetica,Arial,sans-serif">{{ line }} für {{ name }}</div></td></tr>\n'
)
# 31,000 letters of HTML; base64 makes them a mail of 43 KB.
LETTER = jinja2.sandbox.ImmutableSandboxedEnvironment(
    autoescape=True, undefined=jinja2.StrictUndefined
).from_string("<table>{% for line in lines %}" + ROW + "{% endfor %}</table>")
LINES = [f"article {number:04d}" for number in range(162)]


class PreparedWords:
    """Words that cost nothing: what remains is ours."""

    def __init__(self):
        self._mail = JinjaWords().render(queued())

    def render(self, _message):
        """Hand the same mail out."""
        return self._mail


class JinjaWords:
    """Words as a sandboxed template makes them."""

    def render(self, message):
        """Fill the letter in."""
        html = LETTER.render(lines=LINES, name=message.letter.customer_name)
        return RenderedMail(
            subject="Your parcel is late",
            preheader="",
            text="Sorry.\n" * 100,
            html=html,
            template_version="1",
        )


def standard_library(message, mail):
    """Return the same mail from email.message."""
    built = EmailMessage(policy=SMTP)
    built["From"], built["To"], built["Subject"] = SHOP.from_address, message.letter.to, mail.subject
    built["Message-ID"] = "<x@example.com>"
    built.set_content(mail.text)
    built.add_alternative(mail.html, subtype="html", cte="base64")
    return built.as_bytes()


def composed(number=0, mail=None):
    """Return one mail of 43 KB."""
    message = queued(f"msg_{number}")
    mail = mail or PreparedWords().render(message)
    return compose(message, mail, (), identity=SHOP, to=message.letter.to, first_subject=None, date=FRIDAY)


def test_compose():
    """Mails written per second, beside the standard library's generator."""
    mail, message = PreparedWords().render(None), queued()
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_rate(lambda: composed(0, mail), 300))
        theirs.append(_rate(lambda: standard_library(message, mail), 60))
    fast, slow = statistics.median(ours), statistics.median(theirs)
    print(
        f"\ncompose, {len(composed()):,} bytes: {fast:,.0f}/s; email.message {slow:,.0f}/s; {fast / slow:.1f} x"
    )


def _rate(call, count):
    started = time.perf_counter()
    for _ in range(count):
        call()
    return count / (time.perf_counter() - started)


# ---------------------------------------------------------------------------- over SMTP


class Sink(asyncio.Protocol):
    """Takes every mail and remembers none."""

    def connection_made(self, transport):
        """Greet."""
        self.transport, self.tail, self.in_content = transport, b"", False
        transport.write(b"220 sink\r\n")

    def data_received(self, data):
        """Answer each command, and each mail at its dot."""
        if self.in_content:
            self.tail = (self.tail + data)[-5:] if len(data) < 5 else data[-5:]
            if self.tail == b"\r\n.\r\n":
                self.in_content = False
                self.transport.write(b"250 2.0.0 taken\r\n")
            return
        self.in_content = data == b"DATA\r\n"
        self.tail = b""
        self.transport.write(b"354 go on\r\n" if self.in_content else b"250 2.0.0 ok\r\n")


def serve_sink(listening):
    """Run the sink until the process is ended."""

    async def serve():
        server = await asyncio.get_running_loop().create_server(Sink, sock=listening)
        await server.serve_forever()

    asyncio.run(serve())


@pytest.fixture(scope="module")
def sink():
    """Return the port of a sink in its own process."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=100)
    process = multiprocessing.get_context("fork").Process(target=serve_sink, args=(listening,), daemon=True)
    process.start()
    yield listening.getsockname()[1]
    process.terminate()
    process.join()
    listening.close()


def _transport(port, connections):
    relay = Relay(
        host="127.0.0.1", port=port, tls="none", connections=connections, messages_per_connection=10**6
    )
    return SmtpTransport(relay)


def floor(port, connections, ready):
    """Return mails per second of the pool alone."""

    async def yes():
        return True

    async def run():
        transport = _transport(port, connections)
        room = asyncio.Semaphore(2 * connections)

        async def push(number):
            async with room:
                envelope = Envelope(
                    message_id=str(number),
                    sender="care@shop.example",
                    recipient="bob@example.com",
                    content=ready,
                )
                await transport.deliver(envelope, yes)

        await asyncio.gather(*(push(f"warm_{number}") for number in range(connections)))
        started = time.perf_counter()
        await asyncio.gather(*(push(number) for number in range(MAILS)))
        seconds = time.perf_counter() - started
        await transport.close()
        return MAILS / seconds

    return asyncio.run(run())


def sendmail(port, connections, ready):
    """Return mails per second of aiosmtplib's own sendmail on as many connections, without any pool of ours."""

    async def push(count):
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for _ in range(count):
                await client.sendmail("care@shop.example", ["bob@example.com"], ready)

    async def run():
        started = time.perf_counter()
        await asyncio.gather(*(push(MAILS // connections) for _ in range(connections)))
        return MAILS / (time.perf_counter() - started)

    return asyncio.run(run())


def full(port, connections, ledger, words):
    """Return mails per second from queued message to settled row."""

    async def run():
        sender = sender_over(ledger, _transport(port, connections), renderer=words)
        await asyncio.gather(
            *(sender.send(queued(f"warm_{number}"), FRIDAY) for number in range(connections))
        )
        messages = [queued(f"msg_{number}") for number in range(MAILS)]
        started = time.perf_counter()
        outcomes = await asyncio.gather(*(sender.send(message, datetime.now(UTC)) for message in messages))
        seconds = time.perf_counter() - started
        await sender.close()
        assert {type(outcome).__name__ for (outcome,) in outcomes} == {"MessageAccepted"}
        return MAILS / seconds

    return asyncio.run(run())


@pytest.mark.parametrize("connections", [1, 10])
def test_mails_per_second(sink, tmp_path, connections):
    """From queued to settled, with each ledger and with words that cost nothing or a template."""
    ready = composed()
    ledgers = {
        "memory": lambda _: MemoryLedger(),
        "sqlite NORMAL": lambda number: open_ledger(str(tmp_path / f"n{number}.db"), synchronous="NORMAL"),
        "sqlite FULL": lambda number: open_ledger(str(tmp_path / f"f{number}.db"), synchronous="FULL"),
    }
    paths = {f"{name}, no template": (make, PreparedWords()) for name, make in ledgers.items()}
    paths["sqlite FULL, template"] = (ledgers["sqlite FULL"], JinjaWords())
    floors, stock, rates = [], [], {name: [] for name in paths}
    for number in range(ROUNDS):
        floors.append(floor(sink, connections, ready))
        stock.append(sendmail(sink, connections, ready))
        for place, (name, (make, words)) in enumerate(paths.items()):
            ledger = make(f"{number}_{place}")
            rates[name].append(full(sink, connections, ledger, words))
            if hasattr(ledger, "close"):
                ledger.close()
    bare = statistics.median(floors)
    print(f"\n{connections} connection(s), {len(ready):,} bytes: the pool alone {bare:,.0f} mails/s")
    print(f"  {'(aiosmtplib.sendmail alone)':28} {statistics.median(stock):7,.0f} mails/s")
    for name, values in rates.items():
        ratio = statistics.median(value / low for value, low in zip(values, floors, strict=True))
        against = statistics.median(value / low for value, low in zip(values, stock, strict=True))
        print(
            f"  {name:28} {statistics.median(values):7,.0f} mails/s = {ratio:.2f} of the pool, {against:.2f} of sendmail"
        )
