"""The shop's picture at the head of every mail: inside the mail, so that opening it tells nobody anything."""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from streams.pipeline.ports import Image
from streams.problems import TemplateProblem
from streams.templating.brand import Brand
from streams.templating.sources import BRAND, LOGO, Source

LARGEST: Final = 40_000  # bytes: it goes along with every mail, as a third more in base64
_SIGNATURE: Final = (
    b"\x89PNG\r\n\x1a\n"  # PNG 1.2, 3.1; its first chunk is IHDR: width and height, four bytes each
)
_HEAD: Final = struct.Struct(">8sI4sII")


def read_logo(brand: Brand, source: Source | None) -> Image | None:
    """Return the picture that the brand asks for; None where it asks for none.

    Its id is made of what it shows, so a mail in a thread shows the one it was sent with.

    Raises:
        TemplateProblem: ``template-logo``: there is none, or it is no PNG, or too large for a mail.
    """
    if brand.logo is None:
        return None
    if source is None:
        raise _unfit(f"templates/{LOGO}", f"[logo] in {BRAND} wants one, and there is no {LOGO} beside it")
    if len(source.content) > LARGEST:
        raise _unfit(source.place, f"it has {len(source.content)} bytes, and goes along with every mail")
    if len(source.content) < _HEAD.size or not source.content.startswith(_SIGNATURE):
        raise _unfit(source.place, "it is no PNG; other kinds are not shown everywhere")
    _, _, chunk, width, height = _HEAD.unpack_from(source.content)
    if chunk != b"IHDR" or not width or not height:
        raise _unfit(source.place, "it is no PNG that a mail program would show")
    mark = blake2b(source.content, digest_size=8).hexdigest()
    return Image(
        content_id=f"logo.{mark}@{brand.message_id_domain}", media_type="image/png", content=source.content
    )


def _unfit(where: str, why: str) -> TemplateProblem:
    return TemplateProblem(
        "template-logo",
        "the logo cannot be used",
        where=where,
        why=why,
        hint=f"put a PNG of at most {LARGEST} bytes there, twice as wide as it is shown; or take [logo] out",
    )
