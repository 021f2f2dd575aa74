"""How fast the published tables become facts, on a history made here in their layout."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta

from streams.sources import discover
from tests.benchmarks import month
from tests.benchmarks.measure import Row, beside, lap

ORDERS = 20_000
EVENTS = 4 * ORDERS  # placed, approved, handed over, delivered
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


def rows() -> Iterator[Row]:
    """Reading, checking, sorting and encoding, beside the CSV reader alone."""
    folder = month.room() / "tables"
    folder.mkdir(exist_ok=True)
    write_tables(folder)
    source = discover()["csv_history"]

    def translate() -> None:
        events = sum(len(source.translate(record)) for record in source.read(str(folder)))
        assert events == EVENTS

    def only_read() -> None:
        for name in ("olist_orders_dataset.csv", "olist_order_items_dataset.csv"):
            with (folder / name).open(newline="") as table:
                sum(1 for _ in csv.reader(table))

    yield beside(
        "read published tables",
        "events",
        lap(translate, EVENTS),
        lap(only_read, EVENTS),
        floor_name="the CSV reader alone",
        rounds=3,
        warm=False,
    )
