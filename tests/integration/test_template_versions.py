"""A mail that was begun is finished in its own words, whatever is edited, restarted or lost meanwhile."""

from __future__ import annotations

import asyncio
import email
import sqlite3
from contextlib import asynccontextmanager
from datetime import timedelta
from email import policy as email_policy
from pathlib import Path

import msgspec
import pytest

from streams import wiring
from streams.assets import templates_dir
from streams.core.events import MessageAccepted, MessageDeferred, MessageRefused
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.sender import LedgerSender
from streams.mail.url import open_transport
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from tests.effects_rig import SAMPLE
from tests.mail_builders import FRIDAY, MINUTE
from tests.smtp_server import TAKE_AND_HANG_UP, scripted_server

TEMPLATES = templates_dir()
GREYLISTED = "451 4.7.1 greylisted, come back later"
CARD = 'purpose = "a message of a test"\nowner = "Tests"\nin_doubt = "resend_once"\n'


def words(text):
    """A file of words that say one thing."""
    return f"---\nsubject: {text} {{{{ order.id }}}}\npreheader: {text}\n---\n{{{{ greeting }}}}\n\n{text}.\n"


class Shop:
    """A folder of words, a ledger and a relay; senders come and go, as processes do."""

    def __init__(self, folder: Path, ledger: str | MemoryLedger, port: int) -> None:
        self.folder = folder
        self.place = ledger
        self.port = port
        self.renderer: CatalogueRenderer

    def write(self, text, name="hello/en.md"):
        """Edit a file of words."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def reload(self):
        """Let the running sender take the words that lie there."""
        self.renderer.reload(load_catalogue(TEMPLATES, self.folder))

    @asynccontextmanager
    async def sender(self):
        """A process that starts, and ends."""
        memory = isinstance(self.place, MemoryLedger)
        ledger = self.place if memory else open_ledger(self.place)
        self.ledger = ledger
        self.renderer = CatalogueRenderer.from_folder(TEMPLATES, self.folder)
        sender = LedgerSender(
            ledger=ledger,
            transport=open_transport(f"smtp://127.0.0.1:{self.port}?tls=none&connections=2"),
            renderer=self.renderer,
            identity=wiring.Identities(self.renderer),
            owner="shop",
            doubt_rules=wiring.DoubtRules(self.renderer),
        )
        try:
            yield sender
        finally:
            await sender.close()
            if not memory:
                ledger.close()


def queued(number, case=None):
    """A decided mail of the message ``hello``."""
    return msgspec.structs.replace(
        SAMPLE,
        template="hello",
        message_id=f"msg_{number}",
        decision_id=f"dec_{number}",
        case_id=case or f"case_{number}",
    )


def said(server):
    """What lies in the relay's mailbox: what each mail says, by message; its subject is its case's."""
    mails = [parsed(server, number) for number in range(len(server.mailbox))]
    bodies = [mail.get_body(("plain",)).get_content() for mail in mails]
    return [
        (mail["X-Firstword-Message"], body.splitlines()[2].rstrip("."))
        for mail, body in zip(mails, bodies, strict=True)
    ]


def parsed(server, number):
    """One mail of the relay's mailbox."""
    return email.message_from_bytes(server.mailbox[number][2], policy=email_policy.default)


