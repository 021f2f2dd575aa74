"""The first name in the References of every mail of ours: it says whose order the conversation is about.

Who answers a mail sends its References along (RFC 5322 3.6.4), and nothing else that we wrote into its head.
A message's id tells nobody its order, so the order and the case stand in a name of their own, which no mail has.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

import msgspec

from streams.core.ids import LEFT_OF_AT

_CASE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WRITTEN = re.compile(r"re(64)?\.([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_.-]{1,300})")
_PLAIN = 64  # characters of an order id that stand there as they are
_LONGEST = 200  # octets of any other: 268 letters, so that the line stays far below 998 (RFC 5322 2.1.1)


class Root(msgspec.Struct, frozen=True):
    """What a conversation is about."""

    order_id: str
    case_id: str


def write_root(root: Root) -> str | None:
    """Return what stands left of the @ for ``root``; None where its ids are too long or too strange to stand there."""
    if not _CASE.fullmatch(root.case_id):
        return None
    if len(root.order_id) <= _PLAIN and LEFT_OF_AT.fullmatch(root.order_id):
        return f"re.{root.case_id}.{root.order_id}"
    octets = root.order_id.encode("utf-8", "surrogatepass")  # half a character is no UTF-8 when it is read
    if not 0 < len(octets) <= _LONGEST:
        return None
    return f"re64.{root.case_id}.{urlsafe_b64encode(octets).decode().rstrip('=')}"


def read_root(left_of_at: str) -> Root | None:
    """Return what was written left of an @, or None where it is another name."""
    found = _WRITTEN.fullmatch(left_of_at)
    if found is None:
        return None
    packed, case_id, order_id = found.groups()
    if not packed:
        return Root(order_id, case_id)
    try:
        return Root(urlsafe_b64decode(order_id + "=" * (-len(order_id) % 4)).decode(), case_id)
    except ValueError:  # no base64, or no UTF-8
        return None
