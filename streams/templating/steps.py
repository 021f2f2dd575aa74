"""A template's tree as a plain function: it looks names up, asks whether they are so, walks a list, prints.

Jinja reads the source and is not asked again. The function is written from a handful of forms, into which
texts and keys go only as literals: there is none that computes, calls, or reads an attribute, so there is
none to be abused. What is known when a mail is compiled (the brand, the phrases, the titles of parts) is
already part of the text around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from jinja2 import UndefinedError, nodes
from jinja2.exceptions import SecurityError
from markupsafe import Markup, escape

Names = dict[str, Any]
_may_need_escaping = re.compile("[&<>\"']").search  # what markupsafe escapes; most texts have none of it


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known when the template is compiled."""

    value: Any


@dataclass(frozen=True, slots=True)
class Path:
    """A name, and the keys that lead on from it; ``own`` when a loop of the template made it."""

    keys: tuple[str, ...]
    own: bool = False

    @property
    def source(self) -> str:
        """Return the look-up: a subscript of texts finds something in a dict, and fails in all else we offer."""
        first, *rest = self.keys
        return "".join([first if self.own else f"names[{first!r}]", *(f"[{key!r}]" for key in rest)])


_Scope = Mapping[str, Constant | Path]


@dataclass(frozen=True, slots=True)
class Template:
    """A function that appends one text, piece by piece; ``reads`` are the names that it may ask for."""

    write: Callable[[Names, list[str]], None]
    reads: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Names that are the same in every letter of one brand and language, so they are filled in beforehand.

    ``in_text`` holds those that only the plain-text mail has for everybody alike; a :class:`Path` among them
    is looked up in each letter after all.
    """

    everywhere: Names
    in_text: Names


_Item = str | Path | list[str]  # a text, a value to print, or lines that decide what to print


def template_of(tree: nodes.Template, constants: Mapping[str, Any], *, escapes: bool) -> Template:
    """Return a tree as a template; names among ``constants`` are filled in at once.

    Raises:
        SecurityError: the tree wants more than to print.
    """
    writer = _Writer(_escaped if escapes else _plain)
    body = writer.body(tree.body, {name: Constant(value) for name, value in constants.items()})
    source = "\n".join(["def write(names, out):", *body])
    room: dict[str, Any] = {"__builtins__": {}, "shown": writer.shown, "numbered": _numbered}
    try:
        exec(compile(source, "<template>", "exec"), room)  # noqa: S102 - what Jinja does, in far fewer forms
    except (SyntaxError, RecursionError, MemoryError) as error:  # a hundred levels are the compiler's limit
        raise SecurityError("conditions are nested too deeply") from error
    return Template(write=room["write"], reads=frozenset(writer.reads))


class _Writer:
    """One compilation; ``reads`` grows on the way."""

    def __init__(self, shown: Callable[[Any], str]) -> None:
        self.shown = shown
        self.reads: set[str] = set()
        self._in_loop = False

    def body(self, body: Sequence[nodes.Node], scope: _Scope) -> list[str]:
        """Return the lines of a block; what is printed in one go is one line."""
        lines: list[str] = []
        printed: list[str | Path] = []
        for item in (*self._items(body, scope), []):
            if isinstance(item, list):
                lines += [*self._printed(printed), *item]
                printed = []
            else:
                printed.append(item)
        return [f" {line}" for line in lines or ["pass"]]

    def _printed(self, items: list[str | Path]) -> list[str]:
        printed: list[str] = []
        for kind, some in groupby(items, key=type):
            if kind is Path:
                printed += [f"shown({self._look(path)})" for path in some if isinstance(path, Path)]
            elif text := "".join(map(str, some)):
                printed.append(repr(text))
        return [f"out += ({', '.join(printed)},)"] if printed else []

    def _items(self, body: Sequence[nodes.Node], scope: _Scope) -> Iterable[_Item]:
        for node in body:
            if isinstance(node, nodes.Output):
                yield from (self._output(item, scope) for item in node.nodes)
            elif isinstance(node, nodes.With):
                yield from self._items(node.body, {**scope, **self._bound(node, scope)})
            elif isinstance(node, nodes.If):
                yield self._if(node, scope)
            elif isinstance(node, nodes.For):
                yield self._for(node, scope)
            else:
                raise _refused(node)

    def _output(self, item: nodes.Node, scope: _Scope) -> str | Path:
        if isinstance(item, nodes.TemplateData):
            return item.data
        said = self._said(item, scope)
        if isinstance(said, Path):
            return said
        if type(said.value) not in {str, int}:
            raise _refused(item)
        return self.shown(said.value)

    def _if(self, node: nodes.If, scope: _Scope) -> list[str]:
        lines: list[str] = []
        for word, branch in zip(("if", *["elif"] * len(node.elif_)), (node, *node.elif_), strict=True):
            lines += [f"{word} {self._test(branch.test, scope)}:", *self.body(branch.body, scope)]
        return [*lines, "else:", *self.body(node.else_, scope)] if node.else_ else lines

    def _test(self, test: nodes.Node, scope: _Scope) -> str:
        if isinstance(test, nodes.Not):
            return f"(not {self._test(test.node, scope)})"
        if isinstance(test, nodes.And | nodes.Or):
            word = "and" if isinstance(test, nodes.And) else "or"
            return f"({self._test(test.left, scope)} {word} {self._test(test.right, scope)})"
        said = self._said(test, scope)
        return repr(bool(said.value)) if isinstance(said, Constant) else self._look(said)

    def _for(self, node: nodes.For, scope: _Scope) -> list[str]:
        """Return a walk along one list; a loop inside a loop is how little source becomes a large mail."""
        rows = self._said(node.iter, scope)
        if node.else_ or node.test or node.recursive or self._in_loop or isinstance(rows, Constant):
            raise _refused(node)
        own = {_target(node.target): Path(("row",), own=True), "loop": Path(("loop",), own=True)}
        self._in_loop = True
        body = self.body(node.body, {**scope, **own})
        self._in_loop = False
        return [f"for loop, row in numbered({self._look(rows)}):", *body]

    def _bound(self, node: nodes.With, scope: _Scope) -> _Scope:
        pairs = zip(node.targets, node.values, strict=True)
        return {_target(target): self._said(value, scope) for target, value in pairs}

    def _said(self, node: nodes.Node, scope: _Scope) -> Constant | Path:
        """Return what an expression stands for."""
        if isinstance(node, nodes.Const):
            return Constant(node.value)
        if isinstance(node, nodes.Name):
            return scope.get(node.name) or Path((node.name,))
        if not isinstance(node, nodes.Getattr):
            raise _refused(node)
        said = self._said(node.node, scope)
        if isinstance(said, Path):
            return Path((*said.keys, node.attr), own=said.own)
        if type(said.value) is dict and node.attr in said.value:
            found = said.value[node.attr]
            return found if isinstance(found, Path) else Constant(found)
        raise _refused(node)

    def _look(self, path: Path) -> str:
        if not path.own:
            self.reads.add(path.keys[0])
        return path.source


def _target(node: nodes.Node) -> str:
    if not isinstance(node, nodes.Name):
        raise _refused(node)
    return node.name


def _refused(node: nodes.Node) -> SecurityError:
    return SecurityError(f"{type(node).__name__} cannot be used in a template (line {node.lineno})")


# ---------------------------------------------------------------------------- all that a template can call


def _plain(value: Any) -> str:
    """Return a value as text; what is neither text nor a number is nobody's to read."""
    if type(value) is str:
        return value
    if type(value) is int or type(value) is Markup:
        return str(value)
    raise UndefinedError(f"{type(value).__name__} is not text, and cannot be printed")


def _escaped(value: Any) -> str:
    if type(value) is str:
        return str(escape(value)) if _may_need_escaping(value) else value
    return _plain(value)  # numbers need no escaping, and markup had it


def _numbered(rows: Any) -> Iterable[tuple[Names, Any]]:
    """Yield the rows of a list, each with where it stands."""
    if type(rows) is not list:
        raise UndefinedError(f"{type(rows).__name__} is not a list to walk along")
    for index, row in enumerate(rows, start=1):
        yield {"first": index == 1, "last": index == len(rows), "index": index}, row
