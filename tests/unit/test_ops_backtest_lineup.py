"""Who stands side by side, and under which name."""

import pytest

from streams.ops.backtest.lineup import differences, line_up, read_variants
from streams.problems import PolicyProblem, UsageProblem


@pytest.fixture
def files(tmp_path):
    """Two policy files and a third in another folder that is called like the first."""
    (tmp_path / "other").mkdir()
    for place, window in (("calm.toml", "2d"), ("eager.toml", "6h"), ("other/calm.toml", "3d")):
        (tmp_path / place).write_text(f'[notify]\nwindow = "{window}"\n')
    return tmp_path


def names(line):
    return [one.name for one in line]


def window(one):
    return one.policy.notify.window.total_seconds() / 3600


def test_one_file_stands_beside_the_policy_in_force(files):
    """The one in force comes first: it is what the file is compared with."""
    line = line_up([files / "calm.toml"], [], None)

    assert names(line) == ["standard", "calm"]
    assert [window(one) for one in line] == [24, 48]


def test_the_policy_in_force_may_be_a_file(files):
    """As the settings name it."""
    assert names(line_up([files / "calm.toml"], [], files / "eager.toml")) == ["eager", "calm"]


def test_of_several_files_the_first_is_compared_with(files):
    """Nobody else joins them."""
    assert names(line_up([files / "eager.toml", files / "calm.toml"], [], None)) == ["eager", "calm"]


def test_values_without_a_name_make_one_variant_of_the_policy_in_force():
    """As they do for `firstword policy show`."""
    line = line_up([], ["quiet.start=22:00", "notify.window=12h"], None)

    assert names(line) == ["standard", "start=22:00, window=12h"]
    assert [(one.path, one.first, one.here) for one in differences(line[0].policy, line[1].policy)] == [
        ("notify.window", "1d", "12h"),
        ("quiet.start", "21:00", "22:00"),
    ]


def test_values_with_names_make_variants_of_the_first_file(files):
    """Each varies the file, and the file stands first."""
    line = line_up([files / "calm.toml"], ["one=notify.patience=1h", "two=notify.patience=2h"], None)

    assert names(line) == ["calm", "one", "two"]
    assert [window(one) for one in line] == [48, 48, 48]
    assert len(differences(line[0].policy, line[2].policy)) == 1


def test_a_value_may_hold_an_equals_sign():
    """The path ends at the first one behind it."""
    assert read_variants(["quiet.start=a=b", "x=a.b=c=d"]) == {
        "": {"quiet.start": "a=b"},
        "x": {"a.b": "c=d"},
    }


@pytest.mark.parametrize(
    "text", ["", "window", "notify.window", "calm=window", "calm=", "window=12h", "=a.b=c"]
)
def test_what_sets_nothing_is_refused(text):
    """A name without a path, a path without a value."""
    with pytest.raises(UsageProblem) as refused:
        read_variants([text])

    assert refused.value.code == "set-unclear"


def test_an_unknown_path_names_the_nearest():
    """A slip of the finger would silently measure nothing."""
    with pytest.raises(PolicyProblem) as refused:
        line_up([], ["calm=notify.windw=2d"], None)

    assert "window" in str(refused.value)


def test_two_that_say_the_same_are_refused(files):
    """Under whatever names: every figure would be equal."""
    (files / "copy.toml").write_text('[notify]\nwindow = "48h"\n')
    for paths, sets in (
        ([files / "calm.toml", files / "copy.toml"], []),
        ([], ["notify.window=24h"]),
        ([], []),
    ):
        with pytest.raises(UsageProblem) as refused:
            line_up(paths, sets, None) if paths or sets else line_up(
                [files / "calm.toml"], [], files / "copy.toml"
            )

        assert refused.value.code == "policies-alike"


def test_two_of_one_name_are_told_apart(files):
    """By what they say."""
    first, second = names(line_up([files / "calm.toml", files / "other" / "calm.toml"], [], None))

    assert first != second
    assert first.startswith("calm@")
