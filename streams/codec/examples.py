"""One example of every published fact: what the schemas show, and what the tests decode."""

from __future__ import annotations

from datetime import UTC, date, datetime

from streams.core.events import (
    Address,
    AnyFact,
    CheckpointReached,
    ChoiceMade,
    Customer,
    CustomerReported,
    Evidence,
    ExceptionChanged,
    ExceptionCleared,
    ExceptionOpened,
    FulfillmentCreated,
    GoodwillGranted,
    MessageAccepted,
    MessageBounced,
    MessageDeferred,
    MessageHeld,
    MessageInDoubt,
    MessageOutcome,
    MessageQueued,
    MessageRefused,
    MessageSuppressed,
    MessageWithdrawn,
    OrderCanceled,
    OrderChanged,
    OrderedLine,
    OrderPlaced,
    PaymentApproved,
    Pieces,
    PromiseRevised,
    PromiseWindow,
    ReplacementAccepted,
    ReplacementProgressed,
    ReplacementRefused,
    ReplacementRequested,
    ReturnCheckpoint,
    ReturnLabelIssued,
    ReturnLabelRefused,
    ReturnLabelRequested,
    ReviewRequested,
    ReviewResolved,
    ShipmentCreated,
    ShipmentPacked,
    Shipping,
    ShippingRefundGranted,
)
from streams.core.money import Money

_ORDER = "ORD-1001"
_CASE = "case_h2"
_PARCEL = "ORD-1001-1"
_LAMP = Pieces(sku="PLUSH-LAMP", quantity=1)
_CHAIR = Pieces(sku="CRUNCHY-ARMCHAIR", quantity=1)
_HASH = "0f3c6a1e9b7d42c58ee1a07b64d9c3f2"
_FIFTEEN = Money(minor=1500, currency="EUR")
_EVIDENCE = (Evidence(event_id="9f2c", reads="promised by 2026-11-24"),)
_SINCE = datetime(2026, 11, 25, tzinfo=UTC)
_INES = Customer(
    customer_id="C-7",
    email="ines@example.com",
    name="Inês",
    locale="pt-BR",
    time_zone="America/Sao_Paulo",
    country="BR",
)
_LINES = (
    OrderedLine(
        sku="CRUNCHY-ARMCHAIR",
        quantity=1,
        line_id="1",
        title="Crunchy armchair",
        unit_price=Money(minor=19990, currency="EUR"),
        weight_g=8200,
    ),
)


def _outcome(kind: type[MessageOutcome], reply: str) -> MessageOutcome:
    return kind(
        order_id=_ORDER,
        message_id="msg_k3",
        case_id=_CASE,
        template="late",
        locale="pt_BR",
        to_hash=_HASH,
        reply=reply,
    )


INBOUND_EXAMPLES: tuple[AnyFact, ...] = (
    OrderPlaced(
        order_id=_ORDER,
        customer=_INES,
        lines=_LINES,
        shipping=Shipping(
            method="Express",
            paid=Money(minor=990, currency="EUR"),
            address=Address(city="Curitiba", region="PR", postal_code="80010", country="BR"),
        ),
        promise=PromiseWindow(by="2026-11-24", from_="2026-11-22"),
        ship_by="2026-11-21T18:00:00Z",
    ),
    OrderChanged(order_id=_ORDER, lines=_LINES),
    OrderCanceled(order_id=_ORDER, lines=(_CHAIR,), reason="customer"),
    PaymentApproved(order_id=_ORDER, ship_by="2026-11-21"),
    PromiseRevised(order_id=_ORDER, promise=PromiseWindow(by="2026-11-27"), told_customer=True),
    FulfillmentCreated(
        order_id=_ORDER,
        fulfillment_id="F-1",
        lines=(_CHAIR,),
        shipment_id=_PARCEL,
        carrier="UPS",
        tracking_number="1Z999AA10123456784",
        service="Ground",
    ),
    ShipmentPacked(order_id=_ORDER, shipment_id=_PARCEL, lines=(_LAMP,), weight_g=1900, station="packing-3"),
    ShipmentCreated(
        order_id=_ORDER,
        shipment_id=_PARCEL,
        carrier="UPS",
        tracking_number="1Z999AA10123456784",
        lines=(_CHAIR,),
    ),
    CheckpointReached(
        tracking_number="1Z999AA10123456784",
        carrier="UPS",
        status="in_transit",
        reason="weather_delay",
        responsible="weather",
        description="Held by heavy snow",
        location="Louisville, KY, US",
        estimated_delivery="2026-11-26",
    ),
    CustomerReported(order_id=_ORDER, kind="wrong_item", lines=(_LAMP,), text="I got a lamp."),
    ChoiceMade(order_id=_ORDER, case_id=_CASE, choice="refund"),
    ReviewResolved(order_id=_ORDER, review_id="rev_p5", approved=True, by="dana", note="our mistake"),
    ReturnCheckpoint(order_id=_ORDER, return_id="ret_q6", status="in_transit"),
)

