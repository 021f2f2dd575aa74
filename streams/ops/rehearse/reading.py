"""Reads story files: one readable TOML file each, every mistake with its line and the nearest word that fits."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from streams.core.events import Kind
from streams.ops.rehearse.story import Expected, Person, Said, Story, Written
from streams.policies import readers
from streams.policies.document import Document
from streams.policies.expected import Pattern, read_pattern
from streams.policies.given import ORDER
from streams.policies.lines import Path as Place
from streams.policies.lines import locate
from streams.policies.moments import CODE, day_or_moment, read_day, read_moment, spell_day
from streams.policies.refusal import Refusal, nearest
from streams.problems import InputProblem

_KINDS: tuple[str, ...] = get_args(Kind)
_DAY = re.compile(r"\bday (\d{1,3})\b")
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")
_AT_PATH = re.compile(r" - at `\$\.?([^`]*)`")
_STEP = re.compile(r"([A-Za-z_]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN = re.compile(r"unknown field `([^`]*)`")
_Read = TypeVar("_Read")


class _Letter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    template: Said
    at: str = ""
    subject: str | None = None
    locale: str | None = None
    tells: tuple[str, ...] = ()
    says: tuple[Said, ...] = ()
    never_says: tuple[Said, ...] = ()
    attached: bool | None = None
    text: str | None = None
    notice: str = ""


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    title: Said
    until: Said
    given: tuple[Said, ...]
    lesson: str = ""
    begins: str = ""
    order: Said = ORDER
    customer: Person = Person()
    articles: dict[str, Said] = {}
    set: tuple[str, ...] = ()
    letter: tuple[_Letter, ...] = ()
    expect: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


def shipped() -> list[Path]:
    """Return the story files that come with the program, in the order in which they teach."""
    folder = Path(str(files("streams.ops.rehearse").joinpath("stories")))
    return sorted(folder.glob("*.toml"))


def found(paths: Sequence[Path]) -> list[Path]:
    """Return the story files that people named: files, and those in folders, by name.

    Raises:
        InputProblem: ``story-not-found``.
    """
    some: list[Path] = []
    for path in paths:
        inside = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not inside or not path.exists():
            raise InputProblem(
                "story-not-found",
                f"there is no story at {path}",
                where=str(path),
                hint="name story files, or a folder that holds some; without any, those of the program are told",
            )
        some += inside
    return list(dict.fromkeys(some))


def read_story(path: Path, shop_zone: str, templates: Collection[str]) -> Story:
    """Read one story; ``shop_zone`` is the clock of a customer who names none.

    Raises:
        InputProblem: ``story-unreadable``, ``story-syntax``, ``story-unclear``; with ``file:line``.
    """
    document = _document(path)
    raw = _shaped(document)
    return _Reader(document, raw, shop_zone, templates).read()


class _Reader:
    """One file on its way to a story; every refusal gets the place of what is being read."""

    def __init__(self, document: Document, raw: _File, shop_zone: str, templates: Collection[str]) -> None:
        self._document = document
        self._raw = raw
        self._templates = templates
        self._begins = self._at(("begins",), lambda: read_day(raw.begins) if raw.begins else None)
        zone = raw.customer.time_zone or shop_zone
        self._zone = self._at(("customer", "time_zone"), lambda: readers.time_zone(zone))

    def read(self) -> Story:
        raw = self._raw
        country, locale = raw.customer.country, raw.customer.locale
        self._at(("customer", "country"), lambda: readers.country(country) if country else None)
        self._at(("customer", "locale"), lambda: readers.locale(locale) if locale else None)
        if not raw.given:
            self._at(("given",), lambda: _refuse("nothing is given", 'given = ["day 1 10:15 placed 1 PEN"]'))
        return Story(
            title=raw.title.strip(),
            where=self._document.label,
            lesson=raw.lesson.strip(),
            zone=self._zone,
            begins=self._begins,
            order_id=raw.order,
            customer=raw.customer,
            articles=raw.articles,
            settings=dict(self._setting(index, text) for index, text in enumerate(raw.set)),
            given=tuple(self._given(index, text) for index, text in enumerate(raw.given)),
            until=self._at(("until",), lambda: read_moment(self._dated(raw.until), self._zone)),
            letters=tuple(self._letter(index, letter) for index, letter in enumerate(raw.letter)),
            expect=tuple(self._patterns("expect", raw.expect)),
            never=tuple(self._patterns("never", raw.never)),
        )

    def _at(self, place: Place, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except Refusal as refusal:
            raise unclear(refusal, self._document.where(place)) from refusal

    def _dated(self, text: str) -> str:
        """Put the calendar's days for the story's: ``day 1`` is the one on which it begins."""
        return _DAY.sub(lambda day: spell_day(_day(self._begins, int(day[1]))), text)

    def _given(self, index: int, text: str) -> Written:
        place = ("given", index)
        return Written(text=self._at(place, lambda: self._dated(text)), where=self._document.where(place))

    def _setting(self, index: int, text: str) -> tuple[str, str]:
        name, equals, value = text.partition("=")
        if not equals:
            self._at(("set", index), lambda: _refuse(f"`{text}` sets nothing", "such as notify.window=12h"))
        return name.strip(), value.strip()

    def _patterns(self, key: str, texts: Sequence[str]) -> Iterator[Pattern]:
        for index, text in enumerate(texts):
            yield self._at((key, index), lambda text=text: self._pattern(text))  # type: ignore[misc]  # a lambda's default has no type

    def _pattern(self, text: str) -> Pattern:
        return read_pattern(self._dated(text), self._zone, _KINDS, self._templates)

    def _letter(self, index: int, letter: _Letter) -> Expected:
        place: Place = ("letter", index)
        return Expected(
            template=self._at(
                (*place, "template"), lambda: _known(letter.template, self._templates, "template")
            ),
            where=self._document.where(place),
            at=self._at((*place, "at"), lambda: self._when(letter.at)),
            subject=letter.subject,
            locale=letter.locale,
            tells=self._at(
                (*place, "tells"), lambda: tuple(_known(one, _KINDS, "kind") for one in letter.tells)
            ),
            says=letter.says,
            never_says=letter.never_says,
            attached=letter.attached,
            text=letter.text,
            notice=letter.notice.strip(),
        )

    def _when(self, text: str) -> date | datetime | None:
        return day_or_moment(self._dated(text), self._zone) if text else None


def _day(begins: date | None, number: int) -> date:
    if begins is None:
        raise Refusal(CODE, f"`day {number}` of what?", 'say when it begins: begins = "Fri 2026-11-20"')
    if number == 0:
        raise Refusal(CODE, "there is no day 0", "a story begins on day 1")
    return date.fromordinal(begins.toordinal() + number - 1)


def _known(word: str, valid: Collection[str], what: str) -> str:
    if word not in valid:
        raise Refusal(CODE, f"there is no {what} `{word}`", nearest(word, valid))
    return word


def _refuse(why: str, hint: str) -> None:
    raise Refusal(CODE, why, hint)


# ---------------------------------------------------------------------------- the file


def _document(path: Path) -> Document:
    label = (
        path.name
        if path.parent == Path(str(files("streams.ops.rehearse").joinpath("stories")))
        else str(path)
    )
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "a story is a text file in UTF-8"
        raise InputProblem(
            "story-unreadable", "this story cannot be read", where=label, why=why, hint=hint
        ) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(str(error), text, label) from error
    return Document(label=label, tree=tree, lines=locate(text))


def _no_toml(message: str, text: str, label: str) -> InputProblem:
    at = _AT_LINE.search(message)
    line = at[1] if at and at[1] else len(text.splitlines()) or 1
    return InputProblem(
        "story-syntax",
        "this story is not TOML",
        where=f"{label}:{line}",
        why=_AT_LINE.sub("", message),
        hint='text needs "quotes", lists [brackets], and every letter begins with [[letter]]',
    )


def _shaped(document: Document) -> _File:
    try:
        return msgspec.convert(document.tree, _File)
    except msgspec.ValidationError as error:
        message = str(error)
        at = _AT_PATH.search(message)
        place = _place(at[1] if at else "", document)
        unknown = _UNKNOWN.search(message)
        if unknown is not None:
            fields = _fields(place)
            refusal = Refusal(CODE, f"there is no key `{unknown[1]}`", nearest(unknown[1], fields))
            raise unclear(refusal, document.where((*place, unknown[1]))) from error
        raise unclear(Refusal(CODE, _AT_PATH.sub("", message)), document.where(place)) from error


def _place(path: str, document: Document) -> Place:
    """Return a path of msgspec as ours; a key of a table that it does not name is left out."""
    place: Place = ()
    for name, index in _STEP.findall(path):
        if index == "...":
            break
        place = (*place, name or int(index))
    return place if place in document.lines else place[:-1] if place[:-1] in document.lines else place


def _fields(place: Place) -> tuple[str, ...]:
    kind: Any = {"letter": _Letter, "customer": Person}.get(str(place[0]) if place else "", _File)
    return tuple(field.encode_name for field in msgspec.structs.fields(kind))


def unclear(refusal: Refusal, where: str) -> InputProblem:
    """Return the problem of a story that cannot be understood."""
    return InputProblem(
        "story-unclear", "this story cannot be understood", where=where, why=refusal.why, hint=refusal.hint
    )
