"""A mail that was thought of in the dark."""

from __future__ import annotations

from collections.abc import Iterable

from streams.templating.lint.anatomy import Anatomy, anatomy_of
from streams.templating.lint.colors import hex_of, painted, shines
from streams.templating.lint.finding import Found, Page, Quiet
from streams.templating.lint.stylesheet import rules_of


class DarkMode(Quiet):
    """The mail says that it knows dark and light, brings dark colors, and leaves no bright block among them.

    Without the first, mail programs invert colors as they like. A block that stays bright in the dark
    blinds; its words may be readable all the same, so the rule about contrast does not see it.
    """

    why = "half of all phones are dark in the evening"
    source = "caniemail.com on color-scheme and prefers-color-scheme"

    def page(self, page: Page) -> Iterable[Found]:
        """Look at head, stylesheets and dark colors of one rendered sample."""
        anatomy = anatomy_of(page.mail.html)
        if not _says_so(anatomy):
            yield Found(page.where, "the head does not say that there are dark colors", _META)
        if not any("prefers-color-scheme" in rule.at for sheet in anatomy.sheets for rule in rules_of(sheet)):
            yield Found(page.where, "no stylesheet has dark colors", "@media (prefers-color-scheme: dark)")
            return
        bright = {
            seen.paper: seen.words
            for seen in reversed(painted(page.mail.html, dark=True))
            if shines(seen.paper)
        }
        for paper, words in bright.items():
            yield Found(
                page.where, f'"{words[:40]}" stands on {hex_of(paper)}, which stays bright in the dark'
            )


_META = '<meta name="color-scheme" content="light dark">'


def _says_so(anatomy: Anatomy) -> bool:
    names = {
        meta.attributes.get("name"): meta.attributes.get("content", "").split() for meta in anatomy.of("meta")
    }
    return all(
        {"light", "dark"} <= set(names.get(name, ())) for name in ("color-scheme", "supported-color-schemes")
    )


RULE = DarkMode()
