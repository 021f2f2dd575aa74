"""The practice label: printed, scanned back, and the same to the last byte."""

from __future__ import annotations

from datetime import date

import pypdfium2
import pytest
import zxingcpp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRequested
from streams.core.money import Money
from streams.labels.sandbox.lettering import VERA, Lettering, Typeface
from streams.labels.sandbox.provider import SandboxLabels, address_lines, tracking_number
from streams.problems import InputProblem, UsageProblem

SHOP = Address(
    name="Crunchy Armchairs Returns",
    street="Dock 4\n28 Harbor Street",
    city="Portland",
    region="OR",
    postal_code="97205",
    country="US",
)
PRINTER = 203  # dots per inch of a thermal label printer


def requested(**changes) -> ReturnLabelRequested:
    facts = {
        "order_id": "CRUNCHY-ARMCHAIR",
        "decision_id": "decision-1",
        "case_id": "case-1",
        "return_id": "return_k3v5x7qhm2n4p6r2s5t4u2v3w4",
        "lines": (),
        "cost": Money(minor=799, currency="USD"),
        "keep_after": date(2027, 1, 5),
        "country": "US",
    }
    return ReturnLabelRequested(**facts | changes)


def printed(sender: Address | None = None, **changes) -> tuple[ReturnLabelIssued, bytes]:
    provider = SandboxLabels(SHOP, sender_of=lambda _order_id: sender)
    issued = provider.buy(requested(**changes))
    assert isinstance(issued, ReturnLabelIssued)
    return issued, provider.document(issued)


def open_page(pdf: bytes):
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    return document[0]


def words(pdf: bytes) -> str:
    return open_page(pdf).get_textpage().get_text_range().replace("\r\n", "\n")


def scan(pdf: bytes, *, scale: float = 1.0, turned: int = 0) -> dict[str, str]:
    bitmap = open_page(pdf).render(scale=PRINTER / 72 * scale, rotation=turned)
    return {str(code.format): code.text for code in zxingcpp.read_barcodes(bitmap.to_pil())}


@pytest.mark.parametrize("turned", [0, 90, 180, 270])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_both_symbols_say_the_tracking_number(scale, turned):
    """Printed at 203 dpi, at half size and turned, the label scans to what the event says."""
    issued, pdf = printed()

    codes = scan(pdf, scale=scale, turned=turned)

    assert {"Code 128": issued.tracking_number, "QR Code": issued.tracking_number} == codes


def test_the_label_is_four_by_six_inches():
    """That is the stock of every label printer."""
    _, pdf = printed()

    assert open_page(pdf).get_size() == (4 * 72, 6 * 72)


def test_a_person_can_read_everything_that_matters():
    """From, to, number, RMA, that it is paid, until when, and that it is a sample."""
    customer = Address(
        name="Zoë Wiśniewska", street="Świętokrzyska 12", city="Warszawa", postal_code="00-123", country="PL"
    )

    issued, pdf = printed(customer)

    text = words(pdf)
    number = issued.tracking_number
    for expected in (
        "Zoë Wisniewska\nSwietokrzyska 12\n00-123 Warszawa\nPOLAND",
        "Crunchy Armchairs Returns\nDock 4\n28 Harbor Street\nPortland, OR 97205\nUNITED STATES",
        " ".join(number[i : i + 4] for i in range(0, len(number), 4)),
        "Prepaid - no postage necessary",
        issued.return_id,
        issued.order_id,
        "Not sent by 5 January 2027?\nThen it is yours to keep, with our thanks.",
        "SAMPLE",
        "SAMPLE - NOT VALID FOR CARRIAGE",
    ):
        assert expected in text


def test_the_same_request_is_the_same_label_to_the_last_byte():
    """A mail that is tried again tomorrow carries the same file."""
    first_issued, first = printed()
    second_issued, second = printed()

    assert first_issued == second_issued
    assert first == second


