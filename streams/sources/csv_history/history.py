"""Turns the rows of a history into facts in the order of time.

Per order up to four: ``order.placed`` with its lines and the promised *day*; ``payment.approved`` with the
latest day by which a line was to be shipped (known only then); and two checkpoints of its one parcel,
``in_transit`` when the carrier got it and ``delivered``. The status column of an export is not read: it
says how things stood when the table was made, without saying since when.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

import msgspec

from streams.codec.registry import encode_fact
from streams.core.events import (
    Address,
    AnyFact,
    CheckpointReached,
    Customer,
    OrderedLine,
    OrderPlaced,
    PaymentApproved,
    PromiseWindow,
    Shipping,
    Status,
)
from streams.core.ids import identify
from streams.core.money import Money
from streams.pipeline.ports import Incoming
from streams.sources.csv_history.layout import Layout, zone_named
from streams.sources.csv_history.local_time import LocalTime
from streams.sources.csv_history.tables import BadRow, Table, present
from streams.sources.foreign import amount, name

_TEXT = 4_000  # characters, as in the schemas
_MAX_PIECES = 1_000_000  # of one line, as in the schemas
Deadline = tuple[datetime, str]
Dated = tuple[datetime, str, Incoming]
"""When, where in the tables, what."""
_RANKS = 4  # placed, approved, handed over, delivered: the order of events of one moment


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of tables holds: facts with their places, in the order of time, and its bad rows."""

    facts: list[Dated]
    bad: list[BadRow]


