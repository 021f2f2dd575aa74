"""Every image says in words what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from streams.templating.lint.anatomy import Element, anatomy_of
from streams.templating.lint.finding import Found, Page, Quiet

_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|svg)$|^(?:image|img|photo|logo|picture)$", re.IGNORECASE)


class ImageAlt(Quiet):
    """Half of all mails are first seen without images, and some readers never see one.

    An image that says nothing has ``alt=""``; one that is a link never does. The name of a file is no text.
    """

    why = "with images off, the alt text is the image"
    source = "WCAG 2.2, 1.1.1"

    def page(self, page: Page) -> Iterable[Found]:
        """Look at every image of one rendered sample."""
        for image in anatomy_of(page.mail.html).of("img"):
            says = _wrong(image)
            if says:
                source = image.attributes.get("src", "")[-60:]
                yield Found(page.where, f"the image {source} {says}", 'alt="what it shows"')


def _wrong(image: Element) -> str:
    alt = image.attributes.get("alt")
    if alt is None:
        return "has no alt text"
    link = next((one for one in image.above if one.tag == "a"), None)
    if not alt.strip() and link is not None and not link.words:
        return "is a link, and its alt text is empty"
    return "has a file name or a kind of image for an alt text" if _FILE.search(alt.strip()) else ""


RULE = ImageAlt()