def test_two_returns_are_two_parcels():
    """The tracking number and the label id come from the return id; the day changes no parcel."""
    first, _ = printed(return_id="RET-1")
    second, _ = printed(return_id="RET-2")
    later, _ = printed(return_id="RET-1", keep_after=date(2027, 2, 1))

    assert len({first.tracking_number, second.tracking_number}) == 2
    assert len({first.label_id, second.label_id}) == 2
    assert first.tracking_number == later.tracking_number


def test_the_check_digit_is_that_of_gs1():
    """A wrong digit typed by hand is noticed: weights 3 and 1 from the right add up to a multiple of ten."""
    number = tracking_number("RET-1")

    digits = [int(digit) for digit in number.removeprefix("SBX")]
    assert len(digits) == 16
    assert sum(digit * (1, 3)[place % 2] for place, digit in enumerate(reversed(digits))) % 10 == 0


def test_another_script_is_named_and_not_guessed_at():
    """Half a name would be worse than none: the sender's line points to the order, the rest stays."""
    customer = Address(
        name="渡辺 花子", street="千代田区1-1", city="Tokyo", postal_code="100-0001", country="JP"
    )

    issued, pdf = printed(customer, order_id="注文-7")

    text = words(pdf)
    assert r"(in another script: see order \u6ce8\u6587-7)" in text
    assert "100-0001 Tokyo\nJAPAN" in text
    assert {issued.tracking_number} == set(scan(pdf).values())


def test_an_unknown_sender_is_the_customer_of_the_order():
    """The parcel comes home without the sender's address."""
    _, pdf = printed(None)

    assert "the customer of order CRUNCHY-ARMCHAIR" in words(pdf)


def test_a_name_of_four_thousand_letters_is_cut_where_the_label_ends():
    """Nothing runs over the edge, and three dots say that something is missing."""
    long = "Wolfeschlegelsteinhausenbergerdorff " * 110

    _, pdf = printed(Address(name=long[:4000], street="a\nb\nc\nd\ne", city=long[:4000], country="DE"))

    text = words(pdf)
    assert "a\nb, c, d, e" in text
    assert text.count("...") == 2
    assert "GERMANY" in text
    margin = open_page(pdf).render(scale=PRINTER / 72).to_pil().convert("L").crop((790, 0, 812, 1218))
    assert margin.getextrema() == (255, 255)


names = st.text(max_size=60) | st.sampled_from(
    ["Łukasz Żółć", "Αθηνά", "محمد", "渡辺", "O'Brien\x00", "e\u0301", "\u202edrawkcab", "🪑", "\ud7ff", "ﷺ"]
)


@settings(max_examples=60, deadline=None)
@given(name=names, street=names, city=names, order_id=names.filter(bool), return_id=names.filter(bool))
def test_no_name_breaks_a_label(name, street, city, order_id, return_id):
    """Whatever people are called, the label prints, is the same twice, and scans."""
    customer = Address(name=name, street=street, city=city, postal_code="1", country="US")

    issued, pdf = printed(customer, order_id=order_id, return_id=return_id)

    assert (issued, pdf) == printed(customer, order_id=order_id, return_id=return_id)
    assert {"Code 128": issued.tracking_number, "QR Code": issued.tracking_number} == scan(pdf)


@given(text=st.text(max_size=200), width=st.floats(20, 260))
def test_fitted_text_fits(text, width):
    """Text is made smaller, then cut, and never wider than its place."""
    lettering = Lettering()
    spelled = lettering.spell(text) or "W" * len(text)

    fitted, size = lettering.fit(spelled, lettering.bold, width=width, size=13, floor=6)

    assert lettering.width(fitted, lettering.bold, size) <= width + 1e-6
    assert 6 <= size <= 13


@given(st.text(max_size=40), st.text(max_size=40))
@example("カ", r"\u30ab")
@example("Ś", "S")
@example("A 1", "A  1")
def test_two_identities_never_look_alike(one, other):
    """What an operator types from a label finds one order, and every letter of it can be seen."""
    lettering = Lettering()
    spelled = lettering.spell_identity(one)

    assert (one == other) == (spelled == lettering.spell_identity(other))
    assert lettering.spell(spelled) == spelled


