"""What remedies cost, added up by one of their sides."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast, get_args

import msgspec
from sqlalchemy import Connection, Engine, select

from streams.core.money import Money
from streams.ops.read_model import questions, tables
from streams.ops.read_model.follow import catch_up, open_current
from streams.ops.read_model.portions import Feed
from streams.ops.read_model.rows import Box, OrderState
from streams.ops.read_model.spending import CostState
from streams.storage.engine import open_engine

By = Literal["remedy", "kind", "carrier", "lane", "station"]
SIDES: Final[Sequence[By]] = get_args(By)
UNKNOWN: Final = "unknown"
SEVERAL: Final = "several"  # the trouble is about no one parcel, and the order's parcels differ
_NAME: Final = 64  # characters of what others call their carriers and stations
_decode_cost = msgspec.msgpack.Decoder(CostState).decode
_decode_order = msgspec.msgpack.Decoder(OrderState).decode


class CostRow(msgspec.Struct, kw_only=True):
    """Sums in minor units of one currency.

    ``granted`` is what decisions said it would cost. ``spent`` is what it did cost, a label at its price; ``open``
    is granted and nobody has answered yet. What was refused, or paid back to us, is in neither.
    """

    name: str
    currency: str
    remedies: int = 0
    granted: int = 0
    spent: int = 0
    open: int = 0


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Rows by name and currency; ``totals`` by currency, of the same remedies. ``now`` is how far time has come."""

    by: By
    since: datetime | None
    now: datetime | None
    rows: tuple[CostRow, ...] = ()
    totals: tuple[CostRow, ...] = ()


def read_costs(place: str, feed: Callable[[], Feed], by: By, home: str, since: datetime | None) -> Costs:
    """Return the costs by the read model at ``place``; where it is not of this history, by one that is made for this.

    Raises:
        UsageProblem: ``storage-url``.
        WorldProblem: ``read-model-unusable``, or the history cannot be read.
    """
    with _current(place, feed) as engine, tables.telling(engine), engine.connect() as db:
        return add_up(db, by, home, since)


@contextmanager
def _current(place: str, feed: Callable[[], Feed]) -> Iterator[Engine]:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_current(place, feed) or _made(str(Path(folder, "readmodel.sqlite")), feed())
        try:
            yield engine
        finally:
            engine.dispose()


def _made(place: str, feed: Feed) -> Engine:
    try:
        catch_up(place, feed)
    finally:
        feed.close()
    return open_engine(place, synchronous="NORMAL")


class _Sums:
    """Rows that grow."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], CostRow] = {}

    def add(self, name: str, cost: CostState) -> None:
        if cost.granted is not None:
            row = self._row(name, cost.granted)
            row.remedies += 1
            row.granted += cost.granted.minor
            row.open += cost.granted.minor if cost.standing == "open" else 0
        if cost.spent is not None:
            self._row(
                name, cost.spent
            ).spent += cost.spent.minor  # a label's seller may have another currency

    def sorted(self) -> tuple[CostRow, ...]:
        """Return the dearest first, currency by currency."""
        return tuple(sorted(self._rows.values(), key=lambda row: (row.currency, -row.granted, row.name)))

    def _row(self, name: str, money: Money) -> CostRow:
        empty = CostRow(name=name, currency=money.currency)
        return self._rows.setdefault((name, money.currency), empty)


def add_up(db: Connection, by: By, home: str, since: datetime | None = None) -> Costs:
    """Return what the remedies cost that were decided at ``since`` or later; ``home`` is where parcels start.

    A lane is that of the parcel to the customer, also for its return; ``home`` is one country, by today's policy.
    """
    rows, totals = _Sums(), _Sums()
    for cost, order in _told(db, since):
        rows.add(_name(by, cost, order, home), cost)
        totals.add("", cost)
    return Costs(by=by, since=since, now=questions.now(db), rows=rows.sorted(), totals=totals.sorted())


def _told(db: Connection, since: datetime | None) -> Iterator[tuple[CostState, OrderState | None]]:
    costs, orders = tables.COSTS, tables.ORDERS
    both = costs.outerjoin(orders, orders.c.order_id == costs.c.order_id)
    query = select(costs.c.state, orders.c.state).select_from(both)
    if since is not None:
        query = query.where(costs.c.at >= tables.text_of(since))
    for cost, order in db.execute(query):
        yield _decode_cost(cost), None if order is None else _decode_order(order)


def _name(by: By, cost: CostState, order: OrderState | None, home: str) -> str:
    if by in {"remedy", "kind"}:
        return cast("str", getattr(cost, by)) or UNKNOWN
    if by == "lane":
        return f"{home} to {_country(order)}"
    return UNKNOWN if order is None else _one({_side(by, box) for box in _boxes(cost, order)})


def _country(order: OrderState | None) -> str:
    return (order.country.strip().upper() if order is not None else "")[:_NAME] or UNKNOWN


def _boxes(cost: CostState, order: OrderState) -> Sequence[Box]:
    """Return the parcel that the trouble is about, or all of them where it is about none."""
    mine = order.boxes.get(cost.subject)
    return list(order.boxes.values()) if mine is None else [mine]


def _side(by: By, box: Box) -> str:
    return (box.station if by == "station" else box.carrier)[:_NAME]


def _one(names: set[str]) -> str:
    known = names - {""}
    return SEVERAL if len(known) > 1 else next(iter(known), UNKNOWN)
