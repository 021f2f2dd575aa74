"""EasyPost: what carriers scanned, from trackers and from ``tracker.*`` webhooks.

What it sees: a Tracker, an Event whose ``result`` is one, and lists of either. Every tracking detail becomes
a checkpoint that only knows its tracking number; the pipeline finds the order. Ids are made of carrier,
code, time, status and message, since EasyPost sends all earlier scans again with every update.

An estimate (``est_delivery_date``) is a forecast, never a promise. It is told once per change, as a second
copy of the latest scan, so that it neither hides behind a scan known already nor looks like a new one.

Known false alarms: ``error`` and ``unknown`` mean that EasyPost knows nothing; they stay ``unknown``.
Details without a time are left out (they cannot be placed in a history) unless a tracker has no others.
Trackers of returns (``is_return``) are ignored: their scans must not look like the parcel that was sold.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from streams.codec.strict_json import parse
from streams.core.events import CheckpointReached
from streams.core.ids import identify
from streams.pipeline.ports import Ignored, Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.easypost.statuses import house_status
from streams.sources.foreign import fields, incoming, items, joined, moment, name, objects, text
from streams.sources.reading import records, rejected

_NAME = "easypost"


class EasyPost:
    """Trackers in files, folders or webhook bodies."""

    name = _NAME

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield one record per ``.json`` document or NDJSON line.

        Raises:
            InputProblem: ``source-not-found`` or ``source-empty``.
        """
        return records(self.name, location, after=after)

    def translate(self, record: Record) -> Translation:
        """Return the checkpoints of the trackers in a record, or why there are none."""
        if isinstance(record.parsed, Rejected):
            return record.parsed
        try:
            return _translate(parse(record.raw))
        except InputProblem as problem:
            return rejected(problem)


def verify(body: bytes, header: str, secret: str) -> bool:
    """True when ``header`` (``X-Hmac-Signature``) was made from ``body`` with the webhook's ``secret``.

    ``hmac-sha256-hex=`` and the hexadecimal HMAC-SHA256, with the secret in Unicode form NFKD (EasyPost
    documentation, "Webhooks", HMAC validation). Takes the same time for every wrong header.
    """
    key = unicodedata.normalize("NFKD", secret).encode()
    expected = "hmac-sha256-hex=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), header.strip().encode("utf-8", "replace"))


def _translate(body: Any) -> Translation:
    if isinstance(body, list):
        return _together(body)
    if not isinstance(body, dict):
        return Rejected(
            code="easypost-unrecognized",
            why="the record is no object",
            hint="send the body of the webhook as it came",
        )
    if isinstance(body.get("trackers"), list):
        return _together(body["trackers"])
    if isinstance(body.get("events"), list):
        return _together(body["events"])
    kind = text(body.get("object"), 64)
    if kind == "Event":
        return _event(body)
    if kind == "Tracker" or (kind is None and "tracking_code" in body and "tracking_details" in body):
        return _tracker(body)
    return _something_else(body, kind)


def _something_else(body: dict[str, Any], kind: str | None) -> Translation:
    if kind is not None:
        return Ignored(why=f"EasyPost's {kind} says nothing about where a parcel is")
    if "error" in body:
        return Ignored(why="an answer of EasyPost's API that reports an error")
    lists = sorted(key for key, value in body.items() if isinstance(value, list))
    if lists and "has_more" in body:
        return Ignored(why=f"a list of {lists[0][:64]} says nothing about where a parcel is")
    return Rejected(
        code="easypost-unrecognized",
        why="the record is no Tracker, no Event and no list of them: "
        + (", ".join(sorted(body))[:200] or "empty"),
        hint="send the body of the webhook, or of GET /trackers, as it came",
    )


def _together(bodies: list[Any]) -> Translation:
    """Return the facts of all; one that is broken refuses the record, so that none gets lost unseen."""
    found: list[Incoming] = []
    for number, body in enumerate(bodies):
        part = _translate(body) if isinstance(body, dict) else _translate(None)
        if isinstance(part, Rejected):
            return Rejected(code=part.code, why=f"entry {number}: {part.why}", hint=part.hint)
        if not isinstance(part, Ignored):
            found.extend(part)
    return tuple(found) if found else Ignored(why="the list holds no scan of a parcel")


def _event(body: dict[str, Any]) -> Translation:
    description = text(body.get("description"), 64) or "no description"
    if not description.startswith("tracker."):
        return Ignored(why=f"EasyPost's event {description} says nothing about where a parcel is")
    if not isinstance(body.get("result"), dict):
        return Rejected(
            code="easypost-no-tracker",
            why=f"the event {description} comes without its tracker",
            hint="lists of events leave it out: read GET /trackers/ID, or the body of the webhook",
        )
    return _tracker(body["result"])


