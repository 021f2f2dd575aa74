"""Small decisions of the mail: what replies mean, what URLs say, which addresses and identities are usable."""

import mailbox as stdlib_mailbox
from datetime import timedelta
from inspect import signature
from pathlib import Path

import pytest
from aiosmtplib.protocol import SMTPProtocol

from streams.mail.address import Mailbox, Unusable, check_address
from streams.mail.identity import Identity
from streams.mail.ledger import LEASE, claimed, is_orphan, retry_at
from streams.mail.maildir import MaildirTransport
from streams.mail.outcomes import Accepted, OurFault, Permanent, Temporary, classify, without_addresses
from streams.mail.smtp import SmtpTransport, dot_stuffed
from streams.mail.url import open_transport, parse_relay
from streams.problems import UsageProblem, WorldProblem
from tests.mail_builders import FRIDAY, queued


@pytest.mark.parametrize(
    ("code", "text", "meaning", "enhanced"),
    [
        (250, "2.0.0 queued", Accepted, None),
        (251, "will forward", Accepted, None),
        (450, "4.2.0 greylisted", Temporary, "4.2.0"),
        (451, "4.7.1 try later", Temporary, "4.7.1"),
        (452, "4.2.2 full", Temporary, "4.2.2"),
        (421, "4.7.0 busy", Temporary, "4.7.0"),
        (450, "no enhanced code", Temporary, ""),
        (550, "4.2.1 over rate", Temporary, "4.2.1"),
        (550, "5.2.1 receiving mail at a rate that prevents", Temporary, "5.2.1"),
        (354, "go on", Temporary, ""),
        (-1, "gibberish", Temporary, ""),
        (554, "5.7.1 blocked", OurFault, "5.7.1"),
        (450, "5.7.26 unauthenticated", OurFault, "5.7.26"),
        (535, "bad credentials", OurFault, ""),
        (530, "authenticate first", OurFault, ""),
        (552, "5.3.4 too big", Permanent, "5.3.4"),
        (450, "5.1.1 no such user", Permanent, "5.1.1"),
        (550, "no enhanced code", Permanent, ""),
        (550, "2.0.0 nonsense class", Permanent, ""),
    ],
)
def test_what_a_reply_means(code, text, meaning, enhanced):
    """The enhanced class wins over the three digits; 5.7 is about us; a rate passes."""
    delivery = classify(code, text)

    assert type(delivery) is meaning
    assert getattr(delivery, "enhanced", None) == enhanced


@pytest.mark.parametrize(
    ("text", "suppress"),
    [
        ("5.1.1 no such user", True),
        ("5.1.2 no such domain", True),
        ("5.1.10 null MX", True),
        ("5.2.1 mailbox disabled", True),
        ("5.1.3 bad syntax", False),
        ("5.2.2 over quota", False),
        ("user unknown", False),
    ],
)
def test_only_dead_mailboxes_are_suppressed(text, suppress):
    """An address is given up only for the codes that say it does not exist or is disabled."""
    assert classify(550, text).suppress is suppress


def test_replies_are_published_without_addresses():
    """Relays quote the customer; the public log must not."""
    reply = "550 5.1.1 <bob.s@example.com>: bob.s@example.com unknown; ask postmaster@[192.0.2.1]"

    assert without_addresses(reply) == "550 5.1.1 <address>: <address> unknown; ask <address>"


