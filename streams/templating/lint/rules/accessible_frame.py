"""A frame that can be heard, enlarged and found one's way in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from streams.templating.lint.anatomy import Anatomy, Element, anatomy_of
from streams.templating.lint.colors import painted
from streams.templating.lint.finding import Found, Page, Quiet

SMALLEST = 14  # CSS pixels
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur", "yi"})
_LOCKED = re.compile(r"user-scalable\s*=\s*(?:no|0)|maximum-scale\s*=\s*1(?:\.0)?(?!\d)")


class AccessibleFrame(Quiet):
    """Says its language and its direction, has a title, hides tables that only lay out, and can be enlarged.

    Screen readers speak in the language that ``lang`` names, and read every table that is not
    ``role="presentation"`` cell by cell. No words are smaller than 14 pixels.
    """

    why = "some readers hear a mail, and some enlarge it"
    source = "WCAG 2.2, 1.3.1, 1.4.4, 2.4.2 and 3.1.1"

    def page(self, page: Page) -> Iterable[Found]:
        """Look at the frame of one rendered sample."""
        anatomy = anatomy_of(page.mail.html)
        language = page.locale.partition("_")[0].partition("@")[0]
        for says, better in (*_head(anatomy, language), *_tables(anatomy), *_sizes(page.mail.html)):
            yield Found(page.where, says, better)


def _head(anatomy: Anatomy, language: str) -> Iterator[tuple[str, str]]:
    top = anatomy.first("html")
    attributes = top.attributes if top is not None else {}
    spoken = attributes.get("lang", "")
    if spoken.replace("_", "-").partition("-")[0] != language:
        yield f'lang is "{spoken}", and the words are in {language}', '<mjml lang="{{ lang }}">'
    wanted = "rtl" if language in _RIGHT_TO_LEFT else "ltr"
    if attributes.get("dir") != wanted:
        yield f'dir is "{attributes.get("dir", "")}", and {language} runs {wanted}', f'dir="{wanted}"'
    title = anatomy.first("title")
    if title is None or not title.own_text:
        yield "there is no title", "<mj-title>{{ subject }}</mj-title>"
    for meta in anatomy.of("meta"):
        if meta.attributes.get("name") == "viewport" and _LOCKED.search(meta.attributes.get("content", "")):
            yield "the mail cannot be enlarged on a phone", "leave out user-scalable and maximum-scale"


def _tables(anatomy: Anatomy) -> Iterator[tuple[str, str]]:
    for table in anatomy.of("table"):
        if table.attributes.get("role") not in {"presentation", "none"} and not _has_heads(table):
            yield f'a table is read cell by cell: "{table.words[:40]}"', 'role="presentation"'


def _has_heads(table: Element) -> bool:
    return any(one.tag in {"th", "caption"} for one in table.below)


def _sizes(html: str) -> Iterator[tuple[str, str]]:
    small = {seen.size: seen.words for seen in painted(html, dark=False) if seen.size < SMALLEST}
    for size, words in small.items():
        yield f'"{words[:40]}" is {size:g} pixels high', f"{SMALLEST} or more"


RULE = AccessibleFrame()
