"""How a backtest spells money, shares, lengths of time and names, on the terminal and on the page alike."""

from __future__ import annotations

from babel import Locale

from streams.core.money import Money
from streams.templating import wording

_ENGLISH = Locale("en", "US")
_GAP = "\u00a0"  # a number and its unit stay on one line
NONE = "\u2013"  # an en dash: nothing was counted
MINUS = "\u2212"  # as wide as a plus, which a hyphen is not
REMEDY_WORDS = {
    "return_label": "return labels",
    "expedited_replacement": "replacements",
    "goodwill_credit": "goodwill",
    "shipping_refund": "shipping refunds",
}
REASON_WORDS = {
    "budget": "dearer than the order's budget",
    "second_failure": "second failure",
    "kind_needs_person": "its kind needs a person",
    "stale": "stale",
}

IMAGINED = "Nobody has an address in this history; the backtest imagines one for everybody, or all mails would be held."


def money(minor: int, currency: str) -> str:
    """Return an amount as English writes it."""
    return wording.money(Money(minor=minor, currency=currency), _ENGLISH)


def share(value: float) -> str:
    """Return a share in percent, with one digit behind the point."""
    return f"{100 * value:.1f}{_GAP}%"


def hours(value: float) -> str:
    """Return a length of time as people say it: minutes below one hour, days from two on."""
    size = abs(value)
    if size < 1:
        return f"{round(size * 60)}{_GAP}min"
    return f"{size:.0f}{_GAP}h" if size < 48 else f"{size / 24:.1f}{_GAP}d"


def beside(value: float | None) -> str:
    """Return hours before a moment, or after it where they are negative."""
    if value is None:
        return NONE
    return f"{hours(value)} {'after' if value < 0 else 'before'}"


def words(name: str) -> str:
    """Return an identifier as words."""
    return name.replace("_", " ")
