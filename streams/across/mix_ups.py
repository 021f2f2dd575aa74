"""The one place that knows the wrong boxes of all orders, and finds two that hold each other's goods."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, Engine, and_, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from streams.across.entry import storable, text_of
from streams.core.events import MixUpFound, MixUpSuspected, Pieces
from streams.problems import WorldProblem
from streams.storage.tables import MIX_UPS

_APART: Final = timedelta(hours=12)  # longer than a shift: boxes stand side by side while labels are stuck on
_TURN: Final = 0x6D69785F_75707300  # the advisory lock's number in PostgreSQL: "mix_ups"
Basis = Literal["contents", "weights"]


class _Box(msgspec.Struct, frozen=True, kw_only=True):
    """One box that holds something else than was planned, as the table has it; texts compare as contents do."""

    order_id: str
    shipment_id: str
    case_id: str
    station: str
    packed_at: str
    missing: str
    extra: str
    weight_g: float | None
    expected_g: float | None
    partner_order_id: str = ""
    partner_shipment_id: str = ""
    basis: str = ""
    noted_at: str

    @property
    def content(self) -> tuple[str, str, str, float | None]:
        """What stands for this box as it is packed now."""
        return self.packed_at, self.missing, self.extra, self.weight_g

    @property
    def is_scanned(self) -> bool:
        """True when it is known by scan what is wrong, and not by weight alone."""
        return self.missing != _NOTHING


class MixUps:
    """Wrong boxes and their counterparts; safe to share between threads and processes.

    ``tolerance_g`` grams or ``tolerance_percent``, whichever is more, are how far a weight may differ from what
    is expected; the standard policy's, unless told otherwise.
    """

    def __init__(self, engine: Engine, *, tolerance_g: float = 150, tolerance_percent: float = 10) -> None:
        self._engine = engine
        self._tolerance_g = tolerance_g
        self._tolerance_percent = tolerance_percent

    def suspect(self, suspicion: MixUpSuspected, now: datetime) -> tuple[MixUpFound, ...]:
        """Remember a box, and return a finding for each order when another order's box fits to it.

        Asked again it answers the same. A box has one counterpart for ever: packed anew before one was found, it
        is looked for by its new contents, and afterwards no more.

        Raises:
            WorldProblem: ``mix-ups-unusable``, retriable.
        """
        if "\0" in suspicion.order_id + suspicion.shipment_id:
            return ()  # PostgreSQL cannot keep such a name, and another one would be another order
        box = _box(suspicion, now)
        try:
            with self._engine.begin() as connection:
                _take_turn(connection)
                return self._noted(connection, box)
        except SQLAlchemyError as error:
            raise _unusable(error) from error

    def _noted(self, connection: Connection, box: _Box) -> tuple[MixUpFound, ...]:
        known = _find(connection, box.order_id, box.shipment_id)
        if known is not None and known.partner_order_id:
            other = _find(connection, known.partner_order_id, known.partner_shipment_id)
            return _both(known, other) if other is not None and known.content == box.content else ()
        if known is None:
            connection.execute(insert(MIX_UPS), msgspec.structs.asdict(box))
        elif known.packed_at <= box.packed_at:
            connection.execute(
                update(MIX_UPS).where(_is(box.order_id, box.shipment_id)), msgspec.structs.asdict(box)
            )
        else:
            return ()  # an older scan of a box that has been packed anew since
        return self._paired(connection, box)

    def _paired(self, connection: Connection, box: _Box) -> tuple[MixUpFound, ...]:
        found = self._counterpart(box, _others(connection, box))
        if found is None:
            return ()
        other, basis = found
        mine, theirs = _joined(box, other, basis), _joined(other, box, basis)
        for one in (mine, theirs):
            connection.execute(
                update(MIX_UPS).where(_is(one.order_id, one.shipment_id)),
                {
                    "partner_order_id": one.partner_order_id,
                    "partner_shipment_id": one.partner_shipment_id,
                    "basis": basis,
                },
            )
        return _both(mine, theirs)

    def _counterpart(self, box: _Box, others: list[_Box]) -> tuple[_Box, Basis] | None:
        """Return the box that fits: by contents the one packed nearest in time, by weight the only one.

        What a scan shows is not weighed against: its counterpart by contents may only come later.
        """
        if box.is_scanned:
            fits = ((box.extra, box.missing) == (one.missing, one.extra) for one in others)
            return next(((one, "contents") for one, fit in zip(others, fits, strict=True) if fit), None)
        crossed = [one for one in others if not one.is_scanned and self._cross(box, one)]
        return (crossed[0], "weights") if len(crossed) == 1 else None

    def _cross(self, one: _Box, other: _Box) -> bool:
        if one.weight_g is None or one.expected_g is None:
            return False
        if other.weight_g is None or other.expected_g is None:
            return False
        clearly = self._tolerance(max(one.expected_g, other.expected_g))
        return (
            abs(one.weight_g - other.expected_g) <= self._tolerance(other.expected_g)
            and abs(other.weight_g - one.expected_g) <= self._tolerance(one.expected_g)
            and abs(one.expected_g - other.expected_g) > clearly
        )

    def _tolerance(self, expected: float) -> float:
        return max(self._tolerance_g, expected * self._tolerance_percent / 100)


def _box(suspicion: MixUpSuspected, now: datetime) -> _Box:
    return _Box(
        order_id=suspicion.order_id,
        shipment_id=suspicion.shipment_id,
        case_id=suspicion.case_id,
        station=storable(suspicion.station) or "",
        packed_at=text_of(suspicion.packed_at),
        missing=_text(suspicion.missing),
        extra=_text(suspicion.extra),
        weight_g=suspicion.weight_g,
        expected_g=suspicion.expected_g,
        noted_at=text_of(now),
    )


def _text(pieces: tuple[Pieces, ...]) -> str:
    """Return pieces as one text, the same for the same pieces; JSON escapes what PostgreSQL refuses."""
    return msgspec.json.encode(sorted((one.sku, one.quantity) for one in pieces)).decode()


_NOTHING: Final = _text(())


def _take_turn(connection: Connection) -> None:
    """Wait until nobody else looks for a counterpart: two that come at once would miss each other."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")


