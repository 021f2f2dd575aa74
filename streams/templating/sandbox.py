"""The room in which templates run: they can read the offered names and print them, nothing else.

Jinja's own sandbox stops attribute walks but not ``"a" * 2000000000``, ``lipsum`` or nested ranges, and
asks about every attribute again in every mail. Here a template becomes a function of a few forms
(:mod:`streams.templating.steps`), and whatever is none of them is refused before the first mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, UndefinedError, nodes
from jinja2.exceptions import SecurityError

from streams.templating.steps import Names, Template, template_of

# Only ever reads sources; nothing is rendered with it.
_GRAMMAR = Environment(autoescape=True, keep_trailing_newline=True)
_NOTHING: Mapping[str, Any] = MappingProxyType({})
# A customer's mail is 20 to 40 KB; a megabyte is a mistake that must not reach a mail server.
OUTPUT_LIMIT = 1_000_000


class Sandbox:
    """Makes templates that only print; in HTML whatever they print is escaped."""

    def __init__(self, *, autoescape: bool) -> None:
        self._escapes = autoescape

    def parse(self, source: str) -> nodes.Template:
        """Return the tree of a source.

        Raises:
            jinja2.TemplateSyntaxError: it is not a template at all.
        """
        return _GRAMMAR.parse(source)

    def from_string(self, source: str, constants: Mapping[str, Any] = _NOTHING) -> Template:
        """Return a template; names among ``constants`` are filled in now.

        Raises:
            jinja2.TemplateSyntaxError: the source is not a template at all.
            SecurityError: it wants more than to print.
        """
        return template_of(self.parse(source), constants, escapes=self._escapes)


HTML = Sandbox(autoescape=True)
TEXT = Sandbox(autoescape=False)


def pieces(template: Template, names: Names) -> list[str]:
    """Return the template filled in, in pieces; those that do not depend on the letter are the same objects each time.

    Raises:
        SecurityError: the output is larger than :data:`OUTPUT_LIMIT` characters.
        jinja2.UndefinedError: the template uses a name that the letter does not have.
    """
    written: list[str] = []
    try:
        template.write(names, written)
    except KeyError as missing:
        raise UndefinedError(f"{missing} is undefined") from None
    except TypeError as error:  # a key was looked up in something that has none
        raise UndefinedError(f"a name leads nowhere: {error}") from None
    if sum(map(len, written)) > OUTPUT_LIMIT:
        raise SecurityError(f"the mail is larger than {OUTPUT_LIMIT} characters")
    return written


def fill(template: Template, names: Names) -> str:
    """Return the template filled in, like :func:`pieces`."""
    return "".join(pieces(template, names))
