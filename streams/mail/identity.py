"""Who a mail is from: the shop's mailbox, the person who reads replies, and the domain of our ids."""

from __future__ import annotations

import re

import msgspec

from streams.core.ids import id_token
from streams.mail.address import Mailbox, check_address
from streams.problems import UsageProblem

# RFC 5322 dot-atom, narrowed to host names: what may stand to the right of @ in a Message-ID.
_DOMAIN = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The sending side of every mail of one brand.

    ``reply_to`` is a mailbox that a human reads. ``bounce_to`` receives bounces under a tag per message
    (``bounces+msg_x@...``), so that each can be matched; without it they go to ``from_address``.
    ``relay_renames`` is for relays that put their own Message-ID on a mail (Amazon SES does): the mail
    then names its own id in ``References`` too, and threads survive.

    Raises:
        streams.problems.UsageProblem: an address or the domain cannot be used.
    """

    from_address: str
    reply_to: str
    message_id_domain: str
    from_name: str = ""
    reply_to_name: str = ""
    bounce_to: str | None = None
    relay_renames: bool = False

    def __post_init__(self) -> None:
        for setting in ("from_address", "reply_to", "bounce_to"):
            address = getattr(self, setting)
            if address is not None and not _is_usable(address):
                raise UsageProblem(
                    "mail-identity",
                    f"the brand's `{setting}` is not an address mail can come from",
                    where=f"{setting} = {address!r}",
                    hint="write a plain ASCII mailbox such as care@example.com",
                )
        if len(self.message_id_domain) > 253 or not _DOMAIN.fullmatch(self.message_id_domain):
            raise UsageProblem(
                "mail-identity",
                "the brand's `message_id_domain` is not a domain",
                where=f"message_id_domain = {self.message_id_domain!r}",
                hint="write a domain you own, such as mail.example.com",
            )

    def return_path(self, message_id: str) -> str:
        """Return the envelope sender of one message."""
        if self.bounce_to is None:
            return self.from_address
        local, _, domain = self.bounce_to.rpartition("@")
        return f"{local}+{id_token(message_id)}@{domain}"


def _is_usable(address: str) -> bool:
    return address.isascii() and isinstance(check_address(address), Mailbox)
