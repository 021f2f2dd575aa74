"""What there is to tell: troubles that the customer does not know of, later replacements, a note about a label."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from streams.core.detector import Topic
from streams.core.draft import Draft
from streams.core.order import Promise, Replacement, Return, Trouble
from streams.core.policy import Response
from streams.core.respond import overtaken, response_for
from streams.core.zones import day_ends

_COVERS: dict[Topic, set[Topic]] = {
    "delay": {"delay", "loss"},
    "attempt": {"attempt", "loss"},
    "loss": {"loss"},
    "contents": set(),
}


class News:
    """Something untold: the trouble or the return it is about, its template, and since when it may be told."""

    __slots__ = ("due", "found", "key", "replacement", "response", "returning", "template", "trouble")

    def __init__(
        self,
        key: str,
        response: Response,
        due: datetime,
        *,
        trouble: Trouble | None = None,
        returning: Return | None = None,
        replacement: Replacement | None = None,
        found: Trouble | None = None,
    ) -> None:
        self.key = key
        self.response = response
        self.template = response.message or ""
        self.due = due
        self.trouble = trouble
        self.returning = returning
        self.replacement = replacement
        self.found = found


def untold(draft: Draft) -> list[News]:
    """Return everything that the customer should hear and has not heard."""
    news = []
    for trouble in draft.case.troubles:
        if trouble.cleared_at is not None or trouble.told >= trouble.stage:
            continue
        if trouble.verdict in {"waiting", "refused"} or trouble.responded < trouble.stage:
            continue
        if overtaken(draft, trouble):
            continue
        response = response_for(draft, trouble)
        if response.message is None or (
            trouble.stage == 1 and not trouble.round and _covered(draft, trouble)
        ):
            continue
        if draft.policy.out_of_stock.message is not None and unavailable(draft, trouble):
            response = msgspec.structs.replace(response, message=draft.policy.out_of_stock.message)
        news.append(News(key_of(trouble), response, trouble.staged_at + response.tell_after, trouble=trouble))
    if draft.order.replacement_word is not None:
        news.extend(_later_replacements(draft, draft.order.replacement_word))
    if draft.case.replacements:
        news.extend(_back_in_stock(draft))
        news.extend(_found(draft))
    if draft.case.returns:
        news.extend(_labels_that_follow(draft))
        news.extend(_follow_ups(draft))
    return news


def unavailable(draft: Draft, trouble: Trouble) -> list[Replacement]:
    """Return what was to be sent for a trouble, is out of stock, and waits for the customer's word."""
    return [
        one for one in draft.case.replacements if one.to_choose and one.exception_id == trouble.exception_id
    ]


def _back_in_stock(draft: Draft) -> list[News]:
    """Return the news that what a customer waits for leaves now."""
    response = draft.policy.replacement_update
    return [
        News(f"{one.replacement_id}:leaves", response, draft.now, replacement=one)
        for one in draft.case.replacements
        if one.waited
        and one.accepted_at is not None
        and one.stands
        and one.delivered_at is None
        and response.message is not None
    ]


def _found(draft: Draft) -> list[News]:
    """Return the news that a parcel which we called lost is there after all, while another is under way."""
    response = draft.policy.found
    if response.message is None:
        return []
    news = []
    for trouble in draft.case.troubles:
        if trouble.found_told or trouble.told < 1 or trouble.cleared_at is None:
            continue
        under_way = any(
            one.exception_id == trouble.exception_id
            and one.stands
            and (one.accepted_at is not None or one.order_id is not None)
            for one in draft.case.replacements
        )
        if not under_way or draft.policy.topics[trouble.kind] != "loss" or not _moves_again(draft, trouble):
            continue
        due = trouble.cleared_at + response.tell_after
        if draft.now < due + draft.policy.notify.stale_after:
            news.append(News(f"{trouble.exception_id}:found", response, due, found=trouble))
    return news


def _moves_again(draft: Draft, trouble: Trouble) -> bool:
    """True when the parcel itself was seen since, and is on its way or there: not lost, broken or returning."""
    for one in draft.order.shipments:
        if one.shipment_id == trouble.subject and one.last_scan_at is not None:
            seen = one.last_scan_at > trouble.since
            return seen and one.lost is None and one.damaged is None and one.returning is None
    return False


def _labels_that_follow(draft: Draft) -> list[News]:
    """Return the labels that were not there when their mail went out, and are now."""
    response = draft.policy.label_follows
    if response.message is None:
        return []
    return [
        News(f"{one.return_id}:label", response, draft.now, returning=one)
        for one in draft.case.returns
        if one.awaited and not one.enclosed and one.label_id is not None and _is_of_use(draft, one)
    ]


