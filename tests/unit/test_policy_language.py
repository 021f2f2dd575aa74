"""The tests inside policy files: sentences that say what happened, what should follow, and where they are wrong."""

from datetime import UTC, date, datetime

import pytest

from streams.core.events import Pieces
from streams.core.money import Money, spell_amount
from streams.policies.moments import (
    read_amount,
    read_moment,
    read_pieces,
    spell_day,
    spell_moment,
    spell_pieces,
)
from streams.policies.refusal import Refusal
from streams.policies.testing import run_cases, run_tests
from streams.problems import PolicyProblem

SWAPPED = """
[[test]]
name = "swapped"
zone = "Europe/Berlin"
given = [
  "Fri 2026-11-20 10:15 placed 1 MARKERS-BLUE at 45.00 EUR; country DE",
  "Fri 2026-11-20 15:00 packed 1 MARKERS-RED",
]
until = "Fri 2026-11-20 16:00"
"""


@pytest.fixture
def told(tmp_path):
    """Run a policy file's tests and return the results."""

    def run(text, **options):
        path = tmp_path / "shop.toml"
        path.write_text(text, "utf-8")
        return run_tests(path, **options)

    return run


def test_a_test_that_comes_true_passes(told):
    """The result names the test and its line, and lists what was decided in the words of a test."""
    (result,) = told(
        SWAPPED
        + """
expect = [
  "exception wrong_item opened, major, missing 1 MARKERS-BLUE, extra 1 MARKERS-RED, reads packing scan, once",
  "replacement requested, expedited, costs 84.00 EUR at Fri 2026-11-20 15:10",
  "message wrong_item, apology, with label, no goodwill 1.00 EUR on Fri 2026-11-20",
  "message wrong_item after Fri 2026-11-20 15:09",
  "message wrong_item before Sat 2026-11-21",
]
never = ["message lost", "message wrong_item before 2026-11-20 14:10Z", "exception wrong_item cleared"]
"""
    )

    assert (result.passed, result.name, result.failures) == (True, "swapped", ())
    assert result.where.endswith("shop.toml:2")
    assert (
        "exception wrong_item opened, major, subject BOX-1, missing 1 MARKERS-BLUE, extra 1 MARKERS-RED at Fri 2026-11-20 15:00"
        in result.seen
    )
    assert str(result).startswith("ok")


@pytest.mark.parametrize(
    ("wish", "failure"),
    [
        ('expect = ["message lost"]', "expected, never seen: message lost"),
        ('expect = ["message wrong_item at Fri 2026-11-20 15:11"]', "expected, never seen"),
        ('expect = ["message wrong_item on Sat 2026-11-21"]', "expected, never seen"),
        ('expect = ["message wrong_item, twice"]', "expected 2 times, seen 1 times"),
        ('expect = ["message wrong_item, no apology"]', "expected, never seen"),
        ('expect = ["replacement requested, 2 MARKERS-BLUE"]', "expected, never seen"),
        ('expect = ["exception wrong_item opened, reads the oracle"]', "expected, never seen"),
        ('expect = ["exception wrong_item opened, order ORD-2"]', "expected, never seen"),
        ('never = ["message"]', "should never be, but was: message"),
        ('never = ["exception wrong_item"]', "should never be, but was"),
        ('never = ["anything"]', "should never be, but was: anything"),
    ],
)
def test_a_test_that_does_not_come_true_says_what_was_seen_instead(told, wish, failure):
    """The failure repeats the sentence; what was seen can be pasted into the file."""
    (result,) = told(SWAPPED + wish)

    assert not result.passed
    assert failure in result.failures[0]
    assert "message wrong_item, apology" in str(result)
    assert result.where in str(result)


def test_what_was_seen_can_be_pasted(told):
    """Every line of `seen` is itself a sentence that matches."""
    (before,) = told(SWAPPED + 'never = ["message lost"]')
    pasted = ", ".join(f'"{line}"' for line in before.seen)

    (result,) = told(SWAPPED + f"expect = [{pasted}]")

    assert len(before.seen) == 4
    assert result.failures == ()