def test_the_schedule_of_attempts():
    """1, 5, 15, 60 minutes, then hourly, never later than 24 hours after queueing."""
    row = claimed(queued(), FRIDAY, "a", 1)
    waits = [retry_at(_attempt(row, number), FRIDAY) - FRIDAY for number in range(1, 7)]

    assert [wait // timedelta(minutes=1) for wait in waits] == [1, 5, 15, 60, 60, 60]
    assert retry_at(_attempt(row, 9), FRIDAY + timedelta(hours=23)) == FRIDAY + timedelta(hours=24)
    assert retry_at(_attempt(row, 9), FRIDAY + timedelta(hours=23, seconds=1)) is None


def _attempt(row, number):
    return type(row)(**{name: getattr(row, name) for name in row.__struct_fields__} | {"attempt": number})


def test_who_is_dead():
    """An older generation of the same owner at once; a stranger when the lease has run out; never ourselves."""
    row = claimed(queued(), FRIDAY, "a", 1)

    assert is_orphan(row, FRIDAY, "a", 2)
    assert not is_orphan(row, FRIDAY + LEASE, "a", 1)
    assert not is_orphan(row, FRIDAY + LEASE - timedelta(seconds=1), "b", 1)
    assert is_orphan(row, FRIDAY + LEASE, "b", 1)


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\r\n.b\r\n", b"a\r\n..b\r\n"),
        (b".a\r\n", b"..a\r\n"),
        (b"a\r\n.\r\n.\r\n", b"a\r\n..\r\n..\r\n"),
        (b"a", b"a\r\n"),
        (b"a.\r\n", b"a.\r\n"),
    ],
)
def test_dots_are_stuffed(content, wire):
    """No line of the mail can be its end."""
    assert dot_stuffed(content) == wire


def test_the_flow_control_we_borrow_is_still_there():
    """The protocol of aiosmtplib has the drain of asyncio's streams, under its private name, without parameters."""
    assert list(signature(SMTPProtocol._drain_helper).parameters) == ["self"]


# ---------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("bob@example.com", "bob@example.com"),
        (" bob@Example.COM ", "bob@example.com"),
        ("bob@bücher.example", "bob@xn--bcher-kva.example"),
    ],
)
def test_usable_addresses(address, mailbox):
    """As they go over the wire: trimmed, the domain in lower case and IDNA."""
    assert check_address(address) == Mailbox(address=mailbox)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "bob",
        "bob@localhost",
        "bob@@example.com",
        "b..b@example.com",
        "bob@example.com\r\nBcc: eve@example.org",
        "bob@example.com>",
        "Bob <bob@example.com>",
        "bøb@example.com",
        "bob@\ud800.example",
        "b" * 70 + "@example.com",
        "bob@example.com\x00",
    ],
)
def test_unusable_addresses(address):
    """A reason, never an exception, and the reason does not repeat the address."""
    found = check_address(address)

    assert isinstance(found, Unusable)
    assert not address.strip() or address.strip() not in found.why


# ---------------------------------------------------------------------------- identity


@pytest.mark.parametrize(
    "wrong",
    [
        {"from_address": "shop"},
        {"reply_to": "ida@exämple.com\r\n"},
        {"reply_to": "ïda@example.com"},
        {"bounce_to": ""},
        {"message_id_domain": "shop .example"},
        {"message_id_domain": "shop.example>\r\nBcc: x"},
        {"message_id_domain": ""},
    ],
)
def test_an_unusable_identity_is_a_wrong_setting(wrong):
    """It stops the start, with the setting's name, and not the first mail."""
    right = {
        "from_address": "care@example.com",
        "reply_to": "ida@example.com",
        "message_id_domain": "example.com",
    }
    with pytest.raises(UsageProblem) as caught:
        Identity(**(right | wrong))

    assert next(iter(wrong)) in str(caught.value)


def test_bounces_carry_the_message():
    """With a bounce mailbox every mail has its own return path; without, it is the sender's."""
    plain = Identity(
        from_address="care@example.com", reply_to="ida@example.com", message_id_domain="example.com"
    )
    tagged = Identity(
        from_address="care@example.com",
        reply_to="ida@example.com",
        message_id_domain="example.com",
        bounce_to="bounces@example.com",
    )

    assert plain.return_path("msg_1") == "care@example.com"
    assert tagged.return_path("msg_1") == "bounces+msg_1@example.com"
    assert tagged.return_path("msg>\r\nRCPT").startswith("bounces+h.")


