"""How long the console's pages take with a million orders, beside a page that asks only for its menu.

``python -m tests.benchmarks.console [ORDERS]``: a simulated shop is run and read for real, and its tables are then
multiplied by themselves: orders, tracking numbers, cases, troubles, reviews, mails and dead letters to the full
number, with all their indices. What is only looked up by one order (its events and decisions) stays as it was.
"""

import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from streams import telemetry
from streams.ops.read_model import tables
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.follow import catch_up
from streams.ops.read_model.reading import open_reading
from streams.web import room
from tests.command_line import firstword
from tests.embedded_runs import run_history
from tests.web_rig import Client, make_room, serving

ORDERS = 1_000_000
SEED_ORDERS = 4_000
ROUNDS = 21
# Which columns name a row: each copy gets names of its own.
PREFIX = tables.ORDERS.name.removesuffix("orders")
NAMES = {
    "orders": ("order_id", "customer_hash", "email_hash"),
    "tracking": ("number", "order_id"),
    "cases": ("case_id", "order_id"),
    "troubles": ("exception_id", "case_id", "order_id"),
    "reviews": ("review_id", "order_id"),
    "messages": ("message_id", "order_id"),
    "dead_letters": ("id",),
}


def multiply(path, times):
    """Write every row ``times`` times, and count so; return how many orders there are."""
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-400000")
        db.execute(
            f"CREATE TEMP TABLE copies AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times - 1}) SELECT i FROM n"
        )
        for bare, names in NAMES.items():
            table = f"{PREFIX}{bare}"
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
            chosen = ", ".join(f"{one} || '-' || i" if one in names else one for one in columns)
            db.execute(f"INSERT INTO {table} SELECT {chosen} FROM {table}, copies ORDER BY i")
        db.execute(f"UPDATE {PREFIX}gauges SET count = count * {times}")
        db.execute(f"UPDATE {PREFIX}counters SET count = count * {times}")
        db.commit()
        return db.execute(f"SELECT count(*) FROM {PREFIX}orders").fetchone()[0]


def milliseconds(ask):
    """Return the median and the slowest of several answers."""
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = ask()
        taken.append((time.perf_counter() - began) * 1000)
        assert answer.status in {200, 303}, answer.text
    return statistics.median(taken), max(taken)


def main(orders):
    telemetry.configure("ERROR")
    room.FRESH = 0.0  # every page asks for the counts beside the menu anew: the worst case
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        firstword("simulate", "--orders", SEED_ORDERS, "--days", 14, "--out", folder / "world")
        source = folder / "world" / "events.ndjson"
        source.write_bytes(source.read_bytes() + b'{"broken": 1\n' * 20)
        ran = run_history(folder / "shop", f"native={source}")
        place = folder / "shop" / "readmodel.sqlite"
        caught = catch_up(str(place), JournalFeed(folder / "shop" / "journal.sqlite"))
        print(f"read {caught.events:,} events into the tables, {caught.rate:,.0f} a second")
        known = ran.of("exception.opened.v1")[0].fact.order_id
        began = time.perf_counter()
        count = multiply(place, max(1, orders // SEED_ORDERS))
        size = place.stat().st_size / 2**30
        print(f"{count:,} orders, {size:.1f} GiB of tables, made in {time.perf_counter() - began:.0f} s")
        reading = open_reading(str(place), ledger=str(folder / "shop" / "ledger.sqlite"))
        try:
            with serving(make_room(reading)) as base:
                show(Client(base).sign_in("approver"), known)
        finally:
            reading.close()


def show(client, known):
    """Print a line per page: the median, the slowest, and how far the median is above a page that asks only for its menu."""
    pages = {
        "counts (keys)": lambda: client.get("/keys"),
        "today": lambda: client.get("/"),
        "cases": lambda: client.get("/cases"),
        "cases, one kind": lambda: client.get("/cases?kind=late_delivery"),
        "cases, page 21": lambda: client.get("/cases?page=20"),
        "search by id": lambda: client.post("/search", text=known),
        "search by prefix": lambda: client.post("/search", text="ORD-1"),
        "search, none": lambda: client.post("/search", text="nobody@example.com"),
        "order": lambda: client.get(f"/order?id={known}"),
        "reviews": lambda: client.get("/reviews"),
        "held": lambda: client.get("/held"),
        "dead letters": lambda: client.get("/letters"),
        "in doubt": lambda: client.get("/mail"),
    }
    floor = None
    print(f"{'page':<18}{'median ms':>12}{'slowest ms':>12}{'above floor':>14}")
    for name, ask in pages.items():
        median, slowest = milliseconds(ask)
        floor = median if floor is None else floor
        print(f"{name:<18}{median:>12.1f}{slowest:>12.1f}{median - floor:>14.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS)
