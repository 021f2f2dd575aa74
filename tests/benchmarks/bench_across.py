"""Allowances across orders on one SQLite file, each judged on disk, beside one committed insert each."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from streams.core.events import AllowanceRequested
from streams.core.policy import Brake, Budgets, Customers
from streams.storage.engine import open_engine
from tests.across_rig import FRIDAY, place, request
from tests.benchmarks.measure import Row, beside, lap

_NUMBERS = itertools.count()
_COUNT = 2_000
_BUDGETS = Budgets(customer={"USD": 10**6}, day={"USD": 10**9}, total={"USD": 10**10})


def rows() -> Iterator[Row]:
    """Every limit and the brake are asked, and all of them say yes: the longest way through."""
    requests = [_request(number) for number in range(_COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        yield beside(
            "allowances, SQLite",
            "judged",
            lap(lambda: _judge(Path(folder), requests), _COUNT),
            lap(lambda: _insert(Path(folder)), _COUNT),
            floor_name="one insert and one commit each",
            aim=1_000,
        )


def _request(number: int) -> AllowanceRequested:
    return request(
        number,
        500,
        customer=f"c{number % 500}",
        purpose="message" if number % 2 else "remedies",
        carrier="crawl",
        station="7",
        apology=True,
    )


def _judge(folder: Path, requests: list[AllowanceRequested]) -> None:
    with place(str(folder / f"allowances-{next(_NUMBERS)}.db")) as judging:
        allowances = judging(
            budgets=_BUDGETS,
            customers=Customers(failures=50, apologies=5),
            brake=Brake(most=10**6),
        )
        for number, one in enumerate(requests):
            allowances.judge(one, FRIDAY + timedelta(seconds=number))


def _insert(folder: Path) -> None:
    engine = open_engine(str(folder / f"floor-{next(_NUMBERS)}.db"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE floor (id TEXT PRIMARY KEY, row TEXT)"))
    raw = engine.raw_connection()
    for number in range(_COUNT):
        raw.cursor().execute("INSERT INTO floor VALUES (?, ?)", (f"alw_{number}", "x" * 300))
        raw.commit()
    raw.close()
    engine.dispose()