def test_a_test_runs_under_the_policy_that_it_stands_in(told):
    """The file's own values count, `set` over them, and the caller's overrides under both."""
    text = (
        "[respond.wrong_item]\nsettle = '30m'\n"
        + SWAPPED
        + 'expect = ["message wrong_item at Fri 2026-11-20 15:{}"]'
    )

    assert [
        told(text.format("30"))[0].passed,
        told(text.format("20") + '\nset = ["respond.wrong_item.settle=20m"]')[0].passed,
        told(text.format("05"), overrides={"respond.wrong_item.settle": "5m"})[0].passed,
    ] == [True, True, True]


def test_only_picks_tests_by_name(told):
    """A person who works on one story runs one story."""
    text = SWAPPED + 'never = ["review"]' + SWAPPED.replace('"swapped"', '"other"') + 'never = ["review"]'

    assert [result.name for result in told(text, only="oth")] == ["other"]


def test_a_file_without_tests_is_still_checked(told):
    """`policy test` never says fine to a file that cannot be."""
    with pytest.raises(PolicyProblem, match="policy-unknown-word"):
        told("[quiett]\n")


def test_cases_are_tests_beside_a_plugin(tmp_path):
    """`[[case]]` tables run under the standard policy."""
    path = tmp_path / "cases.toml"
    path.write_text(SWAPPED.replace("[[test]]", "[[case]]") + 'expect = ["message wrong_item"]', "utf-8")

    (result,) = run_cases(path)

    assert result.passed


@pytest.mark.parametrize(
    ("line", "sentence", "why", "hint"),
    [
        (5, "packed 1 MARKERS-RED", "does not begin with a time", "Fri 2026-11-20 10:15"),
        (5, "2026-11-20 packed 1 MARKERS-RED", "does not begin with a time", ""),
        (5, "Thu 2026-11-20 15:00 packed 1 A", "2026-11-20 is not a Thu", "Fri 2026-11-20"),
        (5, "2026-02-30 15:00 packed 1 A", "no day 2026-02-30", ""),
        (5, "2026-11-20 25:00 packed 1 A", "no time 25:00", ""),
        (5, "Fri 2026-11-20 15:00 paked 1 A", "nothing is ever `paked`", "`packed`"),
        (5, "Fri 2026-11-20 15:00 packed 1 A; bix A", "`packed` does not know `bix A`", "`box`"),
        (
            5,
            "Fri 2026-11-20 15:00 packed MARKERS",
            "`MARKERS` is not a number and an article",
            "2 SKETCHBOOK",
        ),
        (5, "Fri 2026-11-20 15:00 scanned delivred", "no status `delivred`", "`delivered`"),
        (5, "Fri 2026-11-20 15:00 reported lost", "no report `lost`", ""),
        (5, "Fri 2026-11-20 15:00 placed 1 A at 12 dollars", "is not an amount", "12.50 USD"),
        (5, "Fri 2026-11-20 15:00 placed 1 A at 12.001 USD", "USD has 2 decimals", ""),
        (5, "Fri 2026-11-20 15:00 placed 1 A; zone Europe/Berln", "no time zone", "`Europe/Berlin`"),
        (5, "Fri 2026-11-20 15:00 placed 1 A; promised soon", "neither a day nor a time", ""),
        (
            5,
            "Fri 2026-11-20 15:00 placed 1 A; promised 2026-11-24; heard Fri 2026-11-20 14:00",
            "before it happened",
            "",
        ),
        (5, "Fri 2026-11-20 15:00 promised Tue 1800-11-25", "outside the years 1990 to 2100", ""),
        (5, "Fri 2026-11-20 15:00 reviewed yes", "nobody asked for it", ""),
        (5, "Fri 2026-11-20 15:00 reviewed perhaps", "no answer `perhaps`", ""),
        (5, "Fri 2026-11-20 15:00 returned in_transit", "there was no return_label.requested before", ""),
    ],
)
def test_a_sentence_that_makes_no_sense_is_refused(told, line, sentence, why, hint):
    """The problem names the line of the sentence, not of the test."""
    text = f'[[test]]\nname = "odd"\nuntil = "Fri 2026-11-27 12:00"\ngiven = [\n  "{sentence}",\n]\nnever = ["review"]'

    with pytest.raises(PolicyProblem) as caught:
        told(text)

    assert caught.value.where.endswith(f"shop.toml:{line}")
    assert why in caught.value.why
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("wish", "why", "hint"),
    [
        ("mesage wrong_item", "no word `mesage`", "`message`"),
        ("message wrong_itm", "no message `wrong_itm`", "`wrong_item`"),
        ("exception late_delivry opened", "no exception `late_delivry`", "`late_delivery`"),
        ("exception late_delivery opend", "`opend` stands where nothing is expected", "`opened`"),
        ("exception lost opened, servere", "`servere` is nothing that a decision says", "`severe`"),
        ("message lost, tells loss", "no kind `loss`", "`lost`"),
        ("message lost at noon", "`at noon` stands where nothing is expected", ""),
        ("replacement requested, costs much", "`much` is not an amount", ""),
        ("message lost at Mon 2026-11-20 10:00", "2026-11-20 is not a Mon", "Fri"),
        ("", "no word ``", ""),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(told, wish, why, hint):
    """A slip in `never` must not pass because nothing ever matches it."""
    with pytest.raises(PolicyProblem) as caught:
        told(SWAPPED + f'never = [\n  "{wish}",\n]')

    assert caught.value.where.endswith("shop.toml:11")
    assert why in caught.value.why
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[[test]]\ngiven = []\n", 1, "it has no name"),
        (SWAPPED, 2, "it expects nothing"),
        (SWAPPED + 'expekt = ["message lost"]', 10, "no key `expekt`"),
        (
            SWAPPED + 'never = ["review"]' + SWAPPED + 'never = ["review"]',
            11,
            "another one is called `swapped`",
        ),
        (SWAPPED + 'never = "review"', 10, "`never` is a list"),
        (SWAPPED + 'never = ["review"]\nset = ["notify.window"]', 11, "`notify.window` sets nothing"),
        ('[[test]]\nname = "x"\nnever = ["review"]\nuntil = "Fri 2026-11-20 10:00"\n', 1, "nothing is given"),
        (
            '[[test]]\nname = "x"\nnever = ["review"]\ngiven = ["Fri 2026-11-20 10:00 placed 1 A"]\n',
            1,
            "`until` is missing",
        ),
        (SWAPPED.replace("Berlin", "Berln") + 'never = ["review"]', 4, "no time zone"),
    ],
)
def test_a_test_that_is_not_whole_is_refused(told, text, line, why):
    """A test without a name, a wish, a beginning or an end cannot be run."""
    with pytest.raises(PolicyProblem) as caught:
        told(text)

    assert caught.value.where.endswith(f"shop.toml:{line}")
    assert why in caught.value.why


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("Fri 2026-11-20 10:15", "America/New_York", datetime(2026, 11, 20, 15, 15, tzinfo=UTC)),
        ("2026-11-20 10:15", "Asia/Tokyo", datetime(2026, 11, 20, 1, 15, tzinfo=UTC)),
        ("2026-11-20T10:15:30Z", "Asia/Tokyo", datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC)),
        ("2026-07-20 10:15+02:00", "Asia/Tokyo", datetime(2026, 7, 20, 8, 15, tzinfo=UTC)),
    ],
)
def test_times_are_on_the_customers_clock_unless_they_say_otherwise(text, zone, moment):
    """A test reads like the customer's day."""
    assert moment == read_moment(text, zone)


