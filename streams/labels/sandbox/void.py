"""The label of a test mail: drawn like one of practice, and VOID across it, so that nobody can send a parcel with it."""

from __future__ import annotations

from datetime import date
from typing import Final

from streams.core.events import Letter
from streams.labels.sandbox.lettering import Lettering
from streams.labels.sandbox.provider import tracking_number
from streams.labels.sandbox.sheet import Sheet, print_sheet
from streams.pipeline.ports import Attachment

_WORD: Final = "VOID"
_SOME_DAY: Final = date(2027, 1, 5)  # a letter without a day has no label either, in real life
_NOWHERE: Final = ("VOID", "This label is a test.", "No carrier takes it.")


def void_label(letter: Letter | None) -> tuple[Attachment, ...]:
    """Return the label that a test mail carries where the real one would; nothing where it would carry none.

    It says nothing of the letter but its last day: neither names nor numbers of a customer are on it.
    """
    if letter is None or letter.label_id is None:
        return ()
    sheet = Sheet(
        sender=_NOWHERE,
        receiver=_NOWHERE,
        tracking_number=tracking_number(_WORD),
        return_id=_WORD,
        order_id=_WORD,
        keep_after=letter.keep_after or _SOME_DAY,
    )
    content = print_sheet(sheet, Lettering(), across=_WORD)
    return (Attachment(filename="return-label-VOID.pdf", media_type="application/pdf", content=content),)
