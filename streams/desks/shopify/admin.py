"""Asks Shopify's Admin API, and sorts its answers: an answer, a moment's patience, silence, or a closed door.

Shopify answers with 200 also when it does nothing: ``errors`` says so. Only ``THROTTLED`` is known to have done nothing
and to pass by itself, so it is waited out here; everything else that is no answer may have been acted upon.

Texts of ``errors`` are never passed on: they repeat what was sent, and that is a customer's address.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from streams.desks.shopify.access import Access, Silence
from streams.desks.shopify.questions import NOTHING, VERSION, Answer, Question
from streams.outbound import Asker, NoReply, Reply

_THROTTLED: Final = "THROTTLED"
_PASSES: Final = frozenset({_THROTTLED, "INTERNAL_SERVER_ERROR", "TIMEOUT"})
_LOST_TOKEN: Final = 401
_PASSING: Final = frozenset({408, 429})
_LONGEST_WAIT: Final = 10.0  # seconds; a bucket of 2,000 points at 100 a second refills in 20

Shape = TypeVar("Shape")


class _Busy(msgspec.Struct, frozen=True):
    seconds: float


class Admin:
    """One shop's Admin API; safe to be used by several threads."""

    def __init__(
        self,
        shop: str,
        secret: str,
        *,
        asker: Asker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = f"{shop}/admin/api/{VERSION}/graphql.json"
        self._access = Access(shop, secret)
        self._asker = asker or Asker()
        self._sleep = sleep

    def ask(self, question: Question, variables: dict[str, Any], shape: type[Shape]) -> Shape | Silence:
        """Return the data of the answer, or why there is none."""
        body = msgspec.json.encode(
            {"operationName": question.name, "query": question.text, "variables": variables}
        )
        for further in range(self._asker.limits.tries - 1, -1, -1):
            answer = self._once(body, shape)
            if not isinstance(answer, _Busy):
                return answer
            if further:
                self.wait(answer.seconds)
        return Silence("it takes no more requests for the moment (THROTTLED)")

    def wait(self, seconds: float = 0.0) -> None:
        """Wait, at least for the pause between two tries, and never for long."""
        self._sleep(min(max(seconds, self._asker.limits.pause), _LONGEST_WAIT))

    def _once(self, body: bytes, shape: type[Shape]) -> Shape | Silence | _Busy:
        token = self._access.token(self._asker)
        if isinstance(token, Silence):
            return token
        answer = self._post(body, token)
        if isinstance(answer, Reply) and answer.status == _LOST_TOKEN and self._access.expire(token):
            token = self._access.token(self._asker)
            answer = token if isinstance(token, Silence) else self._post(body, token)
        if isinstance(answer, Silence):
            return answer
        return Silence(answer.why) if isinstance(answer, NoReply) else _read(answer, shape)

    def _post(self, body: bytes, token: str) -> Reply | NoReply | Silence:
        headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": token}
        return self._asker.ask("POST", self._url, headers=headers, body=body)


def _read(reply: Reply, shape: type[Shape]) -> Shape | Silence | _Busy:
    if reply.status != 200:
        passes = reply.status >= 500 or reply.status in _PASSING
        return Silence(f"it answered with {reply.status}", passes=passes)
    try:
        answer = msgspec.json.decode(reply.body, type=Answer)
        if answer.errors:
            return _erred(answer)
        return msgspec.json.decode(answer.data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Silence("its answer cannot be understood")


def _erred(answer: Answer) -> Silence | _Busy:
    """Return what the codes of the errors mean."""
    codes = _codes(answer.errors)
    if codes == {_THROTTLED} and answer.data == NOTHING:
        return _Busy(_until_refilled(answer.extensions))
    if not codes or codes & _PASSES:
        return Silence("it answered with an error of its own")
    return Silence(f"it answered with {', '.join(sorted(codes))[:200]}", passes=False)


def _codes(errors: Any) -> set[str]:
    """Return the codes, without anything that could be a customer's."""
    each = errors if isinstance(errors, list) else []
    extensions = [one.get("extensions") for one in each if isinstance(one, dict)]
    found = [one.get("code") for one in extensions if isinstance(one, dict)]
    return {code for code in found if isinstance(code, str) and code.replace("_", "").isalnum()}


def _until_refilled(extensions: Any) -> float:
    """Return the seconds until the bucket holds what the question costs; 0 when it does not say."""
    try:
        cost = extensions["cost"]
        status = cost["throttleStatus"]
        missing = cost["requestedQueryCost"] - status["currentlyAvailable"]
        return max(0.0, float(missing / status["restoreRate"]))
    except (TypeError, KeyError, ArithmeticError):
        return 0.0
