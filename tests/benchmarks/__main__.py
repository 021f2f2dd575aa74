"""Runs the benchmarks and prints one table: ``python -m tests.benchmarks [NAME...] [--json]``."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.measure import Row


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for, or everything."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Speeds beside their floors: medians of rounds taken in turns. Nothing fails by a time.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(found)}")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.names) - set(found))
    if unknown:
        parser.error(f"there is no benchmark called {', '.join(unknown)}; known: {', '.join(found)}")
    rows = []
    for name in asked.names or found:
        print(f"measuring {name} ...", file=sys.stderr)
        rows.extend(importlib.import_module(f"tests.benchmarks.bench_{name}").rows())
    if asked.json:
        print(json.dumps([row.as_json() for row in rows], indent=1))
    else:
        Console(width=None if sys.stdout.isatty() else 130).print(_table(rows))
    return 0


def _table(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("speed")
    for title in ("a second", "floor", "ratio", "aim"):
        table.add_column(title, justify="right")
    table.add_column("the floor is")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.rate:,.0f} {row.unit}",
            f"{row.floor:,.0f}",
            f"{row.ratio:.2f}",
            _aim(row),
            row.floor_name,
        )
    return table


def _aim(row: Row) -> str:
    if row.aim is not None:
        return f"{row.aim:,.0f} {'reached' if row.rate >= row.aim else 'missed'}"
    if row.aim_ratio is not None:
        return f"{row.aim_ratio:.2f} {'reached' if row.ratio >= row.aim_ratio else 'missed'}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
