"""The static check of words: only if and else, only offered parts, only offered names, nothing unguarded.

It runs on every message before it can be rendered, so that a typo is found by the person who makes it,
with file, line and the nearest right name, and not by a customer.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jinja2 import TemplateSyntaxError, nodes

from streams.problems import TemplateProblem
from streams.templating.offered import ALWAYS, OFFERED, Offered
from streams.templating.parts import Part
from streams.templating.sandbox import HTML
from streams.templating.tags import not_allowed, syntax_problem

_Guards = frozenset[str]
_NOTHING: _Guards = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checker:
    """What one message may use: ``place`` is its file, ``uses`` the names its message.toml lists."""

    place: str
    parts: Mapping[str, Part]
    uses: Collection[str]

    def check(self, source: str) -> None:
        """Check one source, whose line numbers are those of the file.

        Raises:
            TemplateProblem: the first thing that cannot stand, with its line.
        """
        try:
            tree = HTML.parse(source)
        except TemplateSyntaxError as error:
            raise syntax_problem(error, self.place) from error
        self._body(tree.body, _NOTHING)

    def _body(self, body: list[nodes.Node], guards: _Guards) -> None:
        for node in body:
            if isinstance(node, nodes.If):
                self._if(node, guards)
            elif isinstance(node, nodes.Output):
                for item in node.nodes:
                    self._output(item, guards)
            else:
                raise not_allowed(f"{{% {type(node).__name__.lower()} %}}", self._at(node))

    def _if(self, node: nodes.If, guards: _Guards) -> None:
        self._test(node.test, guards)
        self._body(node.body, guards | _present(node.test, truth=True))
        missed = guards | _present(node.test, truth=False)
        for branch in node.elif_:
            self._test(branch.test, missed)
            self._body(branch.body, missed | _present(branch.test, truth=True))
            missed |= _present(branch.test, truth=False)
        self._body(node.else_, missed)

    def _test(self, test: nodes.Node, guards: _Guards) -> None:
        if isinstance(test, nodes.Not):
            self._test(test.node, guards)
        elif isinstance(test, nodes.And | nodes.Or):
            self._test(test.left, guards)
            self._test(test.right, guards | _present(test.left, truth=isinstance(test, nodes.And)))
        else:
            self._name(test, guards, asking=True)

    def _output(self, item: nodes.Node, guards: _Guards) -> None:
        if isinstance(item, nodes.TemplateData):
            return
        if isinstance(item, nodes.Call):
            self._part_call(item, guards)
            return
        path, offered = self._name(item, guards)
        if not offered.printable and offered.type != "link":
            inside = [name for name, it in OFFERED.items() if name.startswith(f"{path}.") and it.printable]
            hint = (
                f"write one of {', '.join(inside)}"
                if inside
                else "use it in an {% if %} or hand it to a part"
            )
            raise not_allowed(f"{{{{ {path} }}}} ({offered.type})", self._at(item), hint)

    def _part_call(self, call: nodes.Call, guards: _Guards) -> None:
        name = call.node.name if isinstance(call.node, nodes.Name) else ""
        part = self.parts.get(name)
        if part is None:
            raise TemplateProblem(
                "template-unknown-part",
                f"there is no part called {name or '(something computed)'}",
                where=self._at(call),
                hint=nearest(name, self.parts),
            )
        if call.kwargs or call.dyn_args or call.dyn_kwargs or len(call.args) != len(part.parameters):
            raise self._arguments(part, call, f"it was given {len(call.args)} plain values")
        for argument, (parameter, wanted) in zip(call.args, part.parameters.items(), strict=True):
            self._argument(part, argument, parameter, wanted, guards)

    def _argument(
        self, part: Part, argument: nodes.Node, parameter: str, wanted: str, guards: _Guards
    ) -> None:
        if isinstance(argument, nodes.Const) and isinstance(argument.value, str):
            given = "text"
        else:
            given = self._name(argument, guards)[1].type
        if given != wanted and not (given == "number" and wanted == "text"):
            raise self._arguments(part, argument, f"`{parameter}` was given {given}")

    def _arguments(self, part: Part, node: nodes.Node, why: str) -> TemplateProblem:
        wanted = ", ".join(f"{name}: {kind}" for name, kind in part.parameters.items())
        return TemplateProblem(
            "template-part-arguments",
            f"{part.name} takes ({wanted})",
            where=self._at(node),
            why=why,
            hint=f"write {{{{ {part.name}({', '.join(part.parameters)}) }}}} with these kinds of values",
        )

    def _name(self, node: nodes.Node, guards: _Guards, *, asking: bool = False) -> tuple[str, Offered]:
        """Return the dotted name; ``asking`` is true inside an ``{% if %}``, where absence is the question."""
        path = dotted(node)
        if path is None:
            raise not_allowed(f"{type(node).__name__.lower()} in braces", self._at(node))
        offered = OFFERED.get(path)
        if offered is None:
            raise TemplateProblem(
                "template-unknown-name",
                f"{path} is not a name that words can use",
                where=self._at(node),
                hint=nearest(path, OFFERED),
            )
        root = path.split(".")[0]
        if root not in ALWAYS and root not in self.uses:
            raise TemplateProblem(
                "template-name-not-listed",
                f"{path} is not listed for this message",
                where=self._at(node),
                why="message.toml says what a message may use, so that a reader of it knows what to expect",
                hint=f'add "{root}" to `uses` in message.toml',
            )
        self._guarded(path, guards, self._at(node), asking=asking)
        return path, offered

    def _guarded(self, path: str, guards: _Guards, where: str, *, asking: bool) -> None:
        names = list(_prefixes(path))
        for name in names[:-1] if asking else names:
            if OFFERED[name].optional and name not in guards:
                raise TemplateProblem(
                    "template-unguarded-name",
                    f"{name} may be absent here",
                    where=where,
                    why=OFFERED[name].says,
                    hint=f"put the sentence between {{% if {name} %}} and {{% endif %}}",
                )

    def _at(self, node: nodes.Node) -> str:
        return f"{self.place}:{node.lineno}"


def dotted(node: nodes.Node) -> str | None:
    """Return ``a.b.c`` for a name or an attribute of one; None for anything computed."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        front = dotted(node.node)
        return None if front is None else f"{front}.{node.attr}"
    return None


def nearest(wrong: str, known: Collection[str]) -> str:
    """Return a hint with the most similar right name, or with all of them when none is similar."""
    close = difflib.get_close_matches(wrong, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(known))}"


def _prefixes(path: str) -> list[str]:
    steps = path.split(".")
    return [".".join(steps[: end + 1]) for end in range(len(steps))]


def _present(test: nodes.Node, *, truth: bool) -> _Guards:
    """Return the names that are certainly there when ``test`` came out as ``truth``."""
    if isinstance(test, nodes.Not):
        return _present(test.node, truth=not truth)
    if isinstance(test, nodes.And | nodes.Or):
        left, right = _present(test.left, truth=truth), _present(test.right, truth=truth)
        return left | right if isinstance(test, nodes.And) is truth else left & right
    path = dotted(test)
    return frozenset(_prefixes(path)) if truth and path else _NOTHING
