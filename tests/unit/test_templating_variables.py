"""The offered names: localized, cleaned, and exactly those that are offered."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from streams.core.events import DateRange, Letter, LetterLine
from streams.core.money import Money
from streams.templating import wording
from streams.templating.catalogue import load_catalogue
from streams.templating.markup import parcel_delivery
from streams.templating.offered import ALWAYS, OFFERED
from streams.templating.plain import first_name, one_line
from streams.templating.renderer import choose_locale
from streams.templating.variables import ROW_LIMIT, Speaker

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
CATALOGUE = load_catalogue(TEMPLATES)
FULL = Letter(
    to="ada@example.org",
    customer_name="Ada Pereira",
    time_zone="America/New_York",
    country="US",
    kinds=("late_delivery", "damaged"),
    wrong_lines=(LetterLine(sku="A", title="Mug", quantity=2),),
    missing_lines=(LetterLine(sku="B", title="", quantity=1),),
    out_of_stock=(LetterLine(sku="B", title="Lamp", quantity=1),),
    order_lines=(LetterLine(sku="A", title="Mug", quantity=2), LetterLine(sku="B", title="Lamp", quantity=1)),
    promised_by=date(2026, 11, 20),
    arrives=DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27)),
    carrier="Example Post",
    tracking_number="EX1",
    replacement_id="r",
    replacement_lines=(LetterLine(sku="A", title="Mug", quantity=1),),
    replacement_arrives=DateRange(from_=date(2026, 11, 25), by=date(2026, 11, 25)),
    expedited=True,
    return_id="t",
    label_id="l",
    label_carrier="Example Post",
    label_tracking_number="RR1",
    keep_after=date(2026, 12, 23),
    goodwill=Money(minor=1500, currency="EUR"),
    shipping_refund=Money(minor=990, currency="USD"),
)


def speaker(tag="en", phrases=None):
    locale = wording.parse_locale(tag)
    return Speaker(
        CATALOGUE.brand, locale, CATALOGUE.phrases[phrases or choose_locale(CATALOGUE.phrases, tag)]
    )


def names_of(letter, tag="en"):
    return speaker(tag).names("ORD-1", letter, ("late_delivery",))


def paths(names, front=""):
    found = set()
    for key, value in names.items():
        found.add(front + key)
        if isinstance(value, dict) and key != "items":
            found |= paths(value, f"{front}{key}.")
    return found


def test_what_is_offered_is_filled_in():
    """Every offered name exists in a full letter."""
    assert set() == set(OFFERED) - paths(names_of(FULL))


def test_what_may_be_absent_is_marked_optional():
    """In an empty letter exactly the optional names are absent; everything else is there."""
    empty = names_of(Letter(to="x@example.org", time_zone="UTC"))
    absent = {name for name in OFFERED if "." not in name and empty[name] is None}

    assert absent == {name for name, offered in OFFERED.items() if "." not in name and offered.optional}
    assert empty["customer"]["first_name"] is None
    assert set(empty) >= ALWAYS


@pytest.mark.parametrize(
    ("tag", "text", "short"),
    [
        ("en", "between Tuesday, November 24 and Friday, November 27", "Tue, Nov 24 \N{EN DASH} Fri, Nov 27"),
        (
            "en-GB",
            "between Tuesday, 24 November and Friday, 27 November",
            "Tue 24 Nov \N{EN DASH} Fri 27 Nov",
        ),
        (
            "pt-BR",
            "entre terça-feira, 24 de novembro, e sexta-feira, 27 de novembro",
            "ter., 24 de nov. \N{EN DASH} sex., 27 de nov.",
        ),
    ],
)
def test_a_range_reads_as_the_language_writes_it(tag, text, short):
    """Both ends with their weekday, in prose and for a card."""
    arrives = names_of(FULL, tag)["arrives"]

    assert (text, short) == (arrives["text"], re.sub(r"\s", " ", arrives["short"]))


@pytest.mark.parametrize(
    ("tag", "text"), [("en", "on Wednesday, November 25"), ("pt-BR", "em 25 de novembro (quarta-feira)")]
)
def test_a_single_day_is_not_a_range(tag, text):
    """One day is said as one day."""
    assert text == names_of(FULL, tag)["replacement"]["arrives"]["text"]


@pytest.mark.parametrize(
    ("minor", "currency", "tag", "text"),
    [
        (990, "USD", "en", "$9.90"),
        (990, "USD", "pt-BR", "US$ 9,90"),
        (1500, "BRL", "pt-BR", "R$ 15,00"),
        (1500, "JPY", "en", "¥1,500"),
        (1234, "KWD", "en", "KWD 1.234"),
        (12345, "RSD", "en", "RSD 123.45"),
        (1234, "XXZ", "en", "XXZ 12.34"),
    ],
)
def test_money_has_the_minor_units_of_its_currency(minor, currency, tag, text):
    """ISO 4217 says how many: none for the yen, three for the dinar; the display's own digits do not count."""
    written = wording.money(Money(minor=minor, currency=currency), wording.parse_locale(tag))

    assert text == re.sub(r"\s", " ", re.sub(r"^([A-Z]{3})(?=\d)", r"\1 ", written))


