"""Makes the answers page: one frame, the brand's colors, a style that is named by its hash, and no script at all."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cached_property
from pathlib import Path
from typing import Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from streams.links import Choice
from streams.templating.brand import Brand
from streams.web.answers.words import Words, language_of, languages

_FOLDER: Final = Path(__file__).parent
_COLOR: Final = re.compile(r"\{([a-z_]+)\}")
_NOWHERE: Final = "#767676"  # a color that a brand forgot: 4.5 against white and black, roughly
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address is all that it takes to answer
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Pages:
    """The pages of one brand."""

    def __init__(self, brand: Brand) -> None:
        self._brand = brand
        made = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._frame = made.get_template("page.html")

    @cached_property
    def headers(self) -> dict[str, str]:
        """Return what every answer carries."""
        mark = b64encode(hashlib.sha256(self._style.encode()).digest()).decode("ascii")
        policy = (
            f"default-src 'none'; style-src 'sha256-{mark}'; form-action 'self'; base-uri 'none';"
            " frame-ancestors 'none'"
        )
        return {**_HEADERS, "Content-Security-Policy": policy}

    def question(self, choice: Choice) -> web.Response:
        """Return what an answer means, and its one button."""
        language = language_of(choice.locale)
        words = languages()[language].of(choice.answer)
        return self._page(
            language, words.question, words.means, choice=choice, button=words.button, aside=False
        )

    def thanks(self, choice: Choice) -> web.Response:
        """Return that it was noted."""
        language = language_of(choice.locale)
        words = languages()[language].of(choice.answer)
        return self._page(language, words.thanks, words.thanks_says, choice=choice)

    def noted_already(self, choice: Choice) -> web.Response:
        """Return that it had been noted before, and that nothing was noted twice."""
        language = language_of(choice.locale)
        words = languages()[language]
        return self._page(language, words.noted_already, words.noted_already_says, choice=choice)

    def unavailable(self, choice: Choice) -> web.Response:
        """Return that it could not be noted, with the button once more."""
        language = language_of(choice.locale)
        words = languages()[language]
        return self._page(
            language,
            words.unavailable,
            words.unavailable_says,
            choice=choice,
            button=words.try_again,
            aside=False,
            status=503,
        )

    def expired(self, choice: Choice) -> web.Response:
        """Return that the link is too old, and the way that is left."""
        language = language_of(choice.locale)
        words = languages()[language]
        return self._page(language, words.expired, words.expired_says, choice=choice, aside=False, status=410)

    def forged(self, asked: str) -> web.Response:
        """Return that the link is none of ours, in the browser's language."""
        language = language_of(asked)
        words = languages()[language]
        return self._page(language, words.forged, words.forged_says, aside=False, status=403)

    def nowhere(self, asked: str, status: int) -> web.Response:
        """Return that there is no such page."""
        language = language_of(asked)
        words = languages()[language]
        return self._page(language, words.nowhere, words.nowhere_says, aside=False, status=status)

    def _page(
        self,
        language: str,
        heading: str,
        says: str,
        *,
        choice: Choice | None = None,
        button: str = "",
        aside: bool = True,
        status: int = 200,
    ) -> web.Response:
        words = languages()[language]
        text = self._frame.render(
            language=language,
            brand=self._brand.name,
            heading=heading,
            order=_order(words, choice),
            says=self._with_reply(says),
            button=button,
            answer=choice.answer if choice is not None else "",
            aside=self._with_reply(words.changed_mind) if aside else "",
            style=Markup(self._style),  # noqa: S704 - our own sheet, and colors that the brand's reader has checked
        )
        return web.Response(text=text, content_type="text/html", status=status)

    def _with_reply(self, sentence: str) -> Markup:
        reply = self._brand.sender.reply_to
        link = Markup('<a href="mailto:{0}">{0}</a>').format(reply)
        return escape(sentence).replace("{reply}", link)

    @cached_property
    def _style(self) -> str:
        sheet = (_FOLDER / "style.css").read_text("utf-8")
        return _COLOR.sub(lambda found: self._brand.colors.get(found[1], _NOWHERE), sheet)


def _order(words: Words, choice: Choice | None) -> str:
    return "" if choice is None else words.order.format(order=choice.order_id)
