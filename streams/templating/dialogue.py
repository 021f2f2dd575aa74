"""What the studio asks the typesetter, and what it hears: plain structs, which travel as JSON between two processes."""

from __future__ import annotations

from datetime import date

import msgspec

from streams.core.events import Letter
from streams.pipeline.ports import RenderedMail


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """The folders, and a stamp that is another one whenever a file below them is."""

    templates: str
    override: str | None = None
    stamp: str = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody is writing: a file of a message, not saved yet."""

    file: str
    text: str


class Preview(msgspec.Struct, frozen=True, kw_only=True, tag="preview"):
    """Fill words in: for a sample, or for a letter that really went out; ``locale`` may name a variant (``en@b``)."""

    shop: Shop
    message: str
    locale: str
    sample: str = ""
    order_id: str = ""
    letter: Letter | None = None
    draft: Draft | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True, tag="check"):
    """Read a draft as the rules do."""

    shop: Shop
    message: str
    draft: Draft


class Prove(msgspec.Struct, frozen=True, kw_only=True, tag="prove"):
    """Say whether a message can be sent with this draft in it."""

    shop: Shop
    message: str
    draft: Draft


class Describe(msgspec.Struct, frozen=True, kw_only=True, tag="describe"):
    """Say which messages there are."""

    shop: Shop


class Judge(msgspec.Struct, frozen=True, kw_only=True, tag="judge"):
    """Say how a message stands in all its locales."""

    shop: Shop
    message: str


class Renderings(msgspec.Struct, frozen=True, kw_only=True, tag="renderings"):
    """Say what the accepted files of a message in a locale should hold now."""

    shop: Shop
    message: str
    locale: str


Question = Preview | Check | Prove | Describe | Judge | Renderings


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """A finding at its line in the file (0: the file as a whole); ``match`` are the words that it is about."""

    line: int
    match: str
    rule: str
    severity: str
    says: str
    why: str
    source: str
    better: str
    where: str


class Previewed(msgspec.Struct, frozen=True, kw_only=True):
    """A mail, and whether a label goes with it; ``keep_after`` is the day that the label names."""

    mail: RenderedMail
    has_label: bool
    keep_after: date | None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules say; ``not_checked`` where nobody wrote down what they look for in this language."""

    findings: tuple[Remark, ...]
    not_checked: bool


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a list shows it: words by their locale, a variant's among them (``en@b``)."""

    name: str
    purpose: str = ""
    owner: str = ""
    kinds: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    locales: dict[str, bool] = {}  # whether the words are the shop's own
    problem: dict[str, str] | None = None


class PartTold(msgspec.Struct, frozen=True, kw_only=True):
    """A part that words may call, and the kinds of its parameters."""

    name: str
    parameters: dict[str, str]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the studio shows without reading a word."""

    messages: tuple[Told, ...]
    parts: tuple[PartTold, ...]
    locales: tuple[str, ...]
    brand: str
    website: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the words of one locale stand; ``golden`` compares them with what was accepted."""

    locale: str
    state: str
    errors: int = 0
    warnings: int = 0
    golden: str = "none"


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """How a message stands, locale by locale."""

    locales: tuple[Standing, ...]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """An accepted file: its name below ``expected``, what it holds (None: nothing), and what it should hold."""

    name: str
    accepted: str | None
    rendered: str


class Set(msgspec.Struct, frozen=True, kw_only=True):
    """The accepted files of one locale; ``stale`` are those of samples that are no more."""

    files: tuple[File, ...]
    stale: tuple[str, ...] = ()


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """A draft that can be sent."""
