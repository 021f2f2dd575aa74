"""Looks at a label before anybody gets it: the document opens, and a scanner reads the number that was issued.

What is wrong is given back to the seller, where that can be had, and refused: the customer's letter then goes without
it. A seller that does not say whether it took the label back is asked again, and so is everything before.
"""

from __future__ import annotations

import re
import threading
from typing import Final

import pypdfium2
import zxingcpp

from streams.core.events import ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested, Status
from streams.core.money import Money
from streams.pipeline.ports import LabelProvider
from streams.problems import InputProblem, Problem

# 203 dots to the inch is what label printers have; at 406 a scanner reads what was drawn for the finer ones.
_SCALES: Final = (203 / 72, 406 / 72)
_LARGEST: Final = (
    36_000_000  # dots of a page that is drawn: a sheet of A4 at 406 dots to the inch has half of it
)
_PAGES: Final = 3  # a label, perhaps a receipt, perhaps a customs form
_LEAST: Final = 10  # characters of a number that may stand behind a routing code
_SEPARATORS: Final = re.compile(r"[^A-Z0-9]")
_PDFIUM: Final = threading.Lock()  # PDFium is not safe to be used by several threads


class CheckedLabels:
    """A provider whose labels are looked at; everything else is the provider's own."""

    def __init__(self, provider: LabelProvider) -> None:
        self._provider = provider
        self.name = provider.name
        self.is_remote = provider.is_remote
        self.refund_days = provider.refund_days

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return what the provider says."""
        return self._provider.quote(request)

    def buy(self, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Return what the provider says."""
        return self._provider.buy(request)

    def document(self, issued: ReturnLabelIssued) -> bytes:
        """Return the label as a PDF that opens and that a scanner reads; one that it cannot read is given back.

        Raises:
            InputProblem: ``label-unreadable`` or ``label-of-another-parcel``; nobody gets this label.
            Problem: whatever the provider raises.
        """
        try:
            pdf = self._provider.document(issued)
            check(pdf, issued)
        except Problem as problem:
            if not problem.retriable:
                self._give_back(issued, problem)
            raise
        return pdf

    def void(self, issued: ReturnLabelIssued) -> bool:
        """Return what the provider says."""
        return self._provider.void(issued)

    def track(self, tracking_number: str) -> Status | None:
        """Return what the provider says."""
        return self._provider.track(tracking_number)

    def _give_back(self, issued: ReturnLabelIssued, problem: Problem) -> None:
        try:
            self._provider.void(issued)
        except Problem as void_problem:
            if void_problem.retriable:
                raise void_problem from problem  # it would be paid for and forgotten otherwise


def check(pdf: bytes, issued: ReturnLabelIssued) -> None:
    """Do nothing when the label opens and one of its barcodes says the tracking number of the event.

    Raises:
        InputProblem: ``label-unreadable``: it does not open, or no barcode can be read on it;
            ``label-of-another-parcel``: they say other numbers.
    """
    try:
        read = _read(pdf, _plain(issued.tracking_number))
    except (pypdfium2.PdfiumError, ValueError, OverflowError, MemoryError) as error:
        raise _unreadable(issued, f"it does not open: {type(error).__name__}") from error
    if read is None:
        return
    if not read:
        raise _unreadable(issued, "no barcode can be read on it")
    raise InputProblem(
        "label-of-another-parcel",
        f"The label {issued.label_id} is not that of parcel {issued.tracking_number}.",
        where=f"order {issued.order_id}, return {issued.return_id}",
        why=f"its barcodes say {', '.join(sorted(read))[:200]}",
        hint="Nobody gets it; it is given back where the seller takes it.",
    )


def says(code: str, number: str) -> bool:
    """True when a barcode's text is the tracking number, alone or behind its routing.

    USPS writes 420 and the postal code before it (Publication 199, 3.2), FedEx its own form and routing; the number comes last.
    """
    plain, wanted = _plain(code), _plain(number)
    return bool(wanted) and (plain == wanted or (len(wanted) >= _LEAST and plain.endswith(wanted)))


def _read(pdf: bytes, number: str) -> set[str] | None:
    """Return the texts of all barcodes; None as soon as one says the number."""
    found: set[str] = set()
    with _PDFIUM:
        document = pypdfium2.PdfDocument(pdf)
        try:
            for scale in _SCALES:
                for place in range(min(len(document), _PAGES)):
                    texts = _barcodes(document[place], scale)
                    if any(says(text, number) for text in texts):
                        return None
                    found |= texts
        finally:
            document.close()
    return found


def _barcodes(page: pypdfium2.PdfPage, scale: float) -> set[str]:
    width, height = page.get_size()
    dots = width * height * scale * scale
    if dots > _LARGEST:
        scale *= (_LARGEST / dots) ** 0.5
    picture = page.render(scale=scale, grayscale=True).to_pil()
    return {code.text for code in zxingcpp.read_barcodes(picture)}


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", text.upper())


def _unreadable(issued: ReturnLabelIssued, why: str) -> InputProblem:
    return InputProblem(
        "label-unreadable",
        f"The label {issued.label_id} is not one that a carrier can scan.",
        where=f"order {issued.order_id}, return {issued.return_id}",
        why=why,
        hint="Nobody gets it; it is given back where the seller takes it.",
    )
