"""What rules about tone have in common: they read sentences, first the writer's, then the customer's.

The writer's have every branch and the lines of the file; the customer's are a rendered sample, without
what came from the order and without the signature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from streams.core.events import Letter
from streams.templating.catalogue import Card, Slot
from streams.templating.lint.finding import Draft, Found, Page, Quiet
from streams.templating.lint.language import Pack, RuleWords, compiled
from streams.templating.lint.passages import Passage, matches, plain_passages
from streams.templating.lint.ways import uncovered
from streams.templating.plain import one_line
from streams.templating.variables import TITLE_LIMIT

_FOOTER = "\n-- \n"
_DATA = "{title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """Sentences to read, and ``at``, which turns a line into a place; ``letter`` is None for the writer's own."""

    passages: tuple[Passage, ...]
    pack: Pack
    card: Card
    at: Callable[[int], str]
    letter: Letter | None = None

    @property
    def top(self) -> str:
        """Return the place of the whole: where something is missing."""
        return self.at(self.passages[0].line if self.passages else 1)

    def body(self) -> Iterator[Passage]:
        """Yield the paragraphs below the heading, without the greeting."""
        for passage in self.passages:
            if passage.part == "body" and passage.text != "{greeting}":
                yield passage


class Tone(Quiet):
    """A rule that reads sentences, in the languages that have a pack."""

    name: str
    needs_pack = True

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Read the writer's sentences."""
        if draft.pack is None:
            return ()
        return self.read(Prose(passages=draft.passages, pack=draft.pack, card=draft.card, at=draft.at))

    def page(self, page: Page) -> Iterable[Found]:
        """Read the customer's sentences."""
        if page.pack is None:
            return ()
        prose = Prose(
            passages=prose_of(page),
            pack=page.pack,
            card=page.card,
            at=lambda _: page.where,
            letter=page.letter,
        )
        return self.read(prose)

    def read(self, prose: Prose) -> Iterator[Found]:
        """Yield what is wrong with the sentences."""
        raise NotImplementedError

    def looks_for(self, prose: Prose) -> RuleWords:
        """Return what the language's pack lists for this rule."""
        return prose.pack.of(self.name)


class ForbiddenWords(Tone):
    """A rule made of the patterns that each language pack lists under its name.

    A pattern sees one sentence at a time, without marks and tags, with straight quotes and single blanks;
    ``{order.id}`` stands for data. Titles given to parts are read too.
    """

    def read(self, prose: Prose) -> Iterator[Found]:
        """Yield every sentence that matches a forbidden pattern."""
        return forbidden(prose, self.looks_for(prose), prose.passages)


class RequiredWords(Tone):
    """A rule that wants one of its pack's patterns on every way through the words, and none of the forbidden ones.

    Where the words mark a paragraph with ``slot``, it must be that paragraph; else any one will do.
    """

    slot: Slot
    lacking: str

    def read(self, prose: Prose) -> Iterator[Found]:
        """Yield forbidden sentences, and a way on which nothing required is said."""
        words = self.looks_for(prose)
        yield from forbidden(prose, words, prose.passages)
        if words.required and self.wanted(prose.card):
            yield from self._lacks(prose, words.required)

    def wanted(self, card: Card) -> bool:
        """Return whether a message with this card must say it."""
        return card.regret or self.slot in card.slots

    def _lacks(self, prose: Prose, required: Sequence[str]) -> Iterator[Found]:
        body = list(prose.body())
        marked = [passage for passage in body if self.slot in passage.slots] or body
        saying = [passage for passage in marked if says(passage, required)]
        missed = uncovered([passage.ways for passage in saying])
        if missed is not None:
            silent = next((one for one in marked if self.slot in one.slots and one not in saying), None)
            where = prose.at(silent.line) if silent else prose.top
            yield Found(where, f"{self.lacking} (when {missed})" if missed else self.lacking)


def forbidden(prose: Prose, words: RuleWords, passages: Iterable[Passage]) -> Iterator[Found]:
    """Yield every sentence of ``passages`` that matches a forbidden pattern."""
    read = list(passages)
    for one in words.forbidden:
        for line, match in matches(read, one.pattern, one.unless):
            says = f'"{match}": {one.says}' if one.says else f'"{match}"'
            yield Found(prose.at(line), says, one.better, match)


def says(passage: Passage, patterns: Iterable[str]) -> bool:
    """Return whether a passage matches any of the patterns."""
    return any(compiled(pattern).search(passage.text) for pattern in patterns)


def prose_of(page: Page) -> tuple[Passage, ...]:
    """Return what the house says in a rendered mail: no rows of parts, no signature, no footer, no titles of articles."""
    mail = page.mail
    return _prose(mail.subject, mail.preheader, mail.text, page.brand.sender.human, page.letter)


@lru_cache(maxsize=8)
def _prose(subject: str, preheader: str, text: str, human: str, letter: Letter) -> tuple[Passage, ...]:
    paragraphs = []
    for paragraph in text.split(_FOOTER, maxsplit=1)[0].split("\n\n"):
        lines = [line for line in paragraph.split("\n") if not line.startswith("  ")]
        if human in (line.strip() for line in lines):
            break
        paragraphs.append("\n".join(lines))
    return plain_passages(*(_without_data(letter, it) for it in (subject, preheader, *paragraphs)))


def _without_data(letter: Letter, text: str) -> str:
    lines = (*letter.order_lines, *letter.wrong_lines, *letter.missing_lines, *letter.replacement_lines)
    for title in sorted({one_line(line.title or line.sku, TITLE_LIMIT) for line in lines}, key=len)[::-1]:
        text = text.replace(title, _DATA) if title else text
    return text
