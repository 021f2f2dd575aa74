"""A mail seen as some people see it: in the dark, turned dark by force, without its images.

Mail programs differ in what they do to a page. These are the four that decide how a mail looks; the page
itself stays as it was sent, but for what each view needs.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

# What each view is, as the person who looks at it is told.
VIEWS: Final = MappingProxyType(
    {
        "light": "as most people see it",
        "dark": "dark, with the colors that we chose (Apple Mail, Outlook on phones)",
        "forced_dark": "turned dark by the mail program (Gmail on phones, Outlook on Windows)",
        "images_off": "without images, as many programs show it at first",
    }
)
_ASKS_DARK: Final = re.compile(r"@media\s*\(\s*prefers-color-scheme:\s*dark\s*\)")
_IMAGE: Final = re.compile(r"""(<img\b[^>]*?\s)src=("[^"]*"|'[^']*')""", re.IGNORECASE)
_BACKGROUND: Final = re.compile(r"""\sbackground=("[^"]*"|'[^']*')|url\([^)]*\)""", re.IGNORECASE)
_HEAD_END: Final = "</head>"
# An approximation: programs that invert do it color by color; images are turned back, as theirs are.
_INVERTED: Final = "<style>html{background:#fff;filter:invert(1) hue-rotate(180deg)}img{filter:invert(1) hue-rotate(180deg)}</style>"
_AUTHORED: Final = "<style>:root{color-scheme:dark}</style>"


def view(html: str, name: str) -> str:
    """Return a rendered mail as the view called ``name`` shows it.

    Which colors a reader's own system prefers plays no part: every view looks the same everywhere.

    Raises:
        KeyError: there is no such view; :data:`VIEWS` has them all.
    """
    if name not in VIEWS:
        raise KeyError(name)
    if name == "dark":
        return _with(_ASKS_DARK.sub("@media all", html), _AUTHORED)
    light = _ASKS_DARK.sub("@media not all", html)
    if name == "forced_dark":
        return _with(light, _INVERTED)
    if name == "images_off":
        return _BACKGROUND.sub("", _IMAGE.sub(r"\1", light))
    return light


def _with(html: str, style: str) -> str:
    head, end, body = html.partition(_HEAD_END)
    return f"{head}{style}{end}{body}" if end else f"{style}{html}"