def durable_place(request, tmp_path):
    """Return the PostgreSQL or the file that a fixture's parameter asks for."""
    return (
        request.getfixturevalue("postgres") if request.param == "postgresql" else str(tmp_path / "ledger.db")
    )


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def place(request, tmp_path):
    """Where the ledger is."""
    return MemoryLedger() if request.param == "memory" else durable_place(request, tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def durable(request, tmp_path):
    """Where a ledger is that is still there after its process."""
    return durable_place(request, tmp_path)


def tell(tmp_path, place, story, **script):
    """Run a story in a shop whose relay answers by script, and return the relay."""

    async def told():
        async with scripted_server(**script) as server:
            shop = Shop(tmp_path / "words", place, server.port)
            shop.write(CARD, "hello/message.toml")
            shop.write(words("Old"))
            await story(shop)
            return server

    return asyncio.run(told())


# ---------------------------------------------------------------------------- edits


def test_a_mail_that_waits_keeps_its_words_and_the_next_one_gets_the_new(tmp_path, place):
    """Deferred, edited, tried again: two mails of the same minute, each in the words of its beginning."""

    async def story(shop):
        async with shop.sender() as sender:
            (first,) = await sender.send(queued(1), FRIDAY)
            assert isinstance(first, MessageDeferred)
            shop.write(words("New"))
            shop.reload()
            await sender.send(queued(2), FRIDAY)
            await sender.retry_due(FRIDAY + 2 * MINUTE)

    server = tell(tmp_path, place, story, RCPT=[GREYLISTED])

    assert said(server) == [("msg_2", "New"), ("msg_1", "Old")]
    assert "Old." in parsed(server, 1).get_body(("plain",)).get_content()
    assert "Old." in parsed(server, 1).get_body(("html",)).get_content()


def test_a_mail_keeps_its_words_over_a_restart(tmp_path, durable):
    """The new process has never seen them: the ledger gives them back."""

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
        shop.write(words("New"))
        async with shop.sender() as sender:
            assert not shop.renderer.knows("hello", shop.ledger.find("msg_1").template_version)
            sender.recover(FRIDAY + MINUTE)
            await sender.retry_due(FRIDAY + 2 * MINUTE)
            await sender.send(queued(2), FRIDAY + 2 * MINUTE)

    server = tell(tmp_path, durable, story, RCPT=[GREYLISTED])

    assert said(server) == [("msg_1", "Old"), ("msg_2", "New")]


def test_a_mail_keeps_its_words_when_its_message_is_gone(tmp_path, durable):
    """The folder was removed: whoever was to get the mail gets it."""

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
        (shop.folder / "hello" / "en.md").unlink()
        (shop.folder / "hello" / "message.toml").unlink()
        async with shop.sender() as sender:
            await sender.retry_due(FRIDAY + 2 * MINUTE)
            (end,) = await sender.send(queued(2), FRIDAY + 2 * MINUTE)
            assert isinstance(end, MessageRefused)

    assert said(tell(tmp_path, durable, story, RCPT=[GREYLISTED])) == [("msg_1", "Old")]


def test_the_second_copy_of_a_doubtful_mail_is_the_same_mail(tmp_path, place):
    """Sent once more by rule, after an edit of words, frame and brand: to the last byte."""
    brand = (TEMPLATES / "brand.toml").read_text("utf-8")

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
            shop.write(words("New"))
            shop.write(brand.replace("Northlight Home", "Bell & Reed"), "brand.toml")
            shop.write((TEMPLATES / "_layout/frame.txt").read_text("utf-8") + "more\n", "_layout/frame.txt")
            shop.reload()
            await sender.retry_due(FRIDAY + 2 * MINUTE)
            await sender.send(queued(2), FRIDAY)

    server = tell(tmp_path, place, story, DOT=[TAKE_AND_HANG_UP])
    first, second, other = (parsed(server, number) for number in range(3))

    assert server.mailbox[0] == server.mailbox[1]
    assert "Northlight Home" in second["From"]
    assert "Bell & Reed" in other["From"]
    assert first["Message-ID"] == second["Message-ID"]


def test_a_mail_that_a_person_reopens_keeps_its_words(tmp_path, place):
    """Refused by the relay, looked at a week later, sent as it was decided."""

    async def story(shop):
        async with shop.sender() as sender:
            (end,) = await sender.send(queued(1), FRIDAY)
            assert isinstance(end, MessageRefused)
            shop.write(words("New"))
            shop.reload()
            later = FRIDAY + timedelta(days=7)
            assert sender.reopen("msg_1", later)
            (end,) = await sender.retry_due(later + MINUTE)
            assert isinstance(end, MessageAccepted)

    server = tell(tmp_path, place, story, RCPT=["550 5.2.2 mailbox full"])

    assert said(server) == [("msg_1", "Old")]


def test_many_edits_later_the_first_words_are_still_found(tmp_path, place):
    """More versions than a process keeps at hand: the ledger keeps them all."""

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
            for number in range(12):  # each edit of the brand is another version of every message
                shop.write((TEMPLATES / "brand.toml").read_text("utf-8") + f"# {number}\n", "brand.toml")
                shop.write(words(f"New{number}"))
                shop.reload()
            assert not shop.renderer.knows("hello", shop.ledger.find("msg_1").template_version)
            await sender.retry_due(FRIDAY + 2 * MINUTE)

    assert said(tell(tmp_path, place, story, RCPT=[GREYLISTED])) == [("msg_1", "Old")]


# ---------------------------------------------------------------------------- what goes wrong


def test_words_that_could_not_be_filled_in_are_not_kept_for_ever(tmp_path, place):
    """Nobody has read them: mended and reopened, the mail gets those of that day."""

    async def story(shop):
        shop.write(words("Old") + "\n{{ arives.text }}\n")
        async with shop.sender() as sender:
            (end,) = await sender.send(queued(1), FRIDAY)
            assert isinstance(end, MessageRefused)
            assert shop.ledger.find("msg_1").template_version == ""
            shop.write(words("Mended"))
            shop.reload()
            sender.reopen("msg_1", FRIDAY + MINUTE)
            await sender.retry_due(FRIDAY + 2 * MINUTE)

    assert said(tell(tmp_path, place, story)) == [("msg_1", "Mended")]


@pytest.mark.parametrize(
    "damage", ["DELETE FROM template_versions", "UPDATE template_versions SET sources = x'00'"]
)
def test_lost_words_are_said_to_be_lost(tmp_path, damage):
    """Never other words in silence: a person reads it, and reopens the mail in today's words."""
    place = str(tmp_path / "ledger.db")

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
        with sqlite3.connect(place) as database:
            database.execute(damage)
        database.close()
        shop.write(words("New"))
        async with shop.sender() as sender:
            (end,) = await sender.retry_due(FRIDAY + 2 * MINUTE)
            assert isinstance(end, MessageRefused)
            assert "template-version-missing" in end.reply
            sender.reopen("msg_1", FRIDAY + 3 * MINUTE)
            await sender.retry_due(FRIDAY + 4 * MINUTE)

    assert said(tell(tmp_path, place, story, RCPT=[GREYLISTED])) == [("msg_1", "New")]


def test_a_mail_from_before_there_were_versions_gets_todays_words(tmp_path):
    """A ledger of an older program has none to give back."""
    place = str(tmp_path / "ledger.db")

    async def story(shop):
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
        with sqlite3.connect(place) as database:
            database.execute("UPDATE mail_ledger SET template_version = ''")
        database.close()
        shop.write(words("New"))
        async with shop.sender() as sender:
            await sender.retry_due(FRIDAY + 2 * MINUTE)
            assert shop.ledger.find("msg_1").template_version != ""

    assert said(tell(tmp_path, place, story, RCPT=[GREYLISTED])) == [("msg_1", "New")]


# ---------------------------------------------------------------------------- what it costs


def test_words_are_written_down_once_however_many_mails_they_make(tmp_path, place, monkeypatch):
    """One look into a set per mail; the ledger is asked once per version and process."""
    asked = []

    async def story(shop):
        async with shop.sender() as sender:
            keep = shop.ledger.keep_sources
            monkeypatch.setattr(
                shop.ledger, "keep_sources", lambda *given: (asked.append(given[0]), keep(*given))[1]
            )
            await sender.send(queued(0), FRIDAY)
            await asyncio.gather(*(sender.send(queued(number), FRIDAY) for number in range(1, 30)))

    server = tell(tmp_path, place, story)

    assert len(server.mailbox) == 30
    assert len(asked) == 1


# ---------------------------------------------------------------------------- several wordings


def test_the_ledger_says_which_wording_each_case_got(tmp_path, place):
    """Two wordings side by side: what was read and what is written down are one."""
    found = {}

    async def story(shop):
        shop.write(CARD + "[variants]\nb = 50\n", "hello/message.toml")
        shop.write(words("Other"), "hello/en@b.md")
        async with shop.sender() as sender:
            await asyncio.gather(*(sender.send(queued(number), FRIDAY) for number in range(20)))
            for number in range(20):
                found[f"msg_{number}"] = shop.ledger.find(f"msg_{number}").variant

    read = dict(said(tell(tmp_path, place, story)))

    assert {variant: read[name] for name, variant in found.items()} == {"a": "Old", "b": "Other"}
    assert {name: read[name] == "Other" for name in read} == {name: found[name] == "b" for name in read}


def test_a_case_keeps_its_wording_when_the_parts_change(tmp_path, place):
    """Begun as b, tried again after b was taken out: the very words, and still counted as b."""
    rows = []

    async def story(shop):
        shop.write(CARD + "[variants]\nb = 100\n", "hello/message.toml")
        shop.write(words("Other"), "hello/en@b.md")
        async with shop.sender() as sender:
            await sender.send(queued(1), FRIDAY)
            shop.write(CARD, "hello/message.toml")
            (shop.folder / "hello" / "en@b.md").unlink()
            shop.reload()
            await sender.retry_due(FRIDAY + 2 * MINUTE)
            await sender.send(queued(2), FRIDAY)
            rows.extend(shop.ledger.find(f"msg_{number}").variant for number in (1, 2))

    server = tell(tmp_path, place, story, RCPT=[GREYLISTED])

    assert said(server) == [("msg_1", "Other"), ("msg_2", "Old")]
    assert rows == ["b", ""]
