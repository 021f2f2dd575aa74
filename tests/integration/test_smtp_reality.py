"""Real sockets, scripted failures: each ends in the right ledger state and the right number of mails."""

import asyncio
import shutil
import ssl
import subprocess
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP, AuthResult

from streams.core.events import (
    MessageAccepted,
    MessageDeferred,
    MessageInDoubt,
    MessageRefused,
    MessageSuppressed,
)
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.smtp import Relay, SmtpTransport
from streams.mail.transport import Envelope
from streams.mail.url import parse_relay
from streams.pipeline.ports import Attachment
from tests.mail_builders import FRIDAY, MINUTE, queued, sender_over
from tests.smtp_server import (
    HANG_UP,
    HANG_UP_IN_CONTENT,
    SILENCE,
    TAKE_AND_HANG_UP,
    ScriptedServer,
    scripted_server,
)

PIPELINING = "250-test\r\n250-SIZE 35882577\r\n250 PIPELINING"


@pytest.fixture(autouse=True, params=["250 2.0.0 ok", PIPELINING], ids=["one-by-one", "pipelined"])
def offers(request, monkeypatch):
    """Whatever a relay offers, the outcomes are the same."""
    monkeypatch.setattr(ScriptedServer, "offers", request.param)
    return request.param


def relay(server, **options):
    return Relay(host="127.0.0.1", port=server.port, tls="none", **options)


class Shop:
    """A sender over a scripted relay, and what it has to say."""

    def __init__(self, server, *, transport=None, ledger=None, **options):
        self.server = server
        self.ledger = ledger or MemoryLedger()
        self.transport = transport or SmtpTransport(relay(server))
        self.alarms = []
        self.sender = sender_over(
            self.ledger,
            self.transport,
            alarm=lambda message, fault: self.alarms.append((message.message_id, fault.enhanced)),
            **options,
        )

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.sender.close()

    async def send(self, message=None, now=FRIDAY):
        return await self.sender.send(message or queued(), now)


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


# ---------------------------------------------------------------------------- it works


async def accepted_mail():
    async with scripted_server() as server, Shop(server) as shop:
        outcomes = await shop.send()
        again = await shop.send()
        return outcomes, again, server.mailbox, shop.ledger.find("msg_armchair")


def test_a_mail_arrives_once_as_composed():
    """The relay's word is kept, dots at line starts survive, a second send says the same and sends nothing."""
    outcomes, again, mailbox, row = asyncio.run(accepted_mail())
    (sender, recipient, content) = mailbox[0]
    mail = message_from_bytes(content, policy=policy.default)
    text = mail.get_body(("plain",)).get_content()

    assert kinds(outcomes) == [MessageAccepted]
    assert outcomes[0].reply == "250 2.0.0 queued as 4711"
    assert again == outcomes
    assert len(mailbox) == 1
    assert (sender, recipient) == ("care@shop.example", "bob@example.com")
    assert text.replace("\r\n", "\n") == "Your parcel is late.\n.\n..and we are sorry.\n"
    assert mail["Message-ID"] == "<msg_armchair@mail.shop.example>"
    assert (row.state, row.letter, row.subject) == ("accepted", None, "About ORD-msg_armchair")


