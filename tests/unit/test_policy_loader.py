"""A policy file means what it says, or is refused with its line, the reason and the nearest right word."""

from datetime import time, timedelta

import pytest

from streams.core.policy import Span
from streams.policies.discovery import discover_detectors, discover_remedies
from streams.policies.loader import load_policy
from streams.policies.shape import SEVERITIES
from streams.problems import PolicyProblem


@pytest.fixture
def written(tmp_path):
    """Write a shop's policy file and return its path."""

    def write(text):
        path = tmp_path / "corner-shop.toml"
        path.write_text(text, "utf-8")
        return path

    return write


REFUSALS = {
    "a section nobody knows": ("[quiett]", 1, "unknown-word", "no section `quiett`", "`quiet`"),
    "a key nobody knows": ("[quiet]\nstrat = '21:00'", 2, "unknown-word", "no key `strat`", "`start`"),
    "a kind nobody detects": (
        "[shop]\n[detect.late_delivry]",
        2,
        "unknown-word",
        "no kind `late_delivry`",
        "`late_delivery`",
    ),
    "a threshold nobody has": (
        "[detect.lost]\n# patience\ndomestic_workday = 7",
        3,
        "unknown-word",
        "no key `domestic_workday`",
        "`domestic_workdays`",
    ),
    "a response to an unknown kind": ("[respond.los]", 1, "unknown-word", "no kind `los`", "`lost`"),
    "a severity nobody knows": (
        "[respond.lost.servere]\nperson = true",
        1,
        "unknown-word",
        "no key or severity `servere`",
        "`severe`",
    ),
    "a remedy section nobody knows": (
        "[remedy.goodwil_credit]",
        1,
        "unknown-word",
        "no remedy `goodwil_credit`",
        "`goodwill_credit`",
    ),
    "a response with an unknown remedy": (
        "[respond.lost]\nremedies = [\n  'apology',\n  'appology',\n]",
        4,
        "unknown-word",
        "no remedy `appology`",
        "`apology`",
    ),
    "the same remedy twice": (
        "[respond.lost]\nremedies = ['apology',\n 'apology']",
        3,
        "duplicate",
        "`apology` stands there twice",
        "leave one",
    ),
    "a template nobody has written": (
        "[respond.lost]\nmessage = 'losst'",
        2,
        "unknown-word",
        "no template `losst`",
        "`lost`",
    ),
    "text where a number belongs": (
        "[detect.lost]\ndomestic_workdays = '7'",
        2,
        "wrong-type",
        'a whole number is needed, not "7"',
        "policy show",
    ),
    "a switch where a number belongs": (
        "[detect.lost]\ndomestic_workdays = true",
        2,
        "wrong-type",
        "a whole number is needed, not true",
        "policy show",
    ),
    "a word where a switch belongs": (
        "[respond.lost]\nperson = 'yes'",
        2,
        "wrong-type",
        'true or false is needed, not "yes"',
        "policy show",
    ),
    "a number where text belongs": (
        "[respond.lost]\nmessage = 7",
        2,
        "wrong-type",
        "text in quotes",
        "policy show",
    ),
    "text where a list belongs": (
        "[respond.lost]\nremedies = 'apology'",
        2,
        "wrong-type",
        "a list in [ ] is needed",
        "policy show",
    ),
    "a value where a table belongs": ("shop = 3", 1, "wrong-type", "a table is needed, not 3", "policy show"),
    "a list where a table belongs": (
        "[[shop]]",
        1,
        "wrong-type",
        "a table is needed, not a list",
        "policy show",
    ),
    "a number without its unit": ("[notify]\nwindow = 24", 2, "missing-unit", "24 has no unit", '"24m"'),
    "text without its unit": (
        "[notify]\nwindow = '24'",
        2,
        "missing-unit",
        "has no unit",
        '"24m"',
    ),
    "a unit nobody uses": (
        "[notify]\nwindow = '1y'",
        2,
        "wrong-type",
        "1y is no length of time",
        "s, m, h, d or w",
    ),
    "a negative length": ("[notify]\nwindow = '-3h'", 2, "negative", "-3h is negative", "2d"),
    "a negative number of minutes": ("[notify]\nwindow = -3", 2, "negative", "-3 is negative", "2d"),
    "a negative count": ("[returns]\nfollow_ups = -1", 2, "negative", "-1 is negative", "policy show"),
    "a negative budget": ("[budgets.order]\nUSD = -5", 2, "negative", "-5 is negative", "policy show"),
    "more than everything": (
        "[remedy.goodwill_credit]\nmajor_percent = 150",
        2,
        "impossible",
        "150 percent is more than everything",
        "policy show",
    ),
    "longer than calendars count": (
        "[detect.stalled_in_transit]\ndomestic_workdays = 400",
        2,
        "impossible",
        "400 days are more than a year",
        "policy show",
    ),
    "an empty priority": ("[notify]\npriority = []", 2, "empty", "an empty priority", "policy show"),
    "a priority that names nothing": (
        "[notify]\npriority = [\n'lost',\n'delivery_fialed']",
        4,
        "unknown-word",
        "no kind `delivery_fialed`",
        "`delivery_failed`",
    ),
    "money that nobody has": (
        "[budgets.order]\nUSS = 5",
        2,
        "unknown-word",
        "no currency `USS`",
        "`USD`",
    ),
    "money that is no more": ("[shop]\ncurrency = 'DEM'", 2, "unknown-word", "no currency `DEM`", ""),
    "a remedy that costs unknown money": (
        "[remedy.return_label]\ncost_of = { EURO = 5 }",
        2,
        "unknown-word",
        "no currency `EURO`",
        "`EUR`",
    ),
    "a zone nobody lives in": (
        "[shop]\ntime_zone = 'Europe/Berln'",
        2,
        "unknown-word",
        "no time zone `Europe/Berln`",
        "`Europe/Berlin`",
    ),
    "a country by its name": (
        "[shop]\ncountry = 'Germany'",
        2,
        "unknown-word",
        "no country `Germany`",
        "two letters",
    ),
    "a country in small letters": ("[shop]\ncountry = 'us'", 2, "unknown-word", "no country `us`", "`US`"),
    "a language nobody speaks": (
        "[shop]\nlocale = 'English'",
        2,
        "wrong-type",
        "not a language tag",
        "`pt-BR`",
    ),
    "an hour in other words": (
        "[quiet]\nstart = '9pm'",
        2,
        "wrong-type",
        "a time of day such as",
        "policy show",
    ),
    "an hour that no day has": (
        "[quiet]\nstart = '25:00'",
        2,
        "wrong-type",
        "not a time of day",
        "policy show",
    ),
    "a name that is no name": ("name = 'a b'", 1, "wrong-type", '"a b" is not a name', "letters"),
    "tests that are no tests": ("\ntest = 3", 2, "wrong-type", "", "[[test]]"),
    "a key that stands there twice": (
        "[shop]\ncountry = 'US'\ncountry = 'DE'\nlocale = 'en'",
        3,
        "duplicate",
        "Cannot overwrite a value",
        "keep one",
    ),
    "a table that stands there twice": (
        "[shop]\n[quiet]\n[shop]\n",
        3,
        "duplicate",
        "Cannot declare",
        "keep one",
    ),
    "a header without its end": ("[shop]\n[quiet\nstart = '21:00'", 2, "syntax", "Expected ']'", "quotes"),
    "a list without its end": (
        "[notify]\npriority = ['lost',\n",
        2,
        "syntax",
        "at the end of the file",
        "quotes",
    ),
}


