"""Hands something to a person: one sentence for all who ask."""

from __future__ import annotations

from datetime import datetime

from streams.core.draft import Draft
from streams.core.events import ReviewReason, ReviewRequested
from streams.core.ids import identify
from streams.core.money import Money, zero


def ask_person(
    draft: Draft,
    review_id: str,
    reason: ReviewReason,
    exception_ids: tuple[str, ...],
    *,
    remedies: tuple[str, ...] = (),
    cost: Money | None = None,
    decide_by: datetime | None = None,
    to_hash: str | None = None,
) -> None:
    """Ask a person about these exceptions; without ``remedies`` nothing is proposed, and nothing is done without them.

    ``to_hash`` bars an address that mail came back from.
    """
    draft.decide(
        ReviewRequested(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "review", review_id),
            case_id=draft.case.case_id,
            review_id=review_id,
            reason=reason,
            exception_ids=exception_ids,
            remedies=remedies,
            cost=cost or zero(draft.order.currency or draft.policy.shop.currency),
            decide_by=decide_by,
            to_hash=to_hash,
        )
    )
