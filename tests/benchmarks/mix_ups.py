"""How often the house is right about what is in a box, by kind and by how sure it says it is.

``python -m tests.benchmarks.mix_ups [ORDERS] [SEED ...]`` prints a table per seed and one for all. Nothing is mailed:
the product decides over simulated shops whose scales are noisy, whose stations misread and whose labels are swapped.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Engine

from streams.across.mix_ups import MixUps
from streams.core.contents import Scale
from streams.core.events import (
    INBOUND,
    AnyFact,
    Decision,
    Event,
    MessageQueued,
    MixUpSuspected,
    ReviewRequested,
    ShipmentCreated,
)
from streams.core.order import Order, Trouble
from streams.core.policy import Policy
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.processor import Processor
from streams.pipeline.story import kind_world, tell
from streams.policies.loader import load_policy
from streams.simulate.plan import Plan
from streams.simulate.planted import OrderTruth
from streams.simulate.shop import simulate
from streams.storage.engine import open_engine
from streams.storage.migrate import upgrade

# 17 real mistakes to one scan that is mistaken itself; twice the scales' spread is still a light article.
SHOP = Plan(orders=2_000, days=7, swapped=0.01, unscanned=0.4, misread=0.001, scale_g=25.0)
_WRONG = frozenset({"wrong_item", "swapped_labels"})
_DECODERS = {fact.TYPE: msgspec.json.Decoder(fact) for fact in INBOUND}  # type: ignore[attr-defined]  # facts have names


class Measured(msgspec.Struct):
    """What was found in one world or several; the keys are kind and certainty, or the planted kind."""

    packed: int = 0
    found: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    right: Counter[tuple[str, str]] = msgspec.field(default_factory=Counter)
    planted: Counter[str] = msgspec.field(default_factory=Counter)
    seen: Counter[str] = msgspec.field(default_factory=Counter)
    told: int = 0
    told_rightly: int = 0
    asked: int = 0
    expired: int = 0

    def precision(self, certainty: str, kind: str | None = None) -> float | None:
        """Return the share of findings this sure that are true; None where there are none."""
        keys = [key for key in self.found if key[1] == certainty and kind in {None, key[0]}]
        found = sum(self.found[key] for key in keys)
        return sum(self.right[key] for key in keys) / found if found else None

    def recall(self, planted: str) -> float | None:
        """Return the share of planted faults that were found with any certainty."""
        return self.seen[planted] / self.planted[planted] if self.planted[planted] else None

    def add(self, other: Measured) -> None:
        """Take another world's numbers as well."""
        for name in ("found", "right", "planted", "seen"):
            getattr(self, name).update(getattr(other, name))
        for name in ("packed", "told", "told_rightly", "asked", "expired"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def measure(plan: Plan, folder: Path, policy: Policy) -> Measured:
    """Return what the product makes of a simulated shop; ``folder`` takes the database of mix-ups."""
    truths: list[OrderTruth] = []
    events = _events(plan, truths)
    upgrade(str(folder / "mix_ups.db"))
    engine = open_engine(str(folder / "mix_ups.db"), synchronous="NORMAL")
    mind, world = Processor(policy), _World(_place(engine, policy))
    told = tell(world.between(events), policy, processor=mind, world=partial(world.answer, mind))
    engine.dispose()
    return _judged(mind.orders.values(), {t.order_id: t for t in truths}, [one.decision for one in told])


def _place(engine: Engine, policy: Policy) -> MixUps:
    scale = next(one for one in policy.detectors if isinstance(one, Scale))
    return MixUps(
        engine, tolerance_g=scale.weight_tolerance_g, tolerance_percent=scale.weight_tolerance_percent
    )


class _World:
    """Says yes to everything, and finds boxes that were mixed up."""

    def __init__(self, place: MixUps) -> None:
        self._place = place
        self._found: list[Event] = []

    def answer(self, mind: Processor, decision: Decision) -> AnyFact | None:
        """Answer at once, but for what is found of two orders: that comes before the next event."""
        if isinstance(decision, MixUpSuspected):
            assert mind.now is not None
            self._found += [outcome_event(one, mind.now) for one in self._place.suspect(decision, mind.now)]
            return None
        return kind_world(decision)

    def between(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield the events, and between them what was found."""
        for event in events:
            yield event
            while self._found:
                yield self._found.pop(0)


def _events(plan: Plan, truths: list[OrderTruth]) -> list[Event]:
    """Return a world as events, each of its order: a scan belongs to whom its tracking number belongs."""
    heard = []
    for line in simulate(plan, truths.append):
        told = msgspec.json.decode(line.line)
        fact: Any = _DECODERS[told["type"]].decode(msgspec.json.encode(told["data"]))
        heard.append((line.arrives_at, told, fact))
    owners = {f.tracking_number: f.order_id for _, _, f in heard if isinstance(f, ShipmentCreated)}
    events = []
    for arrives_at, told, fact in heard:
        order_id = fact.order_id or owners.get(getattr(fact, "tracking_number", None) or "")
        if order_id is not None:
            events.append(
                Event(
                    id=told["id"],
                    source=told["source"],
                    order_id=order_id,
                    occurred_at=msgspec.convert(told["time"], type(arrives_at)),
                    recorded_at=arrives_at,
                    fact=fact,
                )
            )
    return events


def _judged(orders: Iterable[Order], truths: dict[str, OrderTruth], decided: list[Decision]) -> Measured:
    result = Measured()
    asked, told, expired = _answers(decided)
    for order in orders:
        truth = truths.get(order.order_id)
        kind = truth.planted[0] if truth is not None else ""
        result.packed += sum(one.packing is not None for one in order.shipments)
        named = kind + ("" if _shows(order) else " behind the scan")
        result.planted[named] += kind in _WRONG
        found = [one for one in (order.case.troubles if order.case else ()) if _counts(one)]
        for trouble in found[-1:]:
            key = (trouble.kind, trouble.certainty)
            result.found[key] += 1
            result.right[key] += kind in _WRONG
            result.seen[named] += 1
        result.told += order.order_id in told
        result.told_rightly += order.order_id in told and kind in _WRONG
        result.asked += order.order_id in asked
        result.expired += order.order_id in expired
    return result


def _answers(decided: list[Decision]) -> tuple[set[str], set[str], set[str]]:
    """Return the orders of which a person was asked, told at once, and told because no person answered in time."""
    asked: set[str] = set()
    told: set[str] = set()
    expired: set[str] = set()
    for one in decided:
        if isinstance(one, ReviewRequested) and one.reason != "second_failure":
            asked.add(one.order_id)
        elif isinstance(one, MessageQueued) and one.template == "wrong_item":
            (expired if one.order_id in asked else told).add(one.order_id)
    return asked, told, expired - told


def _shows(order: Order) -> bool:
    """True when a scan shows something else than was planned."""
    return any(
        one.packing is not None and set(one.packing.lines) != set(order.expected_in(one) or ())
        for one in order.shipments
    )


def _counts(trouble: Trouble) -> bool:
    """True for what was acted upon or stands; a scan that came before its plan is over in a minute."""
    return trouble.kind in _WRONG and (
        trouble.responded > 0 or trouble.verdict != "none" or trouble.cleared_at is None
    )


def report(title: str, one: Measured) -> str:
    """Return a table for people."""
    rows = [f"{title}: {one.packed} boxes"]
    rows += [
        f"  {kind:<15} {certainty:<9} {one.found[kind, certainty]:>5} found, {one.right[kind, certainty]:>5} right,"
        f" precision {one.right[kind, certainty] / one.found[kind, certainty]:.3f}"
        for kind, certainty in sorted(one.found)
    ]
    rows += [
        f"  {planted:<31} {one.planted[planted]:>5} planted, recall {one.recall(planted):.3f}"
        for planted in sorted(+one.planted)
    ]
    if one.told:
        share = one.told_rightly / one.told
        rows.append(f"  told without a person: {one.told}, rightly {share:.4f}; before a person: {one.asked}")
        rows.append(f"  told because no person answered in time: {one.expired}")
    return "\n".join(rows)


def main(words: list[str]) -> None:
    """Measure so many orders for each seed, by the standard policy and by one that knows its cartons."""
    orders = int(words[0]) if words else SHOP.orders
    seeds = [int(word) for word in words[1:]] or [1, 2, 3]
    for name, policy in (("standard", load_policy()), ("calibrated", calibrated(load_policy()))):
        every = Measured()
        for seed in seeds:
            with tempfile.TemporaryDirectory() as folder:
                one = measure(msgspec.structs.replace(SHOP, orders=orders, seed=seed), Path(folder), policy)
            print(report(f"{name}, seed {seed}", one))
            every.add(one)
        print(report(f"{name}, all seeds", every))


def calibrated(policy: Policy) -> Policy:
    """Return the policy of a shop that has weighed its cartons: 90 g, and three in a thousand beyond 75 g."""
    detectors = tuple(
        msgspec.structs.replace(one, packaging_g=90, weight_tolerance_g=75, weight_tolerance_percent=0)
        if one.kind == "wrong_item"
        else one
        for one in policy.detectors
    )
    return msgspec.structs.replace(policy, detectors=detectors)


if __name__ == "__main__":
    main(sys.argv[1:])
