"""Sets drafts for the studio: fills them in, checks them, holds them against what was accepted.

It works in a child process (:mod:`streams.templating.apart`), because a draft is anybody's text. Questions
and answers are JSON; every question says which folders it is about, and their ``stamp``, by which the
typesetter notices that files have changed. A message that cannot be read does not spoil the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from streams.core.events import MessageQueued
from streams.problems import TemplateProblem
from streams.templating.catalogue import FALLBACK_LOCALE, Catalogue, Message, catalogue_of
from streams.templating.dialogue import (
    Check,
    Checked,
    Describe,
    Described,
    Draft,
    File,
    Judge,
    Judged,
    PartTold,
    Preview,
    Previewed,
    Prove,
    Proven,
    Question,
    Renderings,
    Set,
    Shop,
)
from streams.templating.goldens import renderings
from streams.templating.lint import lint
from streams.templating.lint.language import pack_for
from streams.templating.remarks import refused, remark_of
from streams.templating.renderer import CatalogueRenderer
from streams.templating.samples import read_sample
from streams.templating.sources import CARD, Source, read_sources
from streams.templating.standing import all_broken, goldens_of, is_about, standing_of, told_of, told_of_broken

WORK: Final = "streams.templating.typesetter:typesetter"


def typesetter() -> Callable[[bytes], bytes]:
    """Return what answers questions; it keeps what it has read until the stamp is another."""
    return _Typesetter().answer


class _Typesetter:
    def __init__(self) -> None:
        self._shop: Shop | None = None
        self._sources: Mapping[str, Source] = {}
        self._renderer: CatalogueRenderer | None = None
        self._broken: dict[str, TemplateProblem] = {}
        self._questions = msgspec.json.Decoder(Question)

    def answer(self, question: bytes) -> bytes:
        asked = self._questions.decode(question)
        self._look(asked.shop)
        return msgspec.json.encode(self._answer(asked))

    def _answer(self, asked: Question) -> object:
        match asked:
            case Preview():
                return self._preview(asked)
            case Check():
                return self._check(asked)
            case Prove():
                return self._prove(asked)
            case Describe():
                return self._describe()
            case Judge():
                return self._judge(asked.message)
            case Renderings():
                return self._renderings(asked.message, asked.locale)

    # -- reading ----------------------------------------------------------------------------------

    def _look(self, shop: Shop) -> None:
        if shop == self._shop:
            return
        self._shop = None  # whatever goes wrong on the way, the next question reads again
        override = None if shop.override is None else Path(shop.override)
        self._sources = read_sources(Path(shop.templates), override)
        catalogue, self._broken = _readable(self._sources, Path(shop.templates), override)
        self._renderer = CatalogueRenderer(catalogue)
        self._shop = shop

    @property
    def _catalogue(self) -> Catalogue:
        assert self._renderer is not None
        return self._renderer.catalogue

    def _message(self, name: str) -> Message:
        if name in self._broken:
            raise self._broken[name]
        return self._catalogue.message(name)

    def _drafted(self, message: str, draft: Draft) -> Catalogue:
        """Return the message alone, with the draft in its place."""
        assert self._shop is not None
        name, place = f"{message}/{draft.file}", self._place(message, draft.file)
        own = {
            key: source
            for key, source in self._sources.items()
            if source.is_shared or source.folder == message
        }
        own[name] = Source(name=name, place=place, content=draft.text.encode())
        override = None if self._shop.override is None else Path(self._shop.override)
        catalogue = catalogue_of(own, Path(self._shop.templates), override)
        catalogue.message(message)
        return catalogue

    def _place(self, message: str, file: str) -> str:
        """Return a file as a person is told of it, whether it is there or will be."""
        assert self._shop is not None
        known = self._sources.get(f"{message}/{file}")
        if known is not None:
            return known.place
        folder = "templates" if self._shop.override is None else Path(self._shop.override).name
        return f"{folder}/{message}/{file}"

    # -- answers ----------------------------------------------------------------------------------

    def _preview(self, asked: Preview) -> Previewed:
        assert self._renderer is not None
        renderer = self._renderer
        if asked.draft is not None:
            renderer = CatalogueRenderer(self._drafted(asked.message, asked.draft))
        elif asked.message in self._broken:
            raise self._broken[asked.message]
        queued = _queued(asked, renderer.catalogue.message(asked.message))
        assert queued.letter is not None
        return Previewed(
            mail=renderer.render(queued),
            has_label=queued.letter.label_id is not None,
            keep_after=queued.letter.keep_after,
        )

    def _check(self, asked: Check) -> Checked:
        locale = asked.draft.file.removesuffix(".md")
        not_checked = asked.draft.file != CARD and pack_for(locale.partition("@")[0]) is None
        try:
            catalogue = self._drafted(asked.message, asked.draft)
        except TemplateProblem as problem:
            return Checked(findings=(refused(problem),), not_checked=not_checked)
        place = self._place(asked.message, asked.draft.file)
        read = FALLBACK_LOCALE if asked.draft.file == CARD else locale
        catalogue = _only(catalogue, asked.message, {read})
        found = [one for one in lint(catalogue) if is_about(one.where, place)]
        lines = asked.draft.text.split("\n")
        remarks = dict.fromkeys(remark_of(one, lines) for one in found)
        return Checked(findings=tuple(remarks), not_checked=not_checked)

    def _prove(self, asked: Prove) -> Proven:
        catalogue = self._drafted(asked.message, asked.draft)
        if asked.draft.file != CARD:
            catalogue = _only(catalogue, asked.message, {asked.draft.file.removesuffix(".md")})
        for problem in CatalogueRenderer(catalogue).check():
            raise problem
        return Proven()

    def _describe(self) -> Described:
        told = [told_of(message) for message in self._catalogue.messages.values()]
        told += [told_of_broken(name, problem, self._sources) for name, problem in self._broken.items()]
        locales = {locale for one in told for locale in one.locales if "@" not in locale}
        locales |= set(self._catalogue.phrases)
        return Described(
            messages=tuple(sorted(told, key=lambda one: one.name)),
            parts=tuple(
                PartTold(name=part.name, parameters=dict(part.parameters))
                for part in self._catalogue.parts.values()
            ),
            locales=tuple(sorted(locales, key=lambda locale: (locale != FALLBACK_LOCALE, locale))),
            brand=self._catalogue.brand.name,
            website=self._catalogue.brand.website,
        )

    def _judge(self, name: str) -> Judged:
        assert self._renderer is not None
        if name in self._broken:
            return Judged(locales=all_broken(name, self._sources))
        message = self._message(name)
        catalogue = replace(self._catalogue, messages={name: message})
        found = lint(catalogue)
        golden = goldens_of(self._renderer, message)
        return Judged(
            locales=tuple(
                standing_of(locale, words.place, found, golden.get(locale, "none"))
                for locale, words in sorted(message.words.items())
            )
        )

    def _renderings(self, name: str, locale: str) -> Set:
        assert self._renderer is not None
        message = self._message(name)
        if locale not in message.words:
            raise _no_words(name, locale)
        one = replace(message, words={locale: message.words[locale]})
        files = []
        for path, rendered in renderings(self._renderer, one):
            lies = message.accepted(path)
            accepted = None if lies is None else lies.read_bytes().decode("utf-8")
            files.append(File(name=path.name, accepted=accepted, rendered=rendered))
        known = {file.name for file in files}
        ours = (path.name for path in (message.folder / "expected").glob(f"*.{locale}.*"))
        return Set(files=tuple(files), stale=tuple(sorted(name for name in ours if name not in known)))


def _readable(
    sources: Mapping[str, Source], templates: Path, override: Path | None
) -> tuple[Catalogue, dict[str, TemplateProblem]]:
    """Return the messages that can be read, and why the others cannot."""
    left, broken = dict(sources), dict[str, TemplateProblem]()
    folders = {source.folder for source in sources.values() if not source.is_shared}
    while True:
        try:
            return catalogue_of(left, templates, override), broken
        except TemplateProblem as problem:
            folder = problem.where.rpartition("/")[0].rpartition("/")[2]
            if folder not in folders or folder in broken:
                raise
            broken[folder] = problem
            left = {name: source for name, source in left.items() if source.folder != folder}


def _only(catalogue: Catalogue, name: str, locales: set[str]) -> Catalogue:
    message = catalogue.messages[name]
    words = {locale: words for locale, words in message.words.items() if locale in locales}
    return replace(catalogue, messages={name: replace(message, words=words)})


def _queued(asked: Preview, message: Message) -> MessageQueued:
    if asked.locale not in message.words:
        raise _no_words(asked.message, asked.locale)
    if asked.letter is not None:
        return MessageQueued(
            order_id=asked.order_id,
            decision_id="preview",
            message_id="preview",
            case_id="preview",
            template=asked.message,
            locale=asked.locale,
            to_hash="preview",
            letter=asked.letter,
        )
    samples = {path.stem: path for path in message.samples()}
    if asked.sample not in samples:
        raise TemplateProblem(
            "template-sample",
            f"{asked.message} has no sample called {asked.sample}",
            where=f"{asked.message}/samples",
            hint=f"there are: {', '.join(samples) or 'none'}",
        )
    return read_sample(samples[asked.sample], asked.message, asked.locale)


def _no_words(name: str, locale: str) -> TemplateProblem:
    return TemplateProblem(
        "template-missing-locale",
        f"{name} has no words in {locale}",
        where=f"{name}/{locale}.md",
        hint="save words in this language first",
    )
