"""The words as they were at one moment, ready to be filled in: a catalogue, and what was compiled of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from functools import lru_cache
from typing import Final

from babel import Locale

from streams.core.events import Letter, MessageQueued
from streams.links import ANSWERS, Answer
from streams.pipeline.ports import RenderedMail
from streams.templating import sandbox, wording
from streams.templating.catalogue import FALLBACK_LOCALE, Catalogue, Message
from streams.templating.compile import ENGINE, Compiled, compile_message
from streams.templating.markup import parcel_delivery
from streams.templating.page import WovenMail
from streams.templating.plain import one_line
from streams.templating.steps import Names, Template
from streams.templating.variables import Speaker
from streams.templating.variants import FIRST, variant_of

SUBJECT_LIMIT = 150  # characters; phones show 40, and a longer one is cut anyway
PREHEADER_LIMIT = 200  # characters; clients show 40 to 90
_SPEAKERS = 1000  # kept; the world writes some hundred locales, but anybody can make one up

_OPT_OUT: Final[Answer] = "stop"
# Where one answer to a mail is given that was queued at a moment; None where no address fits.
LinkMaker = Callable[[MessageQueued, Answer, datetime], str | None]
# By version and locale: the same words are the same function, in whichever edition they stand.
CompiledWords = dict[tuple[str, str], Compiled]


class Edition:
    """One catalogue; ``compiled`` is shared with other editions that have the same ``links``.

    ``links`` makes the addresses at which customers answer; without it, mails ask for a reply.
    ``versions`` are those of the messages that were asked for, and nothing else: hashing all of them
    would take longer than the first mail.
    """

    def __init__(self, catalogue: Catalogue, compiled: CompiledWords, links: LinkMaker | None = None) -> None:
        self.catalogue = catalogue
        self._links = links
        self.versions: dict[str, str] = {}
        self._compiled = compiled
        self._speakers: dict[tuple[str, str], Speaker] = {}

    def version(self, folder: Message) -> str:
        """Return what stands for everything that a message is made of."""
        version = self.versions.get(folder.name)
        if version is None:
            version = self.versions[folder.name] = self.catalogue.version(folder, ENGINE)
        return version

    def adopt(self, version: str, name: str) -> None:
        """Let a message bear the version under which it was kept, by an older engine perhaps."""
        self.versions[name] = version

    def variant(self, folder: Message, message: MessageQueued) -> str:
        """Return which of several wordings a case gets; ``""`` where there is only one in its language."""
        variants = folder.card.variants
        if not variants:
            return ""
        locale = choose_locale(folder.words, message.locale)
        if not any(f"{locale}@{name}" in folder.words for name in variants):
            return ""
        drawn = variant_of(folder.name, message.case_id, variants)
        return drawn if f"{locale}@{drawn}" in folder.words else FIRST

    def locale(self, folder: Message, asked: str, variant: str) -> str:
        """Return the words for a language and a variant: a key of ``folder.words``."""
        locale = choose_locale(folder.words, asked)
        varied = f"{locale}@{variant}"
        return varied if variant and varied in folder.words else locale

    def compile(self, folder: Message, locale: str) -> Compiled:
        """Return a message's words in one locale, compiled now unless they are.

        Raises:
            TemplateProblem: the words, a part or the frame cannot stand.
        """
        key = (self.version(folder), locale)
        compiled = self._compiled.get(key)
        if compiled is None:
            settled = self._speaker(locale, locale).settled
            compiled = self._compiled[key] = compile_message(self.catalogue, folder, locale, settled)
        return compiled

    def fill(
        self,
        folder: Message,
        locale: str,
        message: MessageQueued,
        letter: Letter,
        at: datetime | None = None,
    ) -> RenderedMail:
        """Return the mail in the words of ``locale``; ``at`` is when it was queued, for links that end.

        Raises:
            jinja2.UndefinedError: the words use a name that the letter does not have.
            jinja2.exceptions.SecurityError: the mail would be too large.
        """
        compiled = self.compile(folder, locale)
        speaker = self._speaker(locale, message.locale)
        names = speaker.names(message.order_id, letter, folder.card.kinds, compiled.reads)
        answers = self._answers(message, at)
        if answers and "links" in names:
            names["links"] = {**names["links"], **answers, "page": True}
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
            template_version=self.version(folder),
            images=() if self.catalogue.logo is None else (self.catalogue.logo,),
            opt_out=_opt_out(folder, answers),
            own_subject=folder.card.own_subject,
        )

    def _answers(self, message: MessageQueued, at: datetime | None) -> dict[str, str]:
        """Return where each answer to this mail is given; nothing where it is only shown, or would not fit."""
        if self._links is None or at is None:
            return {}
        made = {answer: self._links(message, answer, at) for answer in ANSWERS}
        return {answer: address for answer, address in made.items() if address} if all(made.values()) else {}

    def _speaker(self, words: str, asked: str) -> Speaker:
        """Speak the words' language with the customer's own way of writing dates and money.

        A reader in London with English words gets ``24 November``; one in Tokyo who falls back to
        English gets English dates too: a mail is in one language.
        """
        speaker = self._speakers.get((words, asked))
        if speaker is None:
            speaker = self._new_speaker(words.partition("@")[0], asked.partition("@")[0])
            if len(self._speakers) < _SPEAKERS:
                self._speakers[words, asked] = speaker
        return speaker

    def _new_speaker(self, words: str, asked: str) -> Speaker:
        own = wording.parse_locale(words) or Locale(FALLBACK_LOCALE)
        wanted = wording.parse_locale(asked)
        locale = wanted if wanted is not None and wanted.language == own.language else own
        phrases = self.catalogue.phrases[choose_locale(self.catalogue.phrases, words)]
        return Speaker(self.catalogue.brand, locale, phrases, signs=self._links is not None)


def _opt_out(folder: Message, answers: dict[str, str]) -> str:
    """Return the address for mail programs, which ask for https (RFC 8058 3.1)."""
    address = answers.get(_OPT_OUT, "") if folder.card.opt_out else ""
    return address if address.startswith("https://") else ""


def choose_locale(known: Collection[str], asked: str) -> str:
    """Return the words for ``asked``: exactly, then the language, then its nearest sibling, then English.

    A variant (``en@b``) is chosen only by its whole name.
    """
    return _nearest(tuple(known), asked)


@lru_cache(maxsize=4096)
def _nearest(known: tuple[str, ...], asked: str) -> str:
    if asked in known:
        return asked
    locale = wording.parse_locale(asked)
    if locale is None:
        return FALLBACK_LOCALE
    language = locale.language
    known = tuple(name for name in known if "@" not in name)
    siblings = sorted(name for name in known if name.split("_")[0] == language)
    exact = [name for name in (str(locale), language) if name in known]
    return (exact + siblings + [FALLBACK_LOCALE])[0]


def _text(template: Template, names: Names) -> str:
    text = sandbox.fill(template, names)
    while "\n\n\n" in text:  # a regular expression takes five times as long
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"