@pytest.mark.parametrize(
    ("number", "tag", "text"),
    [(1, "en", "1 item"), (3, "en", "3 items"), (1, "pt-BR", "1 item"), (2, "pt-BR", "2 itens")],
)
def test_counts_follow_the_plural_rule_of_the_language(number, tag, text):
    """CLDR decides, not an if."""
    letter = Letter(
        to="x@example.org", time_zone="UTC", wrong_lines=(LetterLine(sku="A", title="Mug", quantity=number),)
    )

    wrong = names_of(letter, tag)["wrong"]

    assert (text, number == 1) == (wrong["pieces"], wrong["one"])


def test_articles_are_listed_as_the_language_lists_them():
    """Two in a sentence, with their quantity only when it is more than one."""
    assert names_of(FULL)["ordered"]["names"] == "2 \N{MULTIPLICATION SIGN} Mug and Lamp"
    assert names_of(FULL, "pt-BR")["ordered"]["names"] == "2 \N{MULTIPLICATION SIGN} Mug e Lamp"


def test_an_article_without_title_is_called_by_its_sku():
    """An empty cell would be worse."""
    assert names_of(FULL)["missing"]["items"]["rows"][0]["title"] == "B"


def test_a_table_has_a_last_row():
    """Thirty articles are twenty-five and a sentence."""
    lines = tuple(LetterLine(sku=str(n), title=str(n), quantity=1) for n in range(ROW_LIMIT + 1))

    items = names_of(Letter(to="x@example.org", time_zone="UTC", order_lines=lines))["ordered"]["items"]

    assert (len(items["rows"]), items["more"]) == (ROW_LIMIT, "1 more article")


def test_what_else_is_wrong_is_said_once_and_not_what_the_message_says_itself():
    """``also`` holds the kinds that the message does not answer."""
    assert names_of(FULL)["also"] == ["Something in this order is also damaged."]


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Ada Pereira", "Ada"),
        ("  João  de Souza", "João"),
        ("Silva, Maria", "Maria"),
        ("O'Brien", "O'Brien"),
        ("Jean-Luc", "Jean-Luc"),
        ("王伟", "王伟"),
        ("J. R. Tolkien", "J."),
        (None, None),
        ("", None),
        ("evil.example.org", None),
        ("https://evil.example", None),
        ("R2D2", None),
        ("{{7*7}}", None),
        ("**x**", None),
        ("<b>", None),
        ("-", None),
        ("A" * 41, None),
    ],
)
def test_only_a_name_is_greeted(name, greeted):
    """A name field can hold anything; a mail program would turn a host name into a link."""
    assert greeted == first_name(name)


