"""The scorer, against decision logs written by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from streams.problems import InputProblem
from streams.simulate.planted import OrderTruth, Truth
from streams.simulate.score import Score, read_truth, score

MONDAY = datetime.fromisoformat("2026-11-23T09:00:00+00:00")
TUESDAY, WEDNESDAY, NEXT_WEEK = (MONDAY + timedelta(days=n) for n in (1, 2, 7))


def planted(order_id="ORD-KITE", kind="wrong_item", **told) -> OrderTruth:
    remedies = {"replacement": kind == "wrong_item", "label": kind == "wrong_item", "follow_up": False}
    return OrderTruth(
        order_id=order_id,
        planted=(kind,),
        must_tell=(kind,),
        promised="2026-11-24",
        **{"may_tell": (), "visible_at": MONDAY, "noticed_at": WEDNESDAY} | remedies | told,
    )


def truth(*orders) -> Truth:
    return Truth(seed=7, plan={}, until=NEXT_WEEK, events=100, orders=orders)


def event(what, at, **data) -> dict:
    data = {"order_id": "ORD-KITE"} | data
    return {
        "specversion": "1.0",
        "id": ":".join([what, str(at), *map(str, data.values())]),
        "source": "firstword",
        "type": f"{what}.v1",
        "time": at.isoformat(),
        "data": data,
    }


def opened(kind="wrong_item", at=MONDAY, word="opened", **data) -> dict:
    return event(f"exception.{word}", at, exception_id=f"exc-{kind}", kind=kind, **data)


def told(*kinds, at=TUESDAY, message_id="msg-1", template="wrong_item", **data) -> list[dict]:
    ids = [f"exc-{kind}" for kind in kinds]
    return [
        event("message.queued", at, message_id=message_id, exception_ids=ids, template=template, **data),
        event("message.accepted", at, message_id=message_id, **data),
    ]


def remedies(**data) -> list[dict]:
    return [
        event("replacement.requested", MONDAY, replacement_id="rep-1", **data),
        event("return_label.issued", MONDAY, return_id="ret-1", **data),
    ]


GOOD = [opened(), *remedies(), *told("wrong_item")]
TROUBLES = tuple(name for name in Score.__struct_fields__ if name not in {"tellings", "messages"})


def found(verdict: Score) -> dict:
    return {name: getattr(verdict, name) for name in TROUBLES if getattr(verdict, name)}


def test_told_once_and_made_good_is_perfect():
    """One message in time, one replacement, one label: nothing to say against it."""
    verdict = score(truth(planted()), GOOD)

    assert verdict.perfect
    [telling] = verdict.tellings
    assert (telling.told_at, telling.times, telling.hours, telling.in_time) == (TUESDAY, 1, 24.0, True)
    assert verdict.lines() == [
        "wrong_item: 1 of 1 told, median 24.0 h after visible, 1 before the customer would notice",
        "planted faults told: 1 of 1, 1 before the customer would notice",
        *(f"{name.replace('_', ' ')}: 0" for name in TROUBLES),
        "perfect",
    ]
    assert verdict.as_json() == {
        "perfect": True,
        "planted": 1,
        "told": 1,
        "in_time": 1,
        "messages": 1,
        "kinds": {
            "wrong_item": {"planted": 1, "told": 1, "in_time": 1, "median_hours": 24.0, "most_hours": 24.0}
        },
        **{name: [] for name in TROUBLES},
    }


def test_a_log_that_holds_everything_twice_scores_the_same():
    """A decision log is delivered at least once; an event counts by its id."""
    assert score(truth(planted()), [*GOOD, *GOOD]) == score(truth(planted()), GOOD)


def test_silence_is_missed():
    """An empty log misses the fault and both remedies."""
    verdict = score(truth(planted()), [])

    assert found(verdict) == {
        "missed": ("ORD-KITE wrong_item",),
        "missing_replacements": ("ORD-KITE",),
        "missing_labels": ("ORD-KITE",),
    }
    assert verdict.tellings[0].hours is None
    assert "missed: 1 (ORD-KITE wrong_item)" in verdict.lines()
    assert verdict.lines()[-1] == "not perfect"


def test_queued_is_not_told():
    """Before the relay has accepted it, nobody was told anything."""
    verdict = score(truth(planted()), [one for one in GOOD if one["type"] != "message.accepted.v1"])

    assert found(verdict) == {"missed": ("ORD-KITE wrong_item",)}


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(told("wrong_item", at=WEDNESDAY, message_id="msg-2"), id="a second message"),
        pytest.param(told("wrong_item", at=WEDNESDAY)[1:], id="the same message accepted again"),
        pytest.param(
            [opened(word="changed"), *told("wrong_item", at=WEDNESDAY, message_id="msg-2")],
            id="a change of the planted fault itself",
        ),
    ],
)
def test_telling_it_again_is_a_repetition(again):
    """A planted fault is told exactly once."""
    verdict = score(truth(planted()), [*GOOD, *again])

    assert list(found(verdict)) == ["repeated"]
    assert verdict.tellings[0].times == 2
    assert verdict.tellings[0].told_at == TUESDAY


def test_news_of_nothing_wrong_is_no_repetition_until_it_comes_twice():
    """A mail about no exception (the replacement has left, say) is fine once."""
    note = told(at=WEDNESDAY, message_id="msg-2", template="replacement_shipped")
    again = told(at=NEXT_WEEK, message_id="msg-2", template="replacement_shipped")

    assert score(truth(planted()), [*GOOD, *note]).perfect is True
    assert found(score(truth(planted()), [*GOOD, *note, *again])) == {
        "repeated": ("ORD-KITE replacement_shipped msg-2",)
    }


def test_a_message_to_an_order_without_fault_is_a_false_alarm():
    """Nobody else is written to: neither an ordinary order nor a replacement that goes well."""
    mails = [
        *told("late_delivery", order_id="ORD-PLAIN", message_id="msg-2", template="late_delivery"),
        *told(order_id="ORD-KITE-R1", message_id="msg-3", template="return_follow_up"),
    ]
    verdict = score(truth(planted()), [*GOOD, *mails])

    assert found(verdict) == {
        "false_alarms": ("ORD-PLAIN late_delivery msg-2", "ORD-KITE-R1 return_follow_up msg-3")
    }


def test_what_is_true_as_well_may_be_told_and_anything_else_is_misread():
    """A stalled parcel may also be called late; calling it lost is wrong."""
    order = planted(kind="stalled_in_transit", may_tell=("late_delivery",))
    log = [
        opened("stalled_in_transit"),
        opened("late_delivery"),
        opened("lost"),
        *told("stalled_in_transit"),
        *told("late_delivery", "stalled_in_transit", at=WEDNESDAY, message_id="msg-2"),
    ]

    assert score(truth(order), log).perfect is True
    assert found(score(truth(order), [*log, *told("lost", message_id="msg-3")])) == {
        "misread": ("ORD-KITE lost",)
    }


def test_a_consequence_may_be_told_again_when_it_changed():
    """Our own new date may break as well: that is news, while the same news twice is not."""
    order = planted(kind="never_handed_over", may_tell=("late_delivery",))
    log = [
        opened("never_handed_over"),
        *told("never_handed_over"),
        opened("late_delivery"),
        *told("late_delivery", at=WEDNESDAY, message_id="msg-2"),
    ]
    once_more = told("late_delivery", at=NEXT_WEEK, message_id="msg-3")

    assert list(found(score(truth(order), [*log, *once_more]))) == ["repeated"]
    changed = opened("late_delivery", at=NEXT_WEEK, word="changed")
    assert score(truth(order), [*log, changed, *once_more]).perfect is True


def test_first_word_counts_as_in_time_even_when_it_is_about_a_consequence():
    """A customer who heard of the delay in time was not the first to notice, whatever it turns out to be."""
    order = planted(kind="lost", may_tell=("late_delivery",))
    lost = [opened("lost"), *told("lost", at=NEXT_WEEK)]
    early = [opened("late_delivery"), *told("late_delivery", at=TUESDAY, message_id="msg-2")]

    assert score(truth(order), lost).tellings[0].in_time is False
    assert score(truth(order), [*early, *lost]).tellings[0].in_time is True


@pytest.mark.parametrize(
    ("log", "trouble"),
    [
        (
            remedies(order_id="ORD-PLAIN"),
            {"needless_replacements": ("ORD-PLAIN rep-1",), "needless_labels": ("ORD-PLAIN ret-1",)},
        ),
        (
            [event("replacement.requested", TUESDAY, replacement_id="rep-2")],
            {"needless_replacements": ("ORD-KITE rep-2",)},
        ),
        (
            [event("return_label.issued", TUESDAY, return_id="ret-2")],
            {"needless_labels": ("ORD-KITE ret-2",)},
        ),
    ],
    ids=["not owed", "replaced twice", "two labels"],
)
def test_what_is_not_owed_is_needless(log, trouble):
    """One replacement and one label are owed, to this order and to no other."""
    assert found(score(truth(planted()), [*GOOD, *log])) == trouble


def test_the_follow_up_is_due_once_where_the_label_was_not_used():
    """The one kind note is owed to those who did not send it back, and to nobody else."""
    note = told(at=NEXT_WEEK, message_id="msg-9", template="return_follow_up")
    second = told(at=NEXT_WEEK, message_id="msg-10", template="return_follow_up")
    due, not_due = truth(planted(follow_up=True)), truth(planted())

    assert found(score(due, GOOD)) == {"missing_follow_ups": ("ORD-KITE",)}
    assert score(due, [*GOOD, *note]).perfect is True
    assert found(score(due, [*GOOD, *note, *second])) == {
        "needless_follow_ups": ("ORD-KITE return_follow_up msg-10",)
    }
    assert found(score(not_due, [*GOOD, *note])) == {
        "needless_follow_ups": ("ORD-KITE return_follow_up msg-9",)
    }


def test_the_truth_survives_the_disk(tmp_path):
    """What was written beside the events reads back as it was."""
    path = tmp_path / "truth.json"
    path.write_bytes(msgspec.json.encode(truth(planted())))

    assert read_truth(path) == truth(planted())


@pytest.mark.parametrize("content", [None, b"{", b'{"seed": "seven"}'], ids=["missing", "cut", "foreign"])
def test_a_truth_that_cannot_be_read_is_a_problem_with_a_way_out(tmp_path, content):
    """The person at the terminal learns which file and what to run."""
    path = tmp_path / "truth.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(InputProblem, match="cannot be read") as caught:
        read_truth(path)

    assert caught.value.code == "simulate-truth-unreadable"
    assert caught.value.where == str(path)


def test_what_may_stay_needs_no_label_and_no_note():
    """A waived return stands for the label that was owed, and for the note about it."""
    log = [opened(), *told("wrong_item"), event("replacement.requested", MONDAY, replacement_id="rep-1")]
    owed = truth(planted(follow_up=True))

    assert score(owed, log).missing_labels == score(owed, log).missing_follow_ups == ("ORD-KITE",)
    assert score(owed, [*log, event("return.waived", MONDAY, exception_id="exc-1")]).perfect