def _is_of_use(draft: Draft, one: Return) -> bool:
    """True for a label that may still be used, for something that is or will be with the customer."""
    order = draft.order
    if one.seen_at is not None or one.lapsed or order.canceled_at is not None or _never_came(draft, one):
        return False
    trouble = next((t for t in draft.case.troubles if t.exception_id == one.exception_id), None)
    replaced = any(
        r.delivered_at is not None and r.exception_id == one.exception_id for r in draft.case.replacements
    )
    is_so = trouble is None or trouble.cleared_at is None or replaced  # not: a scan that was taken back
    return is_so and draft.now < day_ends(one.keep_after, order.zone)


def key_of(trouble: Trouble) -> str:
    """Return what makes the mail about a trouble one mail: its stage, and its round when there was more to say."""
    return f"{trouble.exception_id}:{trouble.stage}" + (f":{trouble.round}" if trouble.round else "")


def _covered(draft: Draft, trouble: Trouble) -> bool:
    """True when the customer knows: of a delay once, of a loss once per parcel.

    A parcel whose every piece is already being replaced may be as late as it likes.
    """
    topics = draft.policy.topics
    topic = topics[trouble.kind]
    told = [t for t in draft.case.troubles if t.told > 0]
    if topic == "loss":
        return any(t.subject == trouble.subject and topics[t.kind] == "loss" for t in told)
    if topic != "contents" and _all_replaced(draft):
        return True
    return any(topics[t.kind] in _COVERS[topic] for t in told)


def _all_replaced(draft: Draft) -> bool:
    under_way = [r for r in draft.case.replacements if r.stands]
    if not under_way:
        return False
    left = draft.order.wanted()
    for replacement in under_way:
        for line in replacement.lines:
            left[line.sku] = left.get(line.sku, 0) - line.quantity
    return all(count <= 0 for count in left.values())


def _later_replacements(draft: Draft, word: Promise) -> list[News]:
    """Return the news that a replacement will come later than our mail said, before that day has come."""
    response = draft.policy.replacement_update
    if response.message is None or draft.now >= word.ends_at:
        return []
    return [
        News(f"{one.replacement_id}:{one.promised_by.isoformat()}", response, draft.now, replacement=one)
        for one in draft.case.replacements
        if one.promised_by is not None
        and one.promised_by > word.by
        and one.promised_by != one.told_by
        and one.delivered_at is None
        and one.status != "canceled"
    ]


def _follow_ups(draft: Draft) -> list[News]:
    """Return the kind note about a label, due some days after the replacement arrived and never after that."""
    case, policy, order = draft.case, draft.policy, draft.order
    if policy.follow_up.message is None or order.canceled_at is not None or case.follow_ups_stopped:
        return []
    if any(t.verdict == "waiting" and t.cleared_at is None for t in case.troubles):
        return []
    notes = []
    for one in case.returns:
        arrived = [
            r.delivered_at
            for r in case.replacements
            if r.delivered_at is not None and r.exception_id in {one.exception_id, ""}
        ]
        if not arrived or _never_came(draft, one) or _corrected(draft, one, min(arrived)):
            continue
        if one.label_id is None or one.seen_at is not None or one.follow_ups >= policy.returns.follow_ups:
            continue
        due = max(arrived) + timedelta(days=policy.returns.follow_up_days * (one.follow_ups + 1))
        if max(due, draft.now) >= day_ends(one.keep_after, order.zone):
            continue
        notes.append(News(f"{one.return_id}:{one.follow_ups}", policy.follow_up, due, returning=one))
    return notes


def _corrected(draft: Draft, one: Return, arrived: datetime) -> bool:
    """True when the trouble was over before the right thing came: the station had corrected its scan."""
    return any(
        t.exception_id == one.exception_id and t.cleared_at is not None and t.cleared_at < arrived
        for t in draft.case.troubles
    )


def _never_came(draft: Draft, one: Return) -> bool:
    """True when the wrong box is known not to have reached the customer: there is nothing to send back."""
    trouble = next((t for t in draft.case.troubles if t.exception_id == one.exception_id), None)
    if trouble is None:
        return False
    for shipment in draft.order.shipments:
        if shipment.shipment_id == trouble.subject:
            return shipment.delivered_at is None and (
                shipment.returning is not None or shipment.lost is not None
            )
    return False
