"""Who writes: the shop's name, its human, its addresses and its colors, from ``brand.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from streams.problems import TemplateProblem

# No control characters and no angle brackets: these words go into headers and links.
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>]+\Z")]
MailAddress = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\Z", max_length=254)]
Color = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
Https = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s<>\"']+\Z", max_length=500)]
Domain = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+\Z", max_length=200)]


class Sender(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The named human who signs and reads the answers."""

    human: Line
    role: dict[str, Line]
    from_address: MailAddress
    reply_to: MailAddress


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``brand.toml``, read and checked; ``message_id_domain`` is the right half of every Message-ID."""

    name: Line
    website: Https
    postal_address: Line
    message_id_domain: Domain
    sender: Sender
    colors: dict[str, Color]

    @property
    def from_header(self) -> str:
        """Return ``Human, Shop <address>`` as the customer sees it in the list of mails."""
        return f"{self.sender.human}, {self.name} <{self.sender.from_address}>"

    def role_in(self, language: str) -> str:
        """Return the human's role in a language (``pt``), in English when nobody translated it."""
        return self.sender.role.get(language) or self.sender.role["en"]


def read_brand(path: Path) -> Brand:
    """Read ``brand.toml``.

    Raises:
        TemplateProblem: it is missing, or a value is not what it should be.
    """
    try:
        brand = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Brand)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TemplateProblem(
            "template-brand",
            "the brand file cannot be used",
            where=f"templates/{path.name}",
            why=str(error),
            hint="compare it with the brand.toml that came with firstword",
        ) from error
    if "en" not in brand.sender.role:
        raise TemplateProblem(
            "template-brand",
            "the sender's role has no English word",
            where=f"templates/{path.name}",
            hint='add en = "Customer care" below [sender.role]',
        )
    return brand
