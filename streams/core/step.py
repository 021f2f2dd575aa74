"""The product: one event and one moment in, the order and what to do about it out."""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.core import events as facts
from streams.core.detector import A_BOX, A_SCAN, ANYTHING
from streams.core.draft import Draft
from streams.core.events import Decision, Event
from streams.core.evolve import evolved
from streams.core.finding import Finding
from streams.core.ids import fingerprint, has_seen, identify
from streams.core.mix_ups import suspect
from streams.core.notify import notify
from streams.core.order import Order
from streams.core.policy import Policy
from streams.core.reconcile import reconcile
from streams.core.respond import respond


class Step(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one event did. ``wake_at`` is later than ``now``; None means: only when something comes."""

    order: Order
    decisions: tuple[Decision, ...]
    wake_at: datetime | None
    duplicate: bool = False


def step(order: Order, event: Event, now: datetime, policy: Policy) -> Step:
    """Return the order after ``event``, seen at ``now``, and what was decided.

    evolve > detect > reconcile > respond > notify. Pure: the same arguments give the same result, byte
    for byte, and the arguments are left as they were. An event the order has seen changes nothing.
    """
    change = ANYTHING
    if type(event.fact) is facts.TimePassed:
        after: Order = order.__copy__()  # type: ignore[attr-defined]  # the C copy itself
    else:
        mark = fingerprint(event.source, event.id)
        if order.seen.find(mark) >= 0 and has_seen(
            order.seen, mark
        ):  # `in` is slow on bytes: it tries a number
            return Step(order, (), order.wake_at, duplicate=True)
        after, change = evolved(order, event, policy, mark)
    findings: list[Finding] = []
    wake_at: datetime | None = None
    still_at: datetime | None = None
    signs = after.signs
    if signs:
        looks = policy.looks.get(signs) or policy.looks_at(signs)
        asked = looks.every
        known, was_due = order.signs, order.wake_at
        if (
            change
            and known == signs
            and order.case is None
            and order.replaces is None
            and (was_due is None or now < was_due)
        ):
            # Nothing was wrong at the last look and nothing has become due since: at a change so small the
            # answers stand of all detectors that it does not move.
            if change == A_BOX and not looks.after_box:
                return Step(after, (), was_due)
            if change == A_SCAN:
                asked = looks.after_scan
                wake_at = still_at = order.still_at
        for detect, stands in asked:
            found, look_again = detect(after, now, policy)
            if found:
                findings.extend(found)
            if look_again is not None and look_again > now:
                if wake_at is None or look_again < wake_at:
                    wake_at = look_again
                if stands and (still_at is None or look_again < still_at):
                    still_at = look_again
    if after.still_at is not still_at:
        after.still_at = still_at
    decisions: tuple[Decision, ...] = ()
    if (findings or after.case is not None or after.replaces is not None) and after.placed_at is not None:
        draft = Draft(after, event, now, policy)
        draft.wake_at = wake_at
        if findings or after.case is not None:
            reconcile(draft, findings)
            suspect(draft)
            respond(draft)
            notify(draft)
        _relay(draft)
        wake_at = draft.wake_at
        decisions = tuple(draft.decisions)
    if after.wake_at is not wake_at:
        after.wake_at = wake_at
    return Step(after, decisions, wake_at)


def _relay(draft: Draft) -> None:
    """Tell the order that this one makes good how far its replacement has come."""
    order = draft.order
    if order.replaces is None:
        return
    for status in _progress(order):
        order.relayed = (*order.relayed, status)
        draft.decide(
            facts.ReplacementProgressed(
                order_id=order.replaces,
                decision_id=identify("dec", order.order_id, "progressed", str(len(order.relayed)), status),
                replacement_order_id=order.order_id,
                promised_by=order.promise.by if order.promise is not None else None,
                status=status,  # type: ignore[arg-type]  # the words of _progress
            )
        )


def _progress(order: Order) -> list[str]:
    """Return what the other order has not heard yet; trouble may come and go."""
    relayed = order.relayed
    news = [] if "placed" in relayed else ["placed"]
    if "shipped" not in relayed and any(shipment.handed_over_at is not None for shipment in order.shipments):
        news.append("shipped")
    troubles = order.case.troubles if order.case is not None else ()
    in_trouble = any(t.verdict == "waiting" and t.cleared_at is None for t in troubles)
    last = next(
        (status for status in reversed(relayed) if status in {"in_trouble", "recovered"}), "recovered"
    )
    if in_trouble != (last == "in_trouble"):
        news.append("in_trouble" if in_trouble else "recovered")
    if order.arrived_at is not None and "delivered" not in relayed:
        news.append("delivered")
    if order.canceled_at is not None and "canceled" not in relayed:
        news.append("canceled")
    return news
