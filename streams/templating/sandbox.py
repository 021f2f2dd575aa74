"""The room in which templates run: they can read the offered names and print them, nothing else.

Jinja's own sandbox stops attribute walks but not ``"a" * 2000000000``, ``lipsum`` or nested ranges. Here
there are no globals, no calls and no arithmetic; an attribute is a key of a plain dict; the few filters
and tests that parts need are named one by one.
"""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined, Template, Undefined
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

_LOOP = frozenset({"first", "last", "index"})
_OPERATORS = frozenset({"+", "-", "*", "/", "//", "%", "**"})
# A customer's mail is 20 to 40 KB; a megabyte is a mistake that must not reach a mail server.
OUTPUT_LIMIT = 1_000_000


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment that only prints."""

    intercepted_binops = _OPERATORS
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(autoescape=autoescape, undefined=StrictUndefined, keep_trailing_newline=True)
        escape = self.filters["e"]
        self.globals.clear()
        self.filters = {"e": escape, "escape": escape}
        self.tests = {}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return a key of a plain dict, or one of three facts about a loop; everything else is undefined."""
        if type(obj) is dict:
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if type(obj) is LoopContext and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            return obj  # the first missing step is the one to complain about, when it is printed
        return self.unsafe_undefined(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Treat ``a["b"]`` as ``a.b``."""
        return self.getattr(obj, argument) if isinstance(argument, str) else self.unsafe_undefined(obj, "[]")

    def call(self, context: Context, obj: Any, /, *_: Any, **__: Any) -> Any:  # noqa: ARG002 - Jinja's signature
        """Refuse: parts are written out when the template is compiled, so nothing is ever called."""
        raise SecurityError(f"{obj!r} cannot be called from a template")

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002 - same
        """Refuse arithmetic: numbers come formatted, and multiplication is how a sandbox runs out of memory."""
        raise SecurityError(f"{operator!r} cannot be used in a template")

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:  # noqa: ARG002 - same
        """Refuse, like :meth:`call_binop`."""
        raise SecurityError(f"{operator!r} cannot be used in a template")


HTML = Sandbox(autoescape=True)
TEXT = Sandbox(autoescape=False)


def fill(template: Template, names: dict[str, Any]) -> str:
    """Return the template filled in.

    Raises:
        SecurityError: the output is larger than :data:`OUTPUT_LIMIT` characters.
        jinja2.UndefinedError: the template uses a name that the letter does not have.
    """
    out: list[str] = []
    size = 0
    for chunk in template.generate(names):
        out.append(chunk)
        size += len(chunk)
        if size > OUTPUT_LIMIT:
            raise SecurityError(f"the mail is larger than {OUTPUT_LIMIT} characters")
    return "".join(out)
