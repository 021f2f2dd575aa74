"""Finds and reads everything that marketing writes: message folders, parts, phrases, frame and brand.

All files are read once, into memory: what was checked is what is rendered. A second folder (an
*override*) may hold message folders of the same shape; a message found there wins as a whole.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from streams.core.events import Kind
from streams.problems import TemplateProblem
from streams.templating.brand import Brand, read_brand
from streams.templating.offered import ALWAYS, OFFERED
from streams.templating.parts import Part, read_part
from streams.templating.phrases import Phrases, read_phrases
from streams.templating.words import nearest

FALLBACK_LOCALE = "en"


class Card(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ``message.toml``: why the message exists, who answers for it, and what it may use.

    ``in_doubt`` says what happens when nobody knows whether the mail went out: ``leave`` it, or
    ``resend_once`` under the same Message-ID (a label that never came is worse than one that came
    twice). ``regret`` is true when the message says sorry while ``letter.apologize`` is true.
    """

    purpose: Annotated[str, msgspec.Meta(min_length=10)]
    owner: Annotated[str, msgspec.Meta(min_length=2)]
    kinds: tuple[Kind, ...] = ()
    in_doubt: Literal["leave", "resend_once"] = "leave"
    uses: tuple[str, ...] = ()
    regret: bool = True
    parcel_delivery: bool = False


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
    """A message folder; ``words`` by locale (``pt_BR``)."""

    name: str
    folder: Path
    card: Card
    words: Mapping[str, Words]
    sources: tuple[tuple[str, bytes], ...]

    def samples(self) -> list[Path]:
        """Return the sample letters of the folder, by name."""
        return sorted((self.folder / "samples").glob("*.json"))

    def expected(self, sample: str, locale: str, suffix: str) -> Path:
        """Return where the accepted rendering of a sample lies."""
        return self.folder / "expected" / f"{sample}.{locale}.{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Everything that a mail is made of; ``shared`` hashes what is common to all messages."""

    brand: Brand
    phrases: Mapping[str, Phrases]
    parts: Mapping[str, Part]
    frame: Mapping[str, str]
    messages: Mapping[str, Message]
    shared: str

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
    """Read a templates folder, and the messages of an override folder on top.

    Raises:
        TemplateProblem: a file is missing or cannot be understood. Words are only checked when they
            are compiled (:mod:`streams.templating.compile`).
    """
    phrases = _sources(templates, "_phrases/*.toml")
    parts = _sources(templates, "_parts/*")
    frame = _sources(templates, "_layout/*")
    speaker = brand_file(templates, override)
    brand = _read(speaker, f"{speaker.parent.name}/brand.toml")
    messages = _messages(templates, "templates")
    if override is not None:
        messages |= _messages(override, override.name)
    return Catalogue(
        brand=read_brand(speaker),
        phrases={Path(name).stem: read_phrases(source, f"templates/{name}") for name, source in phrases},
        parts=_parts({name: _text(source, f"templates/{name}") for name, source in parts}),
        frame={Path(name).name: _text(source, f"templates/{name}") for name, source in frame},
        messages=dict(sorted(messages.items())),
        shared=_digest([("brand", brand), *phrases, *parts, *frame]),
    )


def _messages(root: Path, shown: str) -> dict[str, Message]:
    folders = sorted(path.parent for path in root.glob("*/message.toml"))
    return {folder.name: _message(folder, f"{shown}/{folder.name}") for folder in folders}


def _message(folder: Path, shown: str) -> Message:
    card_source = _read(folder / "message.toml", f"{shown}/message.toml")
    files = _sources(folder, "*.md")
    words = {
        Path(name).stem: read_words(_text(source, f"{shown}/{name}"), f"{shown}/{name}")
        for name, source in files
    }
    if FALLBACK_LOCALE not in words:
        raise TemplateProblem(
            "template-missing-locale",
            f"{folder.name} has no English words",
            where=f"{shown}/en.md",
            why="English is what every other language falls back to",
        )
    return Message(
        name=folder.name,
        folder=folder,
        card=_card(card_source, f"{shown}/message.toml"),
        words=words,
        sources=(("message.toml", card_source), *files),
    )


def _card(source: bytes, place: str) -> Card:
    try:
        card = msgspec.convert(tomllib.loads(source.decode("utf-8")), Card)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise TemplateProblem(
            "template-card", "message.toml cannot be used", where=place, why=str(error)
        ) from error
    roots = {name for name in OFFERED if "." not in name} - ALWAYS
    for name in card.uses:
        if name not in roots:
            raise TemplateProblem(
                "template-unknown-name",
                f"`uses` names {name}, which is not offered",
                where=place,
                hint=nearest(name, roots),
            )
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


def _parts(sources: dict[str, str]) -> dict[str, Part]:
    by_name = {Path(name).name: source for name, source in sources.items()}
    names = sorted({Path(name).stem for name in by_name})
    parts = {}
    for name in names:
        for suffix in ("mjml", "txt"):
            if f"{name}.{suffix}" not in by_name:
                raise TemplateProblem(
                    "template-part-header",
                    f"the part {name} has no {suffix} file",
                    where=f"templates/_parts/{name}.{suffix}",
                )
        parts[name] = read_part(name, by_name[f"{name}.mjml"], by_name[f"{name}.txt"])
    return parts


def _sources(root: Path, pattern: str) -> list[tuple[str, bytes]]:
    paths = sorted(path for path in root.glob(pattern) if path.is_file() and not path.name.startswith("."))
    return [(path.relative_to(root).as_posix(), _read(path, path.name)) for path in paths]


def _read(path: Path, shown: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TemplateProblem(
            "template-unreadable", f"{shown} cannot be read", where=shown, why=str(error.strerror or error)
        ) from error


def _text(source: bytes, place: str) -> str:
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TemplateProblem(
            "template-unreadable", "this file is not UTF-8", where=place, why=str(error)
        ) from error


def _digest(sources: list[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, source in sources:
        digest.update(f"{name}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()[:32]