DECISION_EXAMPLES: tuple[AnyFact, ...] = (
    ExceptionOpened(
        order_id=_ORDER,
        decision_id="dec_01",
        severity="major",
        since=_SINCE,
        evidence=_EVIDENCE,
        exception_id="exc_m4",
        case_id=_CASE,
        kind="late_delivery",
        subject=_PARCEL,
    ),
    ExceptionChanged(
        order_id=_ORDER,
        decision_id="dec_02",
        severity="severe",
        since=_SINCE,
        evidence=_EVIDENCE,
        exception_id="exc_m4",
        case_id=_CASE,
        kind="late_delivery",
        subject=_PARCEL,
    ),
    ExceptionCleared(
        order_id=_ORDER,
        decision_id="dec_03",
        severity="major",
        evidence=_EVIDENCE,
        exception_id="exc_m4",
        case_id=_CASE,
        kind="late_delivery",
        subject=_PARCEL,
    ),
    ReturnLabelRequested(
        order_id=_ORDER,
        decision_id="dec_04",
        case_id=_CASE,
        return_id="ret_q6",
        lines=(_LAMP,),
        cost=_FIFTEEN,
        keep_after=date(2026, 12, 24),
        country="BR",
    ),
    ReplacementRequested(
        order_id=_ORDER,
        decision_id="dec_05",
        case_id=_CASE,
        replacement_id="rep_r7",
        lines=(_CHAIR,),
        expedited=True,
        cost=Money(minor=4990, currency="EUR"),
    ),
    ReplacementProgressed(
        order_id=_ORDER, decision_id="dec_06", replacement_order_id="ORD-1002", status="shipped"
    ),
    GoodwillGranted(order_id=_ORDER, decision_id="dec_07", case_id=_CASE, goodwill_id="gw_s8", cost=_FIFTEEN),
    ShippingRefundGranted(
        order_id=_ORDER, decision_id="dec_08", case_id=_CASE, refund_id="rf_t9", cost=_FIFTEEN
    ),
    ReviewRequested(
        order_id=_ORDER,
        decision_id="dec_09",
        case_id=_CASE,
        review_id="rev_p5",
        reason="budget",
        exception_ids=("exc_m4",),
        remedies=("goodwill_credit",),
        cost=_FIFTEEN,
    ),
    MessageQueued(
        order_id=_ORDER,
        decision_id="dec_10",
        exception_ids=("exc_m4",),
        message_id="msg_k3",
        case_id=_CASE,
        template="late",
        locale="pt_BR",
        to_hash=_HASH,
    ),
    MessageHeld(
        order_id=_ORDER,
        decision_id="dec_11",
        reason="quiet_hours",
        until=_SINCE,
        message_id="msg_k3",
        case_id=_CASE,
        template="late",
        locale="pt_BR",
        to_hash=_HASH,
    ),
    MessageWithdrawn(
        order_id=_ORDER,
        decision_id="dec_12",
        reason="cleared",
        message_id="msg_k3",
        case_id=_CASE,
        template="late",
        locale="pt_BR",
        to_hash=_HASH,
    ),
)

OUTCOME_EXAMPLES: tuple[AnyFact, ...] = (
    ReturnLabelIssued(
        order_id=_ORDER,
        case_id=_CASE,
        return_id="ret_q6",
        label_id="lbl_u1",
        carrier="UPS",
        tracking_number="1Z999AA10123456785",
        cost=_FIFTEEN,
    ),
    ReturnLabelRefused(
        order_id=_ORDER, case_id=_CASE, return_id="ret_q6", reason="no carrier serves the address"
    ),
    ReplacementAccepted(order_id=_ORDER, case_id=_CASE, replacement_id="rep_r7", reference="ORD-1002"),
    ReplacementRefused(order_id=_ORDER, case_id=_CASE, replacement_id="rep_r7", reason="out of stock"),
    _outcome(MessageAccepted, "250 2.0.0 OK"),
    _outcome(MessageDeferred, "451 4.7.1 greylisted"),
    _outcome(MessageRefused, "550 5.1.1 no such mailbox"),
    _outcome(MessageInDoubt, "connection lost after the final dot"),
    _outcome(MessageBounced, "5.2.2 mailbox full"),
    _outcome(MessageSuppressed, "the address bounced before"),
)