@pytest.mark.parametrize(("text", "line", "code", "why", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_a_wrong_file_is_refused(written, text, line, code, why, hint):
    """The problem names file and line, says why, and offers the nearest right word."""
    path = written(text)

    with pytest.raises(PolicyProblem) as caught:
        load_policy(path)

    problem = caught.value
    assert (f"policy-{code}", f"{path}:{line}") == (problem.code, problem.where)
    assert why in problem.why
    assert hint in problem.hint


def test_a_range_that_ends_before_it_begins_is_refused_across_files(written):
    """A shop's `from` may contradict the standard `by`: each alone is fine, together they are not."""
    path = written("[forecast.in_transit]\nfrom = 9\n")

    with pytest.raises(PolicyProblem) as caught:
        load_policy(path)

    assert ("policy-impossible", f"{path}:2") == (caught.value.code, caught.value.where)
    assert "from 9 business days by 5" in caught.value.why


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """The problem names the path and the way to a first file."""
    with pytest.raises(PolicyProblem) as caught:
        load_policy(tmp_path / "nowhere.toml")

    assert caught.value.code == "policy-not-found"
    assert "firstword policy show" in caught.value.hint


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """Latin-1 from an old editor is said to be what it is."""
    path = tmp_path / "old.toml"
    path.write_bytes("name = 'Käse'".encode("latin-1"))

    with pytest.raises(PolicyProblem) as caught:
        load_policy(path)

    assert caught.value.code == "policy-not-text"


def test_a_byte_order_mark_and_other_line_ends_change_nothing(tmp_path):
    """Files saved on Windows are files."""
    path = tmp_path / "shop.toml"
    path.write_bytes(b"\xef\xbb\xbf[notify]\r\nwindow = '2d'\r\n")

    assert timedelta(days=2) == load_policy(path).notify.window


def test_what_a_file_does_not_say_is_standard(written):
    """A partial file changes one thing and keeps the rest."""
    standard = load_policy()

    policy = load_policy(written("[detect.stalled_in_transit]\ndomestic_workdays = 4\n"))

    changed = [d for d, s in zip(policy.detectors, standard.detectors, strict=True) if d != s]
    assert [(d.kind, d.domestic_workdays, d.international_workdays) for d in changed] == [
        ("stalled_in_transit", 4, 5)
    ]
    assert (standard.responses, standard.remedies) == (policy.responses, policy.remedies)


def test_a_severity_overrides_single_keys(written):
    """What the severity does not say comes from the kind."""
    policy = load_policy(
        written(
            "[respond.at_risk]\nmessage = 'at_risk'\ntell_after = '2h'\n[respond.at_risk.severe]\nperson = true\n"
        )
    )

    minor, severe = (policy.response("at_risk", severity) for severity in ("minor", "severe"))
    assert (False, timedelta(hours=2), "at_risk") == (minor.person, minor.tell_after, minor.message)
    assert (True, timedelta(hours=2), "at_risk") == (severe.person, severe.tell_after, severe.message)


def test_none_takes_a_message_away(written):
    """TOML has no empty value: the word `none` stands for it."""
    policy = load_policy(written("[respond.at_risk]\nmessage = 'none'\n"))

    assert [policy.response("at_risk", severity).message for severity in SEVERITIES] == [None] * 3


def test_a_priority_may_name_only_the_first_few(written):
    """The others follow in the standard order, so that no news is ever without a place."""
    policy = load_policy(written("[notify]\npriority = ['at_risk', 'lost']\n"))

    assert policy.notify.priority[:4] == ("at_risk", "lost", "wrong_item", "damaged")
    assert set(load_policy().notify.priority) == set(policy.notify.priority)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("10h", timedelta(hours=10)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("1h 30m", timedelta(minutes=90)),
        ("0s", timedelta(0)),
    ],
)
def test_lengths_of_time_carry_their_unit(written, text, length):
    """Seconds, minutes, hours, days, weeks, and several together."""
    assert length == load_policy(written(f"[notify]\nwindow = '{text}'\n")).notify.window


def test_hours_may_be_text_or_the_time_of_toml(written):
    """Both spellings of a time of day are understood."""
    policy = load_policy(written("[quiet]\nstart = '22:30'\nend = 07:15:00\n"))

    assert (time(22, 30), time(7, 15)) == (policy.quiet.start, policy.quiet.end)


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        (
            "detect.stalled_in_transit.domestic_workdays",
            "4",
            lambda p: _detector(p, "stalled_in_transit").domestic_workdays,
        ),
        (
            "detect.stalled_in_transit.domestic_workdays",
            4,
            lambda p: _detector(p, "stalled_in_transit").domestic_workdays,
        ),
    ],
)
def test_set_understands_text_and_numbers(name, value, read):
    """A command line gives text, a program gives numbers; both mean the same."""
    assert read(load_policy(None, {name: value})) == 4


