"""Fills a message in for one customer: the :class:`streams.pipeline.ports.PinningRenderer` of the product."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from streams.core.events import Letter, MessageQueued
from streams.pipeline.ports import Pin, RenderedMail
from streams.problems import TemplateProblem
from streams.templating.brand import Brand
from streams.templating.catalogue import Catalogue, Message, load_catalogue
from streams.templating.compile import ENGINE
from streams.templating.edition import (
    PREHEADER_LIMIT,
    SUBJECT_LIMIT,
    CompiledWords,
    Edition,
    LinkMaker,
    choose_locale,
)
from streams.templating.versions import pack, unpack

__all__ = ["PREHEADER_LIMIT", "SUBJECT_LIMIT", "CatalogueRenderer", "choose_locale"]

_EARLIER = 64  # versions kept beside today's: mails that wait were decided within a day


class CatalogueRenderer:
    """Renders the messages of a catalogue; compiles each once per content, however often it is asked.

    Earlier words stay at hand under their version, for the mails that were begun with them. Safe to be
    reloaded from another thread.
    """

    def __init__(self, catalogue: Catalogue, links: LinkMaker | None = None) -> None:
        self._compiled: CompiledWords = {}
        self._links = links
        self._edition = self._new_edition(catalogue)
        self._earlier: dict[str, Edition] = {}  # by version, the latest last

    @classmethod
    def from_folder(
        cls, templates: Path, override: Path | None = None, links: LinkMaker | None = None
    ) -> CatalogueRenderer:
        """Return a renderer of the messages below ``templates``; files below ``override`` win.

        ``links`` makes the addresses at which customers answer; without it, mails ask for a reply.

        Raises:
            TemplateProblem: a file is missing or cannot be understood.
        """
        return cls(load_catalogue(templates, override), links)

    @property
    def catalogue(self) -> Catalogue:
        """Return today's words."""
        return self._edition.catalogue

    def reload(self, catalogue: Catalogue) -> None:
        """Take a newly read catalogue; whatever did not change stays compiled, and what was sent stays at hand."""
        before = self._edition
        for message in before.catalogue.messages.values():  # all of them, before anybody can miss one
            self._remember(before.version(message), before)
        self._edition = self._new_edition(catalogue)
        self._forget()

    def check(self) -> list[TemplateProblem]:
        """Compile everything and return what is wrong; an empty list means that all can be sent."""
        return self._check(self._edition, self.catalogue.messages)

    def prepare(self, catalogue: Catalogue, names: Iterable[str]) -> list[TemplateProblem]:
        """Compile messages of a catalogue that is to be taken next, and return what is wrong with them."""
        return self._check(self._new_edition(catalogue), names)

    def render(self, message: MessageQueued, pin: Pin | None = None) -> RenderedMail:
        """Render the message's template in its locale from its letter, in the words of ``pin`` or today's.

        Raises:
            TemplateProblem: the template is missing or broken, or the letter is.
        """
        at = None if pin is None else pin.at
        if pin is None or not pin.version:
            pin = self.pin(message)
        edition = self._edition_of(message.template, pin.version)
        folder = edition.catalogue.message(message.template)
        if message.letter is None:
            raise TemplateProblem(
                "template-no-letter",
                "this message carries no letter to render",
                where=f"order {message.order_id}, message {message.message_id}",
                why="the public log has no letters; only the outbox and the ledger do",
            )
        locale = edition.locale(folder, message.locale, pin.variant)
        return _filled(edition, folder, locale, message, message.letter, at)

    # ------------------------------------------------------------------------ versions

    def pin(self, message: MessageQueued) -> Pin:
        """Return the words that a message gets now.

        Raises:
            TemplateProblem: there is no template of that name.
        """
        edition = self._edition
        folder = edition.catalogue.message(message.template)
        return Pin(version=edition.version(folder), variant=edition.variant(folder, message))

    def sources(self, template: str, version: str) -> bytes:
        """Return all that a version of a message is made of, to be kept and learned again.

        Raises:
            TemplateProblem: the version is not at hand.
        """
        catalogue = self._edition_of(template, version).catalogue
        return pack(catalogue, catalogue.message(template), ENGINE)

    def knows(self, template: str, version: str) -> bool:
        """Return whether a version is at hand."""
        return version in self._earlier or version == self._version_now(template)

    def learn(self, template: str, version: str, sources: bytes) -> None:
        """Take a version that was kept.

        Raises:
            TemplateProblem: these are not its sources.
        """
        edition = self._new_edition(unpack(template, version, sources))
        edition.adopt(version, template)
        self._remember(version, edition)
        if len(self._earlier) > 2 * _EARLIER:
            self._forget()

    def brand(self, version: str) -> Brand:
        """Return who spoke in a version; who speaks today where it is not at hand."""
        return self._earlier.get(version, self._edition).catalogue.brand

    def _new_edition(self, catalogue: Catalogue) -> Edition:
        return Edition(catalogue, self._compiled, self._links)

    def _edition_of(self, template: str, version: str) -> Edition:
        edition = self._edition
        folder = edition.catalogue.messages.get(template)
        if folder is not None and edition.version(folder) == version:
            return edition
        earlier = self._earlier.get(version)
        if earlier is not None:
            return earlier
        edition.catalogue.message(template)  # one that is gone has a problem of its own
        raise TemplateProblem(
            "template-version-missing",
            f"the words in which {template} was begun are not at hand",
            where=f"version {version}",
            why="a mail that was begun is never finished in other words",
            hint="put the table template_versions back from its backup, or reopen the mail: it gets today's words",
        )

    def _version_now(self, template: str) -> str | None:
        edition = self._edition
        folder = edition.catalogue.messages.get(template)
        return None if folder is None else edition.version(folder)

    def _remember(self, version: str, edition: Edition) -> None:
        self._earlier.pop(version, None)
        self._earlier[version] = edition

    def _forget(self) -> None:
        """Let go of what nobody will ask for; whoever does all the same brings the sources."""
        for version in list(self._earlier)[:-_EARLIER]:
            self._earlier.pop(version, None)
        now = self._edition
        known = {*self._earlier, *map(now.version, now.catalogue.messages.values())}
        for key in list(self._compiled):
            if key[0] not in known:
                self._compiled.pop(key, None)

    @staticmethod
    def _check(edition: Edition, names: Iterable[str]) -> list[TemplateProblem]:
        problems = []
        for message in (edition.catalogue.messages[name] for name in names):
            for locale in message.words:
                try:
                    edition.compile(message, locale)
                except TemplateProblem as problem:
                    problems.append(problem)
        return problems


def _filled(
    edition: Edition,
    folder: Message,
    locale: str,
    message: MessageQueued,
    letter: Letter,
    at: datetime | None,
) -> RenderedMail:
    try:
        return edition.fill(folder, locale, message, letter, at)
    except (UndefinedError, SecurityError) as error:
        raise TemplateProblem(
            "template-not-filled",
            f"the template {folder.name} cannot be filled in for this letter",
            where=f"{folder.words[locale].place}, order {message.order_id}",
            why=str(error),
        ) from error