@given(one=st.text(max_size=40))
@example(one="A\n1")
@example(one="\t")
def test_an_identity_is_one_line_of_printable_letters(one):
    """A line end in an order id cannot move the rest of it out of sight."""
    assert Lettering().spell_identity(one).isprintable()


def test_the_quiet_zones_are_white_although_sample_runs_across():
    """Scanners find a symbol by the white around it: 10 modules beside the bars, 4 around the QR code."""
    _, pdf = printed()
    page = open_page(pdf).render(scale=PRINTER / 72).to_pil().convert("L")

    for code in zxingcpp.read_barcodes(page):
        place = code.position
        left, right = place.top_left.x, place.top_right.x
        top, bottom = place.top_left.y, place.bottom_left.y
        quiet = {"Code 128": 10 * 4, "QR Code": 4 * 7}[str(code.format)]
        for start in (left - quiet + 2, right + 2):
            assert page.crop((start, top, start + quiet - 4, bottom)).getextrema() == (255, 255)


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (
            SHOP,
            (
                "Crunchy Armchairs Returns",
                "Dock 4",
                "28 Harbor Street",
                "Portland, OR 97205",
                "UNITED STATES",
            ),
        ),
        (Address(city="Köln", postal_code="50667", country="de"), ("50667 Köln", "GERMANY")),
        (Address(name="A", city="Toronto", country="CA"), ("A", "Toronto", "CANADA")),
        (
            Address(region="SP", city="São Paulo", postal_code="01310", country="BR"),
            ("01310 São Paulo, SP", "BRAZIL"),
        ),
        (Address(name=" ", country="Atlantis"), ("ATLANTIS",)),
        (Address(), ()),
    ],
)
def test_an_address_reads_as_its_post_writes_it(address, lines):
    """Town and code in the country's order, country last and in capitals, nothing empty."""
    assert lines == address_lines(address)


@pytest.mark.parametrize(
    ("address", "why"),
    [
        (Address(name=" "), "It is empty."),
        (Address(name="Shop", street="ул. Мира 1"), "Its line 2 has letters that the typeface lacks."),
        (Address(name="Shop", city="x" * 100), "Its line 2 is too long to be read from 8 points on."),
    ],
)
def test_a_return_address_that_cannot_be_printed_stops_the_start(address, why):
    """Parcels would go nowhere: this is known before the first label, not after."""
    with pytest.raises(UsageProblem) as caught:
        SandboxLabels(address)

    assert ("return-address-unusable", why) == (caught.value.code, caught.value.why)


def test_a_typeface_that_is_not_there_is_a_problem_with_its_name():
    """The file is named, and what to do."""
    with pytest.raises(UsageProblem) as caught:
        SandboxLabels(SHOP, typeface=Typeface(regular="no-such-face.ttf", bold=VERA.bold))

    assert caught.value.code == "label-typeface-unreadable"
    assert "no-such-face.ttf" in caught.value.what


@pytest.mark.parametrize(
    "changes",
    [
        {"carrier": "usps"},
        {"tracking_number": "SBX0000000000000000"},
        {"label_id": "label_x"},
        {"label_id": "label_aaaaaaaaaaaaaaaaaaaaaaaaaa_2027-01-05"},
        {"return_id": "RET-OF-ANOTHER"},
    ],
)
def test_a_label_of_another_provider_is_never_drawn(changes):
    """After a change of provider, an old label is not replaced by one that carries nothing."""
    issued, _ = printed()
    facts = {field: getattr(issued, field) for field in issued.__struct_fields__}

    with pytest.raises(InputProblem) as caught:
        SandboxLabels(SHOP).document(ReturnLabelIssued(**facts | changes))

    assert caught.value.code == "label-of-another-provider"
