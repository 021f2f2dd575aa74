"""How the pages say things: kinds, reasons, states, times, ages and money, in words a person uses."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from babel import Locale
from markupsafe import Markup

from streams.core.money import Money
from streams.templating import wording

_ENGLISH: Final = Locale("en", "US")
HOLDS: Final = {
    "quiet_hours": "night where the customer is",
    "window": "the customer heard from us within the window",
    "label": "the return label is not there yet",
    "review": "a person decides first",
    "settling": "it must stay true for a while",
    "no_address": "no usable address",
    "storm": "unusually many say the same at once; people look at some of them first",
}
STATES: Final = {
    "held": "held",
    "queued": "queued",
    "claimed": "about to be sent",
    "sending": "being sent",
    "accepted": "accepted by the relay",
    "deferred": "tried again later",
    "refused": "refused",
    "in_doubt": "in doubt",
    "bounced": "came back",
    "suppressed": "not sent, by rule",
    "withdrawn": "withdrawn",
}
# What a page says after something was done: the address names it, so nobody can put words into it.
DONE: Final = {
    "approved": "Approved. The decision is on its way into the journal; the mail goes out when it gets there.",
    "refused": "Refused. The decision is on its way into the journal, with your reason.",
    "redriven": "Put back: {n}. Under the same ids, so what was folded before is not folded again.",
    "nothing": "Nothing was left to do: somebody else was faster.",
    "arrived": "Settled: the mail counts as accepted, with your evidence.",
    "send_again": "Reopened: the mail goes out again at the next round, under the same id.",
    "asked": "The backtest runs. You may leave this page; its report stays.",
}
_TONES: Final = {
    "severe": "bad",
    "major": "warn",
    "minor": "calm",
    "accepted": "good",
    "in_doubt": "bad",
    "refused": "bad",
    "bounced": "bad",
    "deferred": "warn",
    "held": "warn",
}
_STEPS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def spaced(word: str) -> str:
    """Return ``late_delivery`` as ``Late delivery``."""
    return word.replace("_", " ").replace(".", " ").capitalize()


def tone(word: str) -> str:
    """Return the color that a state or a severity is shown in; the word itself always stands beside it."""
    return _TONES.get(word, "calm")


def money(amount: Money) -> str:
    """Return an amount as people write it; the ledger's minor units become whole ones."""
    return wording.money(amount, _ENGLISH)


def count(number: float) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}".removesuffix(".0")


def moment(at: datetime) -> Markup:
    """Return a moment in UTC that a person reads at once and a program exactly."""
    exact = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        exact, f"{at:%Y-%m-%d %H:%M:%S}", f"{at.day} {at:%b, %H:%M}"
    )


def day(at: datetime) -> str:
    """Return a moment's day: ``Saturday, 21 November 2026``."""
    return f"{at:%A}, {at.day} {at:%B %Y}"


def age(at: datetime, now: datetime | None) -> str:
    """Return how long ago something was: ``3 h``; ahead of recorded time it is ``now``."""
    seconds = 0.0 if now is None else (now - at).total_seconds()
    for size, unit in _STEPS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def address(path: str, **query: str | None) -> str:
    """Return an address of ours; whatever an order is called, it stays in its place."""
    given = {name: text for name, text in query.items() if text is not None}
    return f"{path}?{urlencode(given)}" if given else path
