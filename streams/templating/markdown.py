"""Words in Markdown become, side by side, the HTML of the frame's text blocks and plain text.

Both are made from the same tree, in which every Jinja tag is a hidden token. Customer data come after
Markdown has done its work, so they are never read as Markdown. HTML is off: ``<b>`` is four characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Literal
from urllib.parse import quote

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from streams.problems import TemplateProblem
from streams.templating.tags import Piece, Tag, Tokens, not_allowed

_RULES = ["heading", "list", "emphasis", "link", "escape", "newline", "backticks", "blockquote", "hr"]
# Markdown asks what stands beside an asterisk. A letter would keep "**Sorry.**{% endif %}" from ending, so a control
# tag shows it punctuation on both sides, which is taken away again when Markdown is done.
_EDGE = "\u2021"
_MARKS = {"strong": "strong", "em": "em"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch between the frame's sections: words, control tags, or the call of a part.

    Control tags and words carry their tokens; a part carries its tag's number in ``tag``.
    """

    kind: Literal["words", "control", "part"]
    html: str = ""
    text: str = ""
    tag: int = -1


def isolate(pieces: Iterable[Piece], hide: Callable[[Piece], str], is_part: Callable[[Piece], bool]) -> str:
    """Return the words with tags hidden; a control tag or a part alone on its line becomes a paragraph."""
    lines = [""]
    alone = [True]
    found: list[bool] = [False]
    for piece in pieces:
        if piece.kind == "text":
            first, *rest = piece.source.split("\n")
            lines[-1] += first
            alone[-1] = alone[-1] and not first.strip()
            for line in rest:
                lines.append(line)
                alone.append(not line.strip())
                found.append(False)
        else:
            edge = _EDGE if piece.kind == "control" else ""
            lines[-1] += f"{edge}{hide(piece)}{edge}"
            found[-1] = True
            alone[-1] = alone[-1] and (piece.kind == "control" or is_part(piece))
    # A paragraph of their own, but on the same line number as in the file: blank lines would shift it,
    # so the separator is a form feed that `blocks_of` cuts at before Markdown sees it.
    return "\n".join(
        f"\f{line.strip()}\f" if lonely and tagged else line
        for line, lonely, tagged in zip(lines, alone, found, strict=True)
    )


def blocks_of(hidden: str, tokens: Tokens, place: str) -> list[Block]:
    """Return the blocks of words whose tags are hidden (see :func:`isolate`).

    Raises:
        TemplateProblem: an ``{% if %}`` opens in one paragraph and closes in another, or a link leads
            to a place that words cannot choose.
    """
    blocks: list[Block] = []
    line = 1
    for number, stretch in enumerate(hidden.split("\f")):
        if number % 2:
            blocks += [_lonely(index, tokens) for index in tokens.pattern.findall(stretch)]
        elif stretch.strip():
            blocks.append(_Writer(tokens, place, line).words(stretch))
        line += stretch.count("\n")
    return blocks


def _lonely(number: str, tokens: Tokens) -> Block:
    word = f"x{tokens.nonce}n{number}x"
    if tokens.tags[int(number)].kind == "control":
        return Block(kind="control", html=f"<!--{word}-->", text=word)
    return Block(kind="part", html=word, text=word, tag=int(number))


def _parser() -> MarkdownIt:
    parser = MarkdownIt("zero", {"html": False})
    parser.enable(_RULES)
    setattr(parser, "validateLink", lambda _: True)  # noqa: B010 - `_target` says what is wrong, and where
    return parser


_PARSER = _parser()