def test_many_mails_share_few_connections():
    """200 concurrent mails go out over at most the configured connections, each once."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(relay(server, connections=3, messages_per_connection=1000))
            async with Shop(server, transport=transport) as shop:
                await asyncio.gather(*(shop.send(queued(f"msg_{number}")) for number in range(200)))
                return server, shop.ledger.counts()

    server, counts = asyncio.run(run())

    assert counts == {"accepted": 200}
    assert len(server.mailbox) == len({content for _, _, content in server.mailbox}) == 200
    assert server.connections == 3


def test_the_same_message_sent_twice_at_once_arrives_once():
    """A duplicate in the same breath waits for the first, and tells the same."""

    async def run():
        async with scripted_server() as server, Shop(server) as shop:
            return await asyncio.gather(shop.send(), shop.send(), shop.send()), len(server.mailbox)

    outcomes, copies = asyncio.run(run())

    assert copies == 1
    assert [kinds(each) for each in outcomes] == [[MessageAccepted]] * 3


def test_mails_of_one_case_agree_on_their_subject():
    """Sent at once, the second waits for the first and takes its subject."""

    async def run():
        async with scripted_server() as server, Shop(server) as shop:
            first = queued("msg_1", case_id="case_1")
            second = queued("msg_2", case_id="case_1", thread=("msg_1",))
            await asyncio.gather(shop.send(first), shop.send(second))
            return [message_from_bytes(content, policy=policy.default) for _, _, content in server.mailbox]

    first, second = asyncio.run(run())

    assert (first["Subject"], second["Subject"]) == ("About ORD-msg_1", "About ORD-msg_1")
    assert second["References"].split()[1:] == [first["Message-ID"]]


def test_a_connection_is_retired_after_its_share():
    """After `messages_per_connection` mails it says QUIT, and the next mail opens a new one."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(relay(server, connections=1, messages_per_connection=2))
            async with Shop(server, transport=transport) as shop:
                for number in range(5):
                    await shop.send(queued(f"msg_{number}"))
            return server

    server = asyncio.run(run())

    assert server.connections == 3
    assert server.commands.count("QUIT") == 3


def test_a_kept_connection_is_asked_before_it_is_trusted():
    """After `noop_after` seconds of rest a NOOP goes first; one that hangs up is replaced, and nothing is lost."""

    async def run():
        async with scripted_server(NOOP=["250 ok", HANG_UP]) as server:
            transport = SmtpTransport(relay(server, connections=1, noop_after=0.0))
            async with Shop(server, transport=transport) as shop:
                return [kinds(await shop.send(queued(f"msg_{number}"))) for number in range(3)], server

    outcomes, server = asyncio.run(run())

    assert outcomes == [[MessageAccepted]] * 3
    assert (server.connections, server.commands.count("NOOP")) == (2, 2)


@pytest.mark.parametrize("farewell", [HANG_UP, "421 4.4.2 idle too long"])
def test_a_kept_connection_that_died_of_age_costs_no_attempt(farewell):
    """Dead before MAIL was answered: a new connection gets the mail at once."""

    async def run():
        async with scripted_server(MAIL=["250 ok", farewell]) as server, Shop(server) as shop:
            await shop.send(queued("msg_1"))
            return await shop.send(queued("msg_2")), server

    outcomes, server = asyncio.run(run())

    assert kinds(outcomes) == [MessageAccepted]
    assert (outcomes[0].attempt, server.connections, len(server.mailbox)) == (1, 2, 2)


# ---------------------------------------------------------------------------- not now


@pytest.mark.parametrize(
    "script",
    [
        {"RCPT": ["450 4.2.0 greylisted, come back", "451 4.7.1 not yet"]},
        {"RCPT": ["452 4.2.2 mailbox full"] * 2},
        {"CONNECT": ["421 4.7.0 too busy"] * 2},
        {"CONNECT": [HANG_UP] * 2},
        {"MAIL": ["421 4.7.0 slow down"] * 2},
        {"RCPT": ["421 4.7.0 slow down"] * 2},
        {"RCPT": [HANG_UP] * 2},
        {"RCPT": ["550 5.2.1 receiving mail at a rate that prevents additional messages"] * 2},
        {"DATA": ["451 4.3.0 no room"] * 2},
        {"DATA": [HANG_UP] * 2},
        {"DOT": ["451 4.3.0 cannot store", "452 4.3.1 disk full"]},
        {"DOT": ["421 4.3.2 shutting down"] * 2},
    ],
    ids=str,
)
def test_what_passes_by_itself_is_tried_again(script):
    """Twice no, then yes: deferred after 1 minute, then 5, then accepted once; the address stays usable."""

    async def run():
        async with scripted_server(**script) as server, Shop(server) as shop:
            first = await shop.send()
            waiting = shop.sender.next_retry()
            too_early = await shop.sender.retry_due(FRIDAY + MINUTE - timedelta(seconds=1))
            second = await shop.sender.retry_due(FRIDAY + MINUTE)
            waiting_again = shop.sender.next_retry()
            third = await shop.sender.retry_due(FRIDAY + 6 * MINUTE)
            return (first, too_early, second, third), (waiting, waiting_again), server, shop

    outcomes, waits, server, shop = asyncio.run(run())

    assert [kinds(each) for each in outcomes] == [[MessageDeferred], [], [MessageDeferred], [MessageAccepted]]
    assert waits == (FRIDAY + MINUTE, FRIDAY + 6 * MINUTE)
    assert outcomes[3][0].attempt == 3
    assert len(server.mailbox) == 1
    assert shop.ledger.counts() == {"accepted": 1}
    assert shop.alarms == []
    assert shop.sender.next_retry() is None


