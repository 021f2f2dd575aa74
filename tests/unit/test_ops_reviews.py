"""Which reviews wait, which are decided and by whom, read out of what was written down."""

import pytest

from streams.codec.blocks import encode_block, to_entry
from streams.core import events as facts
from streams.core.money import Money
from streams.ops.history import Batch, Decided, Extent
from streams.ops.reviews import REASONS, find_review, read_reviews
from streams.problems import UsageProblem
from tests import builders as b

COST = Money(minor=902350, currency="USD")


class Written:
    """A history of one partition, given whole."""

    name = "a history"

    def __init__(self, decided=(), heard=()):
        self._decided = [
            Decided(id=f"dec_{number}", order_id=fact.order_id, type=fact.TYPE, now=at, fact=fact)
            for number, (at, fact) in enumerate(decided)
        ]
        self._block = encode_block([to_entry(b.event(fact, at)) for at, fact in heard]) if heard else None

    def extents(self):
        return [Extent(partition=3, first=1, end=2)]

    def batches(self, partition, *, start=None):  # noqa: ARG002 - the port's
        return iter([] if self._block is None else [Batch(partition, 1, self._block)])

    def decided(self, _partition):
        return iter(self._decided)

    def close(self):
        """Hold nothing."""


def ask(name, *, about=("exc_1",), hours=0, order_id=b.ORDER, reason="budget"):
    """Return when a person is asked, and about what."""
    return b.FRIDAY + hours * b.HOUR, facts.ReviewRequested(
        order_id=order_id,
        decision_id=f"dec_{name}",
        case_id=f"cas_{order_id}",
        review_id=f"rev_{name}",
        reason=reason,
        exception_ids=about,
        remedies=("apology",),
        cost=COST,
        decide_by=b.FRIDAY + (hours + 48) * b.HOUR,
    )


def say(name, *, approved=True, by="mo", hours=1, remedies=None):
    """Return when somebody says what."""
    return b.FRIDAY + hours * b.HOUR, facts.ReviewResolved(
        order_id=b.ORDER, review_id=f"rev_{name}", approved=approved, by=by, note="so", remedies=remedies
    )


def expire(name, *, hours=48):
    """Return when nobody said anything in time."""
    return b.FRIDAY + hours * b.HOUR, facts.ReviewExpired(
        order_id=b.ORDER,
        decision_id=f"dec_gone_{name}",
        case_id="cas",
        review_id=f"rev_{name}",
        outcome="words_only",
        by="the policy standard",
    )


def trouble(change, *, exception_id="exc_1", hours=1):
    """Return when a trouble is opened or over."""
    more = {} if change is facts.ExceptionCleared else {"since": b.FRIDAY}
    return b.FRIDAY + hours * b.HOUR, change(
        order_id=b.ORDER,
        decision_id=f"dec_{hours}",
        exception_id=exception_id,
        case_id="cas",
        kind="wrong_item",
        subject=b.PARCEL,
        severity="major",
        **more,
    )


def standing(decided, heard=()):
    return {one.review_id: one.standing for one in read_reviews(Written(decided, heard))}


def test_the_longest_waiting_comes_first_with_its_place():
    """By when it was asked; where its order is said, too."""
    found = read_reviews(Written([ask("b", hours=2, about=("exc_2",)), ask("a")]))

    assert [(one.review_id, one.partition) for one in found] == [("rev_a", 3), ("rev_b", 3)]
    assert (found[0].cost, found[0].decide_by) == (COST, b.FRIDAY + 48 * b.HOUR)


def test_the_first_word_counts():
    """Whoever comes second decides nothing."""
    (one,) = read_reviews(
        Written([ask("a")], [say("a", remedies=("apology",)), say("a", approved=False, by="kim", hours=2)])
    )

    assert (one.standing, one.by, one.note, one.narrowed) == ("approved", "mo", "so", ("apology",))


def test_a_word_behind_the_deadline_decides_nothing_and_one_before_it_does():
    """The policy spoke first; or it came to it too late."""
    assert standing([ask("a"), expire("a")], [say("a", hours=49)]) == {"rev_a": "expired"}
    assert standing([ask("a")], [say("a", approved=False)]) == {"rev_a": "refused"}


def test_what_is_over_or_asked_anew_waits_for_nobody():
    """When all that it is about is over; half of it is not enough."""
    both = ask("a", about=("exc_1", "exc_2"))
    over = trouble(facts.ExceptionCleared)

    assert standing([both, over]) == {"rev_a": "waiting"}
    assert standing([both, over, trouble(facts.ExceptionCleared, exception_id="exc_2")]) == {"rev_a": "moot"}
    assert standing([ask("a"), ask("b", hours=1)]) == {"rev_a": "moot", "rev_b": "waiting"}
    came_back = trouble(facts.ExceptionOpened, hours=2)
    assert standing([over, came_back, ask("a", hours=3)]) == {"rev_a": "waiting"}


def test_a_reply_is_about_no_trouble_and_waits_all_the_same():
    """Nothing that is over takes it away."""
    assert standing([ask("a", about=(), reason="reply"), trouble(facts.ExceptionCleared)]) == {
        "rev_a": "waiting"
    }


def test_what_was_said_of_a_limit_is_kept_with_the_question():
    """Where somebody is asked because a budget across orders is used up."""
    reads = "the day's budget of $2,000.00 is used up"
    refused = facts.AllowanceRefused(
        order_id=b.ORDER, case_id=f"cas_{b.ORDER}", allowance_id="alw_1", limit="day", reads=reads
    )

    (one,) = read_reviews(Written([(b.FRIDAY, refused), ask("a", hours=1)]))

    assert one.limits == (reads,)


def test_a_review_is_found_by_its_id_its_beginning_or_its_order():
    """The one that waits, where an order had several."""
    reviews = read_reviews(
        Written([ask("apple"), ask("avocado", about=("exc_2",), hours=1)], [say("apple", hours=2)])
    )

    assert find_review(reviews, "rev_ap", "here").review_id == "rev_apple"
    assert find_review(reviews, b.ORDER, "here").review_id == "rev_avocado"
    with pytest.raises(UsageProblem) as twice:
        find_review(reviews, "rev_a", "here")
    with pytest.raises(UsageProblem) as never:
        find_review(reviews, "rev_z", "here")
    assert (twice.value.code, never.value.code) == ("review-ambiguous", "review-not-found")
    assert "rev_avocado" in never.value.hint


def test_every_reason_is_said_in_words():
    """Whoever is asked reads a sentence, and never a code."""
    assert set(REASONS) == set(facts.ReviewReason.__args__)
