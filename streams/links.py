"""Links in mails that stand for one answer of one customer: signed, so that nobody can make one up, and dated.

A token is ``v1.PAYLOAD.SIGNATURE``, all of it letters that stand in an address as they are (RFC 4648 5). The payload is
readable, and holds ids, the answer, a language and a day: nothing that says who somebody is. The signature is
HMAC-SHA256 (RFC 2104) over the text of the payload. It is compared as text, in constant time, so there is one
way only to write a token. Whoever has a link may answer; opening it does nothing.

Several secrets with commas between them: the first signs, and all are believed, so that a secret can be
changed while mails with the old one are still being read.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from streams.core.ids import identify
from streams.problems import InputProblem, UsageProblem

Answer = Literal["stop", "refund", "wait"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
# Opting out must work for 30 days at least (15 U.S.C. 7704(a)(3)), in Canada for 60 (CASL 11(2)): with time to spare.
LASTING: Final = timedelta(days=90)
LONGEST: Final = 900  # characters of an address: it fits a header's line of 998 octets (RFC 5322 2.1.1)
_VERSION: Final = "v1"
_SHORTEST_SECRET: Final = 32  # characters: as many as the hash has octets (RFC 2104 3)


class Choice(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a link stands for: one answer to one mail. ``expires`` is in whole seconds since 1970, UTC."""

    order_id: str
    case_id: str
    message_id: str
    answer: Answer
    locale: str
    expires: int

    @property
    def choice_id(self) -> str:
        """Return the identity of the answer: the same however often and in whatever token it is given."""
        return identify("cho", self.order_id, self.case_id, self.message_id, self.answer)


class LinkProblem(InputProblem):
    """A link that is not believed; ``choice`` is what it stands for, where that much is certain."""

    def __init__(self, code: str, what: str, hint: str, choice: Choice | None = None) -> None:
        super().__init__(code, what, hint=hint)
        self.choice = choice


class Signer:
    """Makes and reads tokens with the secrets of a shop."""

    def __init__(self, secrets: str) -> None:
        """Take one secret, or several with commas.

        Raises:
            UsageProblem: ``link-secret-weak``: one of them is shorter than 32 characters.
        """
        given = [secret.strip() for secret in secrets.split(",")]
        if min(map(len, given)) < _SHORTEST_SECRET:
            raise UsageProblem(
                "link-secret-weak",
                f"a secret that signs links is shorter than {_SHORTEST_SECRET} characters",
                where="FIRSTWORD_LINK_SECRET",
                why="whoever guesses it can answer for every customer",
                hint='FIRSTWORD_LINK_SECRET="$(openssl rand -base64 32)"; several with commas, the newest first',
            )
        self._keys = tuple(secret.encode() for secret in given)

    def sign(self, choice: Choice) -> str:
        """Return the token of a choice; the same choice is the same token while the first secret stays."""
        signed = f"{_VERSION}.{_text(msgspec.msgpack.encode(choice))}"
        return f"{signed}.{_signature(self._keys[0], signed)}"

    def read(self, token: str, now: datetime) -> Choice:
        """Return what a token stands for.

        Raises:
            LinkProblem: ``link-forged``: it is none of ours, or was changed; ``link-expired``: it was ours, and names its choice.
        """
        signed, _, signature = token.rpartition(".")
        version, _, payload = signed.partition(".")
        # All keys are tried whatever comes out: how long it takes says nothing about which one it was.
        told = signature.encode("utf-8", "replace")
        believed = [hmac.compare_digest(_signature(key, signed).encode("ascii"), told) for key in self._keys]
        choice = _choice(payload) if any(believed) and version == _VERSION else None
        if choice is None:
            raise LinkProblem(
                "link-forged",
                "this link is not one of ours",
                "open it from the mail itself: a part of it may have been lost on the way",
            )
        if now.timestamp() >= choice.expires:
            raise LinkProblem("link-expired", "this link is too old", "reply to the mail instead", choice)
        return choice


class Addresses:
    """Makes the addresses that stand in mails, below ``public_url``, where the answers page is served."""

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._front = f"{public_url.rstrip('/')}/a/"
        self._signer = signer

    def of(
        self, *, order_id: str, case_id: str, message_id: str, answer: Answer, locale: str, at: datetime
    ) -> str | None:
        """Return the address of one answer to a mail queued ``at``; None where it would be too long for a mail.

        The same mail has the same addresses, whenever it is written: ``at`` is not the present.
        """
        expires = int((at + LASTING).astimezone(UTC).timestamp())
        choice = Choice(
            order_id=order_id,
            case_id=case_id,
            message_id=message_id,
            answer=answer,
            locale=locale,
            expires=expires,
        )
        address = self._front + self._signer.sign(choice)
        return address if len(address) <= LONGEST else None


def _choice(payload: str) -> Choice | None:
    try:
        octets = urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.msgpack.decode(octets, type=Choice)
    except (ValueError, msgspec.DecodeError):  # signed by a newer version that knows more answers
        return None


def _signature(key: bytes, signed: str) -> str:
    return _text(hmac.digest(key, b"firstword link\n" + signed.encode("utf-8", "replace"), hashlib.sha256))


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
