"""Sells return labels that cost nothing and carry nothing: for trying out, for tests, for the demo.

What it sees:
    A ``ReturnLabelRequested``: the return id, the last day, the country where the parcel starts.

What it does:
    The tracking number is made of the return id alone (``SBX``, fifteen digits, a check digit), so the
    same request has the same label for ever, on every machine, without anything being stored. The label is
    4 x 6 inches: from, to, a Code 128 and a QR code that both say the tracking number, the return id as RMA,
    the last day as a kindness, and SAMPLE across everything.

What it prints of a name:
    Letters that the typeface has stay; others lose their accent (``Wiśniewska`` becomes ``Wisniewska``). A
    line in another script is not guessed at: the sender's is replaced by a note that names the order, the
    shop's own return address is refused when the program starts. A ``Typeface`` with more letters lifts both.

Known limits:
    No carrier accepts the label. Right-to-left scripts are not set. ``ZZ``, which ISO 3166 leaves to its users
    as no country, is refused, so that the way of a refusal can be tried out too.

Example:
    ``SandboxLabels(Address(name="Returns", street="1 Example Way", city="Exampletown")).buy(request)``
"""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from hashlib import blake2b

from babel import Locale

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested, Status
from streams.core.ids import identify
from streams.core.money import Money
from streams.labels import SenderOf, unknown_sender
from streams.labels.sandbox.lettering import ELLIPSIS, VERA, Lettering, Typeface
from streams.labels.sandbox.sheet import (
    RECEIVER_FLOOR,
    RECEIVER_SIZE,
    RECEIVER_WIDTH,
    Sheet,
    print_sheet,
)
from streams.problems import InputProblem, UsageProblem
from streams.settings import Settings

CARRIER = "sandbox"
NOWHERE = "ZZ"

SAMPLE_ADDRESS = Address(
    name="Returns - Example Shop",
    street="1 Example Way",
    city="Exampletown",
    postal_code="00000",
    country="US",
)

_DAY_LENGTH = len("2027-01-05")

# Where the region follows the town on one line, with the postal code behind (UPU S42 templates).
_TOWN_FIRST = frozenset({"US", "CA", "AU"})


class SandboxLabels:
    """The practice provider; ``sender_of`` finds a customer's address by order id, where it is known."""

    name = "sandbox"
    is_remote = False
    refund_days = None

    def __init__(
        self,
        return_address: Address | None = None,
        *,
        sender_of: SenderOf = unknown_sender,
        typeface: Typeface = VERA,
    ) -> None:
        self._lettering = Lettering(typeface)
        self._receiver = _spelled_receiver(return_address or SAMPLE_ADDRESS, self._lettering)
        self._sender_of = sender_of

    @classmethod
    def from_settings(cls, settings: Settings, *, sender_of: SenderOf = unknown_sender) -> SandboxLabels:
        """Return the provider that prints the shop's return address.

        Raises:
            UsageProblem: ``return-address-unusable``: the return address cannot be printed.
        """
        return cls(settings.return_address(), sender_of=sender_of)

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return the price that was decided; None for the country that gets no label."""
        return None if request.country == NOWHERE else request.cost

    def buy(self, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Issue the label of this return id; asking twice is the same as asking once."""
        if request.country == NOWHERE:
            return ReturnLabelRefused(
                order_id=request.order_id,
                case_id=request.case_id,
                return_id=request.return_id,
                reason=f"no labels are sold from {NOWHERE}",
            )
        return ReturnLabelIssued(
            order_id=request.order_id,
            case_id=request.case_id,
            return_id=request.return_id,
            label_id=_label_id(request.return_id, request.keep_after),
            carrier=CARRIER,
            tracking_number=tracking_number(request.return_id),
            cost=request.cost,
        )

    def document(self, issued: ReturnLabelIssued) -> bytes:
        """Return the label as a PDF, drawn from nothing but the fact that it was issued.

        Raises:
            InputProblem: the label is not one of this provider's.
        """
        spell = self._lettering.spell_identity
        return print_sheet(
            Sheet(
                sender=self._sender(issued.order_id),
                receiver=self._receiver,
                tracking_number=issued.tracking_number,
                return_id=spell(issued.return_id),
                order_id=spell(issued.order_id),
                keep_after=_keep_after(issued),
            ),
            self._lettering,
        )

    def void(self, issued: ReturnLabelIssued) -> bool:
        """Return True for a label of its own: nothing was paid, so nothing is lost."""
        return issued.carrier == CARRIER

    def track(self, tracking_number: str) -> Status | None:  # noqa: ARG002 - the port's
        """Return None: no carrier takes these parcels, so none was ever scanned."""
        return None

    def _sender(self, order_id: str) -> tuple[str, ...]:
        order = self._lettering.spell_identity(order_id)
        address = self._sender_of(order_id)
        lines = () if address is None else address_lines(address)
        if not lines:
            return (f"the customer of order {order}",)
        spelled = tuple(self._lettering.spell(line) for line in lines)
        printable = tuple(line for line in spelled if line)
        if len(printable) == len(spelled):
            return printable
        return (f"(in another script: see order {order})", *printable)