def test_a_relay_that_hangs_up_in_the_content_has_nothing():
    """Dropped before the final dot was written: certainly not sent, so it is tried again."""
    big = (Attachment(filename="label.pdf", media_type="application/pdf", content=bytes(12_000_000)),)

    async def run():
        async with (
            scripted_server(DATA=[HANG_UP_IN_CONTENT]) as server,
            Shop(server, attachments=lambda _: big) as shop,
        ):
            return await shop.send(), await shop.sender.retry_due(FRIDAY + MINUTE), len(server.mailbox)

    first, second, copies = asyncio.run(run())

    assert (kinds(first), kinds(second), copies) == ([MessageDeferred], [MessageAccepted], 1)


def test_nobody_listens():
    """A relay that is not there defers the mail."""

    async def run():
        async with scripted_server() as server:
            pass
        async with Shop(server) as shop:
            return await shop.send()

    assert kinds(asyncio.run(run())) == [MessageDeferred]


def test_after_a_day_it_is_refused():
    """1, 5, 15, 60 minutes, then hourly; a late apology is worth less, so it ends after 24 hours."""

    async def run():
        async with scripted_server(RCPT=["450 4.2.0 later"] * 99) as server, Shop(server) as shop:
            last = await shop.send()
            waits = []
            now = FRIDAY
            while (due := shop.sender.next_retry()) is not None:
                waits.append((due - now) // MINUTE)
                now = due
                last = await shop.sender.retry_due(now)
            return waits, last, now, server

    waits, last, now, server = asyncio.run(run())

    assert waits == [1, 5, 15] + [60] * 23
    assert kinds(last) == [MessageRefused]
    assert last[0].reply == "gave up after 27 attempts: 450 4.2.0 later"
    assert now < FRIDAY + timedelta(hours=24)
    assert server.mailbox == []


def test_a_mail_that_waited_through_an_outage_of_ours_is_too_late():
    """Down for two days: the mail is not sent any more, and the shop hears so."""

    async def run():
        async with scripted_server(RCPT=["450 later"]) as server, Shop(server) as shop:
            await shop.send()
            return await shop.sender.retry_due(FRIDAY + timedelta(days=2)), server.mailbox

    outcomes, mailbox = asyncio.run(run())

    assert (kinds(outcomes), mailbox) == ([MessageRefused], [])


# ---------------------------------------------------------------------------- never


def test_an_unknown_mailbox_is_refused_and_not_written_to_again():
    """550 5.1.1 ends the mail; the next one to this address is suppressed without a connection."""

    async def run():
        async with (
            scripted_server(RCPT=["550 5.1.1 <bob@example.com> no such user"]) as server,
            Shop(server) as shop,
        ):
            first = await shop.send(queued("msg_1"))
            second = await shop.send(queued("msg_2"))
            third = await shop.send(queued("msg_3", to="eve@example.com"))
            return first + second + third, server

    outcomes, server = asyncio.run(run())

    assert kinds(outcomes) == [MessageRefused, MessageSuppressed, MessageAccepted]
    assert outcomes[0].reply == "550 5.1.1 <address> no such user"
    assert outcomes[1].reply == "the mailbox does not exist: 5.1.1"
    assert [recipient for _, recipient, _ in server.mailbox] == ["eve@example.com"]
    assert (server.connections, server.commands.count("RSET")) == (1, 1)


def test_a_barred_address_gets_no_mail_from_any_order():
    """Neither a new one nor one that waits: both are suppressed without a connection, and others go out."""

    async def run():
        async with scripted_server(RCPT=["450 4.2.0 later"]) as server, Shop(server) as shop:
            waits = await shop.send(queued("msg_1"))
            connections = server.connections
            shop.sender.bar(queued().to_hash, "5.1.1 <bob@example.com> unknown", FRIDAY)
            shop.sender.bar("", "nobody", FRIDAY)
            new = await shop.send(queued("msg_2"))
            tried = await shop.sender.retry_due(FRIDAY + MINUTE)
            again = await shop.send(queued("msg_2"))
            assert server.connections == connections
            other = await shop.send(queued("msg_3", to="eve@example.com"))
            nobody = shop.sender.is_barred("")
            return (*waits, *new, *tried, *again, *other), server, nobody

    outcomes, server, nobody = asyncio.run(run())

    assert kinds(outcomes) == [
        MessageDeferred,
        MessageSuppressed,
        MessageSuppressed,
        MessageSuppressed,
        MessageAccepted,
    ]
    assert [one.message_id for one in outcomes] == ["msg_1", "msg_2", "msg_1", "msg_2", "msg_3"]
    assert {one.reply for one in outcomes[1:4]} == {"5.1.1 <address> unknown"}
    assert [recipient for _, recipient, _ in server.mailbox] == ["eve@example.com"]
    assert nobody is False


@pytest.mark.parametrize("where", ["RCPT", "DOT"])
def test_a_refusal_of_us_rings_and_harms_no_address(where):
    """554 5.7.1 is about our reputation: deferred, an alarm, and the customer stays reachable."""

    async def run():
        async with (
            scripted_server(**{where: ["554 5.7.1 blocked by policy"]}) as server,
            Shop(server) as shop,
        ):
            first = await shop.send(queued("msg_1"))
            second = await shop.send(queued("msg_2"))
            third = await shop.sender.retry_due(FRIDAY + MINUTE)
            return first + second + third, shop.alarms, len(server.mailbox)

    outcomes, alarms, copies = asyncio.run(run())

    assert kinds(outcomes) == [MessageDeferred, MessageAccepted, MessageAccepted]
    assert (alarms, copies) == ([("msg_1", "5.7.1")], 2)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (queued(to=None), "the message came without its letter"),
        (queued(to=""), "the order has no address"),
        (queued(to="bob at example"), "the address is not a valid mail address"),
        (
            queued(to="bob@example.com\r\nRCPT TO:<eve@example.org>"),
            "the address is not a valid mail address",
        ),
    ],
)
def test_without_a_usable_address_nothing_is_tried(message, why):
    """Suppressed with a reason that does not repeat the address; the relay hears nothing."""

    async def run():
        async with scripted_server() as server, Shop(server) as shop:
            return await shop.send(message), server.connections

    outcomes, connections = asyncio.run(run())

    assert (kinds(outcomes), outcomes[0].reply, connections) == ([MessageSuppressed], why, 0)


