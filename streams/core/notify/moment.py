"""Whether now is the moment for a mail, and which trouble leads it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from streams.core.draft import Draft, add_up
from streams.core.granting import allowance
from streams.core.ids import address_hash
from streams.core.notify.news import News
from streams.core.order import Allowance, Return
from streams.core.respond import ask, costs_of, over_budget, proposals, why_refused
from streams.core.zones import day_begins, local

Reason = Literal["quiet_hours", "window", "label", "review", "settling", "no_address", "storm"]


_UNREAD = frozenset({"withdrawn", "bounced"})  # mails that nobody has read


def obstacle(draft: Draft, ready: list[News]) -> tuple[Reason | None, datetime | None]:
    """Return why nothing can be told now, and until when; (None, None) when it can."""
    if not draft.address or address_hash(draft.address) in draft.case.barred:
        return "no_address", None
    parts = _parts_pending(draft, ready)
    if parts is not None:
        return "label", parts
    last = max((s.queued_at for s in draft.case.messages if s.status not in _UNREAD), default=None)
    if last is not None and draft.now < last + draft.policy.notify.window:
        return "window", last + draft.policy.notify.window
    quiet = quiet_until(draft.now, draft.order.zone, draft.policy.quiet.start, draft.policy.quiet.end)
    if quiet is not None:
        return "quiet_hours", quiet
    return None, None


def _parts_pending(draft: Draft, ready: list[News]) -> datetime | None:
    """Return until when the letter waits for its label and for the order system's word, or None."""
    told = {one.trouble.exception_id for one in ready if one.trouble is not None}
    patience = draft.policy.notify.patience
    waits = [
        one.requested_at + patience
        for one in draft.case.returns
        if one.label_id is None and not one.refused and _belongs(one, told)
    ]
    for replacement in draft.case.replacements:
        unanswered = replacement.accepted_at is None and replacement.refused is None
        if unanswered and replacement.order_id is None and replacement.exception_id in told:
            waits.append(replacement.requested_at + patience)
    late = [until for until in waits if until > draft.now]
    return max(late) if late else None


def _belongs(one: Return, exception_ids: set[str]) -> bool:
    return one.exception_id in exception_ids


def quiet_until(now: datetime, zone: str, start: object, end: object) -> datetime | None:
    """Return when the customer's night is over, or None when it is day."""
    if start == end:
        return None
    clock = local(now, zone)
    time_of_day = clock.time()
    overnight = start > end  # type: ignore[operator]
    quiet = (
        (time_of_day >= start or time_of_day < end)  # type: ignore[operator]
        if overnight
        else start <= time_of_day < end  # type: ignore[operator]
    )
    if not quiet:
        return None
    day = clock.date()
    if overnight and time_of_day >= start:  # type: ignore[operator]
        day += timedelta(days=1)
    morning = datetime.combine(day, end, clock.tzinfo)  # type: ignore[arg-type]
    return max(morning.astimezone(now.tzinfo), day_begins(day, zone))


def too_dear(draft: Draft, ready: list[News]) -> bool:
    """Ask a person when what the mail would grant is above the budget by now: lateness grows while mail waits."""
    for one in ready:
        trouble = one.trouble
        if trouble is None or trouble.verdict in {"approved", "words_only"}:
            continue
        granted = [
            decision for remedy, decision in proposals(draft, trouble, one.response) if remedy.with_message
        ]
        costs = add_up(
            tuple(cost for decision in granted if (cost := getattr(decision, "cost", None)) is not None)
        )
        if over_budget(draft, costs):
            ask(draft, trouble, one.response, "budget", costs)
            return True
    return False


def may_say(draft: Draft, message_id: str, ready: list[News]) -> Allowance | None:
    """Return what the one place for all orders says to this mail; None when a person was asked instead.

    The first trouble among the news stands for all of them; a mail without one (a note, good news) asks nobody.
    """
    told = [one for one in ready if one.trouble is not None]
    if not told or not draft.policy.asks:
        return Allowance("", status="granted")
    granted = []
    for one in told:
        assert one.trouble is not None
        granted += [pair for pair in proposals(draft, one.trouble, one.response) if pair[0].with_message]
    lead = min(told, key=lambda one: priority(draft, one))
    assert lead.trouble is not None
    remedies = tuple(dict.fromkeys(name for one in told for name in one.response.remedies))
    answer = allowance(draft, lead.trouble, "message", message_id, costs_of(granted), remedies)
    if answer.status != "refused":
        return answer
    if lead.trouble.verdict == "words_only" and answer.limit != "storm":
        return Allowance(
            "", status="granted"
        )  # a person had the time to decide, and nothing that costs is left
    ask(draft, lead.trouble, lead.response, why_refused(answer), costs_of(granted))
    return None


def priority(draft: Draft, news: News) -> tuple[int, int, str]:
    """Return what news are sorted by: the first of them gives the mail its template."""
    if news.replacement is not None:
        return (1, 98 if news.replacement.waited else -1, news.key)
    if news.found is not None:
        return (1, 99, news.key)
    if news.trouble is None:
        return (2, 0, news.key)
    if news.template == draft.policy.out_of_stock.message:
        return (0, -1, news.key)  # whatever else there is to tell: only this mail offers the choice
    order = draft.policy.notify.priority
    rank = order.index(news.trouble.kind) if news.trouble.kind in order else len(order)
    return (0 if news.trouble.stage > 1 else 1, rank, news.key)
