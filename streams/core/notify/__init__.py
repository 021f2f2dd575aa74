"""Whether there is something to tell, and whether now is the moment: one mail, or a mail that waits.

A mail that waits lives in the order and is judged again at every step, so a parcel that arrived in the
meantime gets no apology.
"""

from __future__ import annotations

from streams.core.draft import Draft
from streams.core.granting import last_asked
from streams.core.ids import identify
from streams.core.notify.aftercare import leave_to_person, look_after
from streams.core.notify.holding import hold, hold_for_person, take_back, withdraw_held
from streams.core.notify.moment import may_say, obstacle, priority, too_dear
from streams.core.notify.news import News, untold
from streams.core.notify.telling import queue
from streams.core.respond import overtaken


def notify(draft: Draft) -> None:
    """Take back what is no longer true, then tell, hold or withdraw the one mail that the case needs."""
    take_back(draft)
    look_after(draft)
    if draft.case.replies > draft.case.replies_answered:
        leave_to_person(draft)
        return
    news = untold(draft)
    for one in news:
        draft.wake(one.due)
    while ready := [one for one in news if one.due <= draft.now]:
        if not _tell_or_hold(draft, ready) and not _is_asked(draft, ready):
            return
        news = untold(draft)  # what one mail did not tell, or what need not wait for the person who was asked
    waiting = [
        t
        for t in draft.case.troubles
        if t.verdict == "waiting" and t.cleared_at is None and not overtaken(draft, t)
    ]
    if waiting:
        hold_for_person(draft, waiting[0])
    elif draft.case.held is not None and not _waits_for_word(draft):
        withdraw_held(draft, "cleared")


def _is_asked(draft: Draft, ready: list[News]) -> bool:
    """True when a person was asked just now about something that was ready."""
    mine = {one.trouble.exception_id for one in ready if one.trouble is not None}
    return any(t.verdict == "waiting" and t.exception_id in mine for t in draft.case.troubles)


def _waits_for_word(draft: Draft) -> bool:
    """True while the one place for all orders has not answered about a trouble that is still true."""
    return any(one.status == "asked" for one in draft.case.allowances) and any(
        trouble.cleared_at is None and trouble.told < trouble.stage for trouble in draft.case.troubles
    )


def _tell_or_hold(draft: Draft, ready: list[News]) -> bool:
    """Return True when all that was ready is told, so that what waits for a person comes next."""
    lead = min(ready, key=lambda one: priority(draft, one))
    message_id = identify("msg", draft.order.order_id, lead.key)
    if _waits_for_answer(draft, message_id, lead.template):
        return False
    reason, until = obstacle(draft, ready)
    if reason == "label":
        draft.wake(until)
    elif reason is not None:
        hold(draft, message_id, lead.template, reason, until)
    elif not too_dear(draft, ready):
        return _say(draft, message_id, lead, ready)
    return False


def _waits_for_answer(draft: Draft, message_id: str, template: str) -> bool:
    """True while nobody has answered whether this mail may go, or people look at its storm: by day and by night."""
    asked = last_asked(draft, message_id)
    if asked is not None and asked.status == "held":
        hold(draft, message_id, template, "storm", None)
    return asked is not None and asked.is_open


def _say(draft: Draft, message_id: str, lead: News, ready: list[News]) -> bool:
    """Queue the mail if the one place for all orders lets it go, and return whether it does."""
    answer = may_say(draft, message_id, ready)
    if answer is None or answer.status != "granted":
        return False
    queue(draft, message_id, lead, ready, sorry=answer.apology)
    return draft.case.held is None
