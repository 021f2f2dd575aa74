"""Whether an address can be written to at all: asked before anything is claimed from a relay."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec
from email_validator import validate_email

# What nearly every address looks like: its name is fine as it stands, so only its domain must be looked up.
# Capital letters go the long way (`Info@` is `info@`), and so does what IDNA may lengthen.
_PLAIN = re.compile(
    r"(?=[^@]{1,64}@)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?P<domain>(?!.*xn--)[a-z0-9.-]{1,180})", re.ASCII
)


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """An address as it goes over the wire: ASCII, its domain in IDNA form."""

    address: str


class Unusable(msgspec.Struct, frozen=True, kw_only=True):
    """An address that no mail can reach; ``why`` never repeats the address."""

    why: str


def check_address(address: str) -> Mailbox | Unusable:
    """Return the mailbox behind an address, or why there is none; never raises.

    DNS is not asked: an answer that depends on the network would make two runs differ. Addresses with
    letters outside ASCII before the ``@`` need SMTPUTF8 (RFC 6531) on every hop, so they are not tried.
    """
    given = address.strip()
    plain = _PLAIN.fullmatch(given)
    if plain is not None:
        return Mailbox(address=given) if _is_usable(plain["domain"]) else Unusable(why=_INVALID)
    if not given:
        return Unusable(why="the order has no address")
    try:
        checked = validate_email(given, check_deliverability=False, strict=True)
    except ValueError:  # the validator's own errors and those of its IDNA tables
        return Unusable(why=_INVALID)
    if checked.ascii_email is None:
        return Unusable(why="the address needs SMTPUTF8, which relays cannot be trusted to pass on")
    return Mailbox(address=checked.ascii_email)


_INVALID = "the address is not a valid mail address"


@lru_cache(maxsize=10_000)
def _is_usable(domain: str) -> bool:
    """Return whether mail can go to a domain; most customers of a shop share a few of them."""
    try:
        validate_email(f"care@{domain}", check_deliverability=False, strict=True)
    except ValueError:
        return False
    return True
