"""Foreign text made fit for one line of a mail: no line breaks, no control or direction characters."""

from __future__ import annotations

import re

# C0/C1 controls, zero-width space and BOM, line and paragraph separators, bidi embeddings, overrides and
# isolates (they reorder the words around them), surrogates and noncharacters (they have no UTF-8).
_UNFIT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\ufeff\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)
# A greeting takes letters, combining marks, and what stands between the letters of a name.
_NAME = re.compile(r"(?:[^\W\d_]|[\u0300-\u036f\u0900-\u0dff'\u2019.-])+\Z")


def one_line(text: str, limit: int) -> str:
    """Return ``text`` on one line, at most ``limit`` characters, with an ellipsis where it was cut."""
    if not text.isprintable():  # nothing unfit is printable, and nearly everything is
        text = _UNFIT.sub(" ", text)
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def first_name(full_name: str | None) -> str | None:
    """Return the name to greet with, or None when there is none that is safe to print.

    Anybody can type anything into a name field, and mail programs turn ``evil.example`` into a link: a
    word with digits, slashes or an inner full stop is not greeted. ``Silva, Maria`` greets Maria.
    """
    words = one_line(full_name or "", 200).split(" ")
    if words[0].endswith(",") and len(words) > 1:
        words = words[1:]
    name = words[0].rstrip(",")
    looks_like_name = 0 < len(name) <= 40 and _NAME.match(name) and any(map(str.isalpha, name))
    return name if looks_like_name and "." not in name[:-1] else None
