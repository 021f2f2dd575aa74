"""Links that lead where they say, and say where they lead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from streams.templating.lint.anatomy import anatomy_of
from streams.templating.lint.finding import Draft, Found, Page, Quiet

_SHORTENERS = frozenset(
    {"bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "lnkd.in"}
)
_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})(?:[/?#:]\S*)?", re.IGNORECASE
)
_WRITTEN = re.compile(r"(?<!\\)\[(?P<words>[^\]\n]*)\]\((?P<target>[^)\n]*)\)")
_TAGS = re.compile(r"\{[{%#].*?[}%#]\}")
_SOME = "something"  # stands for what is filled in later
_NUMBERS = re.compile(r"[\d.]+|.*:.*")
# Words that say nothing when a screen reader lists the links of a mail.
_NAMELESS = {
    "de": {"hier", "hier klicken", "klicken sie hier", "link", "mehr", "weiterlesen", "dieser link"},
    "en": {"here", "click here", "click", "link", "this link", "more", "read more", "learn more", "this"},
    "es": {"aquí", "haga clic aquí", "haz clic aquí", "enlace", "este enlace", "más", "leer más"},
    "fr": {"ici", "cliquez ici", "lien", "ce lien", "plus", "en savoir plus", "lire la suite"},
    "pt": {"aqui", "clique aqui", "link", "este link", "mais", "saiba mais", "leia mais"},
}


class Links(Quiet):
    """``https``, ``mailto`` or an image of the mail itself; a host that is what it looks like; words that name the aim.

    No shortened addresses, no bare numbers, no names of letters that look like others, no text that shows
    one address and leads to another: people have learned that such mails are not from us.
    """

    why = "a link is the one thing in a mail that can harm, and people are told to distrust it"
    source = "WCAG 2.2, 2.4.4; M3AAWG sender best practices"

    def draft(self, draft: Draft) -> Iterable[Found]:
        """Look at the links as they are written, with their lines."""
        language = _language(draft.locale)
        body = draft.words.body
        for match in _WRITTEN.finditer(body):
            words = _TAGS.sub(_SOME, match["words"]).strip("*_` .:")
            target = _TAGS.sub(f"https://{_SOME}.example", match["target"])
            for says, better in _wrong(words, target, language):
                yield Found(
                    draft.at(body.count("\n", 0, match.start()) + 1),
                    f'the link "{words[:40]}" {says}',
                    better,
                )

    def page(self, page: Page) -> Iterable[Found]:
        """Look at every link of one rendered sample."""
        language = _language(page.locale)
        for link in anatomy_of(page.mail.html).of("a"):
            words = link.words.strip(" .:") or " ".join(one.attributes.get("alt", "") for one in link.below)
            for says, better in _wrong(words, link.attributes.get("href", "").strip(), language):
                yield Found(page.where, f'the link "{words[:40]}" {says}', better)


def _language(locale: str) -> str:
    return locale.partition("_")[0].partition("@")[0]


def _wrong(words: str, target: str, language: str) -> Iterator[tuple[str, str]]:
    if not target or target == "#":
        yield "leads nowhere", "give it an address"
        return
    if not words.strip():
        yield "has no words", "say where it leads"
    if words.lower() in _NAMELESS.get(language, ()):
        yield "does not say where it leads", "name the aim: the order, the label, the answer"
    try:
        parts = urlsplit(target)
    except ValueError:  # a bracket that is not closed, a number that is no port
        yield "leads to an address that is none", "https:// and the name of the shop"
        return
    if parts.scheme not in {"https", "mailto"}:
        yield f"leads to {parts.scheme or 'an unfinished address'}", "https:// or mailto:"
    elif parts.scheme == "https":
        yield from _of_host(words, parts.hostname or "", has_name="@" in parts.netloc)


def _of_host(words: str, host: str, *, has_name: bool) -> Iterator[tuple[str, str]]:
    if not host.isascii() or host.startswith("xn--") or ".xn--" in host:
        yield f"leads to {host}, whose letters look like others", "a host in plain letters"
    if _NUMBERS.fullmatch(host) or "." not in host or has_name:
        yield "leads to an address that is no plain host", "https:// and the name of the shop"
    if host.removeprefix("www.") in _SHORTENERS:
        yield f"is shortened by {host}", "the whole address"
    shown = _ADDRESS.fullmatch(words)
    if shown and shown[1].lower() != host.removeprefix("www."):
        yield f"shows one address and leads to {host}", "words instead of an address"


RULE = Links()
