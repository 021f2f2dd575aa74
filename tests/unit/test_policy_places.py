"""The loader's helpers: lines of a TOML file, calendars, discovery, and the policy printed as a file."""

import tomllib
from datetime import date, timedelta
from importlib import import_module
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.policies.calendars import calendars, closed
from streams.policies.discovery import discover_detectors, discover_remedies
from streams.policies.durations import format_duration, parse_duration
from streams.policies.lines import line_of, locate
from streams.policies.loader import load_policy
from streams.policies.show import show
from streams.problems import WorldProblem

ODD = '''# a comment with [brackets] and key = 1
name = "x" # [not.a.table]
[shop]
country = "US"
"a b".c = 1

[[test]]
name = """several
[lines] = 'x' """
given = [
  "a, ]", # one
  { at = 1, b = [1, 2], c = "}" },
  """
  deep""",
]
[test.more]
z = 1979-05-27T07:32:00Z
[[test]]
name = 'C:\\'
[a.b]
c.d = 1_000
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("shop",), 3),
        (("shop", "country"), 4),
        (("shop", "a b", "c"), 5),
        (("test", 0), 7),
        (("test", 0, "name"), 8),
        (("test", 0, "given", 0), 11),
        (("test", 0, "given", 1, "b", 1), 12),
        (("test", 0, "given", 2), 13),
        (("test", 0, "more", "z"), 17),
        (("test", 1, "name"), 19),
        (("a", "b", "c", "d"), 21),
    ],
)
def test_a_value_is_found_on_its_line(path, line):
    """Strings over several lines, comments and brackets in text lead nobody astray."""
    assert line == line_of(locate(ODD), path)


def test_what_is_not_there_is_looked_for_around_it():
    """A missing key is reported where its table begins."""
    assert line_of(locate(ODD), ("shop", "currency")) == 3
    assert line_of(locate(ODD), ("nowhere",)) == 1


def leaves(tree, path=()):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from leaves(value, (*path, index))
    else:
        yield path


def every_file():
    yield files("streams.policies").joinpath("standard.toml")
    for kind in discover_detectors():
        yield files(f"streams.core.detectors.{kind}").joinpath("cases.toml")


def test_every_value_of_our_own_files_is_found():
    """`tomllib` and the lines agree about what is in a file."""
    for file in every_file():
        text = file.read_text("utf-8")

        lines = locate(text)

        assert [path for path in leaves(tomllib.loads(text)) if path not in lines] == []


@given(st.integers(min_value=0, max_value=366 * 24 * 3600))
def test_a_length_of_time_is_read_as_it_is_written(seconds):
    """Whatever `show` prints, the loader understands."""
    length = timedelta(seconds=seconds)

    assert length == parse_duration(format_duration(length))


@pytest.mark.parametrize(
    ("country", "day", "shut"),
    [
        ("US", date(2026, 11, 26), True),  # Thanksgiving
        ("US", date(2026, 11, 27), False),
        ("DE", date(2026, 11, 26), False),
        ("de", date(2026, 5, 1), True),  # small letters are the same country
        ("SA", date(2026, 11, 27), True),  # a Friday: the weekend of Saudi Arabia
        ("SA", date(2026, 11, 29), False),  # a Sunday
        ("US", date(2026, 11, 29), True),
        ("XX", date(2026, 11, 26), False),  # a country that nobody has described
        ("XX", date(2026, 11, 28), True),
        ("", date(2026, 12, 25), False),
        ("BR", date(2027, 1, 1), True),
    ],
)
def test_a_country_is_closed_on_its_weekend_and_holidays(country, day, shut):
    """Weekends differ between countries, and an unknown country has nothing but Saturday and Sunday."""
    assert shut is closed(country, day)


def test_a_lane_is_open_when_both_ends_are():
    """Five business days from Germany to the United States leave out the holidays of both."""
    assert date(2026, 12, 4) == calendars().day_after(date(2026, 11, 25), 6, ("DE", "US"))
    assert date(2026, 12, 3) == calendars().day_after(date(2026, 11, 25), 6, ("DE", "FR"))


def test_there_is_one_calendar():
    """Counting is cached in it, so everybody gets the same one."""
    assert calendars() is calendars()


def test_every_folder_is_found_under_its_own_name():
    """The name of a folder is the name of the detector or remedy everywhere."""
    detectors, remedies = discover_detectors(), discover_remedies()

    assert len(detectors) == 12
    assert len(remedies) == 5
    assert list(detectors) == sorted(cls.kind for cls in detectors.values())
    assert list(remedies) == sorted(cls.name for cls in remedies.values())


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (None, "No module named"),
        ("", "has no attribute 'DETECTOR'"),
        ("DETECTOR = 3", "not a subclass of Detector"),
        ("from streams.core.detectors.lost.detector import Lost as DETECTOR", "its kind is 'lost'"),
    ],
)
def test_a_broken_folder_is_named(tmp_path, monkeypatch, source, why):
    """Somebody who adds a detector learns what is missing, and where."""
    name = f"borrowed_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / name / "gone_fishing"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (folder / "__init__.py").touch()
    if source is not None:
        (folder / "detector.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(WorldProblem) as caught:
        discover_detectors(import_module(name))

    assert caught.value.where == "gone_fishing/detector.py"
    assert why in caught.value.why


def test_the_policy_in_force_is_printed_as_a_policy(tmp_path):
    """What `show` prints is a file that means exactly the same."""
    shop = tmp_path / "shop.toml"
    shop.write_text("# ours\n[notify]\nwindow = '36h'\n[respond.at_risk]\nmessage = 'none'\n", "utf-8")
    policy = load_policy(shop, {"quiet.start": "22:30", "detect.lost.untracked_days": 20})
    printed = tmp_path / "printed.toml"

    printed.write_text(show(policy), "utf-8")

    assert policy.version == load_policy(printed).version


def test_every_printed_value_names_its_source(tmp_path):
    """Standard, the file with its line, or the command line."""
    shop = tmp_path / "shop.toml"
    shop.write_text("# ours\n[notify]\nwindow = '36h'\n", "utf-8")

    lines = show(load_policy(shop, {"quiet.start": "22:30"})).splitlines()

    def source(key):
        return next(line.split("# ")[1] for line in lines if line.startswith(f"{key} ="))

    assert [f"{shop}:3", "--set", "standard"] == [source("window"), source("start"), source("patience")]
    assert lines[0].startswith("# shop@")
    assert [line for line in lines[2:] if "=" in line and " # " not in line] == []