def test_set_reads_every_type():
    """Lengths, hours, switches, lists, ranges and amounts, as typed on a command line."""
    policy = load_policy(
        None,
        {
            "notify.window": "12h",
            "quiet.start": "22:00",
            "respond.lost.person": "true",
            "respond.lost.remedies": '["apology"]',
            "forecast.in_transit.by": "6",
            "budgets.order.USD": "99",
            "shop.time_zone": "Asia/Tokyo",
        },
    )

    assert (timedelta(hours=12), time(22)) == (policy.notify.window, policy.quiet.start)
    assert (policy.response("lost", "major").person, policy.response("lost", "major").remedies) == (
        True,
        ("apology",),
    )
    assert Span(from_=1, by=6) == policy.forecast.in_transit
    assert (policy.budget("USD"), policy.shop.time_zone) == (99, "Asia/Tokyo")


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("detect.stalled.domestic_workdays", "4", "no kind `stalled`"),
        ("notify.window.hours", "4", "`notify.window` is a value"),
        ("notify.window", "4", "has no unit"),
        ("returns.keep_days", "soon", "a whole number is needed"),
        ("quiet", "late", "a table is needed"),
    ],
)
def test_a_wrong_set_is_refused(name, value, why):
    """The problem names the option instead of a file."""
    with pytest.raises(PolicyProblem) as caught:
        load_policy(None, {name: value})

    assert f"--set {name}" == caught.value.where
    assert why in caught.value.why


