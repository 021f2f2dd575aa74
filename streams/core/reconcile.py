"""Compares what is wrong now with what we thought was wrong, and says only the difference."""

from __future__ import annotations

from streams.core.draft import Draft
from streams.core.events import (
    ExceptionChanged,
    ExceptionCleared,
    ExceptionOpened,
    Pieces,
    Severity,
)
from streams.core.finding import Finding
from streams.core.ids import identify
from streams.core.order import Trouble

_WEIGHT: dict[Severity, int] = {"minor": 0, "major": 1, "severe": 2}


def reconcile(draft: Draft, findings: list[Finding]) -> None:
    """Open, change and clear exceptions so that the open ones are exactly the findings.

    A severity only grows while an exception is open: a customer is not told that it was not so bad.
    """
    case = draft.order.case
    troubles = case.troubles if case is not None else ()
    still_open = {(t.kind, t.subject): t for t in troubles if t.cleared_at is None}
    for finding in findings:
        trouble = still_open.pop((finding.kind, finding.subject), None)
        if trouble is None:
            _open(draft, finding)
        else:
            _change(draft, trouble, finding)
    for trouble in still_open.values():
        _clear(draft, trouble)


def _open(draft: Draft, finding: Finding) -> None:
    order = draft.order
    case = draft.own_case()
    before = sum(1 for t in case.troubles if t.kind == finding.kind and t.subject == finding.subject)
    trouble = Trouble(
        exception_id=identify("exc", order.order_id, finding.kind, finding.subject, str(before)),
        kind=finding.kind,
        subject=finding.subject,
        severity=finding.severity,
        since=finding.since,
        opened_at=draft.now,
        staged_at=draft.now,
        missing=finding.missing,
        extra=finding.extra,
        evidence=finding.evidence,
        stage=2 if finding.again else 1,
        certainty=finding.certainty,
    )
    case.troubles = (*case.troubles, trouble)
    draft.decide(
        ExceptionOpened(
            order_id=order.order_id,
            decision_id=identify("dec", "opened", trouble.exception_id),
            case_id=case.case_id,
            **_what(trouble),
        )
    )


def _change(draft: Draft, trouble: Trouble, finding: Finding) -> None:
    severity = max(trouble.severity, finding.severity, key=_WEIGHT.__getitem__)
    stage = 2 if finding.again else trouble.stage
    same = (
        severity == trouble.severity
        and stage == trouble.stage
        and finding.missing == trouble.missing
        and finding.extra == trouble.extra
        and finding.certainty == trouble.certainty
    )
    if same:
        return
    mine = draft.own(trouble)
    if _grew(trouble, finding) and mine.responded >= mine.stage:
        mine.round += 1
        mine.staged_at = draft.now
        mine.responded = mine.stage - 1
        mine.told = min(mine.told, mine.stage - 1)
        _ask_anew(mine)
    mine.severity = severity
    mine.missing = finding.missing
    mine.extra = finding.extra
    mine.evidence = finding.evidence
    mine.certainty = finding.certainty
    mine.changes += 1
    if stage > mine.stage:
        mine.stage = stage
        mine.staged_at = draft.now
        _ask_anew(mine)
        mine.review_id = None
    draft.decide(
        ExceptionChanged(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "changed", mine.exception_id, str(mine.changes)),
            case_id=draft.case.case_id,
            **_what(mine),
        )
    )


def _ask_anew(mine: Trouble) -> None:
    """What a person said was about less than this."""
    mine.verdict = "none"
    mine.allowed = mine.decide_by = None
    mine.expired = False


def _grew(trouble: Trouble, finding: Finding) -> bool:
    """True when more is missing, or more is there by mistake, than we answered for."""
    return _more(finding.missing, trouble.missing) or _more(finding.extra, trouble.extra)


def _more(now: tuple[Pieces, ...], before: tuple[Pieces, ...]) -> bool:
    known = {piece.sku: piece.quantity for piece in before}
    return any(piece.quantity > known.get(piece.sku, 0) for piece in now)


def _clear(draft: Draft, trouble: Trouble) -> None:
    mine = draft.own(trouble)
    mine.cleared_at = draft.now
    draft.decide(
        ExceptionCleared(
            order_id=draft.order.order_id,
            decision_id=identify("dec", "cleared", mine.exception_id),
            exception_id=mine.exception_id,
            case_id=draft.case.case_id,
            kind=mine.kind,
            subject=mine.subject,
            severity=mine.severity,
            evidence=mine.evidence,
        )
    )


def _what(trouble: Trouble) -> dict:  # type: ignore[type-arg]
    return {
        "exception_id": trouble.exception_id,
        "kind": trouble.kind,
        "subject": trouble.subject,
        "severity": trouble.severity,
        "since": trouble.since,
        "missing": trouble.missing,
        "extra": trouble.extra,
        "evidence": trouble.evidence,
    }
