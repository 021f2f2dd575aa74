"""What the place that finds mixed-up boxes must do, in either database."""

from __future__ import annotations

import threading
from datetime import timedelta

import msgspec
import pytest

from streams.across.mix_ups import MixUps
from streams.core.events import MixUpSuspected
from streams.problems import WorldProblem
from streams.storage.engine import open_engine
from streams.storage.migrate import upgrade
from tests import builders as b

NOW = b.FRIDAY
OTTER, BLOCKS, KITE = {"PLUSH-OTTER": 1}, {"BLOCKS-60": 1, "MUG": 2}, {"KITE": 1}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """A database with its tables."""
    where = request.getfixturevalue("postgres") if request.param == "postgresql" else str(tmp_path / "s.db")
    upgrade(where)
    return where


@pytest.fixture
def places(url):
    """Two views of the one place, as two workers have them."""
    engines = [open_engine(url), open_engine(url)]
    yield tuple(MixUps(engine) for engine in engines)
    for engine in engines:
        engine.dispose()


def box(order_id, missing=None, extra=None, **more):
    """Return a suspicion about the only box of an order."""
    return msgspec.structs.replace(
        MixUpSuspected(
            order_id=order_id,
            decision_id=f"dec-{order_id}",
            case_id=f"case-{order_id}",
            shipment_id=f"{order_id}-S1",
            station="P1",
            packed_at=NOW,
            missing=b.pack(missing or {}),
            extra=b.pack(extra or {}),
        ),
        **more,
    )


def said(found):
    """Return who is told of whom, and why."""
    return {(one.order_id, one.case_id, one.shipment_id, one.other_order_id, one.basis) for one in found}


BOTH = {
    ("A", "case-A", "A-S1", "B", "contents"),
    ("B", "case-B", "B-S1", "A", "contents"),
}


def test_each_order_is_told_of_the_other(places):
    """The first box is alone; the second one finds it, whatever the order of its pieces, in another process."""
    one, other = places
    backwards = dict(reversed(BLOCKS.items()))

    assert one.suspect(box("A", OTTER, BLOCKS), NOW) == ()
    assert said(other.suspect(box("B", backwards, OTTER), NOW)) == BOTH


def test_asked_again_the_answer_is_the_same(places):
    """An outcome that was lost on the way is heard the second time, from either box."""
    one, other = places
    one.suspect(box("A", OTTER, BLOCKS), NOW)
    other.suspect(box("B", BLOCKS, OTTER), NOW)

    assert said(other.suspect(box("B", BLOCKS, OTTER), NOW + b.DAY)) == BOTH
    assert said(one.suspect(box("A", OTTER, BLOCKS), NOW + b.DAY)) == BOTH


@pytest.mark.parametrize(
    "other",
    [
        box("B", BLOCKS, KITE),
        box("B", KITE, OTTER),
        box("B", {"BLOCKS-60": 1, "MUG": 1}, OTTER),
        box("B", BLOCKS, OTTER, station="P2"),
        box("B", BLOCKS, OTTER, packed_at=NOW + timedelta(hours=12, seconds=1)),
        box("B", BLOCKS, OTTER, packed_at=NOW - timedelta(hours=12, seconds=1)),
        box("A", BLOCKS, OTTER, shipment_id="A-S2"),
    ],
    ids=["other-extra", "other-missing", "fewer", "station", "later", "earlier", "same-order"],
)
def test_what_does_not_fit_is_not_found(places, other):
    """Both sides must be the same, at one station within 12 hours, of two orders."""
    places[0].suspect(box("A", OTTER, BLOCKS), NOW)

    assert places[0].suspect(other, NOW) == ()


def test_just_within_twelve_hours_is_found(places):
    """The limit itself counts."""
    places[0].suspect(box("A", OTTER, BLOCKS), NOW)

    assert said(places[0].suspect(box("B", BLOCKS, OTTER, packed_at=NOW + timedelta(hours=12)), NOW)) == BOTH


def test_a_box_has_one_counterpart(places):
    """A third box that would fit as well stays alone; of two that fit, the one packed nearest is it."""
    place, _ = places
    place.suspect(box("FAR", OTTER, BLOCKS, packed_at=NOW - 2 * b.HOUR), NOW)
    place.suspect(box("A", OTTER, BLOCKS), NOW)

    assert said(place.suspect(box("B", BLOCKS, OTTER), NOW)) == BOTH
    assert place.suspect(box("LATE", OTTER, BLOCKS), NOW) == ()
    found = place.suspect(box("C", BLOCKS, OTTER, packed_at=NOW - timedelta(hours=1.5)), NOW)
    assert {one.order_id for one in found} == {"C", "FAR"}


