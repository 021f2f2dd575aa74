"""Careful reading of other people's JSON: anything goes in, a usable value or None comes out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from streams.core.money import Money
from streams.sources import foreign

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ORD-1", "ORD-1"),
        (" ORD-1 ", "ORD-1"),
        (7001, "7001"),
        ("x" * 256, "x" * 256),
        ("x" * 257, None),
        ("a\nb", None),
        ("*", None),
        ("", None),
        (True, None),
        (1.5, None),
        (10**30, None),
        (None, None),
        ([], None),
    ],
)
def test_a_name_is_whole_or_nothing(value, expected):
    """Half a name would be another name."""
    assert foreign.name(value) == expected


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("199.90", "EUR", Money(minor=19990, currency="EUR")),
        (58.9, "brl", Money(minor=5890, currency="BRL")),
        ("4990", "JPY", Money(minor=4990, currency="JPY")),
        ("1.234", "KWD", Money(minor=1234, currency="KWD")),
        ("-5.00", "USD", Money(minor=-500, currency="USD")),
        ("1e40", "USD", None),
        ("NaN", "USD", None),
        ("Infinity", "USD", None),
        ("much", "USD", None),
        ("1", "EURO", None),
        ("1", None, None),
        (True, "USD", None),
        (None, "USD", None),
    ],
)
def test_an_amount_knows_its_minor_unit(value, currency, expected):
    """ISO 4217: most currencies have hundredths, some have none, some thousandths."""
    assert foreign.amount(value, currency) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20T12:00:00Z", NOON),
        ("2026-11-20T07:00:00-05:00", NOON),
        ("2026-11-20T12:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2101-01-01T00:00:00Z", None),
        ("soon", None),
        (1700000000, None),
        (None, None),
    ],
)
def test_a_moment_has_its_offset(value, expected):
    """A time that could be any of 26 hours is none."""
    assert foreign.moment(value) == expected
