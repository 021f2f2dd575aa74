"""Words as a reader meets them: sentences without tags and marks, every branch of them, with their lines.

An ``{% if %}`` inside a paragraph makes it a passage for each answer, so that a rule reads whole
sentences and never half of two. ``{{ arrives.text }}`` is left as ``{arrives.text}``: what a customer's
data will say is nobody's tone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from jinja2 import TemplateSyntaxError, nodes

from streams.templating.catalogue import Words
from streams.templating.lint.language import compiled
from streams.templating.lint.ways import MOST_QUESTIONS, Guard, Way, asked, holds, ways
from streams.templating.sandbox import HTML
from streams.templating.tags import syntax_problem
from streams.templating.words import dotted

Part = Literal["subject", "preheader", "heading", "body", "card"]
_HEADLINES: Final[tuple[Part, ...]] = ("subject", "preheader")
_SLOT: Final = re.compile(r"\{#-?\s*slot:\s*(\w+)\s*-?#\}")
_MARK: Final = re.compile("\x01(\\w+)\x02")
_HEADING: Final = re.compile(r"\s{0,3}#{1,6}\s+")
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+|\s*>\s?")
# What is not read: marks of emphasis, code and escapes, and the target of a link.
_UNREAD: Final = re.compile(
    r"\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w)|\]\([^)]*\)|\[(?=[^\]]*\]\()|\\(?=[^\w\s])"
)
_ANSWER: Final = re.compile(r"\]\(\{links\.(?:refund|wait)\}\)")
_PLAIN: Final = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u202f": " "}
)
_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_SENTENCE_END: Final = re.compile(r"[.!?\u2026]+[\"')\u00bb]*\s+(?=[^\Wa-z]|[\"'({\u00ab\u00bf\u00a1])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence and the line it begins on."""

    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A paragraph on some ways through the words; ``lines`` has the line of every character of ``text``.

    ``part`` says where it stands; a ``card`` is the call of a part, read as its titles. ``slots`` are the
    marks before it, ``order`` counts the paragraphs of the file, ``links`` the links and buttons in it,
    and ``answers`` those among them that are answers to the question of the mail.
    """

    part: Part
    text: str
    lines: tuple[int, ...]
    slots: frozenset[str]
    ways: tuple[Way, ...]
    order: int
    links: int = 0
    answers: int = 0

    @property
    def line(self) -> int:
        """Return the line of its first word."""
        return self.lines[0]

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Return its sentences in order."""
        return tuple(self._sentences())

    def _sentences(self) -> Iterator[Sentence]:
        start = 0
        for end in [match.end() for match in _SENTENCE_END.finditer(self.text)] + [len(self.text)]:
            text = self.text[start:end].strip()
            if text:
                yield Sentence(text=text, line=self.lines[start])
            start = end


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Characters under the same guards; ``card`` names the part, where they are the call of one."""

    text: str
    line: int
    guards: tuple[Guard, ...]
    card: str = ""


def passages_of(words: Words) -> tuple[Passage, ...]:
    """Return the passages of a file of words: subject, preheader, then the body.

    Raises:
        TemplateProblem: the words are not a template at all.
    """
    found: list[Passage] = []
    for order, part in enumerate(_HEADLINES):
        found += _paragraph(_runs(words, getattr(words, part), words.lines.get(part, 1)), part, order)
    for order, runs in enumerate(_split(_runs(words, words.body, 1)), start=2):
        found += _paragraph(runs, _part(runs), order)
    return tuple(found)


def plain_passages(subject: str, preheader: str, *paragraphs: str) -> tuple[Passage, ...]:
    """Return the passages of a rendered mail: plain text, in which braces and marks are nothing special."""
    found: list[Passage] = []
    pieces: list[tuple[Part, str]] = [("subject", subject), ("preheader", preheader)]
    pieces += [("body", piece) for paragraph in paragraphs for piece in re.split(r"\n(?=- )", paragraph)]
    for order, (part, text) in enumerate(pieces):
        read = " ".join(text.translate(_PLAIN).split()).removeprefix("- ")
        if read:
            found.append(
                Passage(
                    part=part,
                    text=read,
                    lines=(1,) * len(read),
                    slots=frozenset(),
                    ways=(frozenset(),),
                    order=order,
                )
            )
    return tuple(found)


def matches(passages: Iterable[Passage], pattern: str, unless: str = "") -> list[tuple[int, str]]:
    """Return line and words of every place where a sentence matches, each once however many branches share it.

    A sentence that also matches ``unless`` is let through.
    """
    seen = compiled(pattern)
    fine = compiled(unless) if unless else None
    found = (
        (sentence.line, match[0].strip())
        for passage in passages
        for sentence in passage.sentences
        if fine is None or not fine.search(sentence.text)
        for match in seen.finditer(sentence.text)
    )
    return list(dict.fromkeys(found))


def _part(runs: Sequence[_Run]) -> Part:
    read = [run for run in runs if run.text.strip() and not _MARK.fullmatch(run.text.strip())]
    if read and all(run.card for run in read):
        return "card"
    return "heading" if read and _HEADING.match(_MARK.sub("", read[0].text).lstrip("\n")) else "body"


def _runs(words: Words, source: str, line: int) -> list[_Run]:
    marked = _SLOT.sub(lambda match: f"\x01{match[1]}\x02", source)
    try:
        tree = HTML.parse("\n" * (line - 1) + marked)
    except TemplateSyntaxError as error:
        raise syntax_problem(error, words.place) from error
    return list(_walk(tree.body, ()))


def _walk(body: Iterable[nodes.Node], guards: tuple[Guard, ...]) -> Iterator[_Run]:
    for node in body:
        if isinstance(node, nodes.If):
            yield from _walk(node.body, (*guards, (node.test, True)))
            missed = (*guards, (node.test, False))
            for branch in node.elif_:
                yield from _walk(branch.body, (*missed, (branch.test, True)))
                missed = (*missed, (branch.test, False))
            yield from _walk(node.else_, missed)
        elif isinstance(node, nodes.Output):
            for item in node.nodes:
                yield _run(item, guards)


def _run(item: nodes.Node, guards: tuple[Guard, ...]) -> _Run:
    if isinstance(item, nodes.TemplateData):
        return _Run(text=item.data, line=item.lineno, guards=guards)
    if isinstance(item, nodes.Call):
        text = " ".join(
            argument.value if isinstance(argument, nodes.Const) else f"{{{dotted(argument)}}}"
            for argument in item.args
            if not isinstance(argument, nodes.Const) or isinstance(argument.value, str)
        )
        return _Run(text=text, line=item.lineno, guards=guards, card=dotted(item.node) or "?")
    return _Run(text=f"{{{dotted(item)}}}", line=item.lineno, guards=guards)


def _split(runs: Iterable[_Run]) -> Iterator[list[_Run]]:
    """Cut at blank lines, and around headings and the items of lists; a tag alone on its line leaves it blank."""
    paragraph: list[_Run] = []
    for line in _lines(runs):
        text = "".join(run.text for run in line)
        heading = _HEADING.match(text)
        begins = not text.strip() or heading or _ITEM.match(text)
        if begins and not (text.strip() and _only_slots(paragraph)):  # a slot stays with what follows it
            yield paragraph
            paragraph = []
        if text.strip():
            paragraph = [*paragraph, *line]
        if heading:
            yield paragraph
            paragraph = []
    yield paragraph


def _only_slots(paragraph: Sequence[_Run]) -> bool:
    return not _MARK.sub("", "".join(run.text for run in paragraph)).strip()


def _lines(runs: Iterable[_Run]) -> Iterator[list[_Run]]:
    """Yield the runs of each line of the file."""
    line: list[_Run] = []
    for run in runs:
        for offset, text in enumerate(_LINE.findall(run.text)):
            line.append(_Run(text=text, line=run.line + offset, guards=run.guards, card=run.card))
            if text.endswith("\n"):
                yield line
                line = []
    yield line


def _paragraph(runs: Sequence[_Run], part: Part, order: int) -> Iterator[Passage]:
    names = {name for run in runs for test, _ in run.guards for name in asked(test)}
    if len(names) > MOST_QUESTIONS:
        raise ValueError(f"a paragraph asks {len(names)} questions; {MOST_QUESTIONS} can be read")
    readings: dict[tuple[int, ...], list[Way]] = {}
    for way in ways(names):
        kept = tuple(
            number
            for number, run in enumerate(runs)
            if all(holds(test, way) is truth for test, truth in run.guards)
        )
        readings.setdefault(kept, []).append(frozenset(way.items()))
    for kept, paths in readings.items():
        passage = _passage([runs[number] for number in kept], part, tuple(paths), order)
        if passage is not None:
            yield passage


def _passage(runs: Sequence[_Run], part: Part, paths: tuple[Way, ...], order: int) -> Passage | None:
    source = "".join(run.text for run in runs)
    lines = [run.line + run.text.count("\n", 0, at) for run in runs for at in range(len(run.text))]
    unread = [(0, _mark_end(source))] + [match.span() for match in _UNREAD.finditer(source)]
    unread += [match.span() for match in _MARK.finditer(source)]
    hidden = {at for start, end in unread for at in range(start, end)}
    kept: list[tuple[str, int]] = []
    for at, character in enumerate(source.translate(_PLAIN)):
        blank = character.isspace()
        if at not in hidden and not (blank and (not kept or kept[-1][0] == " ")):
            kept.append((" " if blank else character, lines[at]))
    while kept and kept[-1][0] == " ":
        kept.pop()
    if not kept:
        return None
    return Passage(
        part=part,
        text="".join(character for character, _ in kept),
        lines=tuple(line for _, line in kept),
        slots=frozenset(_MARK.findall(source)),
        ways=paths,
        order=order,
        links=source.count("](") + sum(run.card == "button" for run in runs),
        answers=len(_ANSWER.findall(source)),
    )


def _mark_end(source: str) -> int:
    """Return where the words begin, after slots and the mark of a heading or an item."""
    begin = 0
    while (slot := re.compile(r"\s*\x01\w+\x02\s*").match(source, begin)) is not None:
        begin = slot.end()
    begin += len(source[begin:]) - len(source[begin:].lstrip("\n"))
    mark = _HEADING.match(source, begin) or _ITEM.match(source, begin)
    return mark.end() if mark else begin