@dataclass(slots=True)
class _Writer:
    """Walks one Markdown tree and writes it twice; ``line`` is the file's line of the block at hand."""

    tokens: Tokens
    place: str
    line: int

    def words(self, source: str) -> Block:
        tree = SyntaxTreeNode(_PARSER.parse(source))
        html, text = [], []
        first = self.line
        for node in tree.children:
            self.line = first + (node.map[0] if node.map else 0)
            self._balanced(node)
            html.append(self.tokens.comments(self._bare(self._html(node))))
            text.append(self._bare(self._text(node)) + "\n\n")
        return Block(kind="words", html="\n".join(html), text="".join(text))

    def _bare(self, written: str) -> str:
        return re.sub(rf"{_EDGE}(x{self.tokens.nonce}n\d+x){_EDGE}", r"\1", written)

    def _balanced(self, node: SyntaxTreeNode) -> None:
        """Refuse an if that opens in this block and closes in another: the markup would come apart."""
        opened: list[Tag] = []
        for tag in self.tokens.found_in(self._plain(node)):
            if tag.keyword == "if":
                opened.append(tag)
            elif tag.kind == "control" and not opened:
                raise _torn(tag)
            elif tag.keyword == "endif":
                opened.pop()
        if opened:
            raise _torn(opened[0])

    def _plain(self, node: SyntaxTreeNode) -> str:
        return node.content + "".join(self._plain(child) for child in node.children if node.type != "inline")

    # -- HTML -------------------------------------------------------------------------------------

    def _html(self, node: SyntaxTreeNode) -> str:
        inner = "".join(self._html(child) for child in node.children)
        match node.type:
            case "text" | "text_special":
                return escape(node.content)
            case "code_inline":
                return escape(node.content)
            case "softbreak":
                return "\n"
            case "hardbreak":
                return "<br/>"
            case "hr":
                return "<hr/>"
            case "link":
                return f'<a href="{escape(self._target(node))}">{inner}</a>'
            case "paragraph":
                return inner if node.hidden else f"<p>{inner}</p>"
            case "inline":
                return inner
            case _:
                tag = _MARKS.get(node.type, node.tag)
                return f"<{tag}>{inner}</{tag}>"

    def _target(self, node: SyntaxTreeNode) -> str:
        target = str(node.attrs.get("href", "")).replace(quote(_EDGE), "")
        tags = self.tokens.found_in(target)
        if len(tags) == 1 and self.tokens.pattern.fullmatch(target) and tags[0].inner.startswith("links."):
            return target
        if not tags and target.startswith("https://"):
            return target
        shown = self.tokens.pattern.sub(lambda match: self.tokens.tags[int(match[1])].source, target)
        raise not_allowed(
            f"a link to {shown}",
            tags[0].where if tags else f"{self.place}:{self.line}",
            "links lead to https://... or to {{ links.reply }}, {{ links.stop }}, {{ links.website }}",
        )

    # -- plain text -------------------------------------------------------------------------------

    def _text(self, node: SyntaxTreeNode) -> str:
        match node.type:
            case "text" | "text_special" | "code_inline":
                return node.content
            case "softbreak":
                return " "
            case "hardbreak":
                return "\n"
            case "hr":
                return "---"
            case "link":
                return f"{self._inner_text(node)} ({self._target(node)})"
            case "bullet_list" | "ordered_list":
                return self._text_list(node)
            case "list_item" | "blockquote":
                return "\n".join(self._text(child) for child in node.children)
            case _:
                return self._inner_text(node)

    def _text_list(self, node: SyntaxTreeNode) -> str:
        marks = [
            f"{number}." if node.type == "ordered_list" else "-"
            for number in range(1, 1 + len(node.children))
        ]
        return "\n".join(
            f"{mark} {self._text(child)}" for mark, child in zip(marks, node.children, strict=True)
        )

    def _inner_text(self, node: SyntaxTreeNode) -> str:
        return "".join(self._text(child) for child in node.children)


def _torn(tag: Tag) -> TemplateProblem:
    return TemplateProblem(
        "template-torn-condition",
        f"{tag.source} opens and closes in different paragraphs",
        where=tag.where,
        why="half a paragraph cannot be left out",
        hint="put the tag on a line of its own, or close it within the paragraph",
    )
