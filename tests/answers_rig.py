"""The answers page in a thread of this process, over a data folder; and mails as a shop that signs links sends them."""

import asyncio
import email
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from email import policy

from aiohttp import web

from streams import wiring
from streams.assets import templates_dir
from streams.clock import wall_now
from streams.embedded.inbox import INBOX, look
from streams.labels.store import LabelStore
from streams.links import Addresses, Signer
from streams.settings import load
from streams.templating.samples import read_sample
from streams.web.answers.serve import furnish

SECRET = "the crunchy armchair is comfortable"
PUBLIC = "https://answers.shop.example"
ORDER = "ORD-1042"
QUEUED = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)


def settings(folder, **more):
    given = {"FIRSTWORD_PUBLIC_URL": PUBLIC, "FIRSTWORD_LINK_SECRET": SECRET, **more}
    return load(given, data=folder)


def link(answer="stop", *, secret=SECRET, at=None, locale="en", message_id="msg_1", order_id=ORDER):
    """Return the path of a link in a mail that was queued ``at``, now if nothing is said."""
    made = Addresses(PUBLIC, Signer(secret)).of(
        order_id=order_id,
        case_id="cas_1",
        message_id=message_id,
        answer=answer,
        locale=locale,
        at=at or wall_now(),
    )
    return made.removeprefix(PUBLIC)


def facts(folder):
    """Return what was left for the process that works in the folder."""
    return list(look(folder)) if (folder / INBOX).exists() else []


@contextmanager
def serving(app):
    """Serve an application on a free port, and yield its address."""
    loop = asyncio.new_event_loop()
    ready, taken = threading.Event(), []

    async def begin():
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        taken.append((runner, f"http://127.0.0.1:{runner.addresses[0][1]}"))
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(begin()), loop.run_forever()))
    thread.start()
    try:
        assert ready.wait(20)
        runner, base = taken[0]
        yield base
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


@contextmanager
def answers(folder, **more):
    """Serve the answers page over a data folder."""
    with serving(furnish(settings(folder, **more), kafka=False)) as base:
        yield base


def sample(template, locale="en", name="typical"):
    """Return a decided mail of a template."""
    return read_sample(templates_dir() / template / "samples" / f"{name}.json", template, locale)


def sent(folder, *messages, given=None, at=QUEUED):
    """Send decided mails as a shop with these settings does, and return them as they lie in the Maildir, by template."""
    kit = wiring.build(given or settings(folder))
    for message in messages:
        if message.letter.label_id is not None:
            LabelStore(folder / "labels").put(message.letter.label_id, b"%PDF-1.4\n%%EOF\n")

    async def send():
        try:
            for message in messages:
                (outcome,) = await kit.sender.send(message, at)
                assert outcome.TYPE == "message.accepted.v1", outcome
        finally:
            await kit.sender.close()
            kit.ledger.close()

    asyncio.run(send())
    mails = [
        email.message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((folder / "mail" / "new").iterdir())
    ]
    return {mail["X-Firstword-Template"]: mail for mail in mails}


def plain(mail):
    return mail.get_body(("plain",)).get_content()


def html(mail):
    return mail.get_body(("html",)).get_content()
