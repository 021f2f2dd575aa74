"""How often we are right about a box before we say so without a person: measured, not believed."""

from __future__ import annotations

import msgspec
import pytest

from streams.policies.loader import load_policy
from tests.benchmarks.mix_ups import SHOP, calibrated, measure

# Three times the mistakes of every kind, so that two thousand orders have some hundred of them.
BUSY = msgspec.structs.replace(
    SHOP,
    orders=2_100,
    swapped=0.03,
    misread=0.003,
    faults=msgspec.structs.replace(SHOP.faults, wrong_item=0.021),
)


@pytest.fixture(scope="module", params=["standard", "calibrated"])
def measured(request, tmp_path_factory):
    """Two thousand orders by the standard policy, and by that of a shop that knows its cartons."""
    policy = load_policy() if request.param == "standard" else calibrated(load_policy())
    return measure(BUSY, tmp_path_factory.mktemp("mix-ups"), policy)


def test_what_is_told_without_a_person_is_right(measured):
    """At least 99 of 100, over more than two thousand boxes and a hundred mails."""
    assert measured.packed >= 2_000
    assert measured.told >= 100
    assert measured.told_rightly / measured.told >= 0.99


def test_nothing_that_was_swapped_by_scan_is_missed(measured):
    """Each such pair is found, and nearly always called what it is: one may look like a part of another."""
    assert measured.planted["swapped_labels"] >= 50
    assert measured.recall("swapped_labels") == 1.0
    assert measured.found["swapped_labels", "certain"] >= 0.98 * measured.planted["swapped_labels"]


def test_most_of_what_only_a_scale_can_see_is_found_and_shown_to_a_person(measured):
    """Two boxes that weigh nearly the same cannot be told apart; none of it is certain."""
    behind = "swapped_labels behind the scan"

    assert measured.planted[behind] >= 20
    assert measured.recall(behind) >= 0.7
    assert measured.precision("likely") >= 0.95
    assert measured.asked >= measured.seen[behind]
