"""What customers told us themselves, where nothing else has told us before."""

from __future__ import annotations

from streams.core.events import Evidence, Kind
from streams.core.finding import Finding
from streams.core.order import Order, Report


def reported(order: Order, kind: Kind, word: str, reads: str) -> tuple[Finding, ...]:
    """Return a finding per report of this sort; one that we knew of, or have made good, is the same matter.

    The first report is about ``order``, later ones about ``order/2`` and so on: each has an exception of
    its own, all of one case.
    """
    reports = [report for report in order.reports if report.kind == word]
    findings = []
    for number, report in enumerate(reports, start=1):
        subject = "order" if number == 1 else f"order/{number}"
        if order.made_good(subject, kind) is None and not _known(order, kind, report):
            findings.append(
                Finding(
                    kind=kind,
                    subject=subject,
                    since=report.reported_at,
                    severity="major",
                    missing=report.lines,
                    evidence=(Evidence(event_id=report.event_id, reads=reads),),
                )
            )
    return tuple(findings)


def _known(order: Order, kind: Kind, report: Report) -> bool:
    """True when a scan had told us of it by then, whether it is open or has been made good since."""
    told = {piece.sku for piece in report.lines}
    if told and not told & _in_doubt(order, kind):
        return False  # about other articles than the scans
    if any(
        (kind == "wrong_item" and box.missing and box.extra)
        or (kind == "short_shipment" and box.missing and not box.extra)
        for box in order.differences
    ):
        return True
    if kind == "damaged" and any(
        s.damaged is not None and order.made_good(s.shipment_id) is None for s in order.shipments
    ):
        return True
    troubles = order.case.troubles if order.case is not None else ()
    return any(
        known.kind == kind
        and not known.subject.startswith("order")
        and order.made_good(known.subject) is not None  # not: a scan that was taken back, and told us nothing
        and (known.cleared_at is None or known.cleared_at >= report.reported_at)
        for known in troubles
    )


def _in_doubt(order: Order, kind: Kind) -> set[str]:
    """Return the articles of which a scan has said the same, by what is known now or was answered before."""
    skus = set()
    if kind == "damaged":
        for shipment in order.shipments:
            if shipment.damaged is not None:
                planned = order.expected_in(shipment)
                skus |= {piece.sku for piece in planned} if planned else set(order.wanted())
    else:
        skus |= {piece.sku for box in order.differences for piece in (*box.missing, *box.extra)}
    for trouble in order.case.troubles if order.case is not None else ():
        if trouble.kind == kind and not trouble.subject.startswith("order"):
            skus |= {piece.sku for piece in (*trouble.missing, *trouble.extra)}
            skus |= set() if trouble.missing else set(order.wanted())
    return skus