class Buyer(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the customers table."""

    email: str | None
    name: str | None
    locale: str | None
    zone: str | None
    address: Address | None


class Basket(msgspec.Struct):
    """The rows of the lines table that belong to one order."""

    lines: list[OrderedLine]
    shipping_paid: Money | None = None
    ship_by: Deadline | None = None


def read_history(folder: Path, layout: Layout, zone: str) -> History:
    """Read all tables of ``folder``; times without an offset are local to ``zone``.

    Raises:
        InputProblem: ``table-missing`` or ``column-missing``.
        ZoneInfoNotFoundError: there is no such zone.
    """
    with _no_collection():
        reader = _Reader(folder, layout, zone)
        facts = reader.orders()
        facts.sort(key=itemgetter(0))  # stable: within a moment the ranks stay in their order
    return History(facts=facts, bad=reader.bad)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the collector of cycles: it walks every row kept so far again and again, 0.6 s of 1.9 s."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Reader:
    """One pass over the folder: customers, lines, then the orders that they belong to."""

    def __init__(self, folder: Path, layout: Layout, zone: str) -> None:
        self.bad: list[BadRow] = []
        self._folder, self._layout, self._zone = folder, layout, zone
        self._times = LocalTime(zone_named(zone), layout.time_format, layout.day_format)
        self._prices: dict[tuple[str, str], Money] = {}
        self._buyers = self._read_buyers()
        self._baskets = self._read_baskets()

    # ------------------------------------------------------------------------ tables

    def _table(self, file: str, *, optional: bool) -> Table | None:
        if optional and not present(self._folder, file):
            return None
        return Table(self._folder, file, self._layout.delimiter)

    def _good(self, table: Table) -> Iterator[tuple[int, list[str]]]:
        for row in table.rows():
            if isinstance(row, BadRow):
                self.bad.append(row)
            else:
                yield row

    def _refuse(self, table: Table, line: int, row: list[str], why: str) -> None:
        hint = f"mend the row, or describe the table in mapping.toml; the row is in {table.name}"
        self.bad.append(table.bad(line, row[:-1], "csv-value", why, hint))

    def _read_buyers(self) -> dict[str, Buyer]:
        described = self._layout.customers
        table = self._table(described.file, optional=described.optional) if described else None
        if described is None or table is None:
            return {}
        at = _Places(table, described.columns)
        return {row[at.customer_id]: self._buyer(row, at) for _, row in self._good(table)}

    def _buyer(self, row: list[str], at: _Places) -> Buyer:
        city, region, postal_code = row[at.city][:_TEXT], row[at.region][:_TEXT], row[at.postal_code][:_TEXT]
        country = row[at.country][:_TEXT] or self._layout.country
        return Buyer(
            email=row[at.email][:_TEXT] or None,
            name=row[at.name][:_TEXT] or None,
            locale=row[at.locale][:_TEXT] or None,
            zone=row[at.zone] or None,
            address=Address(
                name=row[at.name][:_TEXT] or None,
                city=city or None,
                region=region or None,
                postal_code=postal_code or None,
                country=country,
            ),
        )

    def _read_baskets(self) -> dict[str, Basket]:
        described = self._layout.lines
        table = self._table(described.file, optional=described.optional) if described else None
        baskets: dict[str, Basket] = {}
        if described is None or table is None:
            return baskets
        at = _Places(table, described.columns)
        for line, row in self._good(table):
            try:
                self._put(baskets, row, at)
            except ValueError as error:
                self._refuse(table, line, row, str(error))
        return baskets

    def _put(self, baskets: dict[str, Basket], row: list[str], at: _Places) -> None:
        bought = self._line(row, at)
        paid = self._price(row[at.shipping_paid], row[at.currency])
        ship_by = self._deadline(row[at.ship_by])
        basket = baskets.setdefault(row[at.order_id], Basket(lines=[]))
        basket.lines.append(bought)
        if paid is not None and (
            basket.shipping_paid is None or basket.shipping_paid.currency == paid.currency
        ):
            basket.shipping_paid = paid if basket.shipping_paid is None else basket.shipping_paid + paid
        if ship_by is not None and (basket.ship_by is None or ship_by > basket.ship_by):
            basket.ship_by = ship_by

    def _line(self, row: list[str], at: _Places) -> OrderedLine:
        sku = _name(row[at.sku])
        if sku is None:
            raise ValueError(f"{row[at.sku][:64]!r} names no article")
        pieces = row[at.quantity] or "1"
        if not (pieces.isascii() and pieces.isdigit() and len(pieces) <= 7 and int(pieces) <= _MAX_PIECES):
            raise ValueError(f"{pieces[:64]!r} is not a number of pieces from 0 to {_MAX_PIECES}")
        return OrderedLine(
            sku=sku,
            quantity=int(pieces),
            line_id=row[at.line_id][:_TEXT] or None,
            title=row[at.title][:_TEXT] or None,
            unit_price=self._price(row[at.unit_price], row[at.currency]),
        )

    # ------------------------------------------------------------------------ orders

    def orders(self) -> list[Dated]:
        """Return the facts of all orders, rank by rank, each rank in the order of the rows."""
        described = self._layout.orders
        table = Table(self._folder, described.file, self._layout.delimiter)
        at = _Places(table, described.columns)
        ranks: tuple[list[Dated], ...] = tuple([] for _ in range(_RANKS))
        for line, row in self._good(table):
            place = f"{table.name}:{line}"
            try:
                facts = self._facts(row, at)
            except ValueError as error:
                self._refuse(table, line, row, str(error))
                continue
            for rank, occurred_at, suffix, fact in facts:
                ranks[rank].append((occurred_at, place, self._incoming(suffix, occurred_at, fact)))
        return [dated for rank in ranks for dated in rank]

    def _facts(self, row: list[str], at: _Places) -> list[tuple[int, datetime, str, AnyFact]]:
        """Return rank, time, suffix of the id and fact of what happened to one order.

        Raises:
            ValueError: a cell does not say what its column is for; the whole row is refused, since half a
                history would be believed.
        """
        order_id = _name(row[at.order_id])
        if order_id is None:
            raise ValueError(f"{row[at.order_id][:64]!r} cannot be an order id")
        if not row[at.placed]:
            raise ValueError("the order has no time of purchase")
        moment = self._times.moment
        basket = self._baskets.get(row[at.order_id])
        placed = self._placed(order_id, basket, row, at)
        facts: list[tuple[int, datetime, str, AnyFact]] = [
            (0, moment(row[at.placed]), "order.placed", placed)
        ]
        if row[at.approved]:
            approved = PaymentApproved(order_id=order_id, ship_by=self._ship_by(row[at.ship_by], basket))
            facts.append((1, moment(row[at.approved]), "payment.approved", approved))
        if row[at.shipped]:
            facts.append(
                (2, moment(row[at.shipped]), "handed_to_carrier", self._scan(order_id, "in_transit"))
            )
        if row[at.delivered]:
            facts.append((3, moment(row[at.delivered]), "delivered", self._scan(order_id, "delivered")))
        return facts

    def _scan(self, order_id: str, status: Status) -> CheckpointReached:
        # Such tables know one parcel per order and no tracking number.
        return CheckpointReached(
            status=status, order_id=order_id, shipment_id=f"{order_id[:254]}-1", carrier=self._layout.carrier
        )

    def _placed(self, order_id: str, basket: Basket | None, row: list[str], at: _Places) -> OrderPlaced:
        buyer = self._buyers.get(row[at.customer_id]) if row[at.customer_id] else None
        promised = row[at.promised]
        return OrderPlaced(
            order_id=order_id,
            customer=self._customer(order_id, buyer, row, at),
            lines=tuple(basket.lines) if basket is not None else (),
            shipping=_shipping(basket, buyer),
            promise=PromiseWindow(by=self._times.day(promised)) if promised else None,
        )

    def _customer(self, order_id: str, buyer: Buyer | None, row: list[str], at: _Places) -> Customer:
        address = buyer.address if buyer is not None else None
        country = address.country if address is not None else None
        zone = row[at.zone] or (buyer.zone if buyer is not None else None)
        return Customer(
            # Exports lose customers; an id made of the order keeps such orders apart from each other.
            customer_id=_name(row[at.customer_id]) or identify("customer", order_id),
            email=row[at.email][:_TEXT] or (buyer.email if buyer is not None else None),
            name=row[at.name][:_TEXT] or (buyer.name if buyer is not None else None),
            locale=row[at.locale][:_TEXT]
            or (buyer.locale if buyer is not None else None)
            or self._layout.locale,
            time_zone=self._known_zone(zone) if zone else self._zone,
            country=row[at.country][:_TEXT] or country or self._layout.country,
        )

    def _incoming(self, suffix: str, occurred_at: datetime, fact: AnyFact) -> Incoming:
        return Incoming(
            id=f"{fact.order_id}:{suffix}",
            source=self._layout.source,
            occurred_at=occurred_at,
            order_id=fact.order_id,
            fact=fact,
            data=encode_fact(fact),
        )

    # ------------------------------------------------------------------------ cells

    def _price(self, text: str, currency: str) -> Money | None:
        currency = currency or self._layout.currency or ""
        if not text or not currency:
            return None
        found = self._prices.get((text, currency))
        if found is None:
            found = amount(text, currency)
            if found is None:
                raise ValueError(f"{text[:64]!r} {currency[:8]} is not an amount of money")
            self._prices[text, currency] = found
        return found

    def _ship_by(self, own: str, basket: Basket | None) -> str | None:
        deadline = self._deadline(own) or (basket.ship_by if basket is not None else None)
        return deadline[1] if deadline is not None else None

    def _deadline(self, text: str) -> Deadline | None:
        if not text:
            return None
        moment = self._times.moment(text)
        is_day = self._layout.time_format is None and len(text) == 10
        return moment, text if is_day else moment.isoformat()

    def _known_zone(self, zone: str) -> str:
        try:
            return zone_named(zone).key
        except ZoneInfoNotFoundError as error:
            raise ValueError(f"{zone[:64]!r} is not a time zone") from error


def _name(text: str) -> str | None:
    """Return an identifier; nearly all of them are letters and digits, which needs no closer look."""
    return text if len(text) <= 256 and text.isalnum() else name(text)


def _shipping(basket: Basket | None, buyer: Buyer | None) -> Shipping | None:
    paid = basket.shipping_paid if basket is not None else None
    address = buyer.address if buyer is not None else None
    return Shipping(paid=paid, address=address) if paid is not None or address is not None else None


class _Places:
    """Where the columns of a table stand, as attributes; a column that was not named is the empty cell.

    Raises:
        InputProblem: ``column-missing``.
    """

    def __init__(self, table: Table, columns: msgspec.Struct) -> None:
        for field in columns.__struct_fields__:
            setattr(self, field, table.column(getattr(columns, field)))

    def __getattr__(self, field: str) -> int:
        raise AttributeError(field)