def _is(order_id: str, shipment_id: str) -> Any:
    return and_(MIX_UPS.c.order_id == order_id, MIX_UPS.c.shipment_id == shipment_id)


def _find(connection: Connection, order_id: str, shipment_id: str) -> _Box | None:
    row = connection.execute(select(MIX_UPS).where(_is(order_id, shipment_id))).mappings().first()
    return None if row is None else _Box(**row)


def _others(connection: Connection, box: _Box) -> list[_Box]:
    """Return boxes of other orders that stood at this station then and are still alone, the nearest first."""
    packed_at = datetime.fromisoformat(box.packed_at)
    rows = connection.execute(
        select(MIX_UPS).where(
            MIX_UPS.c.station == box.station,
            MIX_UPS.c.packed_at.between(text_of(packed_at - _APART), text_of(packed_at + _APART)),
            MIX_UPS.c.partner_order_id == "",
            MIX_UPS.c.order_id != box.order_id,
        )
    ).mappings()

    def nearest(other: _Box) -> tuple[timedelta, str, str]:
        return abs(datetime.fromisoformat(other.packed_at) - packed_at), other.order_id, other.shipment_id

    return sorted((_Box(**row) for row in rows), key=nearest)


def _joined(box: _Box, other: _Box, basis: Basis) -> _Box:
    return msgspec.structs.replace(
        box, partner_order_id=other.order_id, partner_shipment_id=other.shipment_id, basis=basis
    )


def _both(one: _Box, other: _Box) -> tuple[MixUpFound, ...]:
    return tuple(
        MixUpFound(
            order_id=box.order_id,
            case_id=box.case_id,
            shipment_id=box.shipment_id,
            other_order_id=box.partner_order_id,
            basis=box.basis,  # type: ignore[arg-type]  # one of the two, as written
        )
        for box in (one, other)
    )


def _unusable(error: SQLAlchemyError) -> WorldProblem:
    # The first line only, and of the driver's error: rows are nobody else's business.
    cause = getattr(error, "orig", None) or error
    return WorldProblem(
        "mix-ups-unusable",
        "the place that finds boxes which were mixed up cannot be asked",
        why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
        hint="free the disk or bring the database back; everything goes on where it stopped",
        retriable=True,
    )
