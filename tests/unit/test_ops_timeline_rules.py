"""The rule behind a decision, and what today's policy thinks of it."""

import msgspec
import pytest

from streams import wiring
from streams.core import events as facts
from streams.ops.read_model import story
from streams.ops.read_model.follow import open_tables
from streams.ops.rules import judged_today
from streams.ops.timeline import tell
from streams.settings import load
from tests.read_model_rig import fill, week


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    return wiring.policy_of(load({}, data=tmp_path_factory.mktemp("policy")))


@pytest.fixture(scope="module")
def stories(tmp_path_factory):
    """Everything about every order of a week in which much went wrong."""
    folder = tmp_path_factory.mktemp("week")
    lived = week(folder)
    fill(lived.journal, str(folder / "readmodel.sqlite"))
    engine = open_tables(str(folder / "readmodel.sqlite"))
    with engine.connect() as connection:
        yield [story.known(connection, order_id) for order_id in lived.orders]
    engine.dispose()


def test_the_policy_that_decided_decides_the_same(stories, policy):
    """Of hundreds of decisions in every mood of the world, none otherwise."""
    judged = [
        same for known in stories for same in judged_today(known.events, known.decisions, policy).values()
    ]

    assert len(judged) > 200
    assert all(judged)


def test_one_changed_line_moves_what_it_is_about_and_nothing_else(stories, policy):
    """Without a message, a mix-up is still found and put right; it is only not told."""
    answer = policy.responses["wrong_item"]
    silent = {severity: msgspec.structs.replace(one, message=None) for severity, one in answer.items()}
    quiet = msgspec.structs.replace(policy, responses={**policy.responses, "wrong_item": silent})
    moved = set()
    for known in stories:
        today = judged_today(known.events, known.decisions, quiet)
        kinds = {one.fact.kind for one in known.decisions if isinstance(one.fact, facts.ExceptionOpened)}
        otherwise = [one for one in known.decisions if today.get(one.id) is False]
        moved |= {one.type for one in otherwise}
        if "wrong_item" not in kinds:
            assert not otherwise, known.order_id
        for one in otherwise:
            opened = isinstance(one.fact, facts.ExceptionOpened)
            assert not (opened and one.fact.kind == "wrong_item"), "it is still found"

    assert "message.queued.v1" in moved


def test_every_decision_that_a_rule_asks_for_names_it(stories, policy):
    """By the table in which somebody would change it."""
    rules = {}
    for known in stories:
        for entry in tell(known, policy).entries:
            if entry.who == "decided":
                rules.setdefault(entry.type, set()).add(entry.rule)

    assert "detect.wrong_item" in rules["exception.opened.v1"]
    assert all(rule.startswith("detect.") for rule in rules["exception.opened.v1"])
    assert all(rule.startswith("respond.") for rule in rules["message.queued.v1"])
    assert all(rule.startswith("respond.") for rule in rules["replacement.requested.v1"])
    assert rules["message.held.v1"] <= {"", "quiet", "notify"}


def test_the_story_says_what_todays_policy_thinks(stories, policy):
    """One sentence at its end, with the version."""
    known = next(one for one in stories if one.decisions)
    (last,) = tell(known, policy).standing[-1:]

    assert last == f"today's policy, {policy.version}, decides the same"
    assert policy.version not in " ".join(tell(known).standing)


def test_a_review_that_was_overtaken_waits_for_nobody(stories):
    """Neither when its trouble is over, nor when it was asked anew."""
    waiting = 0
    for known in stories:
        cleared = {
            one.fact.exception_id for one in known.decisions if isinstance(one.fact, facts.ExceptionCleared)
        }
        asked = [one.fact for one in known.decisions if isinstance(one.fact, facts.ReviewRequested)]
        said = " ".join(tell(known).standing)
        for review in asked:
            if f"review {review.review_id} waits" in said:
                waiting += 1
                assert not set(review.exception_ids) <= cleared
    assert waiting
