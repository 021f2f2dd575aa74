"""Boxes that hold each other's goods, and what scales say: asked once, told once, and how sure we are."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import msgspec
import pytest

from streams.core import events as facts
from streams.core.events import MixUpFound, MixUpSuspected, OrderedLine, ShipmentPacked
from streams.core.ids import identify
from streams.core.order import new_order
from streams.policies.loader import load_policy
from tests import builders as b

POLICY = load_policy()
SCALE = next(one for one in POLICY.detectors if one.kind == "wrong_item")
WEIGHTS = {"OTTER": 340.0, "BLOCKS": 1900.0, "GEL": 70.0, "PEN": 140.0, "TWIN": 70.0}
CARTON = float(SCALE.packaging_g)


def bought(counts, weights=WEIGHTS):
    """Return order lines with weights."""
    return tuple(OrderedLine(sku=s, quantity=n, weight_g=weights.get(s)) for s, n in counts.items())


def order(counts, **more):
    """Return the facts of an order and its plan."""
    return (
        b.placed(lines=bought(counts, **more), promise=None),
        b.planned(counts),
    )


def packed(counts, weight_g=None, station="P1"):
    """Return a packing scan with a scale's word."""
    return ShipmentPacked(
        order_id=b.ORDER, shipment_id=b.PARCEL, lines=b.pack(counts), weight_g=weight_g, station=station
    )


def found(basis="contents", other="OTHER"):
    """Return the answer of the place that knows all boxes."""
    return MixUpFound(
        order_id=b.ORDER,
        case_id=identify("case", b.ORDER),
        shipment_id=b.PARCEL,
        other_order_id=other,
        basis=basis,
    )


def after(*said, policy=POLICY, every=b.MINUTE):
    """Return what happened when we heard these facts, a minute apart."""
    events = [b.event(fact, b.FRIDAY + n * every) for n, fact in enumerate(said)]
    return b.fold(policy, *events)


def troubles(done):
    """Return the open troubles: kind and certainty."""
    case = done.order.case
    return [(t.kind, t.certainty) for t in (case.troubles if case else ()) if t.cleared_at is None]


def asked(done):
    """Return what was asked about mix-ups."""
    return [one for one in done.decisions if isinstance(one, MixUpSuspected)]


def test_a_wrong_box_of_a_known_station_is_asked_about_once():
    """With what it lacks, what it holds, and both weights; further news of the order asks nothing again."""
    done = after(*order({"OTTER": 1}), packed({"BLOCKS": 1}, 2_000.0), b.labelled(), b.scanned("in_transit"))

    (question,) = asked(done)
    assert (question.station, question.packed_at) == ("P1", b.FRIDAY + 2 * b.MINUTE)
    assert (question.missing, question.extra) == (b.pack({"OTTER": 1}), b.pack({"BLOCKS": 1}))
    assert (question.weight_g, question.expected_g) == (2_000.0, 340.0 + CARTON)


@pytest.mark.parametrize(
    "scan",
    [packed({"BLOCKS": 1}, station=None), packed({}), packed({"OTTER": 2}), packed({"OTTER": 1})],
    ids=["no-station", "short", "over", "right"],
)
def test_nothing_else_is_asked_about(scan):
    """A box that only lacks or only holds something has no counterpart; one of no station cannot be looked for."""
    assert asked(after(*order({"OTTER": 1}), scan)) == []


def test_packed_anew_and_wrong_again_is_another_question():
    """Two contents, two questions with two identities; the same contents again are the first question."""
    done = after(*order({"OTTER": 1}), packed({"BLOCKS": 1}), packed({"GEL": 1}), packed({"BLOCKS": 1}))

    ids = [one.decision_id for one in asked(done)]
    assert len(ids) == len(set(ids)) == 2


def test_a_box_that_was_mixed_up_is_one_trouble():
    """Wrong before, swapped from then on; answered once, with one replacement."""
    done = after(*order({"OTTER": 1}), packed({"BLOCKS": 1}), found())
    assert troubles(done) == [("swapped_labels", "certain")]
    assert done.order.mix_ups[0].other_order_id == "OTHER"