def tracking_number(return_id: str) -> str:
    """Return ``SBX``, fifteen digits that stand for ``return_id``, and their check digit.

    The check digit is the one of GS1 General Specifications 7.9 (weights 3 and 1 from the right).
    """
    digest = blake2b(return_id.encode(), digest_size=16, person=b"sandbox-tracking").digest()
    digits = f"{int.from_bytes(digest) % 10**15:015d}"
    weighted = sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(reversed(digits)))
    return f"SBX{digits}{-weighted % 10}"


def address_lines(address: Address) -> tuple[str, ...]:
    """Return an address as the lines of a label, five at most.

    The country comes last and in capitals, as the Universal Postal Union asks. Street lines behind the
    first share one line, so that the town is never pushed off the label.
    """
    first, *more = [line.strip() for line in (address.street or "").splitlines() if line.strip()] or [""]
    country = (address.country or "").strip().upper()
    lines = (address.name or "", first, ", ".join(more), _town(address, country), _country_name(country))
    return tuple(line.strip() for line in lines if line.strip())


def _town(address: Address, country: str) -> str:
    city, region, code = (
        (part or "").strip() for part in (address.city, address.region, address.postal_code)
    )
    if country in _TOWN_FIRST:
        return " ".join(part for part in (f"{city}," if city and region else city, region, code) if part)
    return ", ".join(part for part in (f"{code} {city}".strip(), region) if part)


def _country_name(code: str) -> str:
    return str(Locale("en").territories.get(code, code)).upper()


def _spelled_receiver(address: Address, lettering: Lettering) -> tuple[str, ...]:
    lines = address_lines(address)
    if not lines:
        raise _unusable("It is empty.")
    spelled: list[str] = []
    for number, line in enumerate(lines):
        text = lettering.spell(line)
        if not text:
            raise _unusable(f"Its line {number + 1} has letters that the typeface lacks.")
        font = lettering.regular if number else lettering.bold
        fitted, _ = lettering.fit(text, font, width=RECEIVER_WIDTH, size=RECEIVER_SIZE, floor=RECEIVER_FLOOR)
        if fitted.endswith(ELLIPSIS) and fitted != text:
            raise _unusable(
                f"Its line {number + 1} is too long to be read from {RECEIVER_FLOOR:g} points on."
            )
        spelled.append(text)
    return tuple(spelled)


def _unusable(why: str) -> UsageProblem:
    return UsageProblem(
        "return-address-unusable",
        "The return address cannot be printed on a label.",
        why=why,
        hint="Change the FIRSTWORD_RETURN_... settings; `firstword explain settings` lists them.",
    )


def _label_id(return_id: str, keep_after: date) -> str:
    # The day rides in the id: ReturnLabelIssued has no field for it, and the label must be drawable from it.
    return f"{identify('label', CARRIER, return_id)}_{keep_after.isoformat()}"


def _keep_after(issued: ReturnLabelIssued) -> date:
    with suppress(ValueError):  # not a day at all: not ours either
        day = date.fromisoformat(issued.label_id[-_DAY_LENGTH:])
        issued_here = (_label_id(issued.return_id, day), CARRIER, tracking_number(issued.return_id))
        if issued_here == (issued.label_id, issued.carrier, issued.tracking_number):
            return day
    raise InputProblem(
        "label-of-another-provider",
        f"The label {issued.label_id} was not issued by the sandbox.",
        where=f"order {issued.order_id}",
        hint="Set FIRSTWORD_LABEL_PROVIDER to the provider that issued it.",
    )


PROVIDER = SandboxLabels