def test_a_box_that_was_packed_anew_is_looked_for_by_its_new_contents(places):
    """The old contents are gone, and an old scan that comes late does not bring them back."""
    place, _ = places
    place.suspect(box("A", OTTER, BLOCKS), NOW)
    place.suspect(box("A", OTTER, KITE, packed_at=NOW + b.MINUTE), NOW)
    place.suspect(box("A", OTTER, BLOCKS), NOW)

    assert place.suspect(box("B", BLOCKS, OTTER), NOW) == ()
    assert {o for o, *_ in said(place.suspect(box("C", KITE, OTTER), NOW))} == {"A", "C"}


def test_packed_anew_after_it_was_found_is_no_mix_up(places):
    """What was found was said of the contents then."""
    place, _ = places
    place.suspect(box("A", OTTER, BLOCKS), NOW)
    place.suspect(box("B", BLOCKS, OTTER), NOW)

    assert place.suspect(box("A", OTTER, KITE, packed_at=NOW + b.MINUTE), NOW) == ()


def test_weights_that_cross_are_likely_swapped(places):
    """Each weighs what the other should, as far as scales and cartons go."""
    place, _ = places
    place.suspect(box("A", weight_g=2_010.0, expected_g=490.0), NOW)
    found = place.suspect(box("B", weight_g=530.0, expected_g=2_050.0), NOW)

    assert {(one.order_id, one.basis) for one in found} == {("A", "weights"), ("B", "weights")}


@pytest.mark.parametrize(
    ("weight_g", "expected_g"),
    [(900.0, 2_050.0), (530.0, 2_600.0), (530.0, None), (None, 2_050.0), (2_000.0, 530.0)],
    ids=["weighs-else", "should-weigh-else", "no-plan", "no-scale", "the-same-mistake"],
)
def test_weights_that_do_not_cross_are_not(places, weight_g, expected_g):
    """Only one of the two fits, or a number is missing."""
    place, _ = places
    place.suspect(box("A", weight_g=2_010.0, expected_g=490.0), NOW)

    assert place.suspect(box("B", weight_g=weight_g, expected_g=expected_g), NOW) == ()


def test_of_several_that_fit_by_weight_none_is_it(places):
    """A scale that is wrong all day makes many such boxes."""
    place, _ = places
    for order_id in ("A", "C"):
        place.suspect(box(order_id, weight_g=2_010.0, expected_g=490.0), NOW)

    assert place.suspect(box("B", weight_g=530.0, expected_g=2_050.0), NOW) == ()


@pytest.mark.parametrize("other", [box("B", BLOCKS, OTTER), box("B")], ids=["scanned", "only-weighed"])
def test_a_box_that_was_scanned_waits_for_its_counterpart(places, other):
    """What was seen stands above what was weighed: a box with other contents is not joined by weight."""
    place, _ = places
    place.suspect(box("A", OTTER, KITE, weight_g=2_010.0, expected_g=490.0), NOW)

    crossing = msgspec.structs.replace(other, weight_g=530.0, expected_g=2_050.0)
    assert place.suspect(crossing, NOW) == ()


def test_two_workers_at_the_same_moment_do_not_miss_each_other(places):
    """Forty pairs, each half in a thread of its own: every box is told once, by whoever came second."""
    found = []
    start = threading.Barrier(2, timeout=30)

    def ask(place, boxes):
        for one in boxes:
            start.wait()
            found.extend(place.suspect(one, NOW))

    pairs = [({f"LEFT-{n}": 1}, {f"RIGHT-{n}": 2, "MUG": n + 1}) for n in range(40)]
    halves = (
        [box(f"A{n}", missing, extra) for n, (missing, extra) in enumerate(pairs)],
        [box(f"B{n}", extra, missing) for n, (missing, extra) in enumerate(pairs)],
    )
    threads = [
        threading.Thread(target=ask, args=(place, half)) for place, half in zip(places, halves, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted((one.order_id, one.other_order_id) for one in found) == sorted(
        pair for n in range(40) for pair in ((f"A{n}", f"B{n}"), (f"B{n}", f"A{n}"))
    )


def test_names_that_no_database_can_keep(places):
    """A station with a NUL or a long name is compared as far as it goes; such an order is left alone."""
    place, _ = places
    station = "P\0" + "1" * 300
    place.suspect(box("A", {"S\0": 1}, BLOCKS, station=station), NOW)

    assert said(place.suspect(box("B", BLOCKS, {"S\0": 1}, station=station), NOW)) == BOTH
    assert place.suspect(box("C\0", OTTER, KITE), NOW) == ()


def test_a_database_without_the_table_is_a_problem_worth_another_try(tmp_path):
    """The problem says so, and repeats no row."""
    engine = open_engine(str(tmp_path / "empty.db"))

    with pytest.raises(WorldProblem) as caught:
        MixUps(engine).suspect(box("A", OTTER, BLOCKS), NOW)

    engine.dispose()
    assert caught.value.code == "mix-ups-unusable"
    assert caught.value.retriable
    assert "PLUSH" not in str(caught.value)
