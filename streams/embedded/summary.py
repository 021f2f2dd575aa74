"""What a run did, counted from the journal: the same numbers however often it was stopped."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import msgspec

from streams.core import events as facts
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal

_MESSAGES = {
    facts.MessageQueued.TYPE: "queued",
    facts.MessageHeld.TYPE: "held",
    facts.MessageWithdrawn.TYPE: "withdrawn",
    facts.MessageAccepted.TYPE: "accepted",
    facts.MessageDeferred.TYPE: "deferred",
    facts.MessageRefused.TYPE: "refused",
    facts.MessageInDoubt.TYPE: "in_doubt",
    facts.MessageBounced.TYPE: "bounced",
    facts.MessageSuppressed.TYPE: "suppressed",
}
_REMEDIES = {
    facts.ReturnLabelRequested.TYPE: "return_label",
    facts.ReplacementRequested.TYPE: "expedited_replacement",
    facts.GoodwillGranted.TYPE: "goodwill_credit",
    facts.ShippingRefundGranted.TYPE: "shipping_refund",
}


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The closing words of a run; ``events`` always adds up: in = folded + duplicates + parked + dead letters."""

    events: dict[str, int]
    exceptions: dict[str, dict[str, int]]
    remedies: dict[str, int]
    messages: dict[str, int]
    reviews: int
    orders: int
    now: datetime | None
    seconds: float
    events_per_second: int


def summarize(engine: Engine, seconds: float, taken: int) -> Summary:
    """Count what the journal holds; ``taken`` is how many events this run took, in ``seconds``."""
    parked = sum(len(waiting) for waiting in engine.correlator.parked.values())
    counters = engine.counters
    counted = count_decisions(engine.journal)
    return Summary(
        events={
            "in": counters["in"],
            "folded": counters["folded"],
            "duplicates": counters["duplicates"],
            "parked": parked,
            "dead_letters": counters["dead_letters"],
            "ignored": counters["ignored"],
        },
        exceptions=counted["exceptions"],
        remedies=counted["remedies"],
        messages=counted["messages"],
        reviews=counted["reviews"],
        orders=len(engine.processor.orders),
        now=engine.now,
        seconds=round(seconds, 3),
        events_per_second=round(taken / seconds) if seconds > 0 else 0,
    )


def count_decisions(journal: Journal) -> dict[str, Any]:
    """Count the decisions of a journal by what a person would ask for."""
    exceptions: dict[str, Counter[str]] = {}
    messages: Counter[str] = Counter({"queued": 0, "accepted": 0, "held": 0, "withdrawn": 0, "in_doubt": 0})
    remedies: Counter[str] = Counter()
    reviews = 0
    for wire_type, kind, count in journal.tally():
        if wire_type in _MESSAGES:
            messages[_MESSAGES[wire_type]] += count
        elif wire_type in _REMEDIES:
            remedies[_REMEDIES[wire_type]] += count
        elif wire_type == facts.ReviewRequested.TYPE:
            reviews += count
        elif wire_type.startswith("exception.") and kind is not None:
            verb = wire_type.split(".")[1]
            exceptions.setdefault(kind, Counter({"opened": 0, "cleared": 0}))[verb] += count
    return {
        "exceptions": {kind: dict(counts) for kind, counts in sorted(exceptions.items())},
        "messages": dict(messages),
        "remedies": dict(sorted(remedies.items())),
        "reviews": reviews,
    }


def as_lines(summary: Summary) -> list[str]:
    """Return the summary as a person reads it."""
    events = summary.events
    came = f"{events['in']:,} in = {events['folded']:,} folded + {events['duplicates']:,} duplicates"
    lines = [
        f"events      {came} + {events['parked']:,} parked + {events['dead_letters']:,} dead letters",
        f"orders      {summary.orders:,}",
    ]
    for kind, counts in summary.exceptions.items():
        opened, cleared = counts["opened"], counts["cleared"]
        lines.append(f"exception   {kind:<20} {opened:>7,} opened {cleared:>7,} cleared")
    lines.extend(f"remedy      {name:<22} {count:>7,}" for name, count in summary.remedies.items())
    said = ", ".join(f"{count:,} {word}" for word, count in summary.messages.items() if count)
    lines.append(f"messages    {said or 'none'}")
    if summary.reviews:
        lines.append(f"reviews     {summary.reviews:,} wait for a person, or were decided by one")
    until = summary.now.isoformat() if summary.now is not None else "-"
    lines.append(
        f"time        {until}, {summary.seconds:,.1f} s, {summary.events_per_second:,} events a second"
    )
    return lines
