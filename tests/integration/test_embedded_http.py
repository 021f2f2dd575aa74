"""The web door of the whole program: signed webhooks come in, and 202 means that they are on disk."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import aiohttp

from streams.embedded.journal import Journal
from tests.command_line import start
from tests.embedded_runs import ROOT
from tests.ndjson import line, placed

NOW = datetime.now(UTC).replace(microsecond=0)
SAMPLES = ROOT / "streams" / "sources"


@contextmanager
def serving(data, **settings):
    """The command with a port; yields the process and the address, and reads on in its log."""
    with start("run", "--data", data, "--http", "127.0.0.1:0", **settings) as process:
        port = None
        for text in process.stderr:
            said = json.loads(text)
            if said["name"] == "intake_opened":
                port = said["port"]
                break
        assert port is not None
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        yield process, f"http://127.0.0.1:{port}"
        process.kill()
        reader.join()


def journal_of(data):
    journal = Journal(data / "journal.sqlite")
    events = [event for _, block in journal.blocks() for event in block if event.order_id != "*"]
    counters = journal.counters()
    dead = list(journal.dead_letters())
    journal.close()
    return events, counters, dead


def shopify(body, secret="crunchy"):
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}


def easypost(body, secret="armchair"):
    return {
        "X-Hmac-Signature": "hmac-sha256-hex=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    }


def test_signed_webhooks_are_taken_and_others_are_not(tmp_path):
    """Shopify and EasyPost as their vendors sign; a wrong signature leaves nothing behind; rubbish is a dead letter."""
    order = (SAMPLES / "shopify" / "samples" / "order_paid.json").read_bytes()
    tracker = (SAMPLES / "easypost" / "samples" / "tracker_updated.json").read_bytes()

    async def talk(url):
        async with aiohttp.ClientSession(url) as client:

            async def post(path, body, headers=None):
                async with client.post(path, data=body, headers=headers) as response:
                    return response.status

            return [
                await post("/in/shopify", order, shopify(order, "wrong")),
                await post("/in/easypost", tracker),
                await post("/in/shopify", order, shopify(order)),
                await post("/in/easypost", tracker, easypost(tracker)),
                await post("/in/native", b"{"),
                await post("/in/native", line(placed("ORD-1", NOW)) + b"\n" + line(placed("ORD-2", NOW))),
            ]

    with serving(
        tmp_path / "shop", FIRSTWORD_SHOPIFY_SECRET="crunchy", FIRSTWORD_EASYPOST_SECRET="armchair"
    ) as (process, url):
        answers = asyncio.run(talk(url))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    events, counters, dead = journal_of(tmp_path / "shop")

    assert answers == [401, 401, 202, 202, 202, 202]
    assert {event.source.partition("/")[0] for event in events} >= {"shopify", "shop"}
    assert [(letter.source, letter.code, letter.place) for letter in dead] == [
        ("native", "json-truncated", "POST /in/native #1")
    ]
    assert {event.order_id for event in events} > {"ORD-1", "ORD-2"}
    assert counters["in"] >= 5


def test_202_means_that_it_survives_a_kill(tmp_path):
    """Forty requests at once, SIGKILL in the middle of the answers: whatever was confirmed is in the journal."""
    data = tmp_path / "shop"
    bodies = {f"ORD-{number}": line(placed(f"ORD-{number}", NOW)) for number in range(40)}

    async def talk(process, url):
        confirmed = []

        async def post(client, order_id):
            try:
                async with client.post("/in/native", data=bodies[order_id]) as response:
                    if response.status == 202:
                        confirmed.append(order_id)
                        if len(confirmed) == 15:
                            os.kill(process.pid, signal.SIGKILL)
            except aiohttp.ClientError:
                pass

        async with aiohttp.ClientSession(url) as client:
            await asyncio.gather(*(post(client, order_id) for order_id in bodies))
        return confirmed

    with serving(data) as (process, url):
        confirmed = asyncio.run(talk(process, url))
        process.wait(timeout=30)
    before = {event.order_id for event in journal_of(data)[0]}
    with serving(data) as (process, url):
        again = asyncio.run(send_all(url, bodies))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    _, counters, _ = journal_of(data)

    assert len(confirmed) >= 15
    assert set(confirmed) <= before
    assert again == [202] * 40
    assert (counters["folded"], counters["duplicates"]) == (40, len(before))


async def send_all(url, bodies):
    """Send everything again, as senders do that did not hear a 202."""
    async with aiohttp.ClientSession(url) as client:
        answers = []
        for body in bodies.values():
            async with client.post("/in/native", data=body) as response:
                answers.append(response.status)
        return answers
