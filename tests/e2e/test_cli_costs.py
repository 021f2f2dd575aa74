"""`firstword costs`: what putting things right has cost, with a read model and without."""

import pytest

from tests.command_line import FRIDAY, document, firstword, ndjson, wrong_item


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A run with one mix-up."""
    folder = tmp_path_factory.mktemp("costs")
    (folder / "events.ndjson").write_text(ndjson(wrong_item("CRUNCHY-ARMCHAIR", FRIDAY)))
    done = firstword(
        *("run", "--data", folder / "shop", "--source", folder / "events.ndjson"),
        *("--clock", "history", "--until", "2026-11-21T00:00:00Z"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "shop"


def test_a_program_reads_sums_in_minor_units(data):
    """One document; the rows add up to the totals, and looking makes no read model."""
    told = document(firstword("costs", "--data", data, "--by", "kind", "--json"))

    assert told["by"] == "kind"
    assert {row["name"] for row in told["rows"]} == {"wrong_item"}
    assert sum(row["granted"] for row in told["rows"]) == sum(row["granted"] for row in told["totals"]) > 0
    assert not (data / "readmodel.sqlite").exists()


def test_a_person_reads_a_table(data):
    """Amounts in their currency, and a last line with all of it."""
    done = firstword("costs", "--data", data)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["remedy", "remedies", "granted", "spent", "open"]
    assert done.stdout.splitlines()[-1].startswith("all")


def test_from_a_day_after_all_of_it_there_is_nothing(data):
    """Said in words, not as an empty table."""
    done = firstword("costs", "--data", data, "--since", "2027-01-01")

    assert (done.returncode, done.stdout) == (0, "no remedy was granted\n")


def test_a_folder_without_a_history_is_a_problem(tmp_path):
    """Not a sum of nothing."""
    done = firstword("costs", "--data", tmp_path / "nowhere")

    assert done.returncode == 2
    assert "data-not-found" in done.stderr
