"""Lays out the 4 x 6 inch label: what stands where, and how large."""

from __future__ import annotations

from datetime import date
from io import BytesIO

import msgspec
from babel.dates import format_date
from reportlab.lib.units import inch
from reportlab.pdfgen.canvas import Canvas

from streams.labels.sandbox.lettering import Lettering
from streams.labels.sandbox.symbols import draw_code_128, draw_qr, qr_side

SAMPLE = "SAMPLE"
PREPAID = "Prepaid - no postage necessary"

# 4 x 6 inches is the stock of every label printer; 1/8 inch is what their rollers leave blank.
WIDTH, HEIGHT = 4 * inch, 6 * inch
MARGIN = inch / 8
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
INSET = 8.0
INNER = RIGHT - LEFT - 2 * INSET

# From the top of the label downwards, in points: where each band ends.
_BANNER_END, _SENDER_END, _RECEIVER_END, _BARCODE_END = 370.0, 308.0, 220.0, 100.0
_BAR_HEIGHT = 68.0

# The post must read the receiver: never below 8 points. The sender is a courtesy: down to 6.
RECEIVER_SIZE, RECEIVER_FLOOR = 13.0, 8.0
SENDER_SIZE, SENDER_FLOOR = 8.0, 6.0
_SENDER_INDENT, _RECEIVER_INDENT = 32.0, 42.0
RECEIVER_WIDTH = INNER - _RECEIVER_INDENT


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed: every text is spelled in letters that the typeface has, addresses in at most 5 lines."""

    sender: tuple[str, ...]
    receiver: tuple[str, ...]
    tracking_number: str
    return_id: str
    order_id: str
    keep_after: date


def print_sheet(sheet: Sheet, lettering: Lettering, *, across: str = SAMPLE) -> bytes:
    """Return the label as a PDF of one page; the same sheet gives the same bytes (``invariant=1``).

    ``across`` is the word that stands across everything.
    """
    file = BytesIO()
    canvas = Canvas(file, pagesize=(WIDTH, HEIGHT), invariant=1, lang="en")
    canvas.setTitle(f"Return label {sheet.return_id}")
    canvas.setAuthor("firstword")
    canvas.setCreator("firstword")
    canvas.setSubject(f"{across} - not valid for carriage")
    canvas.setLineWidth(1)
    _watermark(canvas, lettering, across)
    _banner(canvas, lettering)
    _sender(canvas, lettering, sheet)
    _receiver(canvas, lettering, sheet)
    _barcode(canvas, lettering, sheet)
    _foot(canvas, lettering, sheet, across)
    _frame(canvas)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def kind_word(keep_after: date) -> tuple[str, ...]:
    """Return the lines about the last day; it is said as a kindness, since the mix-up was ours."""
    return (
        "No hurry: any day that suits you.",
        f"Not sent by {format_date(keep_after, 'd MMMM yyyy', locale='en')}?",
        "Then it is yours to keep, with our thanks.",
    )


def _watermark(canvas: Canvas, lettering: Lettering, across: str) -> None:
    canvas.saveState()
    canvas.setFillGray(0.9)
    canvas.setFont(lettering.bold, 86)
    canvas.translate(WIDTH / 2, HEIGHT / 2 - 10)
    canvas.rotate(56)  # the diagonal of a 4 x 6 sheet
    canvas.drawCentredString(0, -30, across)
    canvas.restoreState()


def _banner(canvas: Canvas, lettering: Lettering) -> None:
    height = HEIGHT - MARGIN - _BANNER_END
    canvas.setFillGray(0)
    canvas.rect(LEFT, _BANNER_END, height, height, stroke=0, fill=1)
    canvas.setFillGray(1)
    canvas.setFont(lettering.bold, 42)
    canvas.drawCentredString(LEFT + height / 2, _BANNER_END + 10.5, "R")
    canvas.setFillGray(0)
    canvas.setFont(lettering.bold, 18)
    canvas.drawString(LEFT + height + 10, _BANNER_END + 30, "RETURN LABEL")
    canvas.setFont(lettering.bold, 9.5)
    canvas.drawString(LEFT + height + 10, _BANNER_END + 13, PREPAID)


def _sender(canvas: Canvas, lettering: Lettering, sheet: Sheet) -> None:
    y = _BANNER_END - 14
    _caption(canvas, lettering, y, "FROM")
    font, width = lettering.regular, INNER - _SENDER_INDENT
    for line in sheet.sender:
        text, size = lettering.fit(line, font, width=width, size=SENDER_SIZE, floor=SENDER_FLOOR)
        canvas.setFont(font, size)
        canvas.drawString(LEFT + INSET + _SENDER_INDENT, y, text)
        y -= 10.5


def _receiver(canvas: Canvas, lettering: Lettering, sheet: Sheet) -> None:
    y = _SENDER_END - 19
    _caption(canvas, lettering, y, "SHIP TO")
    for number, line in enumerate(sheet.receiver):
        font = lettering.regular if number else lettering.bold
        text, size = lettering.fit(line, font, width=RECEIVER_WIDTH, size=RECEIVER_SIZE, floor=RECEIVER_FLOOR)
        canvas.setFont(font, size)
        canvas.drawString(LEFT + INSET + _RECEIVER_INDENT, y, text)
        y -= 15


def _barcode(canvas: Canvas, lettering: Lettering, sheet: Sheet) -> None:
    canvas.setFont(lettering.bold, 8)
    canvas.drawCentredString(WIDTH / 2, _RECEIVER_END - 14, "RETURN TRACKING NUMBER")
    bottom = _BARCODE_END + 29
    draw_code_128(canvas, sheet.tracking_number, center=WIDTH / 2, bottom=bottom, height=_BAR_HEIGHT)
    canvas.setFont(lettering.bold, 12)
    canvas.drawCentredString(WIDTH / 2, _BARCODE_END + 11, in_groups(sheet.tracking_number))


def _foot(canvas: Canvas, lettering: Lettering, sheet: Sheet, across: str) -> None:
    side = qr_side(sheet.tracking_number)
    draw_qr(canvas, sheet.tracking_number, left=RIGHT - side - 4, bottom=MARGIN + 10)
    width = INNER - side
    y = _BARCODE_END - 16
    for caption, value in (("RMA", sheet.return_id), ("ORDER", sheet.order_id)):
        _caption(canvas, lettering, y, caption)
        text, size = lettering.fit(value, lettering.bold, width=width - 36, size=9, floor=5)
        canvas.setFont(lettering.bold, size)
        canvas.drawString(LEFT + INSET + 36, y, text)
        y -= 13
    y -= 3
    for line in kind_word(sheet.keep_after):
        text, size = lettering.fit(line, lettering.regular, width=width, size=7.5, floor=6)
        canvas.setFont(lettering.regular, size)
        canvas.drawString(LEFT + INSET, y, text)
        y -= 10
    canvas.setFont(lettering.bold, 6)
    canvas.drawString(LEFT + INSET, MARGIN + 6, f"{across} - NOT VALID FOR CARRIAGE")


def _frame(canvas: Canvas) -> None:
    canvas.rect(LEFT, MARGIN, RIGHT - LEFT, HEIGHT - 2 * MARGIN, stroke=1, fill=0)
    for y, weight in ((_BANNER_END, 1), (_SENDER_END, 1), (_RECEIVER_END, 3), (_BARCODE_END, 3)):
        canvas.setLineWidth(weight)
        canvas.line(LEFT, y, RIGHT, y)


def _caption(canvas: Canvas, lettering: Lettering, y: float, text: str) -> None:
    canvas.setFont(lettering.bold, 6.5)
    canvas.drawString(LEFT + INSET, y, text)


def in_groups(number: str) -> str:
    """Return a number in groups of four, as people read it aloud."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))
