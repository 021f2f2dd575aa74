"""What a detector returns: not yes or no, but what, since when, how bad, and how we know."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from streams.core.events import Evidence, Kind, Pieces, Severity

Certainty = Literal["certain", "likely", "possible"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something is wrong with ``subject`` (a shipment id, ``order`` or ``replacement``).

    ``again`` marks a second failure: our own word was broken, or a replacement went wrong. What is less than
    ``certain`` is for a person to look at before a customer hears of it.
    """

    kind: Kind
    subject: str
    since: datetime
    severity: Severity = "minor"
    missing: tuple[Pieces, ...] = ()
    extra: tuple[Pieces, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    again: bool = False
    certainty: Certainty = "certain"


Look = tuple[tuple[Finding, ...], datetime | None]
"""Findings, and when to look again if nothing comes before (None: only when something comes)."""

NOTHING: Look = ((), None)


def later_look(at: datetime) -> Look:
    """Nothing yet; look again at ``at``."""
    return (), at


def earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the earlier of two alarms, where None means no alarm."""
    if one is None:
        return other
    if other is None or one <= other:
        return one
    return other
