"""Finds and reads everything that marketing writes: message folders, parts, phrases, frame and brand.

All files are read once, into memory: what was checked is what is rendered. A second folder (an
*override*) may hold files of the same names; each wins over the one that it stands for
(:mod:`streams.templating.sources`).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from streams.core.events import Kind
from streams.pipeline.ports import Image
from streams.problems import TemplateProblem
from streams.templating.brand import Brand, parse_brand
from streams.templating.logo import read_logo
from streams.templating.offered import ALWAYS, OFFERED
from streams.templating.parts import Part, read_part
from streams.templating.phrases import Phrases, read_phrases
from streams.templating.sources import BRAND, CARD, LOCALE, LOGO, Source, read_sources
from streams.templating.variants import check_variants
from streams.templating.words import nearest

FALLBACK_LOCALE = "en"
# What a paragraph is for, marked in the words by a line {# slot: repair #} before it.
Slot = Literal["responsibility", "repair", "next_step"]


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``message.toml``: why the message exists, who answers for it, and what it may use.

    ``in_doubt`` says what happens when nobody knows whether the mail went out: ``leave`` it, or
    ``resend_once`` under the same Message-ID (a label that never came is worse than one that came
    twice). ``regret`` is true when the message says sorry while ``letter.apologize`` is true. ``slots``
    are the paragraphs that every way through the words must pass. ``locales`` are those that the message
    must have words in (none: all that the house speaks). ``variants`` says what part of the cases, in
    percent, gets the words with that letter (``en@b.md``); all others get those without one. ``opt_out`` is
    true for what a customer may do without: their mail program then offers to stop it (RFC 8058).
    ``own_subject`` is true for news that the subject of the case's first mail would belie; all others keep that
    one, so that the case stays one conversation.
    """

    purpose: Annotated[str, msgspec.Meta(min_length=10)]
    owner: Annotated[str, msgspec.Meta(min_length=2)]
    kinds: tuple[Kind, ...] = ()
    in_doubt: Literal["leave", "resend_once"] = "leave"
    uses: tuple[str, ...] = ()
    regret: bool = True
    parcel_delivery: bool = False
    opt_out: bool = False
    own_subject: bool = False
    slots: tuple[Slot, ...] = ()
    locales: tuple[str, ...] = ()
    variants: dict[str, Annotated[int, msgspec.Meta(ge=0, le=100)]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One ``<locale>.md``: ``body`` keeps the line numbers of the file (the front matter is blank lines)."""

    place: str
    subject: str
    preheader: str
    body: str
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message; ``words`` by locale (``pt_BR``), those of a variant behind it (``pt_BR@b``).

    ``folder`` is where its files are written, and ``beneath`` the folder of the message that came with the
    program: it holds whatever ``folder`` does not. Both are the same without a folder of the shop's own.
    """

    name: str
    folder: Path
    card: Card
    words: Mapping[str, Words]
    sources: tuple[tuple[str, bytes], ...]
    beneath: Path | None = None

    @property
    def own(self) -> frozenset[str]:
        """Return the files that are the shop's own (``de.md``, ``samples/worst.json``)."""
        return frozenset() if self.folder == self.beneath else frozenset(_below(self.folder))

    @property
    def places(self) -> dict[str, Path]:
        """Return where each file of the message lies now, by its name below the folder."""
        inherited = _below(self.beneath) if self.beneath is not None else {}
        return dict(sorted((inherited | _below(self.folder)).items()))

    def samples(self) -> list[Path]:
        """Return the sample letters of the message, by name."""
        return [path for name, path in self.places.items() if name.startswith("samples/")]

    def expected(self, sample: str, locale: str, suffix: str) -> Path:
        """Return where an accepted rendering of a sample is written."""
        return self.folder / "expected" / f"{sample}.{locale}.{suffix}"

    def accepted(self, expected: Path) -> Path | None:
        """Return where an accepted rendering lies, the shop's own or ours; None when there is none."""
        inherited = [] if self.beneath is None else [self.beneath / "expected" / expected.name]
        return next((path for path in (expected, *inherited) if path.is_file()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that a mail is made of; ``furniture`` is what all messages share, ``shared`` its hash."""

    brand: Brand
    phrases: Mapping[str, Phrases]
    parts: Mapping[str, Part]
    frame: Mapping[str, str]
    messages: Mapping[str, Message]
    shared: str
    furniture: tuple[tuple[str, bytes], ...] = ()
    logo: Image | None = None
    places: Mapping[str, str] = field(default_factory=dict)

    def place(self, name: str) -> str:
        """Return a shared file (``_parts/items.mjml``) as a person is told of it."""
        return self.places.get(name, f"templates/{name}")

    def message(self, name: str) -> Message:
        """Return a message folder.

        Raises:
            TemplateProblem: there is none of that name.
        """
        found = self.messages.get(name)
        if found is None:
            raise TemplateProblem(
                "template-missing",
                f"there is no message called {name}",
                where="templates/",
                hint=nearest(name, self.messages),
            )
        return found

    def version(self, message: Message, engine: str) -> str:
        """Return 128 bits that change whenever anything that the message is made of, or by, changes."""
        return _digest([("engine", engine.encode()), ("shared", self.shared.encode()), *message.sources])


def brand_file(templates: Path, override: Path | None) -> Path:
    """Return the file of the brand that speaks: the override folder's own, where it has one."""
    if override is not None and (override / "brand.toml").exists():
        return override / "brand.toml"
    return templates / "brand.toml"


def load_catalogue(templates: Path, override: Path | None = None) -> Catalogue:
    """Read a templates folder, with the files of an override folder before it.

    Raises:
        TemplateProblem: a file is missing or cannot be understood. Words are only checked when they
            are compiled (:mod:`streams.templating.compile`).
        UsageProblem: the override is not a folder.
    """
    if override is not None and override.resolve() == templates.resolve():
        override = None
    return catalogue_of(read_sources(templates, override), templates, override)


def catalogue_of(
    sources: Mapping[str, Source], templates: Path = Path("templates"), override: Path | None = None
) -> Catalogue:
    """Return what files mean that were read already; the folders say where a person finds them.

    Raises:
        TemplateProblem: a file is missing or cannot be understood.
    """
    shared = [source for source in sources.values() if source.is_shared]
    phrases = [source for source in shared if source.folder == "_phrases"]
    brand = _brand(sources)
    furniture = tuple((source.name, source.content) for source in shared)
    return Catalogue(
        brand=brand,
        logo=read_logo(brand, sources.get(LOGO)),
        phrases={Path(one.file).stem: read_phrases(one.content, one.place) for one in phrases},
        parts=_parts({one.file: one for one in shared if one.folder == "_parts"}),
        frame={one.file: one.text() for one in shared if one.folder == "_layout"},
        messages=_messages(sources, templates, override),
        shared=_digest(furniture),
        furniture=furniture,
        places={source.name: source.place for source in shared},
    )


def _brand(sources: Mapping[str, Source]) -> Brand:
    source = sources.get(BRAND)
    if source is None:
        raise TemplateProblem("template-brand", "there is no brand file", where=f"templates/{BRAND}")
    return parse_brand(source.content, source.place)


def _messages(sources: Mapping[str, Source], templates: Path, override: Path | None) -> dict[str, Message]:
    names = sorted(one.folder for one in sources.values() if one.file == CARD and not one.is_shared)
    return {name: _message(name, sources, templates, override) for name in names}


def _message(name: str, sources: Mapping[str, Source], templates: Path, override: Path | None) -> Message:
    files = [one for one in sources.values() if one.folder == name and one.file != CARD]
    words = {_locale(one): read_words(one.text(), one.place) for one in files}
    card = sources[f"{name}/{CARD}"]
    if FALLBACK_LOCALE not in words:
        raise TemplateProblem(
            "template-missing-locale",
            f"{name} has no English words",
            where=f"{card.place.rpartition('/')[0]}/en.md",
            why="English is what every other language falls back to",
        )
    beneath = templates / name
    return Message(
        name=name,
        folder=(override or templates) / name,
        card=_card(card, words),
        words=words,
        sources=((CARD, card.content), *((one.file, one.content) for one in files)),
        beneath=beneath if beneath.is_dir() else None,
    )


def _locale(source: Source) -> str:
    locale = source.file.removesuffix(".md")
    if LOCALE.fullmatch(locale) is None:
        raise TemplateProblem(
            "template-locale-name",
            f"{source.file} is no name for words",
            where=source.place,
            why="the name of a file of words is the language they are in",
            hint="name it like en.md, pt_BR.md or, for another wording of en.md, en@b.md",
        )
    return locale


def _card(source: Source, words: Mapping[str, Words]) -> Card:
    try:
        card = msgspec.convert(tomllib.loads(source.text()), Card)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TemplateProblem(
            "template-card", "message.toml cannot be used", where=source.place, why=str(error)
        ) from error
    roots = {name for name in OFFERED if "." not in name} - ALWAYS
    for name in card.uses:
        if name not in roots:
            raise TemplateProblem(
                "template-unknown-name",
                f"`uses` names {name}, which is not offered",
                where=source.place,
                hint=nearest(name, roots),
            )
    check_variants(card, words, source.place)
    return card


def read_words(source: str, place: str) -> Words:
    """Read front matter and body of one file of words.

    The front matter stands between two lines ``---`` and holds ``subject:`` and ``preheader:``, each on
    one line.

    Raises:
        TemplateProblem: it is missing, or holds anything else.
    """
    lines = source.replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---" or "---" not in (line.rstrip() for line in lines[1:]):
        raise _front_matter(f"{place}:1", "the file does not begin with a block between two lines ---")
    end = next(number for number, line in enumerate(lines) if number and line.rstrip() == "---")
    values: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines[1:end], start=2):
        key, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or key.strip() not in {"subject", "preheader"} or key.strip() in values:
            raise _front_matter(f"{place}:{number}", f"`{line.strip()}` is not subject: or preheader:")
        values[key.strip()], numbers[key.strip()] = value.strip(), number
    for key in ("subject", "preheader"):
        if not values.get(key):
            raise _front_matter(f"{place}:1", f"{key} is missing or empty")
    body = "\n" * (end + 1) + "\n".join(lines[end + 1 :])
    return Words(place=place, body=body, lines=numbers, **values)


def _front_matter(where: str, why: str) -> TemplateProblem:
    return TemplateProblem(
        "template-front-matter",
        "the words need a subject and a preheader at the top",
        where=where,
        why=why,
        hint="begin with ---, subject: ..., preheader: ..., ---",
    )


def _parts(sources: Mapping[str, Source]) -> dict[str, Part]:
    parts = {}
    for name in sorted({Path(file).stem for file in sources}):
        for suffix in ("mjml", "txt"):
            if f"{name}.{suffix}" not in sources:
                raise TemplateProblem(
                    "template-part-header",
                    f"the part {name} has no {suffix} file",
                    where=f"templates/_parts/{name}.{suffix}",
                )
        mjml, text = sources[f"{name}.mjml"], sources[f"{name}.txt"]
        parts[name] = read_part(name, mjml.text(), text.text(), (mjml.place, text.place))
    return parts


def _below(folder: Path) -> dict[str, Path]:
    """Return the files of a message's folder that count, by name below it."""
    found = [
        *folder.glob("*.md"),
        *folder.glob(CARD),
        *folder.glob("samples/*.json"),
        *folder.glob("expected/*"),
    ]
    return {path.relative_to(folder).as_posix(): path for path in found if not path.name.startswith(".")}


def _digest(sources: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, source in sources:
        digest.update(f"{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()[:32]