def test_a_broken_template_is_refused_and_can_be_reopened():
    """The problem's code is in the reply; the row keeps the letter for a person's second try."""

    async def run():
        async with scripted_server() as server, Shop(server) as shop:
            outcomes = await shop.send(queued(template="broken"))
            kept = shop.ledger.find("msg_armchair").letter is not None
            reopened = shop.sender.reopen("msg_armchair", FRIDAY + timedelta(days=3))
            again = await shop.sender.retry_due(FRIDAY + timedelta(days=3))
            return outcomes, kept, reopened, again, server.connections

    outcomes, kept, reopened, again, connections = asyncio.run(run())

    assert kinds(outcomes) == kinds(again) == [MessageRefused]
    assert outcomes[0].reply == "not composed: there is no template `broken` [template-missing]"
    assert (kept, reopened, connections) == (True, True, 0)


def test_an_address_cannot_add_a_command():
    """Addresses are checked long before; should one slip through, the line itself refuses it."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(relay(server))
            envelope = Envelope(
                message_id="m",
                sender="care@shop.example",
                recipient="bob@example.com>\r\nRCPT TO:<eve@example.org",
                content=b"Subject: x\r\n\r\nx\r\n",
            )
            with pytest.raises(ValueError, match="control character"):
                await transport.deliver(envelope, lambda: pytest.fail("nothing may be sent"))
            await transport.close()
            return server

    server = asyncio.run(run())

    assert server.mailbox == []
    assert not [command for command in server.commands if "eve" in command]


# ---------------------------------------------------------------------------- nobody knows


@pytest.mark.parametrize(("fate", "copies"), [(TAKE_AND_HANG_UP, 1), (SILENCE, 0)])
def test_no_answer_to_the_final_dot_is_in_doubt(fate, copies):
    """Taken or not, we were not told: in doubt, and left to a person, however often it is asked for."""

    async def run():
        async with scripted_server(DOT=[fate]) as server:
            transport = SmtpTransport(relay(server, final_timeout=0.3))
            async with Shop(server, transport=transport) as shop:
                first = await shop.send()
                again = await shop.send(now=FRIDAY + timedelta(hours=1))
                later = await shop.sender.retry_due(FRIDAY + timedelta(hours=2))
                return first, again, later, shop, len(server.mailbox)

    first, again, later, shop, found = asyncio.run(run())

    assert kinds(first) == kinds(again) == [MessageInDoubt]
    assert (later, found) == ((), copies)
    assert shop.ledger.counts() == {"in_doubt": 1}
    assert shop.ledger.find("msg_armchair").letter is not None


def test_a_template_may_ask_for_one_more_go():
    """`resend_once`: the same Message-ID goes out once more, and a second doubt stays."""

    async def run():
        async with (
            scripted_server(DOT=[TAKE_AND_HANG_UP, HANG_UP]) as server,
            Shop(server, doubt_rules={"label": "resend_once"}) as shop,
        ):
            first = await shop.send(queued(template="label"))
            second = await shop.sender.retry_due(FRIDAY + MINUTE)
            third = await shop.sender.retry_due(FRIDAY + timedelta(hours=2))
            return first + second, third, server.commands.count("DATA")

    outcomes, third, tries = asyncio.run(run())

    assert kinds(outcomes) == [MessageDeferred, MessageInDoubt]
    assert (third, tries) == ((), 2)


# ---------------------------------------------------------------------------- withdrawing


def test_a_withdrawn_message_is_not_sent():
    """Before it came, while it waits, and even between the content and the final dot; afterwards it is too late."""

    async def run():
        async with scripted_server(RCPT=["450 later"]) as server, Shop(server) as shop:
            sender = shop.sender
            waiting = await shop.send(queued("msg_waiting"))
            answers = [sender.withdraw(name, FRIDAY) for name in ("msg_waiting", "msg_unborn")]
            unborn = await shop.send(queued("msg_unborn"))
            retried = await sender.retry_due(FRIDAY + MINUTE)
            await shop.send(queued("msg_gone"))
            answers.append(sender.withdraw("msg_gone", FRIDAY))
            return waiting, unborn, retried, answers, len(server.mailbox), shop.ledger.counts()

    waiting, unborn, retried, answers, copies, counts = asyncio.run(run())

    assert kinds(waiting) == [MessageDeferred]
    assert (unborn, retried, answers) == ((), (), [True, True, False])
    assert (copies, counts) == (1, {"withdrawn": 2, "accepted": 1})


def test_withdrawn_between_content_and_dot():
    """The ledger says no at the last moment: the connection is closed without the dot, nothing arrives."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(relay(server))
            async with Shop(server, transport=transport) as shop:

                def attachments(message):
                    shop.sender.withdraw(message.message_id, FRIDAY)
                    return ()

                shop.sender._attachments = attachments
                return await shop.send(), server, shop.ledger.counts()

    outcomes, server, counts = asyncio.run(run())

    assert (outcomes, server.mailbox, counts) == ((), [], {"withdrawn": 1})
    assert server.commands[-1] == "DATA"


