"""Runs the command as a person does: a process of its own, with nothing set but what the test sets."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from tests.embedded_runs import ROOT

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def environment(**settings):
    """Return this process's environment without any setting of ours, and with those given."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("FIRSTWORD_")}
    return bare | {"PYTHONPATH": str(ROOT)} | settings


def command(*arguments):
    return [sys.executable, "-m", "streams", *map(str, arguments)]


def firstword(*arguments, cwd=ROOT, stdin=None, **settings):
    """Run the command to its end and return what it said."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


@contextmanager
def start(*arguments, cwd=ROOT, stdin=None, **settings):
    """Start the command and yield the process; whatever the test does, it is over afterwards."""
    with subprocess.Popen(
        command(*arguments),
        cwd=cwd,
        env=environment(**settings),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def document(done):
    """Return the one JSON document on standard output."""
    return json.loads(done.stdout)


def wrong_item(order_id="CRUNCHY-ARMCHAIR", at=FRIDAY):
    """Return the events of an order whose box was packed with a lamp instead of the armchair."""
    facts = [
        (
            "order.placed.v1",
            {
                "customer": {
                    "customer_id": "C-7",
                    "email": "ines@example.com",
                    "name": "Inês",
                    "locale": "en",
                    "time_zone": "America/Sao_Paulo",
                    "country": "US",
                },
                "lines": [
                    {
                        "sku": "ARMCHAIR",
                        "quantity": 1,
                        "title": "Crunchy armchair",
                        "unit_price": {"minor": 6000, "currency": "USD"},
                    }
                ],
                "promise": {"by": (at + timedelta(days=12)).date().isoformat()},
            },
        ),
        (
            "fulfillment.created.v1",
            {
                "fulfillment_id": "F-1",
                "shipment_id": "BOX-1",
                "lines": [{"sku": "ARMCHAIR", "quantity": 1}],
                "tracking_number": f"TRACK-{order_id}",
                "carrier": "UPS",
            },
        ),
        (
            "shipment.packed.v1",
            {"shipment_id": "BOX-1", "lines": [{"sku": "LAMP", "quantity": 1}], "station": "packing-3"},
        ),
    ]
    return [
        {
            "specversion": "1.0",
            "id": f"{order_id}-{number}",
            "source": "shop/test",
            "type": wire_type,
            "subject": order_id,
            "time": (at + timedelta(minutes=number)).isoformat(),
            "datacontenttype": "application/json",
            "data": {"order_id": order_id, **data},
        }
        for number, (wire_type, data) in enumerate(facts)
    ]


def scan(number, at=FRIDAY, status="in_transit"):
    """Return a carrier's scan that knows only its tracking number."""
    return {
        "specversion": "1.0",
        "id": f"scan-{number}-{status}",
        "source": "carrier/ups",
        "type": "checkpoint.reached.v1",
        "subject": number,
        "time": at.isoformat(),
        "data": {"tracking_number": number, "status": status},
    }


def ndjson(events):
    return "".join(json.dumps(event) + "\n" for event in events)
