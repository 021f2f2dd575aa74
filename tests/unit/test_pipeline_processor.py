"""The alarm clock of the processor: what it files, and what it makes of a look that fails."""

from __future__ import annotations

import msgspec

from streams.core.detectors.stalled_in_transit.detector import StalledInTransit
from streams.pipeline.processor import Processor, tick
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()


def under_way(processor, scans=1):
    """Fold an order and so many scans, one a minute: over a weekend a later scan may bring an alarm nearer."""
    processor.fold(b.event(b.placed(promise="2026-12-23")))
    processor.fold(b.event(b.labelled()))
    for minute in range(1, scans + 1):
        processor.fold(b.event(b.scanned("in_transit"), b.FRIDAY + minute * b.MINUTE))
    return processor


def test_an_alarm_that_is_put_off_is_not_filed_again():
    """Every scan puts the alarm off; a hundred of them leave no hundred entries, and it rings at the last one's."""
    once, often = under_way(Processor(POLICY)), under_way(Processor(POLICY), scans=100)

    assert len(often._alarms) == len(once._alarms)
    assert often.next_alarm() == often.orders[b.ORDER].wake_at
    assert once.next_alarm() < often.next_alarm()


def test_an_alarm_that_was_put_off_rings():
    """A tick before it finds nothing; the tick at it does."""
    processor = under_way(Processor(POLICY), scans=3)
    due = processor.orders[b.ORDER].wake_at

    assert processor.fold(tick(due - b.MINUTE)) == ()
    assert "stalled_in_transit" in {getattr(one, "kind", None) for one in processor.fold(tick(due))}


class Fragile(StalledInTransit, frozen=True, kw_only=True):
    """Fails when it finds something, as long as ``broken`` holds a word."""

    broken: list[str] = []

    def detect(self, order, now, policy):
        found, again = super().detect(order, now, policy)
        if found and self.broken:
            raise ZeroDivisionError(self.broken[0])
        return found, again


def test_a_look_that_fails_costs_no_later_alarm():
    """The order is set aside, whoever else is due is looked at, and the next event files its alarm anew."""
    fragile = Fragile(broken=["a mistake of ours"])
    others = (one for one in POLICY.detectors if one.kind != fragile.kind)
    policy = msgspec.structs.replace(POLICY, detectors=(fragile, *others))
    processor = Processor(
        policy, under_way(Processor(policy)).orders
    )  # as after a restart: one entry per order
    due = processor.orders[b.ORDER].wake_at
    processor.fold(b.event(b.placed("OTHER", promise="2026-11-24")))
    decided = processor.fold(tick(due + 30 * b.DAY))
    assert {one.order_id for one in decided} == {"OTHER"}
    ((look, error),) = processor.take_failures()
    assert (look.order_id, str(error)) == (b.ORDER, "a mistake of ours")
    assert processor.take_failures() == []
    processor.fold(b.event(b.scanned("in_transit"), due + 30 * b.DAY))

    wake_at = processor.orders[b.ORDER].wake_at
    assert wake_at > due
    assert (wake_at, b.ORDER) in processor._alarms