# ---------------------------------------------------------------------------- throttles


def test_the_pace_is_kept():
    """At 50 a second, 11 mails need at least 200 ms however many connections there are."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(relay(server, rate=50.0, connections=5))
            async with Shop(server, transport=transport) as shop:
                loop = asyncio.get_running_loop()
                started = loop.time()
                await asyncio.gather(*(shop.send(queued(f"msg_{number}")) for number in range(11)))
                return loop.time() - started, len(server.mailbox)

    seconds, copies = asyncio.run(run())

    assert copies == 11
    assert seconds >= 0.2


def test_421_halves_the_pace_and_success_restores_it():
    """The relay says slow down: half the rate, then back to the agreed one step by step, never above."""

    async def run():
        async with scripted_server(RCPT=["421 4.7.0 slow down"]) as server:
            transport = SmtpTransport(relay(server, rate=10_000.0))
            async with Shop(server, transport=transport) as shop:
                await shop.send(queued("msg_0"))
                halved = transport.pace.rate
                for number in range(1, 40):
                    await shop.send(queued(f"msg_{number}"))
                return halved, transport.pace.rate

    assert asyncio.run(run()) == (5_000.0, 10_000.0)


# ---------------------------------------------------------------------------- TLS and AUTH


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make a certificate for this machine that nobody but us trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


class Inbox:
    """What an aiosmtpd server took, and whether it came over TLS and from whom."""

    def __init__(self):
        self.mails = []

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        """Offer what the scripted server offers."""
        session.host_name = hostname
        last = responses.pop()
        return (
            [*responses, "250-PIPELINING", last]
            if ScriptedServer.offers == PIPELINING
            else [*responses, last]
        )

    async def handle_DATA(self, server, session, _envelope):  # noqa: N802 - aiosmtpd's name
        """Take the mail."""
        user = session.auth_data.login.decode() if session.authenticated else None
        self.mails.append((server.transport.get_extra_info("sslcontext") is not None, user))
        return "250 2.0.0 taken"


def check_login(server, session, envelope, mechanism, auth_data):
    """Know one user."""
    good = (auth_data.login, auth_data.password) == (b"shop@example.com", b"p@ss:w/rd")
    return AuthResult(success=good, handled=False, auth_data=auth_data)


async def over_tls(
    folder, query, *, user="shop%40example.com:p%40ss%3Aw%2Frd@", trusted=True, implicit=False
):
    """Send one mail to an aiosmtpd server and return the outcome, the alarms and what arrived."""
    inbox = Inbox()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(
            inbox,
            hostname="localhost",
            tls_context=None if implicit else context,
            require_starttls=not implicit,
            authenticator=check_login,
            auth_required=not implicit,
            auth_require_tls=not implicit,
        ),
        "127.0.0.1",
        0,
        ssl=context if implicit else None,
    )
    port = listening.sockets[0].getsockname()[1]
    ours = ssl.create_default_context(cafile=folder / "cert.pem") if trusted else None
    transport = SmtpTransport(parse_relay(f"smtp://{user}localhost:{port}{query}"), tls_context=ours)
    async with listening, Shop(None, transport=transport) as shop:
        outcomes = await shop.send()
        alarms = shop.alarms
    return kinds(outcomes), outcomes[0].reply, alarms, inbox.mails


def test_starttls_and_login(certificate):
    """The letter travels encrypted, and the relay knows us; the password may hold any character."""
    assert asyncio.run(over_tls(certificate, "?tls=starttls")) == (
        [MessageAccepted],
        "250 2.0.0 taken",
        [],
        [(True, "shop@example.com")],
    )


def test_implicit_tls(certificate):
    """TLS from the first byte, as on port 465."""
    kind, _, _, mails = asyncio.run(over_tls(certificate, "?tls=implicit", user="", implicit=True))

    assert (kind, mails) == ([MessageAccepted], [(True, None)])


def test_a_wrong_password_is_our_fault(certificate):
    """535 5.7.8: deferred with an alarm, and no address suffers."""
    kind, reply, alarms, mails = asyncio.run(over_tls(certificate, "?tls=starttls", user="shop:wrong@"))

    assert (kind, alarms, mails) == ([MessageDeferred], [("msg_armchair", "5.7.8")], [])
    assert reply.startswith("535 5.7.8")


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(certificate):
    """No letter goes to a relay that cannot prove who it is."""
    kind, reply, alarms, mails = asyncio.run(over_tls(certificate, "?tls=starttls", trusted=False))

    assert (kind, alarms, mails) == ([MessageDeferred], [("msg_armchair", "")], [])
    assert "certificate is not trusted" in reply


def test_a_relay_without_starttls_gets_no_letter_in_the_clear():
    """STARTTLS was asked for and is not offered: deferred with an alarm, MAIL is never said."""

    async def run():
        async with scripted_server() as server:
            transport = SmtpTransport(Relay(host="127.0.0.1", port=server.port))
            async with Shop(server, transport=transport) as shop:
                return await shop.send(), shop.alarms, server

    outcomes, alarms, server = asyncio.run(run())

    assert (kinds(outcomes), alarms) == ([MessageDeferred], [("msg_armchair", "")])
    assert not [command for command in server.commands if command.startswith("MAIL")]


# ---------------------------------------------------------------------------- several commands at once


def test_an_invitation_without_a_recipient_is_not_followed(offers):
    """A relay that refuses RCPT and still says 354 gets no content: the connection is closed, the next mail goes out."""

    async def run():
        script = {"RCPT": ["550 5.1.1 unknown"], "DATA": ["354 go on"]}
        async with scripted_server(**script) as server, Shop(server) as shop, asyncio.timeout(10):
            first = await shop.send(queued("msg_1"))
            second = await shop.send(queued("msg_2", to="eve@example.com"))
            return first + second, server

    outcomes, server = asyncio.run(run())

    assert kinds(outcomes) == [MessageRefused, MessageAccepted]
    assert [recipient for _, recipient, _ in server.mailbox] == ["eve@example.com"]
    assert server.connections == (2 if offers == PIPELINING else 1)


def test_a_relay_that_says_farewell_while_nobody_asks_is_left():
    """421 on a resting connection: the next mail opens a new one, and no attempt is lost."""

    async def run():
        async with scripted_server() as server, Shop(server) as shop:
            await shop.send(queued("msg_1"))
            for writer in list(server._writers):
                writer.write(b"421 4.4.2 idle too long\r\n")
                writer.close()
            return await shop.send(queued("msg_2")), server

    outcomes, server = asyncio.run(run())

    assert (kinds(outcomes), outcomes[0].attempt) == ([MessageAccepted], 1)
    assert (server.connections, len(server.mailbox)) == (2, 2)


# ---------------------------------------------------------------------------- the SQL ledger under the sender


def test_the_same_over_the_sql_ledger(tmp_path):
    """Concurrent mails, a refusal and a doubt over SQLite: states and mailbox agree."""

    async def run():
        ledger = open_ledger(str(tmp_path / "ledger.db"))
        script = {"RCPT": ["250 ok"] * 20 + ["550 5.1.1 unknown"], "DOT": ["250 ok"] * 7 + [TAKE_AND_HANG_UP]}
        async with scripted_server(**script) as server, Shop(server, ledger=ledger) as shop:
            messages = [queued(f"msg_{number}", to=f"c{number}@example.com") for number in range(40)]
            await asyncio.gather(*(shop.send(message) for message in messages))
            counts = ledger.counts()
        ledger.close()
        return counts, len(server.mailbox)

    assert asyncio.run(run()) == ({"accepted": 38, "refused": 1, "in_doubt": 1}, 39)
