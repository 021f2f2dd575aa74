"""Thirty thousand real orders through the command: late is a matter of calendar days, and the counts add up."""

import csv
import gzip
import json
import subprocess
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.embedded_runs import ROOT, SHARED

OLIST = SHARED / "data" / "olist"
LABELS = OLIST / "labels_train_knowable_at_cut.csv.gz"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not LABELS.exists(), reason="the real orders are not beside this checkout"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The command's summary and the orders that were called late."""
    data = tmp_path_factory.mktemp("olist")
    log = data / "decisions.ndjson"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "streams", "run", "--data", data / "run"),
            *("--source", f"csv_history={OLIST}", "--clock", "history", "--json", "--decisions", log),
        ],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    decisions = [json.loads(line) for line in log.read_text().splitlines()]
    late = [
        decision["data"]["order_id"]
        for decision in decisions
        if decision["type"] == "exception.opened.v1" and decision["data"]["kind"] == "late_delivery"
    ]
    return json.loads(done.stdout), late


@pytest.fixture(scope="module")
def labels():
    with gzip.open(LABELS, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_late_is_opened_for_exactly_the_late(run, labels):
    """Delivered after the promised day, or open past it: those, each once, and no other."""
    summary, late = run
    today = (
        datetime.fromisoformat(summary["now"]).astimezone(ZoneInfo("America/Sao_Paulo")).date().isoformat()
    )
    expected = {
        row["order_id"]
        for row in labels
        if row["late"] == "1" or (row["final_status"] == "open_at_cut" and row["promised_date"] < today)
    }

    assert len(expected) > 5000
    assert sorted(late) == sorted(expected)


def test_a_parcel_of_the_promised_day_is_on_time(run, labels):
    """Nobody who got it on the promised day is called late; by the timestamp 306 of them would be."""
    _, late = run
    on_the_day = {row["order_id"] for row in labels if row["late"] == "0" and row["late_ts"] == "1"}

    assert len(on_the_day) == 306
    assert on_the_day & set(late) == set()


def test_every_late_order_that_came_is_cleared(run, labels):
    """An exception that is over is closed."""
    summary, _ = run
    delivered_late = sum(row["late"] == "1" for row in labels)

    assert summary["exceptions"]["late_delivery"]["cleared"] == delivered_late


def test_the_counts_add_up(run):
    """In = folded + duplicates + parked + dead letters, over every event of the folder."""
    events = run[0]["events"]

    assert events["in"] == 116_888
    assert events["in"] == events["folded"] + events["duplicates"] + events["parked"] + events["dead_letters"]


def test_the_pace_is_printed(run, record_property, capsys):
    """How fast it was, said aloud; machines differ, so nothing fails by it."""
    pace = run[0]["events_per_second"]
    record_property("events_per_second", pace)
    with capsys.disabled():
        print(f"\nreal history: {pace:,} events a second, journal included, in one process")

    assert pace > 0
