"""The web door: real requests over a real port, into a journal that is a file on disk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import json
import os
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from streams import telemetry
from streams.embedded.intake import LARGEST_BODY, Intake, Signature, parse_address, vendor_signatures
from streams.problems import InputProblem, UsageProblem, WorldProblem
from streams.settings import Secret, Settings
from streams.sources.easypost import adapter as easypost
from streams.sources.shopify import adapter as shopify

SECRET = "crunchy armchair"
ORDER = b'{"id": 1001, "name": "CRUNCHY-ARMCHAIR"}'


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode()}


VERIFIERS = {"shopify": shopify.verify, "easypost": easypost.verify}
SIGNATURES = vendor_signatures(VERIFIERS, Settings(shopify_secret=Secret(SECRET)))


class Journal:
    """Lines in a file, on disk before `submit` returns; `gate` holds them back, `problem` breaks the disk."""

    def __init__(self, path):
        self.path = path
        self.path.touch()
        self.problem = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def submit(self, source: str, body: bytes, place: str) -> int:
        self.waiting.set()
        await self.gate.wait()
        if self.problem is not None:
            raise self.problem
        lines = body.splitlines() if source == "native" else [body]
        with self.path.open("a") as file:
            for line in lines:
                file.write(json.dumps([source, line.decode("latin-1"), place]) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return len(lines)

    def rows(self):
        return [tuple(json.loads(line)) for line in self.path.read_text().splitlines()]


@asynccontextmanager
async def door(tmp_path, **changes):
    journal = Journal(tmp_path / "journal")
    options = {"sources": ["shopify", "native", "easypost"], "signatures": SIGNATURES} | changes
    intake = Intake(journal.submit, **options)
    host, port = await intake.start("127.0.0.1:0")
    async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
        try:
            yield client, journal, intake
        finally:
            journal.gate.set()
            await intake.stop()


async def post(client, path, body, **headers):
    async with client.post(path, data=body, headers=headers) as response:
        return response.status, await response.json()


def test_one_document_is_accepted_when_it_is_written_down(tmp_path):
    """202 with the number of records; the journal has the very bytes, and where they came from."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            first = await post(client, "/in/native", ORDER)
            second = await post(client, "/in/native", ORDER + b"\n" + ORDER)
            return first, second, journal.rows()

    first, second, rows = asyncio.run(story())

    assert first == (202, {"accepted": 1})
    assert second == (202, {"accepted": 2})
    assert rows == [
        ("native", ORDER.decode(), "POST /in/native #1"),
        ("native", ORDER.decode(), "POST /in/native #2"),
        ("native", ORDER.decode(), "POST /in/native #2"),
    ]


def test_no_answer_comes_before_the_records_are_durable(tmp_path):
    """While the journal is still writing, the sender waits; it may rely on the 202."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            journal.gate.clear()
            answer = asyncio.create_task(post(client, "/in/native", ORDER))
            await journal.waiting.wait()
            # Another round trip over the same server shows that it is alive and had time to answer too early.
            async with client.get("/health/live") as live:
                alive = live.status
            early = answer.done()
            journal.gate.set()
            return alive, early, await answer, len(journal.rows())

    assert asyncio.run(story()) == (200, False, (202, {"accepted": 1}), 1)


def test_a_signed_source_needs_the_right_signature(tmp_path):
    """Right: taken. Missing, wrong, of another body or another secret: 401, and nothing is written."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            wrong = [
                {},
                {"X-Shopify-Hmac-Sha256": ""},
                {"X-Shopify-Hmac-Sha256": "bm9wZQ=="},
                signed(ORDER + b" "),
                signed(ORDER, "other"),
                {"X-Shopify-Hmac-Sha256": "é"},
                {"X-Hmac-Signature": signed(ORDER)["X-Shopify-Hmac-Sha256"]},
            ]
            refused = [await post(client, "/in/shopify", ORDER, **headers) for headers in wrong]
            empty = journal.rows()
            taken = await post(client, "/in/shopify", ORDER, **signed(ORDER))
            return refused, empty, taken, journal.rows()

    refused, empty, taken, rows = asyncio.run(story())

    assert {(status, said["code"]) for status, said in refused} == {(401, "signature-wrong")}
    assert empty == []
    assert taken == (202, {"accepted": 1})
    assert rows == [("shopify", ORDER.decode(), "POST /in/shopify #1")]


