"""What remedies cost in all, and how far a sum of money would have gone.

A purse does not change what a policy decides: budgets hold per order. It says until when the money would
have lasted, and for whom it would not have been enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from streams.problems import UsageProblem


class Grant(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Money that a policy gave away: when, in which decision, to whose order, for what, and how much."""

    now: datetime
    decision_id: str
    order_id: str
    remedy: str
    currency: str
    minor: int


class Emptied(msgspec.Struct, frozen=True, kw_only=True):
    """How far the money of one currency went, in minor units."""

    purse: int
    granted: int
    refused: int
    refused_minor: int
    first_refused_at: datetime | None


def pay(purse: Mapping[str, int], grants: Iterable[Grant]) -> dict[str, Emptied]:
    """Pay grants out of ``purse`` in recorded order, each whole or not at all; a currency without a sum is not limited.

    The order is that of the moments, and of the decisions' own ids at one moment: whichever process folded
    which orders, the same grants are paid.
    """
    left = dict(purse)
    refused: dict[str, list[Grant]] = {currency: [] for currency in purse}
    for grant in sorted(grants, key=lambda one: (one.now, one.decision_id)):
        if grant.currency not in left:
            continue
        if grant.minor <= left[grant.currency]:
            left[grant.currency] -= grant.minor
        else:
            refused[grant.currency].append(grant)
    return {
        currency: Emptied(
            purse=whole,
            granted=whole - left[currency],
            refused=len(refused[currency]),
            refused_minor=sum(one.minor for one in refused[currency]),
            first_refused_at=refused[currency][0].now if refused[currency] else None,
        )
        for currency, whole in purse.items()
    }


def read_purse(texts: Iterable[str]) -> dict[str, int]:
    """Read ``USD=500000``, in minor units as in policy files.

    Raises:
        UsageProblem: ``purse-unclear``.
    """
    purse: dict[str, int] = {}
    for text in texts:
        currency, _, amount = text.partition("=")
        sound = len(currency) == 3 and currency.isascii() and currency.isupper()
        if not sound or not amount.isascii() or not amount.isdigit() or currency in purse:
            raise UsageProblem(
                "purse-unclear",
                f"{text} is not a sum of money",
                where=f"--purse {text}",
                why="a currency has one sum" if currency in purse else "",
                hint="write it in minor units, as in policy files: --purse USD=500000 is $5,000.00",
            )
        purse[currency] = int(amount)
    return purse