# ---------------------------------------------------------------------------- URLs


def test_a_full_mail_url():
    """Everything a relay needs in one line; the password is decoded, and shown nowhere."""
    url = "smtp://shop%40example.com:p%40ss%3Aw@relay.example:2525?tls=starttls&connections=7&rate=12.5"
    relay = parse_relay(url)

    assert (relay.host, relay.port, relay.username, relay.password) == (
        "relay.example",
        2525,
        "shop@example.com",
        "p@ss:w",
    )
    assert (relay.tls, relay.connections, relay.rate) == ("starttls", 7, 12.5)
    assert "p@ss:w" not in f"{relay} {relay!r} {SmtpTransport(relay)!r} {[relay]}"


@pytest.mark.parametrize(
    ("url", "tls", "port"),
    [
        ("smtp://relay.example", "starttls", 587),
        ("smtp://relay.example:465", "implicit", 465),
        ("smtp://relay.example?tls=implicit", "implicit", 465),
        ("smtp://relay.example?tls=none", "none", 25),
        ("smtp://localhost:1025", "none", 1025),
        ("smtp://127.0.0.1:1025", "none", 1025),
        ("smtp://[::1]:1025/", "none", 1025),
        ("smtp://192.0.2.1:25", "starttls", 25),
    ],
)
def test_what_a_mail_url_means_without_saying(url, tls, port):
    """Encrypted everywhere but on this machine, unless someone says otherwise."""
    relay = parse_relay(url)

    assert (relay.tls, relay.port) == (tls, port)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "relay.example",
        "http://relay.example",
        "smtp:relay.example",
        "smtp://",
        "smtp://:secret@relay.example",
        "smtp://u:secret@relay.example:port",
        "smtp://u:secret@relay.example:99999",
        "smtp://u:secret@relay.example/path",
        "smtp://u:secret@relay.example?tls=maybe",
        "smtp://u:secret@relay.example?tls",
        "smtp://u:secret@relay.example?color=red",
        "smtp://u:secret@relay.example?connections=0",
        "smtp://u:secret@relay.example?connections=many",
        "smtp://u:secret@relay.example?rate=-1",
        "smtp://u:secret@relay.example?rate=nan",
        "smtp://u:secret@relay.example#top",
        "smtp://u:secret%0d%0a@relay.example",
        "smtp://u:what?secret@relay.example",
        "smtp://u:what?secret=1@relay.example",
        "smtp://[::1",
        "maildir:",
        "maildir:/",
        "maildir://host/path",
        "maildir:mail?fsync=maybe",
    ],
)
def test_a_wrong_mail_url(url):
    """Used wrongly: a stable code, a hint that shows the right form, and never the password."""
    with pytest.raises(UsageProblem) as caught:
        open_transport(url)

    assert caught.value.code == "mail-url"
    assert "maildir:DIR" in caught.value.hint
    assert "secret" not in str(caught.value) + repr(caught.value.__cause__)


@pytest.mark.parametrize("form", ["maildir:{}", "maildir://{}", "maildir:{}?fsync=yes", "MAILDIR:{}"])
def test_a_maildir_url(form, tmp_path):
    """Any way people write a path; the folder is made, and mail readers accept it."""
    transport = open_transport(form.format(tmp_path / "mail"))

    assert isinstance(transport, MaildirTransport)
    assert len(stdlib_mailbox.Maildir(tmp_path / "mail", create=False)) == 0
    assert sorted(path.name for path in Path(tmp_path / "mail").iterdir()) == ["cur", "new", "tmp"]


def test_a_maildir_that_cannot_be_made(tmp_path):
    """The world is broken, and the person hears where."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WorldProblem) as caught:
        open_transport(f"maildir:{tmp_path / 'file'}")

    assert (caught.value.code, caught.value.where) == ("maildir", str(tmp_path / "file"))