def test_every_vendor_is_asked_for_its_own_header(tmp_path):
    """EasyPost signs in hexadecimal, in another header, with another secret."""
    settings = Settings(shopify_secret=Secret(SECRET), easypost_secret=Secret("easy"))
    digest = hmac.new(b"easy", ORDER, hashlib.sha256).hexdigest()

    async def story():
        async with door(tmp_path, signatures=vendor_signatures(VERIFIERS, settings)) as (client, _, _):
            right = await post(
                client, "/in/easypost", ORDER, **{"X-Hmac-Signature": f"hmac-sha256-hex={digest}"}
            )
            other = await post(client, "/in/easypost", ORDER, **signed(ORDER))
            return right[0], other[0]

    assert asyncio.run(story()) == (202, 401)


def test_a_verifier_without_a_secret_setting_is_a_mistake_of_the_program():
    """A vendor that signs cannot be added half."""
    with pytest.raises(KeyError, match="pigeon"):
        vendor_signatures({"pigeon": shopify.verify}, Settings())


def test_a_missing_signature_never_reaches_the_check(tmp_path):
    """Whatever a vendor's check makes of an empty header, it is no signature."""
    lenient = Signature(header="X-Signed", verify=lambda *_: True, secret=Secret("s"), setting="FIRSTWORD_S")

    async def story():
        async with door(tmp_path, signatures={"shopify": lenient}) as (client, _, _):
            without = await post(client, "/in/shopify", ORDER)
            with_one = await post(client, "/in/shopify", ORDER, **{"X-Signed": "x"})
            return without[0], with_one[0]

    assert asyncio.run(story()) == (401, 202)


def test_a_signed_source_without_its_secret_is_put_off_and_somebody_is_told(tmp_path):
    """Nothing unsigned slips in, and the vendor tries again once the secret is set."""
    before = telemetry.counters().get("webhook_secret_missing{source=easypost}", 0)

    async def story():
        async with door(tmp_path) as (client, journal, _):
            response = await client.post("/in/easypost", data=ORDER, headers={"X-Hmac-Signature": "x"})
            said = await response.json()
            return response.status, response.headers["Retry-After"], said, journal.rows()

    status, retry_after, said, rows = asyncio.run(story())

    assert (status, retry_after, rows) == (503, "5", [])
    assert said["code"] == "webhook-secret-missing"
    assert said["hint"] == "Set FIRSTWORD_EASYPOST_SECRET."
    assert telemetry.counters()["webhook_secret_missing{source=easypost}"] == before + 1


def test_an_unknown_source_is_told_the_known_ones(tmp_path):
    """404 with a list that can be copied."""

    async def story():
        async with door(tmp_path) as (client, _, _):
            return await post(client, "/in/shopfiy", ORDER)

    status, said = asyncio.run(story())

    assert (status, said["code"]) == (404, "source-unknown")
    assert said["known"] == ["easypost", "native", "shopify"]
    assert "/in/shopify" in said["hint"]


async def in_pieces(size: int):
    for _ in range(size // 65536):
        yield b" " * 65536
    yield b" " * (size % 65536) + ORDER


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "in pieces"])
def test_a_body_above_one_mebibyte_is_refused(announced, tmp_path):
    """413, whether or not the length was announced; at the limit it is still taken."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            size = LARGEST_BODY - len(ORDER)
            exact = io.BytesIO(b" " * size + ORDER) if announced else in_pieces(size)
            more = io.BytesIO(b" " * (size + 1) + ORDER) if announced else in_pieces(size + 1)
            at_limit = await post(client, "/in/native", exact)
            above = await post(client, "/in/native", more)
            return at_limit, above, len(journal.rows())

    at_limit, (status, said), rows = asyncio.run(story())

    assert at_limit == (202, {"accepted": 1})
    assert (status, said["code"]) == (413, "body-too-large")
    assert said["hint"] == "Send at most 1048576 bytes at once."
    assert rows == 1


def test_a_body_announced_too_large_is_not_waited_for(tmp_path):
    """The answer comes after the headers alone."""

    async def story():
        async with door(tmp_path) as (client, _, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", client._base_url.port)
            writer.write(b"POST /in/native HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n")
            async with asyncio.timeout(5):
                status = await reader.readline()
            writer.close()
            return status

    assert asyncio.run(story()) == b"HTTP/1.1 413 Request Entity Too Large\r\n"


@pytest.mark.parametrize("body", [b"", b" \n\n"])
def test_an_empty_body_is_no_event(body, tmp_path):
    """400: there is nothing that could become a dead letter."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            return await post(client, "/in/native", body), journal.rows()

    (status, said), rows = asyncio.run(story())

    assert (status, said["code"], rows) == (400, "body-empty", [])


