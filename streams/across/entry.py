"""What was asked and what the answer is: one row, and the facts that are read from it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from streams.core.events import AllowanceGranted, AllowanceHeld, AllowanceRefused, AllowanceRequested
from streams.core.money import Money
from streams.storage.tables import ALLOWANCES

Answer = AllowanceGranted | AllowanceHeld | AllowanceRefused
Limit = Literal["customer", "day", "campaign", "total", "history", "storm"]
_WIDEST: Final = 256  # characters of the columns for other people's names


class Refusal(msgspec.Struct, frozen=True):
    """The limit that would be exceeded, and a sentence about it."""

    limit: Limit
    reads: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``allowances``; its fields are the table's columns."""

    allowance_id: str
    order_id: str
    case_id: str
    customer: str
    campaign: str
    purpose: str
    kind: str
    carrier: str | None
    station: str | None
    costs: str
    apology: int
    approved: int
    state: str
    sorry: int
    refused_by: str
    reads: str
    storm_id: str | None
    asked_at: str
    answered_at: str
    untold_since: str | None

    def amounts(self) -> dict[str, int]:
        """Return what it costs, in minor units by currency."""
        return msgspec.json.decode(self.costs, type=dict[str, int])

    def values(self) -> dict[str, Any]:
        """Return the table's columns."""
        return msgspec.structs.asdict(self)


_COLUMNS: Final = tuple(column.name for column in ALLOWANCES.columns)


def entry_of(row: Sequence[Any]) -> Entry:
    """Return the table's columns as an entry."""
    return Entry(**dict(zip(_COLUMNS, row, strict=True)))


def asked(request: AllowanceRequested, campaign: str, now: datetime) -> Entry:
    """Return the row of a request that nobody has answered."""
    moment = text_of(now)
    return Entry(
        allowance_id=request.allowance_id,
        order_id=request.order_id,
        case_id=request.case_id,
        customer=request.customer,
        campaign=campaign,
        purpose=request.purpose,
        kind=request.kind,
        carrier=storable(request.carrier),
        station=storable(request.station),
        costs=msgspec.json.encode(_summed(request.costs), order="sorted").decode(),
        apology=int(request.apology),
        approved=int(request.approved),
        state="asked",
        sorry=0,
        refused_by="",
        reads="",
        storm_id=None,
        asked_at=moment,
        answered_at=moment,
        untold_since=None,
    )


def answer_of(entry: Entry) -> Answer:
    """Return the fact that the row stands for."""
    names = {
        "order_id": entry.order_id,
        "case_id": entry.case_id,
        "allowance_id": entry.allowance_id,
    }
    if entry.state == "granted":
        return AllowanceGranted(**names, apology=bool(entry.sorry) or not entry.apology)
    if entry.state == "held":
        assert entry.storm_id is not None
        return AllowanceHeld(**names, storm_id=entry.storm_id)
    limit: Limit = msgspec.convert(entry.refused_by, Limit)
    return AllowanceRefused(**names, limit=limit, reads=entry.reads)


def _summed(costs: Sequence[Money]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for cost in costs:
        sums[cost.currency] = sums.get(cost.currency, 0) + cost.minor
    return sums


def storable(text: str | None) -> str | None:
    """Return other people's text as a column takes it: no longer than that, without what PostgreSQL refuses."""
    return None if text is None else text.replace("\0", "")[:_WIDEST]


@lru_cache(maxsize=1024)
def text_of(moment: datetime) -> str:
    """Return a moment as the tables write it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