def test_the_version_follows_from_what_a_policy_says(written):
    """Comments and order do not matter, values do, the name stands in front."""
    plain = load_policy(written("[returns]\nkeep_days = 30\n[notify]\nwindow = '1d'\n"))
    other = load_policy(written("# thirty\n[notify]\nwindow = '24h'\n[returns]\nkeep_days = 30\n"))
    changed = load_policy(written("[returns]\nkeep_days = 31\n"))

    assert plain.version == other.version
    assert plain.version != changed.version
    assert plain.version.split("@")[0] == "corner-shop"
    assert len(plain.version.split("@")[1]) == 12


def test_every_word_of_the_policy_counts_for_its_version():
    """Each single value in force changes the version when it changes."""
    standard = load_policy()
    probes = {
        "shop.country": "CA",
        "quiet.end": "09:00",
        "notify.patience": "31m",
        "returns.follow_ups": "2",
        "forecast.replacement.by": "6",
        "budgets.order.USD": "1",
        "detect.at_risk.lead_days": "2",
        "remedy.goodwill_credit.most.USD": "1",
        "respond.lost.tell_after": "1h",
        "respond.second_failure.person": "false",
        "respond.follow_up.message": "none",
    }

    versions = {load_policy(None, {name: value}).version for name, value in probes.items()}

    assert len(probes) == len(versions - {standard.version})


def test_the_standard_policy_says_everything():
    """No threshold, amount or range is left to what only the code says."""
    settings = load_policy().settings

    assert [".".join(leaf) for leaf, setting in settings.items() if setting.origin == "built in"] == []


def test_the_standard_policy_answers_every_detector():
    """A kind without a response would be found and never told."""
    policy = load_policy()

    assert list(discover_detectors()) == [detector.kind for detector in policy.detectors]
    assert set(discover_detectors()) == set(policy.responses)
    assert set(discover_remedies()) == set(policy.remedies)
    silent = [
        kind for kind, graded in policy.responses.items() if all(r.message is None for r in graded.values())
    ]
    assert silent == []


def test_a_template_may_be_any_that_the_catalogue_names(written):
    """Whoever knows the catalogue says which words there are."""
    path = written("[respond.lost]\nmessage = 'lost_at_sea'\n")

    policy = load_policy(path, templates={"lost", "lost_at_sea"})

    assert policy.response("lost", "severe").message == "lost_at_sea"


def _detector(policy, kind):
    return next(detector for detector in policy.detectors if detector.kind == kind)
