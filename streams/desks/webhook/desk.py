"""Asks an order system over HTTP to ship a replacement: one signed request, repeated under one key until it is answered.

What it sees:
    A ``ReplacementRequested``, and the address and the secret that the shop has set
    (``FIRSTWORD_DESK_URL``, ``FIRSTWORD_DESK_SECRET``).

What it does:
    ``POST`` with a CloudEvent as JSON: the decision, as it stands in the public log. It is signed as Standard
    Webhooks 1.0.0 says (``webhook-id``, ``webhook-timestamp``, ``webhook-signature: v1,...``: HMAC-SHA256 of
    id, time and body, so a copy that somebody recorded is old tomorrow), and carries the replacement id as
    ``webhook-id`` and as ``Idempotency-Key``. The order system drops a second request with a key that it has seen
    and answers as it did at first: a request whose answer was lost is simply made again.

    Any 2xx is a yes; a ``reference`` in the JSON it answers with is what the order is called there. 422 is a no, with the
    ``reason`` (or the ``detail`` of RFC 9457) for the person who decides what to offer instead. Everything else
    is no answer: it is asked again, until there is one.

Known limits:
    An order system that ignores the key can ship twice after a lost answer; no protocol can prevent that from
    here.

Example:
    ``WebhookDesk("https://orders.example.com/replacements", secret=b"...").order(request).reference``
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any, Final

import msgspec

from streams.clock import wall_now
from streams.codec.registry import encode_fact
from streams.core.events import ReplacementAccepted, ReplacementRefused, ReplacementRequested
from streams.outbound import Asker, NoReply, Reply
from streams.problems import UsageProblem, WorldProblem
from streams.settings import Settings

_PREFIX: Final = "whsec_"  # Standard Webhooks writes secrets as whsec_ and base64
_LEAST_SECRET: Final = 24  # bytes, by the same
_REFUSED: Final = 422
_LONGEST: Final = 500  # characters of what the other side says


class WebhookDesk:
    """The desk of a shop that has an order system with an address."""

    name = "webhook"
    is_remote = True

    def __init__(self, url: str, *, secret: bytes, asker: Asker | None = None) -> None:
        self._url = url
        self._secret = secret
        self._asker = asker or Asker()

    @classmethod
    def from_settings(cls, settings: Settings) -> WebhookDesk:
        """Return the desk that the settings describe.

        Raises:
            UsageProblem: ``desk-not-set``: the address is none, or the secret is missing, no base64 or too short.
        """
        url = "" if settings.desk_url is None else settings.desk_url.reveal()
        if not url.startswith(("https://", "http://")):
            raise _not_set("its address", 'FIRSTWORD_DESK_URL="https://orders.example.com/replacements"')
        secret = _secret("" if settings.desk_secret is None else settings.desk_secret.reveal())
        if len(secret) < _LEAST_SECRET:
            hint = 'FIRSTWORD_DESK_SECRET="whsec_$(openssl rand -base64 32)", and the same on the other side'
            raise _not_set("a secret of 24 bytes at least, as base64", hint)
        return cls(url, secret=secret)

    def order(self, request: ReplacementRequested) -> ReplacementAccepted | ReplacementRefused:
        """Order the replacement once; the same request is the same order, however often it is made.

        Raises:
            WorldProblem: ``desk-unanswered`` or ``desk-refuses-us``; the same request is made again later.
        """
        body = _body(request)
        headers = {
            "Content-Type": "application/cloudevents+json",
            **self._signed(request.replacement_id, body),
        }
        answer = self._asker.ask("POST", self._url, headers=headers, body=body, key=request.replacement_id)
        if isinstance(answer, NoReply):
            raise _unanswered(answer.why, request)
        if answer.good:
            return _accepted(request, answer)
        if answer.status == _REFUSED:
            return _refused(request, answer)
        if answer.status < 500 and answer.status not in {409, 429}:
            raise _refuses_us(answer, request)
        raise _unanswered(f"it answered with {answer.status}", request)

    def _signed(self, identity: str, body: bytes) -> dict[str, str]:
        moment = str(int(wall_now().timestamp()))
        signed = hmac.digest(
            self._secret, b".".join((identity.encode(), moment.encode(), body)), hashlib.sha256
        )
        return {
            "webhook-id": identity,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }


def _body(request: ReplacementRequested) -> bytes:
    """Return the decision as a CloudEvent (1.0.2); every copy of it is the same, byte for byte."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": request.decision_id,
            "source": "firstword",
            "type": request.TYPE,
            "subject": request.order_id,
            "datacontenttype": "application/json",
            "data": msgspec.Raw(encode_fact(request)),
        }
    )


def _accepted(request: ReplacementRequested, answer: Reply) -> ReplacementAccepted:
    said = _said(answer).get("reference")
    return ReplacementAccepted(
        order_id=request.order_id,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reference=said[:_LONGEST] if isinstance(said, str) and said.strip() else request.replacement_id,
    )


def _refused(request: ReplacementRequested, answer: Reply) -> ReplacementRefused:
    said = _said(answer)
    reasons = [said.get(name) for name in ("reason", "detail", "title")]
    reason = next(
        (one for one in reasons if isinstance(one, str) and one.strip()), "the order system gave no reason"
    )
    return ReplacementRefused(
        order_id=request.order_id,
        case_id=request.case_id,
        replacement_id=request.replacement_id,
        reason=reason[:_LONGEST],
    )


def _said(answer: Reply) -> dict[str, Any]:
    """Return the JSON object of an answer; nothing when it is none: the status says what counts."""
    try:
        said = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return said if isinstance(said, dict) else {}


def _secret(text: str) -> bytes:
    try:
        return base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        return b""


def _not_set(what: str, hint: str) -> UsageProblem:
    return UsageProblem("desk-not-set", f"the desk webhook needs {what}", where="FIRSTWORD_DESK", hint=hint)


def _unanswered(why: str, request: ReplacementRequested) -> WorldProblem:
    return WorldProblem(
        "desk-unanswered",
        "the order system did not say whether it ships the replacement",
        where=f"order {request.order_id}, replacement {request.replacement_id}",
        why=why,
        hint="nothing to do: it is asked again under the same key until it answers",
        retriable=True,
    )


def _refuses_us(answer: Reply, request: ReplacementRequested) -> WorldProblem:
    return WorldProblem(
        "desk-refuses-us",
        "the order system does not take requests from us",
        where=f"order {request.order_id}, replacement {request.replacement_id}",
        why=f"it answered with {answer.status}",
        hint="see that FIRSTWORD_DESK_URL and FIRSTWORD_DESK_SECRET are those of the other side; it is asked again until it answers",
        retriable=True,
    )


DESK = WebhookDesk
