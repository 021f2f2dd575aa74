"""Splits a source into text and Jinja tags, and hides tags from tools that would break them.

A hidden tag is a *token*. In running text a control tag (``{% if %}``) becomes an HTML comment, which is
legal even between the rows of a table; expressions, and everything inside attributes and raw elements,
become a plain lower-case word, which survives Markdown, MJML and URL encoding. Putting the tags back
proves that none was lost, and that no control tag moved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from jinja2 import Environment, TemplateSyntaxError

from streams.problems import TemplateProblem

TagKind = Literal["expression", "control"]

# Only ever used to cut sources into tokens and trees; nothing is rendered with it.
_LEXER = Environment(autoescape=True)
# Plain text counts every line break: a control tag alone on its line takes the line with it.
_TRIMMING_LEXER = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_ENDS = {"block_end": "control", "variable_end": "expression"}
_RAW_ELEMENTS = "mj-title|mj-preview|mj-style|title|style|script"
# One step through markup: a comment, a whole raw element's opening, any other tag, or a closing tag.
_MARKUP = re.compile(r"<!--|-->|<(?P<close>/?)(?P<name>[a-zA-Z][\w-]*)|>|[\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Text or one Jinja tag, with the line it starts on; ``tokens`` are the lexer's, without blanks."""

    kind: Literal["text", "expression", "control"]
    source: str
    line: int
    tokens: tuple[tuple[str, str], ...] = ()

    @property
    def keyword(self) -> str:
        """Return ``if``, ``endfor`` and so on; empty for an expression or text."""
        return self.tokens[0][1] if self.kind == "control" and self.tokens else ""

    @property
    def inner(self) -> str:
        """Return what stands between the braces of an expression, tightly written."""
        return "".join(value for _, value in self.tokens) if self.kind == "expression" else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A hidden tag: what to put back, and where it came from."""

    source: str
    where: str
    kind: TagKind
    inner: str = ""
    keyword: str = ""


def split(source: str, place: str, *, trim: bool = False) -> Iterator[Piece]:
    """Yield text and tags of ``source`` in order; comments (``{# #}``) are dropped.

    ``trim`` swallows the line of a control tag that stands alone, as plain text needs it.

    Raises:
        TemplateProblem: a tag is not closed, or not Jinja at all.
    """
    return iter(_pieces(source, place, trim))


@lru_cache(maxsize=256)  # the frame and the parts are the same in every message: a third of a compilation
def _pieces(source: str, place: str, trim: bool) -> tuple[Piece, ...]:  # noqa: FBT001 - lru_cache keys by position
    return tuple(_cut(source, place, trim=trim))


def _cut(source: str, place: str, *, trim: bool) -> Iterator[Piece]:
    opened: list[tuple[int, str, str]] = []
    in_comment = False
    try:
        for line, kind, value in (_TRIMMING_LEXER if trim else _LEXER).lex(source):
            if kind in {"comment_begin", "comment_end"}:
                in_comment = kind == "comment_begin"
            elif in_comment:
                continue
            elif kind == "data":
                yield Piece(kind="text", source=value, line=line)
            elif kind in _ENDS:
                opened.append((line, kind, value))
                yield _tag(opened)
                opened = []
            elif kind in {"raw_begin", "raw_end"}:
                raise not_allowed("{% raw %}", f"{place}:{line}")
            else:
                opened.append((line, kind, value))
    except TemplateSyntaxError as error:
        raise syntax_problem(error, place) from error


def _tag(opened: list[tuple[int, str, str]]) -> Piece:
    kind = _ENDS[opened[-1][1]]
    return Piece(
        kind="control" if kind == "control" else "expression",
        source="".join(value for _, _, value in opened).rstrip("\n"),  # trimming puts it into the tag
        line=opened[0][0],
        tokens=tuple((kind, value) for _, kind, value in opened[1:-1] if kind != "whitespace"),
    )


def syntax_problem(error: TemplateSyntaxError, place: str) -> TemplateProblem:
    """Return Jinja's complaint as one of ours, with file and line."""
    return TemplateProblem(
        "template-syntax",
        "this file is not a valid template",
        where=f"{place}:{error.lineno}",
        why=error.message or "the template engine cannot read it",
        hint="every {% if %} needs its {% endif %}, every {{ its }}",
    )


def not_allowed(what: str, where: str, hint: str = "") -> TemplateProblem:
    """Return the problem of words or parts that use more of Jinja than the house offers."""
    return TemplateProblem(
        "template-not-allowed",
        f"{what} cannot be used here",
        where=where,
        why="words may use {% if %}, {% elif %}, {% else %}, the offered names and the offered parts",
        hint=hint or "choose between whole sentences with {% if name %} ... {% else %} ... {% endif %}",
    )


@dataclass(slots=True)
class Tokens:
    """The tags hidden so far in one message; the nonce is a hash of all that it is compiled from."""

    nonce: str
    tags: list[Tag] = field(default_factory=list)

    @classmethod
    def for_content(cls, *sources: str) -> Tokens:
        """Return an empty table whose tokens cannot occur in ``sources``: 64 bits of their own hash."""
        return cls(hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16])

    def word(self, piece: Piece, place: str) -> str:
        """Hide a tag as a plain word."""
        self.tags.append(
            Tag(
                source=piece.source,
                where=f"{place}:{piece.line}",
                kind="control" if piece.kind == "control" else "expression",
                inner=piece.inner,
                keyword=piece.keyword,
            )
        )
        return f"x{self.nonce}n{len(self.tags) - 1}x"

    @property
    def pattern(self) -> re.Pattern[str]:
        """Match any token, bare or as a comment; group 1 is its number."""
        return re.compile(rf"(?:<!--)?x{self.nonce}n(\d+)x(?:-->)?")

    def found_in(self, text: str) -> list[Tag]:
        """Return the tags hidden in ``text``, in order."""
        return [self.tags[int(number)] for number in self.pattern.findall(text)]

    def comments(self, html: str) -> str:
        """Turn the control words of a piece of running HTML into comments; expressions stay words."""
        return self.pattern.sub(self._as_comment, html)

    def _as_comment(self, match: re.Match[str]) -> str:
        if self.tags[int(match[1])].kind == "control" and not match[0].startswith("<!--"):
            return f"<!--{match[0]}-->"
        return match[0]

    def hide(self, pieces: Iterator[Piece], place: str) -> str:
        """Hide the tags of MJML source: comments in running text, words anywhere else."""
        out: list[str] = []
        position = _Position()
        for piece in pieces:
            if piece.kind == "text":
                position.read(piece.source)
                out.append(piece.source)
            elif piece.kind == "control" and position.in_text:
                out.append(f"<!--{self.word(piece, place)}-->")
            else:
                out.append(self.word(piece, place))
        return "".join(out)

    def restore(self, hidden: str, expected: str) -> str:
        """Put the tags back into ``hidden``; ``expected`` is the text as it was before a tool worked on it.

        Literal braces that would read as the start of a tag are made literal again, so that neither
        Markdown escapes nor a stylesheet can smuggle a tag past the checks.

        Raises:
            TemplateProblem: a tag was lost, or a control tag moved or doubled.
        """
        self._prove(self.found_in(expected), self.found_in(hidden))
        opener = rf"\{{(?=[{{%#]|(?:<!--)?x{self.nonce}n)"
        literal = re.sub(opener, '{{ "{" }}', hidden)
        return self.pattern.sub(lambda match: self.tags[int(match[1])].source, literal)

    @staticmethod
    def _prove(wanted: list[Tag], found: list[Tag]) -> None:
        survivors = {id(tag) for tag in found}
        for tag in wanted:
            if id(tag) not in survivors:
                raise _lost(tag, "was lost", "an attribute that holds a number cannot hold a tag")
        before = [tag for tag in wanted if tag.kind == "control"]
        after = [tag for tag in found if tag.kind == "control"]
        for old, new in zip(before, after, strict=False):
            if old is not new:
                raise _lost(old, "moved", "a control tag stands where the markup cannot hold it")
        if len(before) != len(after):
            raise _lost(after[len(before)], "was doubled", "the markup around it is repeated")


def _lost(tag: Tag, fate: str, why: str) -> TemplateProblem:
    return TemplateProblem(
        "template-lost-tag",
        f"{tag.source} {fate} while the frame was compiled",
        where=tag.where,
        why=why,
        hint="move the tag into running text, between two elements",
    )


@dataclass(slots=True)
class _Position:
    """Where in the markup we are: running text, inside a tag, a comment or a raw element."""

    state: Literal["text", "tag", "comment"] = "text"
    quote: str = ""
    element: str = ""
    raw: str = ""

    @property
    def in_text(self) -> bool:
        return self.state == "text" and not self.raw

    def read(self, text: str) -> None:
        """Walk through a stretch of markup that has no tags of ours in it."""
        for match in _MARKUP.finditer(text):
            self._step(match[0], match["name"] or "", closing=match["close"] == "/")

    def _step(self, found: str, name: str, *, closing: bool) -> None:
        if self.state == "comment":
            self.state = "text" if found == "-->" else "comment"
        elif self.state == "tag":
            self._inside_tag(found)
        elif self.raw:
            if closing and name == self.raw:
                self.raw, self.state, self.element = "", "tag", ""
        elif found == "<!--":
            self.state = "comment"
        elif name:
            self.state = "tag"
            self.element = "" if closing else name

    def _inside_tag(self, found: str) -> None:
        if self.quote:
            self.quote = "" if found == self.quote else self.quote
        elif found in {'"', "'"}:
            self.quote = found
        elif found in {">", "-->"}:
            self.state = "text"
            self.raw = self.element if re.fullmatch(_RAW_ELEMENTS, self.element) else ""