def test_what_is_spelled_is_read_back():
    """Times, days, amounts and pieces have one spelling each."""
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert noon == read_moment(spell_moment(noon, "America/New_York"), "America/New_York")
    assert spell_day(date(2026, 11, 20)) == "Fri 2026-11-20"
    for amount in (
        Money(minor=5, currency="USD"),
        Money(minor=1234, currency="JPY"),
        Money(minor=1500, currency="KWD"),
    ):
        assert amount == read_amount(spell_amount(amount))
    assert Pieces(sku="A-1", quantity=3) == read_pieces(spell_pieces(Pieces(sku="A-1", quantity=3)))


def test_an_amount_has_the_decimals_of_its_currency():
    """A yen has no cents, a dinar has a thousand fils."""
    assert [
        spell_amount(Money(minor=minor, currency=code))
        for minor, code in ((5, "USD"), (1234, "JPY"), (1500, "KWD"))
    ] == ["0.05 USD", "1234 JPY", "1.500 KWD"]
    # By ISO 4217, not as CLDR shows it: a dinar of Serbia has a hundred paras, seen or not.
    assert read_amount("12.50 RSD") == Money(minor=1250, currency="RSD")
    assert spell_amount(Money(minor=-650, currency="USD")) == "-6.50 USD"
    with pytest.raises(Refusal, match="JPY has 0 decimals"):
        read_amount("12.50 JPY")
