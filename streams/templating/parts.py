"""The parts that words may call, such as ``{{ items("On its way", replacement.items) }}``.

A part is two files in ``templates/_parts``: ``<name>.mjml`` for HTML and ``<name>.txt`` for plain text.
The first line of each names its parameters and their kinds: ``{# items(title: text, rows: items) #}``.
Parts are written out where they are called when a message is compiled: nothing is called later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from jinja2 import TemplateSyntaxError, nodes

from streams.problems import TemplateProblem
from streams.templating.sandbox import HTML
from streams.templating.tags import Piece, not_allowed, syntax_problem

_HEADER = re.compile(r"\{#\s*(?P<name>\w+)\((?P<parameters>[^)]*)\)\s*#\}\n")
_KINDS = frozenset({"text", "items", "notes", "range", "label", "link"})
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.Not,
    nodes.And,
    nodes.Or,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: its parameters in order with their kinds, and its two bodies."""

    name: str
    parameters: Mapping[str, str]
    mjml: str
    text: str


def read_part(name: str, mjml: str, text: str, places: tuple[str, str]) -> Part:
    """Read the two sources of a part and check that they agree and use nothing unexpected.

    ``places`` are those of the two files, as a person is told of them.

    Raises:
        TemplateProblem: the first line is missing, the two differ, or a body uses more than it may.
    """
    parameters = _parameters(name, mjml, places[0])
    if _parameters(name, text, places[1]) != parameters:
        raise TemplateProblem(
            "template-part-header",
            "the two files of a part must begin with the same line",
            where=f"{places[1]}:1",
        )
    for place, source in zip(places, (mjml, text), strict=True):
        check_furniture(source, place, frozenset(parameters) | {"say", "colors", "dir"})
    return Part(name=name, parameters=MappingProxyType(parameters), mjml=mjml, text=_body(text))


def _parameters(name: str, source: str, place: str) -> dict[str, str]:
    header = _HEADER.match(source)
    if header is None or header["name"] != name:
        raise TemplateProblem(
            "template-part-header",
            "a part begins with a line that names it and its parameters",
            where=f"{place}:1",
            hint=f"write {{# {name}(title: text, rows: items) #}}",
        )
    parameters = {}
    for item in filter(None, (item.strip() for item in header["parameters"].split(","))):
        parameter, _, kind = (word.strip() for word in item.partition(":"))
        if kind not in _KINDS:
            raise TemplateProblem(
                "template-part-header",
                f"the parameter {parameter} is of no known kind",
                where=f"{place}:1",
                hint=f"kinds are {', '.join(sorted(_KINDS))}",
            )
        parameters[parameter] = kind
    return parameters


def _body(text: str) -> str:
    return text[text.index("\n") + 1 :]


@lru_cache(maxsize=256)  # the same files stand in every message
def check_furniture(source: str, place: str, known: frozenset[str]) -> None:
    """Check a part or the frame: these are ours, so loops are fine, but calls, filters and arithmetic are not.

    Raises:
        TemplateProblem: a tag of another kind, or a name that is not ``known``.
    """
    try:
        tree = HTML.parse(source)
    except TemplateSyntaxError as error:
        raise syntax_problem(error, place) from error
    loops = {node.target.name for node in tree.find_all(nodes.For) if isinstance(node.target, nodes.Name)}
    for node in tree.find_all(nodes.Node):
        where = f"{place}:{node.lineno}"
        if not isinstance(node, _ALLOWED):
            raise not_allowed(type(node).__name__, where)
        if isinstance(node, nodes.Name) and node.name not in known | loops | {"loop"}:
            raise TemplateProblem(
                "template-unknown-name",
                f"{node.name} is not known here",
                where=where,
                hint=f"known: {', '.join(sorted(known))}",
            )


def arguments_of(call: Piece) -> list[str]:
    """Return the sources of a call's arguments, cut at the commas; the checker has seen the call before."""
    arguments: list[list[str]] = [[]]
    depth = 0
    for kind, value in call.tokens[2:-1]:
        depth += (kind == "operator" and value in "([{") - (kind == "operator" and value in ")]}")
        if kind == "operator" and value == "," and depth == 0:
            arguments.append([])
        else:
            arguments[-1].append(value)
    return ["".join(words) for words in arguments if words]


def opening(part: Part, call: Piece) -> str:
    """Return the tag that binds the part's parameters to the arguments of this call."""
    pairs = zip(part.parameters, arguments_of(call), strict=True)
    return f"{{% with {', '.join(f'{name}={value}' for name, value in pairs)} %}}"
