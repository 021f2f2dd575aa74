"""How fast the published tables become facts, on a history made here in their layout.

Run with ``pytest -s tests/benchmarks/bench_sources.py``; prints rates, fails nothing by a time.
"""

from __future__ import annotations

import csv
import time
from datetime import datetime, timedelta

import pytest

from streams.sources import discover

pytestmark = pytest.mark.benchmark
ORDERS = 20_000
START = datetime(2017, 6, 1, 8, 0, 0)
HEADER = "order_id customer_id order_status order_purchase_timestamp order_approved_at order_delivered_carrier_date order_delivered_customer_date order_estimated_delivery_date".split()  # noqa: SIM905 - easier to read than a list


def write_tables(folder):
    with (folder / "olist_orders_dataset.csv").open("w", newline="") as orders:
        rows = csv.writer(orders)
        rows.writerow(HEADER)
        for number in range(ORDERS):
            placed = START + timedelta(seconds=number * 7919 % 20_000_000)
            times = [placed + timedelta(hours=hours) for hours in (0, 1, 50, 200)]
            rows.writerow([f"{number:032x}", f"{number:032X}", "delivered", *times, placed.date()])
    with (folder / "olist_order_items_dataset.csv").open("w", newline="") as items:
        rows = csv.writer(items)
        rows.writerow(
            [
                "order_id",
                "order_item_id",
                "product_id",
                "seller_id",
                "shipping_limit_date",
                "price",
                "freight_value",
            ]
        )
        for number in range(ORDERS):
            rows.writerow([f"{number:032x}", 1, f"sku{number % 999}", "s", START, "19.9", "7.5"])


def test_history(tmp_path):
    """Reading, checking, sorting and encoding, beside the CSV reader alone."""
    write_tables(tmp_path)
    source = discover()["csv_history"]
    start = time.perf_counter()
    events = sum(len(source.translate(record)) for record in source.read(str(tmp_path)))
    ours = time.perf_counter() - start
    start = time.perf_counter()
    for name in ("olist_orders_dataset.csv", "olist_order_items_dataset.csv"):
        with (tmp_path / name).open(newline="") as table:
            sum(1 for _ in csv.reader(table))
    floor = time.perf_counter() - start
    print(f"\ncsv_history: {events / ours:,.0f} events/s; {ours / floor:.1f} times the CSV reader alone")

    assert events == 4 * ORDERS
