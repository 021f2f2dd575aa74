"""Careful reading of other people's JSON: every function takes anything and returns a value or None."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from streams.codec.envelope import EARLIEST, LATEST
from streams.codec.registry import decode_fact, encode_fact
from streams.core.events import AnyFact
from streams.core.money import Money
from streams.pipeline.ports import Incoming

# ISO 4217 list one, 2024: currencies whose minor unit is not a hundredth.
_NO_MINOR_UNIT = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_EXPONENT = dict.fromkeys(_NO_MINOR_UNIT, 0) | dict.fromkeys(_THOUSANDTHS, 3)


def text(value: Any, limit: int = 4_000) -> str | None:
    """Return a string that is not blank, cut to ``limit`` characters; numbers count as their digits."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    found = str(value).strip() if not isinstance(value, int) or abs(value) < 10**18 else ""
    return found[:limit] or None


def name(value: Any) -> str | None:
    """Return an identifier: 1 to 256 printable characters, never cut (half a name is another name)."""
    found = text(value)
    return found if found is not None and len(found) <= 256 and found.isprintable() and found != "*" else None


def fields(value: Any) -> dict[str, Any]:
    """Return an object, or an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """Return a list, or an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list."""
    return (item for item in items(value) if isinstance(item, dict))


def whole(value: Any, highest: int = 1_000_000) -> int | None:
    """Return an integer from 0 to ``highest``."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= highest else None


def moment(value: Any) -> datetime | None:
    """Return an ISO 8601 time with its offset as UTC, between the years 1990 and 2100."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if found.tzinfo is None or not EARLIEST <= found.year <= LATEST:
        return None
    return found.astimezone(UTC)


def amount(value: Any, currency: Any) -> Money | None:
    """Return ``"58.9"`` and ``"BRL"`` as 5890 minor units; half a minor unit rounds to even."""
    if not isinstance(currency, str) or len(currency) != 3 or not (currency.isascii() and currency.isalpha()):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 32:
        return None
    try:
        minor = (Decimal(str(value)).scaleb(_EXPONENT.get(currency.upper(), 2))).quantize(Decimal(1))
    except InvalidOperation:
        return None
    if not minor.is_finite() or abs(minor) > 10**12:
        return None
    return Money(minor=int(minor), currency=currency.upper())


def joined(*parts: Any, separator: str = ", ") -> str | None:
    """Return the parts that are text, joined, or None."""
    return text(separator.join(part for part in map(text, parts) if part))


def incoming(
    *, event_id: str, source: str, occurred_at: datetime, order_id: str | None, fact: AnyFact
) -> Incoming:
    """Return the fact, checked against its schema: structs that are built by hand are not validated.

    Raises:
        InputProblem: ``fact-invalid``.
    """
    payload = encode_fact(fact)
    checked = decode_fact(fact.TYPE, payload)
    return Incoming(
        id=event_id, source=source, occurred_at=occurred_at, order_id=order_id, fact=checked, data=payload
    )
