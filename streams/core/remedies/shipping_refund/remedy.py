"""The customer paid for a date; when the date is broken, the money for it goes back."""

from __future__ import annotations

from typing import ClassVar

from streams.core.events import Decision, ShippingRefundGranted
from streams.core.ids import identify
from streams.core.remedy import Remedy, Situation


class ShippingRefund(Remedy, frozen=True, kw_only=True):
    """What was paid for shipping, in full and once per case, by the way it was paid."""

    name: ClassVar[str] = "shipping_refund"
    with_message: ClassVar[bool] = True

    def propose(self, situation: Situation) -> Decision | None:
        """Return the refund, or None when shipping was free or has been refunded."""
        order, case = situation.order, situation.case
        paid = order.shipping_paid
        if case.shipping_refund is not None or paid is None or paid.minor <= 0:
            return None
        refund_id = identify("srf", order.order_id)
        return ShippingRefundGranted(
            order_id=order.order_id,
            decision_id=identify("dec", "shipping_refund", refund_id),
            case_id=case.case_id,
            refund_id=refund_id,
            cost=paid,
        )


REMEDY = ShippingRefund
