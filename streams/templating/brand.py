"""Who writes: the shop's name, its human, its addresses and its colors, from ``brand.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
from babel import Locale

from streams.problems import TemplateProblem

# No control characters and no angle brackets: these words go into headers and links.
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>]+\Z")]
MailAddress = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+\Z", max_length=254)]
Color = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-fA-F]{6}\Z")]
Https = Annotated[str, msgspec.Meta(pattern=r"^https://[^\s<>\"']+\Z", max_length=500)]
# ISO 3166 alpha-2, as an order names its customer's country.
Country = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}\Z")]
Domain = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+\Z", max_length=200)]


class Sender(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The named human who signs and reads the answers.

    ``bounce_to`` is where mails that cannot be delivered come back to, under a tag for each
    (``bounces+msg_x@...``): its mailbox must take such tags. ``relay_renames`` is true for a relay that puts an
    id of its own on every mail (Amazon SES does).
    """

    human: Line
    role: dict[str, Line]
    from_address: MailAddress
    reply_to: MailAddress
    bounce_to: MailAddress | None = None
    relay_renames: bool = False


class Legal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the law of one country wants at the foot of a letter: register, managing director, VAT number."""

    lines: Annotated[tuple[Line, ...], msgspec.Meta(min_length=1, max_length=8)]


class Logo(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture ``logo.png`` beside ``brand.toml``: how wide it is shown, in pixels, and what it says to who cannot see it."""

    alt: Line
    width: Annotated[int, msgspec.Meta(ge=16, le=280)]


class Brand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``brand.toml``, read and checked; ``message_id_domain`` is the right half of every Message-ID.

    ``locales`` are the languages that the shop speaks (empty: every one that has shared phrases).
    ``legal`` and ``addresses`` are by the customer's country; where a country has no address of its own,
    ``postal_address`` is ours.
    """

    name: Line
    website: Https
    postal_address: Line
    message_id_domain: Domain
    sender: Sender
    colors: dict[str, Color]
    locales: tuple[str, ...] = ()
    logo: Logo | None = None
    legal: dict[Country, Legal] = {}
    addresses: dict[Country, Line] = {}

    @property
    def from_header(self) -> str:
        """Return ``Human, Shop <address>`` as the customer sees it in the list of mails."""
        return f"{self.sender.human}, {self.name} <{self.sender.from_address}>"

    def role_in(self, language: str) -> str:
        """Return the human's role in a language (``pt``), in English when nobody translated it."""
        return self.sender.role.get(language) or self.sender.role["en"]

    def address_in(self, country: str) -> str:
        """Return our postal address for customers in a country (``DE``)."""
        return self.addresses.get(country, self.postal_address)

    def legal_in(self, country: str) -> tuple[str, ...]:
        """Return the lines that the law of a country wants; most want none."""
        legal = self.legal.get(country)
        return legal.lines if legal else ()


def read_brand(path: Path) -> Brand:
    """Read ``brand.toml``.

    Raises:
        TemplateProblem: it is missing, or a value is not what it should be.
    """
    place = f"templates/{path.name}"
    try:
        return parse_brand(path.read_bytes(), place)
    except OSError as error:
        raise _unusable(error, place) from error


def parse_brand(source: bytes, place: str) -> Brand:
    """Read what stands in a ``brand.toml``; ``place`` is as a person is told of it.

    Raises:
        TemplateProblem: a value is not what it should be.
    """
    try:
        brand = msgspec.convert(tomllib.loads(source.decode("utf-8")), Brand)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _unusable(error, place) from error
    if "en" not in brand.sender.role:
        raise TemplateProblem(
            "template-brand",
            "the sender's role has no English word",
            where=place,
            hint='add en = "Customer care" below [sender.role]',
        )
    _check_countries(brand, place)
    return brand


def _check_countries(brand: Brand, place: str) -> None:
    """Refuse a country that no order can come from: its lines would never be printed, and nobody would notice."""
    known = Locale("en").territories
    for table, countries in (("legal", brand.legal), ("addresses", brand.addresses)):
        for country in countries:
            if country not in known:
                raise TemplateProblem(
                    "template-brand",
                    f"[{table}] names {country}, which is no country",
                    where=place,
                    why="an order names its country by ISO 3166: two letters, GB and not UK",
                    hint="correct the two letters",
                )


def _unusable(error: Exception, place: str) -> TemplateProblem:
    return TemplateProblem(
        "template-brand",
        "the brand file cannot be used",
        where=place,
        why=str(error),
        hint="compare it with the brand.toml that came with firstword",
    )
