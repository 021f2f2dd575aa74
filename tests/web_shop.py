"""A small shop in which everything went wrong once, run for real, and its console as a process of its own."""

import asyncio
import http.client
import re
import select
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from streams.embedded.journal import Journal
from tests.command_line import start
from tests.embedded_runs import run_history
from tests.ndjson import DAY, HOUR, MINUTE, MONDAY, event, in_time, line, placed, scan, shipped, swapped
from tests.smtp_server import TAKE_AND_HANG_UP, scripted_server
from tests.web_rig import HOSTILE, TOKENS, Client
from tests.worker_processes import ROOT

UNTIL = MONDAY + 5 * DAY
DOUBTED, DEAR, LATE_ANNOUNCED, HOSTILE_ORDER = "ORD-DOUBT", "ORD-DEAR", "ORD-LATE", "ORD-HOSTILE"
LOST_NUMBER = "1ZLATE"
TRACKED = "1ZTRACKED"
WITHIN = 30.0  # seconds for what happens in another process


def events():
    """A mail in doubt, a review, a scan that nobody claimed in time, a hostile customer, and a record that is none."""
    hostile = {"name": HOSTILE, "customer_id": HOSTILE[:60], "email": "x@example.com", "country": "US"}
    address = dict.fromkeys(("name", "street", "city", "region", "postal_code"), HOSTILE)
    shipping = {"method": HOSTILE, "address": address | {"country": "US"}}
    known = in_time(
        *swapped(DOUBTED),
        shipped(DOUBTED, MONDAY + 3 * HOUR, tracking_number=TRACKED),
        # So late that its review still waits when the history ends.
        *swapped(
            DEAR, MONDAY + 4 * DAY + MINUTE, line={"unit_price": {"minor": 9_000_000, "currency": "USD"}}
        ),
        placed(LATE_ANNOUNCED, MONDAY + 2 * MINUTE),
        scan("early-scan", "in_transit", MONDAY + 3 * HOUR, LOST_NUMBER, location=HOSTILE),
        shipped(LATE_ANNOUNCED, MONDAY + 4 * DAY, tracking_number=LOST_NUMBER),
        *swapped(
            HOSTILE_ORDER,
            MONDAY + 3 * MINUTE,
            customer=hostile,
            line={"sku": HOSTILE[:80], "title": HOSTILE},
            shipping=shipping,
        ),
        event(
            "shipment.created.v1",
            "hostile-label",
            MONDAY + 4 * HOUR,
            order_id=HOSTILE_ORDER,
            shipment_id=HOSTILE[:80],
            carrier=HOSTILE,
            tracking_number="1ZHOSTILE",
        ),
        scan(
            "hostile-scan",
            "in_transit",
            MONDAY + 5 * HOUR,
            "1ZHOSTILE",
            location=HOSTILE,
            description=HOSTILE,
            reason=HOSTILE,
        ),
        event(
            "customer.reported.v1",
            "hostile-report",
            MONDAY + 6 * HOUR,
            order_id=HOSTILE_ORDER,
            kind="damaged",
            text=HOSTILE,
        ),
    )
    return [*map(line, known), b'{"broken": "' + HOSTILE.encode() + b'"']


@contextmanager
def relay(**script):
    """A relay in a thread, which answers by script."""
    loop, begun, ports, over = asyncio.new_event_loop(), threading.Event(), [], asyncio.Event()

    async def serve():
        async with scripted_server(**script) as server:
            ports.append(server.port)
            begun.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert begun.wait(WITHIN)
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(WITHIN)
        loop.close()


def make_shop(folder):
    """Run the shop's history into ``folder``; the first mail ends in doubt."""
    folder.mkdir()
    source = folder / "events.ndjson"
    source.write_bytes(b"\n".join(events()) + b"\n")
    # Its review waits for ever: these tests are run years behind the history, and nobody's time must be up.
    patient = folder / "policy.toml"
    standard = (ROOT / "streams/policies/standard.toml").read_text("utf-8")
    patient.write_text(standard.replace('within = "2d"', 'within = "0h"'), "utf-8")
    assert "0h" in patient.read_text("utf-8")
    with relay(DOT=[TAKE_AND_HANG_UP]) as port, ThreadPoolExecutor(1) as apart:
        mail = f"smtp://127.0.0.1:{port}?tls=none&connections=1"
        # In a thread of its own: the browser's driver has a loop in this one.
        ran = apart.submit(
            run_history, folder / "shop", f"native={source}", until=UNTIL, mail=mail, policy=patient
        ).result()
    assert [one.fact.order_id for one in ran.of("message.in_doubt.v1")] == [DOUBTED]
    assert [one.fact.order_id for one in ran.of("review.requested.v1")] == [DEAR]
    return folder / "shop"


@contextmanager
def console(data, *options, wait_for=DOUBTED, **settings):
    """Run ``firstword console`` on a data folder, and yield its address once it shows ``wait_for`` in doubt."""
    lines = "\n".join(f"{role}:{token}" for role, token in TOKENS.items())
    given = {"FIRSTWORD_CONSOLE_TOKENS": lines, **settings}
    with start("console", "--data", data, "--console", ":0", *options, **given) as process:
        ready, _, _ = select.select([process.stdout], [], [], WITHIN)
        said = process.stdout.readline() if ready else ""
        found = re.search(r"http://\S+?(?=/?$)", said.strip())
        if found is None:
            process.kill()
            raise AssertionError(said + process.stderr.read())
        base = found[0].rstrip("/")
        if wait_for:
            _wait_for_the_tables(base, wait_for)
        yield base
        process.terminate()
        assert process.wait(WITHIN) == 0


def eventually(look, why="it did not happen in time", *, within=WITHIN):
    """Ask again and again until the answer is true, and return it."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(why)


def decisions(data, wire_type):
    """What stands in the journal by now."""
    journal = Journal(data / "journal.sqlite")
    try:
        return [one.fact for one in journal.decisions() if one.type == wire_type]
    finally:
        journal.close()


def heard(data, wire_type):
    """Which facts of a type the journal has heard."""
    journal = Journal(data / "journal.sqlite")
    try:
        return [one.fact for _, some in journal.blocks() for one in some if wire_type == one.fact.TYPE]
    finally:
        journal.close()


def _wait_for_the_tables(base, order_id):
    client = Client(base)

    def is_there():
        try:
            if not client.form_token:
                client.sign_in("reader")
            return order_id in client.get("/mail").text
        except (OSError, http.client.HTTPException):
            return False

    eventually(is_there, "the console did not read the journal in time")
