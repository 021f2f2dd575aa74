"""What of HTML and CSS a mail uses, in the names of caniemail.com, and which mail programs do not show it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import mrml

from streams.templating.lint.anatomy import Anatomy, Element, anatomy_of, declarations
from streams.templating.lint.stylesheet import rules_of

LIST: Final = Path(__file__).parent / "lists" / "caniemail.json"
# Programs that many people read mail with, by the share that litmus.com/email-client-market-share names and,
# for our languages, the large free mailers of Germany and France. Windows Mail is no longer made.
WIDELY_USED: Final = MappingProxyType(
    {
        "apple-mail.ios": "Apple Mail (iPhone)",
        "apple-mail.macos": "Apple Mail (Mac)",
        "gmail.android": "Gmail (Android)",
        "gmail.desktop-webmail": "Gmail (browser)",
        "gmail.ios": "Gmail (iPhone)",
        "gmx.desktop-webmail": "GMX",
        "orange.desktop-webmail": "Orange",
        "outlook.android": "Outlook (Android)",
        "outlook.ios": "Outlook (iPhone)",
        "outlook.macos": "Outlook (Mac)",
        "outlook.outlook-com": "Outlook.com",
        "outlook.windows": "Outlook (Windows)",
        "samsung-email.android": "Samsung Email",
        "web-de.desktop-webmail": "WEB.DE",
        "yahoo.desktop-webmail": "Yahoo Mail",
    }
)
# caniemail names a feature by what it is about; these are the ones whose names do not follow from that.
_PROPERTIES: Final = {
    "column-gap": "css-gap",
    "row-gap": "css-gap",
    "left": "css-left-right-top-bottom",
    "right": "css-left-right-top-bottom",
    "top": "css-left-right-top-bottom",
    "bottom": "css-left-right-top-bottom",
    "grid-template-columns": "css-grid-template",
    "grid-template-rows": "css-grid-template",
    "grid-template-areas": "css-grid-template",
}
_ELEMENTS: Final = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), "html-h1-h6"),
    **dict.fromkeys(("ul", "ol", "dl"), "html-lists"),
    **dict.fromkeys(
        (
            "article",
            "aside",
            "details",
            "figure",
            "footer",
            "header",
            "main",
            "mark",
            "nav",
            "section",
            "summary",
        ),
        "html-semantics",
    ),
    "map": "html-image-maps",
    "button": "html-button-submit",
}
_FUNCTIONS: Final = {"var": "css-variables", "calc": "css-unit-calc"}
_MEDIA: Final = {
    "prefers-color-scheme": "css-at-media-prefers-color-scheme",
    "prefers-reduced-motion": "css-at-media-prefers-reduced-motion",
    "hover": "css-at-media-hover",
    "orientation": "css-at-media-orientation",
}
_FORMATS: Final = {"jpeg": "jpg", "tif": "tiff", "heic": "heif"}
_FUNCTION: Final = re.compile(r"([a-z-]+)\(")
_UNIT: Final = re.compile(r"(?<![\w#.-])-?[\d.]+([a-z]+|%)")
_PSEUDO: Final = re.compile(r"(::?)([a-z-]+)")
_SELECTORS: Final = (
    (re.compile(r"\["), "css-selector-attribute"),
    (re.compile(r"\+"), "css-selector-adjacent-sibling"),
    (re.compile(r"~"), "css-selector-general-sibling"),
    (re.compile(r"&"), "css-nesting"),
)
# An empty mail of the engine that ours are made with, with one of each component: what it uses is its own.
_EMPTY: Final = """<mjml lang="en" dir="ltr"><mj-head><mj-title>t</mj-title><mj-preview>p</mj-preview></mj-head><mj-body>
<mj-section><mj-column><mj-text>t</mj-text><mj-button href="https://shop.example.com/">t</mj-button>
<mj-image src="cid:a" alt="t" /><mj-divider /><mj-spacer /><mj-table><tr><td>t</td></tr></mj-table></mj-column></mj-section>
</mj-body></mjml>"""


@cache
def unsupported() -> Mapping[str, tuple[str, ...]]:
    """Return, for each feature, the widely used programs that do not show it."""
    listed = json.loads(LIST.read_text("utf-8"))["features"]
    return {
        slug: tuple(shown for client, shown in WIDELY_USED.items() if client in feature["no"].split())
        for slug, feature in listed.items()
    }


@cache
def baseline() -> frozenset[str]:
    """Return the features that an empty mail of our engine uses."""
    return frozenset(used(anatomy_of(mrml.to_html(_EMPTY).content)))


def used(anatomy: Anatomy) -> dict[str, str]:
    """Return the features of a mail that caniemail knows, each with what shows it (``display: flex``)."""
    found: dict[str, str] = {}
    for slug, shown in _used(anatomy):
        if slug in unsupported():
            found.setdefault(slug, shown)
    return found


def _used(anatomy: Anatomy) -> Iterator[tuple[str, str]]:
    for element in anatomy.elements:
        yield from _of_element(element)
    for style in {element.attributes.get("style", "") for element in anatomy.elements}:
        yield from _of_style(declarations(style).items())
    for sheet in anatomy.sheets:
        for rule in rules_of(sheet):
            yield from _of_head(rule.at)
            yield from _of_selector(rule.selector)
            yield from _of_style(rule.style)


def _of_element(element: Element) -> Iterator[tuple[str, str]]:
    tag = element.tag
    yield _ELEMENTS.get(tag, f"html-{tag}"), f"<{tag}>"
    if tag == "input":
        yield f"html-input-{element.attributes.get('type', 'text')}", "<input>"
    for name in element.attributes:
        if name not in {"style", "name"}:
            yield f"html-{name}", f'{name}="..." on <{tag}>'
    if element.attributes.get("href", "").startswith("#"):
        yield "html-anchor-links", "a link to a place in the same mail"
    yield from _of_image(element.attributes.get("src", "") if tag == "img" else "")


def _of_image(source: str) -> Iterator[tuple[str, str]]:
    if source.startswith("data:"):
        yield "image-base64", "an image inside the HTML"
    ending = source.split("?", maxsplit=1)[0].rpartition(".")[2].lower()
    if source and ending:
        yield f"image-{_FORMATS.get(ending, ending)}", f"a picture of the kind {ending}"


def _of_style(style: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for name, value in style:
        shown = f"{name}: {value}"
        yield _property(name), shown
        yield f"css-{name}-{value.split(' ')[0]}", shown
        for function in _FUNCTION.findall(value):
            yield _FUNCTIONS.get(function, f"css-function-{function}"), shown
            yield f"css-{function}", shown
        for unit in _UNIT.findall(value):
            yield f"css-unit-{'percent' if unit == '%' else unit}", shown


def _property(name: str) -> str:
    """Return the feature of a property, or that of the nearest shorthand that has one."""
    slug = _PROPERTIES.get(name, f"css-{name}")
    while slug not in unsupported() and slug.count("-") > 1:
        slug = slug.rpartition("-")[0]
    return slug


def _of_head(head: str) -> Iterator[tuple[str, str]]:
    if head.startswith("@"):
        yield f"css-at-{head[1:].split(maxsplit=1)[0].split('(', maxsplit=1)[0]}", head
        for word, slug in _MEDIA.items():
            if word in head:
                yield slug, head


def _of_selector(selector: str) -> Iterator[tuple[str, str]]:
    for colons, name in _PSEUDO.findall(selector):
        yield f"css-pseudo-{'element' if colons == '::' else 'class'}-{name}", selector
    for pattern, slug in _SELECTORS:
        if pattern.search(selector):
            yield slug, selector
