"""A million open orders in one fold worker: memory, snapshot, and how long a start takes.

``python -m tests.benchmarks.state [--orders 1000000]`` prints one table. Open orders of the simulated month
are copied under new ids into the snapshots of a real broker; five minutes of journal at 500 events a second
lie behind them. A new process then starts, and is live when the last of these is folded and acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from streams.codec.blocks import Entry
from streams.codec.registry import encode_fact
from streams.core.events import CheckpointReached
from streams.core.order import Order
from streams.pipeline.processor import Processor
from streams.service.fold import Fold
from streams.service.order_table import OrderTable
from streams.service.partition import partition_of
from streams.service.snapshots import Snapshots
from streams.service.topics import topics_of
from tests import fold_rig as rig
from tests.benchmarks import month

PARTITIONS = 12
TAIL = 150_000  # events: five minutes at 500 a second


def main() -> int:
    """Fill the snapshots, start a worker of its own, print what it says."""
    asked = argparse.ArgumentParser(prog="python -m tests.benchmarks.state", description=__doc__)
    asked.add_argument("--orders", type=int, default=1_000_000)
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--child", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.child:
        return asyncio.run(_child(json.loads(given.child)))
    from tests.kafka_rig import broker

    orders = _open_orders()
    with tempfile.TemporaryDirectory() as folder, broker() as kafka:
        plan = {"bootstrap": kafka.bootstrap, "folder": folder, "orders": given.orders}
        settings = _settings(kafka, Path(folder))
        rig.declare(kafka, topics_of(settings))
        print(f"writing {given.orders:,} orders ...", file=sys.stderr)
        plan["snapshot_bytes"], plan["ends"] = asyncio.run(_fill(settings, orders, given.orders))
        print("starting a worker ...", file=sys.stderr)
        child = [sys.executable, "-m", "tests.benchmarks.state", "--child", json.dumps(plan)]
        said = json.loads(subprocess.run(child, check=True, capture_output=True, text=True).stdout)
    print(json.dumps(said, indent=1) if given.json else _table(said))
    return 0


def _settings(kafka, folder: Path):
    return rig.settings_of(
        kafka, "state", folder, partitions=PARTITIONS, snapshot_seconds=3600, hot_orders=10_000
    )


def _open_orders() -> list[Order]:
    """Half a month in: the orders that wait for something."""
    processor = Processor(month.policy())
    blocks = month.events()
    for event in blocks[: len(blocks) // 2]:
        processor.fold(event)
    return [order for order in processor.orders.values() if order.wake_at is not None]


async def _fill(settings, some: list[Order], count: int) -> tuple[int, list[int]]:
    tables = [OrderTable() for _ in range(PARTITIONS)]
    touched: list[set[str]] = [set() for _ in range(PARTITIONS)]
    now = max(order.seen and order.wake_at for order in some) - timedelta(days=30)
    for number in range(count):
        like = some[number % len(some)]
        order = like.__copy__()
        order.order_id = f"{like.order_id}-{number}"
        order.wake_at = like.wake_at + timedelta(days=400)  # nobody's deadline falls into the measurement
        at = partition_of(order.order_id, PARTITIONS)
        tables[at].hot[order.order_id] = order
        touched[at].add(order.order_id)
        if len(touched[at]) > 5_000:
            _settle(tables[at], touched[at])
    size = 0
    snapshots = Snapshots(settings, topics_of(settings).snapshots.name)
    for partition, table in enumerate(tables):
        _settle(table, touched[partition])
        table.owe(range(1024))
        buckets = dict(table.pack(table.freeze(())))
        size += sum(map(len, buckets.values()))
        pen = await snapshots.take_pen(partition)
        note = snapshots.note(position=-1, now=now, orders=len(table))
        assert await snapshots.write(pen, partition, buckets, note)
    await snapshots.close()
    scans = [_scan(some[n % len(some)], n % count, n, now) for n in range(min(TAIL, count))]
    parts = rig.cut(scans, PARTITIONS)
    return size, await rig.put(settings, [rig.packed(part, 20) for part in parts])


def _settle(table: OrderTable, touched: set[str]) -> None:
    for _ in table.pack(table.freeze(touched)):
        pass
    touched.clear()
    table.cool(0, set())


def _scan(like: Order, number: int, unique: int, now) -> Entry:
    order_id = f"{like.order_id}-{number}"
    parcel = like.shipments[0].shipment_id if like.shipments else "1"
    fact = CheckpointReached(status="in_transit", order_id=order_id, shipment_id=parcel)
    return Entry(order_id, f"tail-{unique}", "carrier", fact.TYPE, now, now, encode_fact(fact))


async def _child(plan) -> int:
    class Address:
        bootstrap = plan["bootstrap"]

    settings = _settings(Address, Path(plan["folder"]))
    fold = Fold(settings)
    before = _resident()
    began = time.perf_counter()
    await fold.start()
    await rig.until(lambda: len(fold.states) == PARTITIONS, fold)
    loaded = time.perf_counter() - began
    await rig.until(rig.through(plan["ends"], fold), fold)
    live = time.perf_counter() - began
    orders = sum(len(state.table) for state in fold.states.values())
    said = {
        "orders": orders,
        "bytes_per_order": round((_resident() - before) / orders),
        "snapshot_bytes_per_order": round(plan["snapshot_bytes"] / orders),
        "snapshot_megabytes": round(plan["snapshot_bytes"] / 1e6, 1),
        "seconds_until_all_partitions_open": round(loaded, 2),
        "seconds_until_live": round(live, 2),
        "tail_events": sum(state.events for state in fold.states.values()),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(said))
    await fold.stop()
    return 0


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _table(said) -> str:
    aims = {"bytes_per_order": "aim: under 1,024", "seconds_until_live": "aim: under 20"}
    return "\n".join(
        f"{name.replace('_', ' '):36} {value:>14,}  {aims.get(name, '')}" for name, value in said.items()
    )


if __name__ == "__main__":
    sys.exit(main())
