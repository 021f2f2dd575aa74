"""Whether an address can be written to at all: asked before anything is claimed from a relay."""

from __future__ import annotations

import msgspec
from email_validator import validate_email


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
    if not address.strip():
        return Unusable(why="the order has no address")
    try:
        checked = validate_email(address.strip(), check_deliverability=False, strict=True)
    except ValueError:  # the validator's own errors and those of its IDNA tables
        return Unusable(why="the address is not a valid mail address")
    if checked.ascii_email is None:
        return Unusable(why="the address needs SMTPUTF8, which relays cannot be trusted to pass on")
    return Mailbox(address=checked.ascii_email)