def _tracker(tracker: dict[str, Any]) -> Translation:
    code = name(tracker.get("tracking_code"))
    if code is None:
        return Rejected(
            code="easypost-no-code",
            why="the tracker has no usable tracking_code",
            hint="1 to 256 printable characters; read GET /trackers/ID",
        )
    if tracker.get("is_return") is True:
        return Ignored(why="the tracker follows a return, not a parcel to a customer")
    scans = list(_scans(tracker, code))
    if not scans and items(tracker.get("tracking_details")):
        return Rejected(
            code="easypost-no-time",
            why="no tracking detail has a readable datetime with its offset",
            hint="EasyPost writes 2024-08-02T18:50:00Z; read GET /trackers/ID",
        )
    extra = _standing(tracker, code, scans)
    scans += extra
    if not scans:
        return Ignored(why="the carrier has told nothing about this parcel yet")
    return tuple(scans + _estimate(tracker, code, scans))


def _scans(tracker: dict[str, Any], code: str) -> Iterator[Incoming]:
    for detail in objects(tracker.get("tracking_details")):
        occurred_at = moment(detail.get("datetime"))
        if occurred_at is not None:
            yield _checkpoint(
                tracker, code, detail, occurred_at, estimate=_day_or_time(detail.get("est_delivery_date"))
            )


def _standing(tracker: dict[str, Any], code: str, scans: list[Incoming]) -> list[Incoming]:
    """Return the tracker's own status as a checkpoint, where no detail says the same."""
    status, reason, _ = house_status(text(tracker.get("status")), text(tracker.get("status_detail")))
    occurred_at = moment(tracker.get("updated_at"))
    told = {
        (scan.fact.status, scan.fact.reason) for scan in scans if isinstance(scan.fact, CheckpointReached)
    }
    known = {told_status for told_status, _ in told} if reason is None else told
    if (
        status == "unknown"
        or occurred_at is None
        or (status if reason is None else (status, reason)) in known
    ):
        return []
    standing = {key: tracker.get(key) for key in ("status", "status_detail")}
    return [_checkpoint(tracker, code, standing, occurred_at, kind="standing")]


def _estimate(tracker: dict[str, Any], code: str, scans: list[Incoming]) -> list[Incoming]:
    """Return the tracker's forecast as a second copy of the latest scan; none once it has arrived."""
    local = fields(tracker.get("carrier_detail")).get("est_delivery_date_local")
    estimate = _day_or_time(local) or _day_or_time(tracker.get("est_delivery_date"))
    latest = max(scans, key=_occurred_at)
    fact = latest.fact
    if estimate is None or not isinstance(fact, CheckpointReached) or fact.status in {"delivered", "unknown"}:
        return []
    detail = {"status": "", "message": fact.description}
    told = CheckpointReached(
        status=fact.status,
        tracking_number=code,
        carrier=fact.carrier,
        reason=fact.reason,
        responsible=fact.responsible,
        estimated_delivery=estimate,
    )
    event_id = _event_id(tracker, code, detail, latest.occurred_at, f"estimate {estimate}")
    return [
        incoming(event_id=event_id, source=_NAME, occurred_at=latest.occurred_at, order_id=None, fact=told)
    ]


def _occurred_at(scan: Incoming) -> datetime:
    return scan.occurred_at


def _checkpoint(
    tracker: dict[str, Any],
    code: str,
    detail: dict[str, Any],
    occurred_at: datetime,
    *,
    estimate: str | None = None,
    kind: str = "scan",
) -> Incoming:
    status, reason, responsible = house_status(text(detail.get("status")), text(detail.get("status_detail")))
    place = fields(detail.get("tracking_location"))
    fact = CheckpointReached(
        status=status,
        tracking_number=code,
        carrier=text(tracker.get("carrier")),
        reason=reason,
        responsible=responsible,
        description=text(detail.get("message")) or text(detail.get("description")),
        location=joined(place.get("city"), place.get("state"), place.get("country")),
        estimated_delivery=estimate,
    )
    # A standing has no time of its own that stays: updated_at moves with every update.
    dated = occurred_at if kind == "scan" else None
    event_id = _event_id(tracker, code, detail, dated, kind)
    return incoming(event_id=event_id, source=_NAME, occurred_at=occurred_at, order_id=None, fact=fact)


def _event_id(
    tracker: dict[str, Any], code: str, detail: dict[str, Any], occurred_at: datetime | None, kind: str
) -> str:
    told = (text(detail.get("status")), text(detail.get("status_detail")), text(detail.get("message")))
    when = occurred_at.isoformat() if occurred_at is not None else ""
    return identify(
        "scan", text(tracker.get("carrier")) or "", code, when, kind, *(part or "" for part in told)
    )


def _day_or_time(value: Any) -> str | None:
    """Return a forecast: EasyPost writes a day as its midnight in UTC."""
    if not isinstance(value, str):
        return None
    if len(value) == 10:
        midnight = moment(f"{value}T00:00:00Z")
        return midnight.date().isoformat() if midnight is not None else None
    found = moment(value)
    if found is None:
        return None
    if (found.hour, found.minute, found.second) == (0, 0, 0):
        return found.date().isoformat()
    return found.isoformat()


SOURCE = EasyPost()