def test_a_broken_disk_is_503_and_the_next_try_is_taken(tmp_path):
    """The sender is asked to come back, and is not told about our disk."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            journal.problem = WorldProblem(
                "journal-unwritable", "The journal is full.", where="/srv/journal", why="No space left"
            )
            async with client.post("/in/native", data=ORDER) as response:
                broken = response.status, response.headers["Retry-After"], await response.json()
            journal.problem = None
            return broken, await post(client, "/in/native", ORDER), len(journal.rows())

    broken, again, rows = asyncio.run(story())

    assert broken == (503, "5", {"code": "journal-unwritable", "what": "The journal is full."})
    assert again == (202, {"accepted": 1})
    assert rows == 1


def test_input_that_the_journal_refuses_is_400(tmp_path):
    """Trying again would not help, so the sender is not asked to."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            journal.problem = InputProblem("record-unreadable", "The record cannot be read.")
            return await post(client, "/in/native", ORDER)

    assert asyncio.run(story()) == (
        400,
        {"code": "record-unreadable", "what": "The record cannot be read."},
    )


def test_a_web_page_cannot_post(tmp_path):
    """A page that is open in a browser on this machine reaches local ports; it gives itself away."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            answer = await post(client, "/in/native", ORDER, Origin="https://example.com")
            return answer, journal.rows()

    (status, said), rows = asyncio.run(story())

    assert (status, said["code"], rows) == (403, "browser-refused", [])


def test_health_tells_alive_from_ready(tmp_path):
    """Alive from the first moment; ready when the one who runs us says so."""
    state = {"ready": False}

    async def story():
        async with door(tmp_path, ready=lambda: state["ready"]) as (client, _, _):
            answers = []
            for path in ("/health/live", "/health/ready"):
                async with client.get(path) as response:
                    answers.append((response.status, await response.json()))
            state["ready"] = True
            async with client.get("/health/ready") as response:
                answers.append((response.status, await response.json()))
            return answers

    assert asyncio.run(story()) == [
        (200, {"live": True}),
        (503, {"ready": False}),
        (200, {"ready": True}),
    ]


async def port_is_closed(port):
    with suppress(ConnectionError):
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()


def test_a_stop_answers_what_is_under_way(tmp_path):
    """The record is written and its sender learns it; then the port is closed."""

    async def story():
        async with door(tmp_path) as (client, journal, intake):
            journal.gate.clear()
            answer = asyncio.create_task(post(client, "/in/native", ORDER))
            await journal.waiting.wait()
            stopping = asyncio.create_task(intake.stop())
            await port_is_closed(client._base_url.port)
            journal.gate.set()
            taken = await answer
            await stopping
            await intake.stop()
            with pytest.raises(aiohttp.ClientConnectionError):
                await client.get("/health/live")
            return taken, len(journal.rows())

    assert asyncio.run(story()) == ((202, {"accepted": 1}), 1)


def test_a_taken_port_is_a_problem_with_the_address(tmp_path):
    """Said at the start, with the way out."""

    async def story():
        async with door(tmp_path) as (client, journal, _):
            port = client._base_url.port
            with pytest.raises(WorldProblem) as caught:
                await Intake(journal.submit, sources=["native"]).start(f"127.0.0.1:{port}")
            return caught.value, port

    problem, port = asyncio.run(story())

    assert (problem.code, problem.where) == ("intake-address-unavailable", f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":8080", ("127.0.0.1", 8080)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("intake.example.com:80", ("intake.example.com", 80)),
        ("[::1]:0", ("::1", 0)),
        (" localhost:65535 ", ("localhost", 65535)),
    ],
)
def test_an_address_is_host_and_port(text, expected):
    """Without a host it is this machine only: an open port is a decision, not an accident."""
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "8080", "localhost", "a:b", "::1:80", "a:65536", "http://a:80", "a:80/x", "a:-1"]
)
def test_anything_else_is_not_an_address(text):
    """A wrong flag is told how a right one looks."""
    with pytest.raises(UsageProblem) as caught:
        parse_address(text)

    assert caught.value.code == "http-address-wrong"