def test_what_was_answered_stays_what_it_was():
    """The answer comes an hour later, when the wrong item has been put right: nothing changes."""
    done = after(*order({"OTTER": 1}), packed({"BLOCKS": 1}))
    story = b.fold(POLICY, b.silence(b.FRIDAY + b.HOUR), order=msgspec.structs.replace(done.order))
    trouble = story.order.case.troubles[0]
    answered = msgspec.structs.replace(trouble, responded=1)
    case = msgspec.structs.replace(story.order.case, troubles=(answered,))
    state = msgspec.structs.replace(story.order, case=case)
    late = b.fold(POLICY, b.event(found(), b.FRIDAY + 2 * b.HOUR), order=state)

    assert troubles(late) == [("wrong_item", "certain")]


def test_the_first_answer_about_a_box_stands():
    """A second one about the same contents is not believed."""
    done = after(*order({"OTTER": 1}), packed({"BLOCKS": 1}), found(), found(other="THIRD"))

    assert [one.other_order_id for one in done.order.mix_ups] == ["OTHER"]


@pytest.mark.parametrize(
    ("plan", "scan", "weight_g", "expected"),
    [
        ({"OTTER": 1}, {"BLOCKS": 1}, None, [("wrong_item", "certain")]),
        ({"OTTER": 1}, {"UNHEARD-OF": 1}, 2_050.0, [("wrong_item", "certain")]),
        ({"BLOCKS": 1, "GEL": 2}, {"BLOCKS": 2, "GEL": 1}, 3_950.0, [("wrong_item", "certain")]),
        ({"BLOCKS": 1, "GEL": 2}, {"BLOCKS": 2, "GEL": 1}, 2_150.0, [("wrong_item", "possible")]),
        ({"OTTER": 1}, {"BLOCKS": 1, "OTTER": 0}, 340.0 + CARTON, [("wrong_item", "certain")]),
        ({"GEL": 2, "PEN": 1}, {"GEL": 1, "PEN": 2}, 240.0 + CARTON, [("wrong_item", "possible")]),
        ({"GEL": 2, "PEN": 1}, {"GEL": 1, "PEN": 2}, 320.0 + CARTON, [("wrong_item", "certain")]),
        ({"GEL": 2, "TWIN": 1}, {"GEL": 1, "TWIN": 2}, 210.0 + CARTON, [("wrong_item", "certain")]),
        (
            {"OTTER": 1, "BLOCKS": 1},
            {"BLOCKS": 1, "UNKNOWN": 1},
            2_240.0 + CARTON,
            [("wrong_item", "certain")],
        ),
        ({"OTTER": 3, "GEL": 1}, {"OTTER": 2, "UNKNOWN": 1}, 400.0 + CARTON, [("wrong_item", "certain")]),
        ({"OTTER": 1}, {"OTTER": 1}, 2_050.0, [("wrong_item", "possible")]),
        ({"OTTER": 1}, {"OTTER": 1}, 340.0 + CARTON + SCALE.weight_tolerance_g, []),
        ({"OTTER": 1}, {"OTTER": 1}, 341.0 + CARTON + SCALE.weight_tolerance_g, [("wrong_item", "possible")]),
        ({"OTTER": 1}, {"OTTER": 1}, 340.0 + CARTON - SCALE.weight_tolerance_g, []),
        ({"OTTER": 1}, {"OTTER": 1}, 339.0 + CARTON - SCALE.weight_tolerance_g, [("wrong_item", "possible")]),
        ({"OTTER": 1, "NO-WEIGHT": 1}, {"OTTER": 1, "NO-WEIGHT": 1}, 9_000.0, []),
    ],
)
def test_how_sure_a_scan_and_a_scale_are_together(plan, scan, weight_g, expected):
    """The scale makes a scan doubtful when only the plan fits; alone it says no more than possible."""
    assert troubles(after(*order(plan), packed(scan, weight_g))) == expected


def test_a_counterpart_by_contents_is_surer_than_a_scale():
    """Two scans that mirror each other are right, whatever a box weighs."""
    plan, scan = {"BLOCKS": 1, "GEL": 2}, {"BLOCKS": 2, "GEL": 1}

    assert troubles(after(*order(plan), packed(scan, 2_150.0), found())) == [("swapped_labels", "certain")]
    assert troubles(after(*order(plan), packed(scan, 3_950.0), found("weights"))) == [
        ("swapped_labels", "likely")
    ]


