"""The effects worker over real Kafka: edits between two mails, a mail that waits across an edit and a restart."""

import asyncio
import email
from datetime import timedelta
from email import policy

import pytest

from streams.assets import templates_dir
from streams.mail import ledger as rules
from streams.mail.ledger_sql import open_ledger
from tests.effects_rig import decide, effects, mail, until
from tests.service_rig import Deployment
from tests.smtp_server import scripted_server

SHIPPED = (templates_dir() / "late_delivery" / "en.md").read_text("utf-8")
GREYLISTED = "451 4.7.1 greylisted, come back later"


@pytest.fixture(params=["sqlite", "postgresql"])
def deployment(request, kafka, topic_prefix, tmp_path):
    """Topics, settings, a ledger and a folder of the shop's own words."""
    given = {"database": request.getfixturevalue("postgres")} if request.param == "postgresql" else {}
    made = Deployment(kafka, topic_prefix, tmp_path, templates=tmp_path / "words", **given)
    made.declare()
    write(made, "The first words.")
    return made


def write(deployment, text):
    """Edit the words as the studio does: a new file in the place of the old one."""
    file = deployment.folder / "words" / "late_delivery" / "en.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(".en.md.new")
    beside.write_text(f"{SHIPPED}\n{text}\n", "utf-8")
    beside.replace(file)


def said(server):
    """Which words each mail has that the relay took."""
    found = {}
    for _, _, content in server.mailbox:
        one = email.message_from_bytes(content, policy=policy.default)
        body = one.get_body(("plain",)).get_content()
        found[one["X-Firstword-Message"]] = next(
            word for word in ("first", "second", "third") if f"The {word} words." in body
        )
    return found


async def waits(worker, message_id):
    """Whether the relay has put a mail off."""
    row = await asyncio.to_thread(worker._kit.ledger.find, message_id)
    return row is not None and row.state == "deferred"


def rows(deployment):
    """What the ledger says of which words."""
    ledger = open_ledger(
        str(deployment.given.get("database") or deployment.folder / "data" / "ledger.sqlite")
    )
    found = {name: ledger.find(name) for name in ("msg_1", "msg_2", "msg_3")}
    kept = {
        name: row is not None and ledger.sources(row.template_version) is not None
        for name, row in found.items()
    }
    ledger.close()
    return found, kept


def test_a_mail_keeps_its_words_and_the_worker_takes_new_ones(deployment, monkeypatch):
    """Greylisted, edited, restarted, edited again: three mails, each in the words of its beginning."""
    monkeypatch.setattr(rules, "RETRY_AFTER", (timedelta(seconds=1),))

    async def story():
        async with scripted_server(RCPT=[GREYLISTED] * 1000) as server:
            deployment.given["mail_url"] = f"smtp://127.0.0.1:{server.port}?tls=none&connections=1"
            await decide(deployment, mail(1))
            async with effects(deployment) as worker:
                await until(lambda: waits(worker, "msg_1"), worker)
                before = worker._kit.words._renderer.catalogue
                write(deployment, "The second words.")
                await until(lambda: worker._kit.words._renderer.catalogue is not before, worker)
                await decide(deployment, mail(2))
                await until(lambda: waits(worker, "msg_2"), worker)
            write(deployment, "The third words.")
            async with effects(deployment) as worker:
                server.script.clear()
                await decide(deployment, mail(3))
                await until(lambda: len(server.mailbox) == 3, worker)
            return said(server)

    words = asyncio.run(story())
    found, kept = rows(deployment)

    assert words == {"msg_1": "first", "msg_2": "second", "msg_3": "third"}
    assert len({row.template_version for row in found.values()}) == 3
    assert all(kept.values())
