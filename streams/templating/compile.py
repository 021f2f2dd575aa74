"""Compiles a message once: Markdown and parts into MJML, MJML into HTML, and both mails into Jinja templates.

The Jinja tags travel as hidden tokens (:mod:`streams.templating.tags`) through Markdown and mrml and are
put back at the end; a tag that was lost or moved is a problem of the person who wrote it, with its line,
and never a mail with a hole in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.metadata import version

import mrml
from jinja2 import TemplateSyntaxError
from jinja2.exceptions import SecurityError

from streams.problems import TemplateProblem
from streams.templating.catalogue import Catalogue, Message, Words
from streams.templating.markdown import Block, blocks_of, isolate
from streams.templating.mjml_list import check_mjml
from streams.templating.parts import Part, check_furniture, opening
from streams.templating.sandbox import HTML, TEXT, Sandbox
from streams.templating.steps import Names, Settled, Template
from streams.templating.tags import Piece, Tokens, not_allowed, split, syntax_problem
from streams.templating.words import Checker

# What the frame may use beside the words: it is reviewed code, but a typo must not wait for a customer.
FRAME_NAMES = frozenset(
    {
        "brand",
        "say",
        "colors",
        "order",
        "parcel",
        "replacement",
        "subject",
        "preheader",
        "lang",
        "dir",
        "imprint",
        "json_ld",
        "links",
        "content",
        "masthead",
        "logo",
    }
)
# Part of every template version: the same words compiled by another engine are another mail.
ENGINE = f"2+mrml{version('mrml')}+markdown{version('markdown-it-py')}"
# Filled in before mrml reads the frame.
_LOGO_NAMES = frozenset({"logo.src", "logo.alt", "logo.width"})
_END = Piece(kind="control", source="{% endwith %}", line=0, tokens=(("name", "endwith"),))


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """One message in one locale, ready to be filled in as often as you like."""

    subject: Template
    preheader: Template
    html: Template
    text: Template

    @cached_property
    def reads(self) -> frozenset[str]:
        """Return the names that any of the four may ask for."""
        return self.subject.reads | self.preheader.reads | self.html.reads | self.text.reads


def compile_message(catalogue: Catalogue, message: Message, locale: str, settled: Settled) -> Compiled:
    """Check and compile the words of ``message`` in ``locale``, which must be one of its files.

    Raises:
        TemplateProblem: the words, a part or the frame cannot stand; it names file and line.
    """
    words = message.words[locale]
    checker = Checker(place=words.place, parts=catalogue.parts, uses=message.card.uses)
    checker.check(words.body)
    subject, preheader = (
        _headline(checker, words, key, settled.everywhere) for key in ("subject", "preheader")
    )
    return _Press(catalogue, words, settled).press(subject=subject, preheader=preheader)


def _headline(checker: Checker, words: Words, key: str, settled: Names) -> Template:
    """Compile subject or preheader; blank lines in front give problems the line of the file."""
    source = getattr(words, key)
    checker.check("\n" * (words.lines[key] - 1) + source)
    for piece in split(source, words.place):
        if piece.kind == "expression" and piece.tokens[1:2] == (("operator", "("),):
            raise _part_in_text(piece, words.place, words.lines[key])
    return _template(TEXT, source, words.place, settled)


def _part_in_text(piece: Piece, place: str, line: int) -> TemplateProblem:
    return TemplateProblem(
        "template-part-in-sentence",
        f"{piece.source} cannot stand inside a sentence",
        where=f"{place}:{line}",
        hint="give the part a line of its own, with nothing else on it",
    )


class _Press:
    """One compilation: a table of hidden tags and the part calls found on the way."""

    def __init__(self, catalogue: Catalogue, words: Words, settled: Settled) -> None:
        self._settled = settled
        self._parts = catalogue.parts
        self._frame = catalogue.frame
        self._brand = catalogue.brand
        self._logo = catalogue.logo
        self._place = catalogue.place
        self._words = words
        self._calls: dict[int, tuple[Part, Piece]] = {}
        self._tokens = Tokens.for_content(catalogue.shared, words.body)

    def press(self, *, subject: Template, preheader: Template) -> Compiled:
        hidden = isolate(split(self._words.body, self._words.place), self._hide, self._is_part)
        blocks = blocks_of(hidden, self._tokens, self._words.place)
        self._prove(hidden, blocks)
        return Compiled(
            subject=subject, preheader=preheader, html=self._html(blocks), text=self._text(blocks)
        )

    def _is_part(self, piece: Piece) -> bool:
        return (
            piece.kind == "expression"
            and piece.tokens[1:2] == (("operator", "("),)
            and piece.tokens[0][1] in self._parts
        )

    def _hide(self, piece: Piece) -> str:
        word = self._tokens.word(piece, self._words.place)
        if self._is_part(piece):
            self._calls[len(self._tokens.tags) - 1] = (self._parts[piece.tokens[0][1]], piece)
        return word

    def _prove(self, hidden: str, blocks: list[Block]) -> None:
        """Markdown is a tool too: it must not have lost a tag, nor kept a part inside a sentence."""
        for which in ("html", "text"):
            self._tokens.restore("".join(getattr(block, which) for block in blocks), expected=hidden)
        calls = {id(self._tokens.tags[number]): piece for number, (_, piece) in self._calls.items()}
        for block in blocks:
            for tag in self._tokens.found_in(block.text) if block.kind == "words" else ():
                if id(tag) in calls:
                    piece = calls[id(tag)]
                    raise _part_in_text(piece, self._words.place, piece.line)

    # -- HTML -------------------------------------------------------------------------------------

    def _html(self, blocks: list[Block]) -> Template:
        body = "\n".join(self._section(block) for block in blocks)
        mjml = self._weave("frame.mjml", body)
        try:
            html = mrml.to_html(mjml).content
        except (OSError, ValueError) as error:
            raise TemplateProblem(
                "template-frame",
                "the frame or a part is not valid MJML",
                where="templates/_layout/frame.mjml and templates/_parts/",
                why=str(error),
            ) from error
        restored = self._tokens.restore(html, expected=mjml)
        return _template(HTML, restored, self._words.place, self._settled.everywhere)

    def _section(self, block: Block) -> str:
        if block.kind == "words":
            return self._weave("words.mjml", block.html)
        if block.kind == "control":
            return block.html
        part, call = self._calls[block.tag]
        place = self._place(f"_parts/{part.name}.mjml")
        check_mjml(part.mjml, place)
        inner = self._tokens.hide(self._painted(split(part.mjml, place)), place)
        return f"<!--{self._opening(part, call)}-->{inner}<!--{self._closing(call)}-->"

    def _opening(self, part: Part, call: Piece) -> str:
        tag = Piece(kind="control", source=opening(part, call), line=call.line, tokens=(("name", "with"),))
        return self._tokens.word(tag, self._words.place)

    def _closing(self, call: Piece) -> str:
        return self._tokens.word(
            Piece(kind="control", source=_END.source, line=call.line, tokens=_END.tokens), self._words.place
        )

    def _weave(self, name: str, content: str) -> str:
        """Return a file of the frame with its tags hidden and ``{{ content }}`` filled in."""
        place = self._place(f"_layout/{name}")
        pieces = self._painted(split(self._frame_file(name), place), content=content)
        return self._tokens.hide(pieces, place)

    def _frame_file(self, name: str) -> str:
        source = self._frame.get(name)
        place = self._place(f"_layout/{name}")
        if source is None:
            raise TemplateProblem("template-frame", f"the frame has no {name}", where=place)
        check_furniture(source, place, FRAME_NAMES)
        if name.endswith(".mjml"):
            check_mjml(source, place)
        return source

    def _painted(self, pieces: Iterator[Piece], content: str | None = None) -> Iterator[Piece]:
        """Replace ``{{ colors.ink }}`` and ``{{ content }}`` by what they stand for."""
        for piece in pieces:
            if content is not None and piece.inner == "content":
                yield Piece(kind="text", source=content, line=piece.line)
            elif piece.inner.startswith("colors."):
                yield Piece(kind="text", source=self._color(piece), line=piece.line)
            elif piece.inner == "masthead":
                yield from self._masthead()
            elif piece.inner in _LOGO_NAMES:
                yield Piece(kind="text", source=self._of_logo(piece.inner), line=piece.line)
            else:
                yield piece

    def _masthead(self) -> Iterator[Piece]:
        """Yield who writes: the shop's logo where it has one, and its name where it has none."""
        name = "name.mjml" if self._logo is None else "logo.mjml"
        yield from self._painted(split(self._frame_file(name), self._place(f"_layout/{name}")))

    def _of_logo(self, name: str) -> str:
        """Return a value that mrml must see: it reads widths as numbers."""
        if self._logo is None or self._brand.logo is None:
            return ""
        values = {
            "logo.src": f"cid:{self._logo.content_id}",
            "logo.alt": escape(self._brand.logo.alt),
            "logo.width": str(self._brand.logo.width),
        }
        return values[name]

    def _color(self, piece: Piece) -> str:
        name = piece.inner.removeprefix("colors.")
        if name not in self._brand.colors:
            raise TemplateProblem(
                "template-brand",
                f"the brand has no color called {name}",
                where=self._place("brand.toml"),
                hint=f"add {name} below [colors]; there are {', '.join(sorted(self._brand.colors))}",
            )
        return self._brand.colors[name]

    # -- plain text -------------------------------------------------------------------------------

    def _text(self, blocks: list[Block]) -> Template:
        body = "".join(self._paragraph(block) for block in blocks)
        place = self._place("_layout/frame.txt")
        pieces = self._painted(split(self._frame_file("frame.txt"), place, trim=True), content=body)
        hidden = "".join(
            piece.source if piece.kind == "text" else self._tokens.word(piece, place) for piece in pieces
        )
        restored = self._tokens.restore(hidden, expected=hidden)
        settled = self._settled.everywhere | self._settled.in_text
        return _template(TEXT, restored, self._words.place, settled)

    def _paragraph(self, block: Block) -> str:
        if block.kind != "part":
            return block.text
        part, call = self._calls[block.tag]
        place = self._place(f"_parts/{part.name}.txt")
        inner = "".join(
            piece.source if piece.kind == "text" else self._tokens.word(piece, place)
            for piece in split(part.text, place, trim=True)
        )
        return f"{self._opening(part, call)}{inner.rstrip()}\n\n{self._closing(call)}"


def _template(room: Sandbox, source: str, place: str, settled: Mapping[str, object]) -> Template:
    try:
        return room.from_string(source, settled)
    except TemplateSyntaxError as error:
        raise syntax_problem(error, place) from error
    except SecurityError as error:
        raise not_allowed(error.message or "something", place) from error
