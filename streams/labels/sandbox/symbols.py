"""Draws Code 128 and QR symbols as vectors that land on the dots of a label printer."""

from __future__ import annotations

from functools import lru_cache

import segno
import zint
from reportlab.pdfgen.canvas import Canvas

# Thermal label printers have 203 dots to the inch (8 to the millimeter); a PDF has 72 points to the inch.
DOT = 72 / 203

# ISO/IEC 15417 (Code 128) asks for 10 modules of white on both sides, ISO/IEC 18004 (QR) for 4 all around.
CODE_128_QUIET = 10
QR_QUIET = 4

# Four dots are 0.5 mm: half that size still scans, so a label printed two to a page works.
CODE_128_MODULE = 4 * DOT
# Seven dots are 0.88 mm: a phone reads it from an arm's length.
QR_MODULE = 7 * DOT


def draw_code_128(canvas: Canvas, text: str, *, center: float, bottom: float, height: float) -> None:
    """Draw ``text`` as Code 128, ``height`` points high, on a white ground with its quiet zones.

    Raises:
        ValueError: zint will not encode the text; warnings count as errors, as a label must scan.
    """
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.CODE128
    symbol.warn_level = zint.WarningLevel.FAIL_ALL
    symbol.show_text = False
    symbol.scale = 0.5  # zint then counts one unit to the module
    try:
        symbol.encode(text)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{text!r} cannot be a Code 128: {error}") from error
    symbol.buffer_vector()
    vector = symbol.vector
    assert vector is not None  # buffer_vector() made it
    left = _on_dot(center - vector.width * CODE_128_MODULE / 2)
    _white(
        canvas,
        left - CODE_128_QUIET * CODE_128_MODULE,
        bottom,
        (vector.width + 2 * CODE_128_QUIET) * CODE_128_MODULE,
        height,
    )
    bars = canvas.beginPath()
    for bar in vector.rectangles:
        bars.rect(left + bar.x * CODE_128_MODULE, bottom, bar.width * CODE_128_MODULE, height)
    canvas.drawPath(bars, stroke=0, fill=1)


def draw_qr(canvas: Canvas, text: str, *, left: float, bottom: float) -> float:
    """Draw ``text`` as a QR code on a white ground with its quiet zone; return its side in points."""
    rows = _qr(text)
    side = (len(rows) + 2 * QR_QUIET) * QR_MODULE
    left, bottom = _on_dot(left), _on_dot(bottom)
    _white(canvas, left, bottom, side, side)
    top = bottom + side - QR_QUIET * QR_MODULE
    modules = canvas.beginPath()
    for row_number, row in enumerate(rows, start=1):
        for start, length in _runs(row):
            x = left + (QR_QUIET + start) * QR_MODULE
            modules.rect(x, top - row_number * QR_MODULE, length * QR_MODULE, QR_MODULE)
    canvas.drawPath(modules, stroke=0, fill=1)
    return side


def qr_side(text: str) -> float:
    """Return how long the side of the QR code for ``text`` is, in points, quiet zone included."""
    return (len(_qr(text)) + 2 * QR_QUIET) * QR_MODULE


@lru_cache(maxsize=16)  # a sheet asks for its side first, then for its modules: a third of the sheet's time
def _qr(text: str) -> tuple[bytearray, ...]:
    return tuple(segno.make_qr(text, error="m").matrix)  # level M mends 15 % of the symbol


def _runs(row: bytearray) -> list[tuple[int, int]]:
    """Return (start, length) of the dark stretches: one rectangle each leaves no hairlines between modules."""
    runs: list[tuple[int, int]] = []
    for column, dark in enumerate(row):
        if not dark:
            continue
        if runs and sum(runs[-1]) == column:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((column, 1))
    return runs


def _on_dot(points: float) -> float:
    return round(points / DOT) * DOT


def _white(canvas: Canvas, left: float, bottom: float, width: float, height: float) -> None:
    canvas.setFillGray(1)
    canvas.rect(left, bottom, width, height, stroke=0, fill=1)
    canvas.setFillGray(0)