def test_weights_that_cross_are_likely_and_end_when_the_box_is_weighed_again():
    """Nothing was scanned wrong; a box that weighs what it should is no mix-up any more."""
    said = (*order({"OTTER": 1}), packed({"OTTER": 1}, 2_050.0), found("weights"))

    assert troubles(after(*said)) == [("swapped_labels", "likely")]
    assert troubles(after(*said, packed({"OTTER": 1}, 500.0))) == []


def test_what_is_not_certain_goes_to_a_person_first():
    """No replacement and no mail, and a review that names the reason."""
    done = after(
        *order({"OTTER": 1}), packed({"OTTER": 1}, 2_050.0), b.labelled(), every=timedelta(minutes=20)
    )

    (review,) = [one for one in done.decisions if isinstance(one, facts.ReviewRequested)]
    assert review.reason == "uncertain"
    assert not [
        one for one in done.decisions if isinstance(one, facts.ReplacementRequested | facts.MessageQueued)
    ]


def test_a_certainty_that_changed_is_told_to_the_books():
    """An exception that becomes certain by a better scan has changed."""
    plan = {"BLOCKS": 1, "GEL": 2}
    done = after(
        *order(plan), packed({"BLOCKS": 2, "GEL": 1}, 2_150.0), packed({"BLOCKS": 2, "GEL": 1}, 3_950.0)
    )

    assert [type(one) for one in done.decisions if isinstance(one, facts.ExceptionChanged)] == [
        facts.ExceptionChanged
    ]
    assert troubles(done) == [("wrong_item", "certain")]


def test_the_carriers_weight_counts_where_the_station_has_none():
    """Too light is possibly wrong; half a kilogram too heavy is how carriers round."""
    light, rounded = (b.scanned("in_transit", weight_g=weight) for weight in (400.0, 2_500.0))
    said = order({"BLOCKS": 1})

    assert troubles(after(*said, b.labelled(), light)) == [("wrong_item", "possible")]
    assert troubles(after(*said, b.labelled(), rounded)) == []
    assert troubles(after(*said, packed({"BLOCKS": 1}, 2_050.0), b.labelled(), light)) == []


def test_weights_come_in_any_order():
    """Scans of one parcel under its id or its number: the least weight counts, whichever came first."""
    told = [
        b.event(b.labelled(), b.FRIDAY, identity="label"),
        *(
            b.event(
                b.scanned("in_transit", shipment_id=None, weight_g=weight),
                b.FRIDAY + n * b.HOUR,
                identity=f"scan-{n}",
            )
            for n, weight in enumerate((1_500.0, 1_200.0, 1_200.0), start=1)
        ),
    ]
    kept = set()
    for sequence in permutations(told):
        state = new_order(b.ORDER)
        for one in sequence:
            state = b.fold(POLICY, one, order=state).order
        kept.add(tuple((one.weight_g, one.weighed_by) for one in state.shipments))

    assert kept == {((1_200.0, "scan-2"),)}


def test_a_customer_who_was_first_is_believed_and_the_scale_is_silent():
    """One matter: what the customer says stands above what was only weighed."""
    report = facts.CustomerReported(order_id=b.ORDER, kind="wrong_item", lines=b.pack({"OTTER": 1}))
    done = after(*order({"OTTER": 1}), packed({"OTTER": 1}, 2_050.0), report)

    assert troubles(done) == [("wrong_item", "certain")]
    assert [t.subject for t in done.order.case.troubles if t.cleared_at is None] == ["order"]


def test_a_scale_that_is_not_trusted_says_nothing():
    """Without a tolerance no weight is looked at."""
    deaf = msgspec.structs.replace(SCALE, weight_tolerance_g=0)
    others = tuple(deaf if one is SCALE else one for one in POLICY.detectors)
    policy = msgspec.structs.replace(POLICY, detectors=others)

    assert troubles(after(*order({"OTTER": 1}), packed({"OTTER": 1}, 9_000.0), policy=policy)) == []
