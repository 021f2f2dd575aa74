"""Whether there is something to tell, and whether now is the moment: one mail, or a mail that waits.

A mail that waits lives in the order and is judged again at every step, so a parcel that arrived in the
meantime gets no apology.
"""

from __future__ import annotations

from streams.core.draft import Draft
from streams.core.ids import identify
from streams.core.notify.holding import hold, hold_for_person, take_back, withdraw_held
from streams.core.notify.moment import obstacle, priority, too_dear
from streams.core.notify.news import News, untold
from streams.core.notify.telling import queue
from streams.core.respond import overtaken


def notify(draft: Draft) -> None:
    """Take back what is no longer true, then tell, hold or withdraw the one mail that the case needs."""
    take_back(draft)
    news = untold(draft)
    for one in news:
        draft.wake(one.due)
    waiting = [
        t
        for t in draft.case.troubles
        if t.verdict == "waiting" and t.cleared_at is None and not overtaken(draft, t)
    ]
    ready = [one for one in news if one.due <= draft.now]
    if ready and not _tell_or_hold(draft, ready):
        return
    if waiting:
        hold_for_person(draft, waiting[0])
    elif draft.case.held is not None:
        withdraw_held(draft, "cleared")


def _tell_or_hold(draft: Draft, ready: list[News]) -> bool:
    """Return True when all that was ready is told, so that what waits for a person comes next."""
    lead = min(ready, key=lambda one: priority(draft, one))
    message_id = identify("msg", draft.order.order_id, lead.key)
    reason, until = obstacle(draft, ready)
    if reason is None and too_dear(draft, ready):
        hold(draft, message_id, lead.template, "review", None)
    elif reason is None:
        queue(draft, message_id, lead, ready)
    elif reason == "label":
        draft.wake(until)
    else:
        hold(draft, message_id, lead.template, reason, until)
    return reason is None and draft.case.held is None