def test_foreign_text_fits_on_one_line():
    """No breaks, no controls, no direction overrides, no surrogates, and a limit."""
    assert one_line("a\r\nb\x00c\u2028d\u202ee\ud800", 50) == "a b c d e"
    assert one_line("abcdef", 4) == "abc…"


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ("pt-BR", "pt_BR"),
        ("pt_BR", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("pt", "pt_BR"),
        ("pt-Latn-BR-x-private", "pt_BR"),
        ("en-GB", "en"),
        ("ja-JP", "en"),
        ("xx", "en"),
        ("", "en"),
        ("../../etc/passwd", "en"),
        ("\x00", "en"),
    ],
)
def test_a_locale_falls_back_to_its_language_and_then_to_english(asked, chosen):
    """Portuguese from elsewhere is nearer than English; nonsense is English."""
    assert chosen == choose_locale(["en", "pt_BR"], asked)


def test_every_language_says_the_same_things():
    """The phrases of all locales have the same keys, and a sentence for every kind."""
    english = CATALOGUE.phrases["en"]
    for phrases in CATALOGUE.phrases.values():
        assert set(english.frame) == set(phrases.frame)
        assert set(english.also) == set(phrases.also)


def test_markup_says_what_the_mail_says():
    """Carrier, range, order and number, as Gmail reads them."""
    said = json.loads(parcel_delivery("ORD-1", FULL, CATALOGUE.brand))

    assert (
        said["@type"],
        said["carrier"]["name"],
        said["expectedArrivalFrom"],
        said["expectedArrivalUntil"],
        said["trackingNumber"],
        said["partOfOrder"]["orderNumber"],
    ) == ("ParcelDelivery", "Example Post", "2026-11-24", "2026-11-27", "EX1", "ORD-1")


def test_markup_cannot_leave_its_script():
    """A carrier called ``</script>`` stays a name."""
    letter = Letter(
        to="x@example.org", time_zone="UTC", arrives=FULL.arrives, carrier="</script><!--<script>&"
    )

    written = str(parcel_delivery("ORD-1", letter, CATALOGUE.brand))

    assert not set("<>&") & set(written)
    assert json.loads(written)["carrier"]["name"] == "</script><!--<script>&"


@pytest.mark.parametrize("change", [{"carrier": None}, {"arrives": None}, {"arrived": True}])
def test_markup_is_left_out_where_it_would_be_a_guess(change):
    """No carrier, no date, or a parcel that is there: nothing for a machine to read."""
    fields = {"carrier": "Example Post", "arrives": FULL.arrives} | change

    assert parcel_delivery("O", Letter(to="x", time_zone="UTC", **fields), CATALOGUE.brand) is None


def luminance(color):
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("front", ["", "dark_"])
@pytest.mark.parametrize("ground", ["page", "panel", "card"])
@pytest.mark.parametrize("text", ["ink", "muted", "accent"])
def test_text_can_be_read_on_what_it_stands_on(front, ground, text):
    """Contrast of at least 4.5, by day and by night (WCAG 2.2, 1.4.3)."""
    colors = CATALOGUE.brand.colors
    dark, light = sorted((luminance(colors[front + ground]), luminance(colors[front + text])))

    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("locale", "day"),
    [
        ("fr", "mardi 1er décembre"),
        ("pt_BR", "terça-feira, 1º de dezembro"),
        ("en", "Tuesday, December 1"),
        ("de", "Dienstag, 1. Dezember"),
        ("es", "martes 1 de diciembre"),
    ],
)
def test_the_first_of_a_month_is_said_as_the_language_says_it(locale, day):
    """French and Brazilian Portuguese count the first day, and name all others."""
    found = wording.long_day(date(2026, 12, 1), wording.parse_locale(locale), CATALOGUE.phrases[locale])

    assert found == day
