"""Fills a message in for one customer: the :class:`streams.pipeline.ports.Renderer` of the product."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

from babel import Locale
from jinja2 import UndefinedError
from jinja2.exceptions import SecurityError

from streams.core.events import Letter, MessageQueued
from streams.pipeline.ports import RenderedMail
from streams.problems import TemplateProblem
from streams.templating import sandbox, wording
from streams.templating.catalogue import FALLBACK_LOCALE, Catalogue, Message, load_catalogue
from streams.templating.compile import ENGINE, Compiled, compile_message
from streams.templating.markup import parcel_delivery
from streams.templating.page import WovenMail
from streams.templating.plain import one_line
from streams.templating.steps import Names, Template
from streams.templating.variables import Speaker

SUBJECT_LIMIT = 150  # characters; phones show 40, and a longer one is cut anyway
PREHEADER_LIMIT = 200  # characters; clients show 40 to 90
_SPEAKERS = 1000  # kept; the world writes some hundred locales, but anybody can make one up


class CatalogueRenderer:
    """Renders the messages of a catalogue; compiles each once per content, however often it is asked."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._versions: dict[str, str] = {}
        self._compiled: dict[tuple[str, str], Compiled] = {}
        self._speakers: dict[tuple[str, str], Speaker] = {}

    @classmethod
    def from_folder(cls, templates: Path, override: Path | None = None) -> CatalogueRenderer:
        """Return a renderer of the messages below ``templates``; those below ``override`` win.

        Raises:
            TemplateProblem: a file is missing or cannot be understood.
        """
        return cls(load_catalogue(templates, override))

    def reload(self, catalogue: Catalogue) -> None:
        """Take a newly read catalogue; whatever did not change stays compiled."""
        self.catalogue = catalogue
        self._versions = {}
        self._speakers = {}

    def check(self) -> list[TemplateProblem]:
        """Compile everything and return what is wrong; an empty list means that all can be sent."""
        problems = []
        for message in self.catalogue.messages.values():
            for locale in message.words:
                try:
                    self._compile(message, locale)
                except TemplateProblem as problem:
                    problems.append(problem)
        return problems

    def render(self, message: MessageQueued) -> RenderedMail:
        """Render the message's template in its locale from its letter.

        Raises:
            TemplateProblem: the template is missing or broken, or the letter is.
        """
        folder = self.catalogue.message(message.template)
        if message.letter is None:
            raise TemplateProblem(
                "template-no-letter",
                "this message carries no letter to render",
                where=f"order {message.order_id}, message {message.message_id}",
                why="the public log has no letters; only the outbox and the ledger do",
            )
        locale = choose_locale(folder.words, message.locale)
        try:
            return self._fill(folder, locale, message, message.letter)
        except (UndefinedError, SecurityError) as error:
            raise TemplateProblem(
                "template-not-filled",
                f"the template {folder.name} cannot be filled in for this letter",
                where=f"{folder.words[locale].place}, order {message.order_id}",
                why=str(error),
            ) from error

    def _fill(self, folder: Message, locale: str, message: MessageQueued, letter: Letter) -> RenderedMail:
        compiled = self._compile(folder, locale)
        speaker = self._speaker(locale, message.locale)
        names = speaker.names(message.order_id, letter, folder.card.kinds, compiled.reads)
        subject = one_line(sandbox.fill(compiled.subject, names), SUBJECT_LIMIT)
        preheader = one_line(sandbox.fill(compiled.preheader, names), PREHEADER_LIMIT)
        names["lang"] = speaker.lang
        names["subject"] = subject
        names["preheader"] = preheader
        names["json_ld"] = (
            parcel_delivery(message.order_id, letter, self.catalogue.brand)
            if folder.card.parcel_delivery
            else None
        )
        return WovenMail.of(
            sandbox.pieces(compiled.html, names),
            subject=subject,
            preheader=preheader,
            text=_text(compiled.text, names),
            template_version=self._version(folder),
        )

    def _version(self, folder: Message) -> str:
        if folder.name not in self._versions:
            self._versions[folder.name] = self.catalogue.version(folder, ENGINE)
        return self._versions[folder.name]

    def _compile(self, folder: Message, locale: str) -> Compiled:
        key = (self._version(folder), locale)
        if key not in self._compiled:
            settled = self._speaker(locale, locale).settled
            self._compiled[key] = compile_message(self.catalogue, folder, locale, settled)
        return self._compiled[key]

    def _speaker(self, words: str, asked: str) -> Speaker:
        """Speak the words' language with the customer's own way of writing dates and money.

        A reader in London with English words gets ``24 November``; one in Tokyo who falls back to
        English gets English dates too: a mail is in one language.
        """
        speaker = self._speakers.get((words, asked))
        if speaker is None:
            speaker = self._new_speaker(words, asked)
            if len(self._speakers) < _SPEAKERS:
                self._speakers[words, asked] = speaker
        return speaker

    def _new_speaker(self, words: str, asked: str) -> Speaker:
        own = wording.parse_locale(words) or Locale(FALLBACK_LOCALE)
        wanted = wording.parse_locale(asked)
        locale = wanted if wanted is not None and wanted.language == own.language else own
        phrases = self.catalogue.phrases[choose_locale(self.catalogue.phrases, words)]
        return Speaker(self.catalogue.brand, locale, phrases)


def choose_locale(known: Collection[str], asked: str) -> str:
    """Return the words for ``asked``: exactly, then the language, then its nearest sibling, then English."""
    return _nearest(tuple(known), asked)


@lru_cache(maxsize=4096)
def _nearest(known: tuple[str, ...], asked: str) -> str:
    locale = wording.parse_locale(asked)
    if locale is None:
        return FALLBACK_LOCALE
    language = locale.language
    siblings = sorted(name for name in known if name.split("_")[0] == language)
    exact = [name for name in (str(locale), language) if name in known]
    return (exact + siblings + [FALLBACK_LOCALE])[0]


def _text(template: Template, names: Names) -> str:
    text = sandbox.fill(template, names)
    while "\n\n\n" in text:  # a regular expression takes five times as long
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"
