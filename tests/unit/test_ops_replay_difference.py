"""Two tellings of the same orders, compared as they come."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.core import events as facts
from streams.core.money import Money
from streams.ops.history import Decided
from streams.ops.replay.difference import Comparison
from streams.ops.replay.explaining import PRIVATE, changes
from streams.ops.replay.line import is_same, line_of
from streams.ops.telling import say

FRIDAY = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
ORDER = "CRUNCHY-ARMCHAIR"


def goodwill(number, minor=500, order_id=ORDER, at=FRIDAY):
    """A credit, by its number."""
    fact = facts.GoodwillGranted(
        order_id=order_id,
        decision_id=f"dec_{number}",
        case_id="case_1",
        goodwill_id=f"gwl_{number}",
        cost=Money(minor=minor, currency="USD"),
    )
    return Decided(id=fact.decision_id, order_id=order_id, type=fact.TYPE, now=at, fact=fact)


def mail(to="ines@example.com", carrier="UPS", *, letter=True):
    """A mail that may go out."""
    fact = facts.MessageQueued(
        order_id=ORDER,
        decision_id="dec_mail",
        message_id="msg_1",
        case_id="case_1",
        template="late_delivery",
        locale="en",
        to_hash="abc",
        letter=facts.Letter(to=to, time_zone="UTC", carrier=carrier) if letter else None,
    )
    return Decided(id="dec_mail", order_id=ORDER, type=fact.TYPE, now=FRIDAY, fact=fact)


def compared(then, today, covers=lambda _line: True, *, turns=False):
    """Compare two tellings: one side first, or in turns, which makes no difference."""
    comparison = Comparison()
    before = [(line_of(one, at), comparison.add_then) for at, one in enumerate(then)]
    after = [(line_of(one, at), comparison.add_today) for at, one in enumerate(today)]
    steps = before + after
    if turns:
        steps = [
            step
            for pair in zip([*before, *[None] * len(after)], [*after, *[None] * len(before)], strict=False)
            for step in pair
            if step
        ]
    for line, add in steps:
        add(line, covers)
    return comparison.finish(covers)


def test_what_both_say_is_forgotten_at_once():
    """A history of any length needs no memory as long as both agree."""
    comparison = Comparison()
    for number in range(100):
        comparison.add_then(line_of(goodwill(number), number), lambda _line: True)
        comparison.add_today(line_of(goodwill(number), number), lambda _line: True)

    assert (comparison.same, comparison.waiting, comparison.parted) == (100, {}, {})


@pytest.mark.parametrize("turns", [False, True])
@pytest.mark.parametrize(
    ("then", "today", "how", "counts"),
    [
        ([1, 2, 3], [1, 2, 3], None, (3, 0, 0, 0)),
        ([1, 2, 3], [1, 3], "gone", (2, 0, 1, 0)),
        ([1, 3], [1, 2, 3], "new", (2, 0, 0, 1)),
        ([1, 2], [1, 9], "replaced", (1, 0, 1, 1)),
        ([1, 2, 3], [1, 3, 2], "moved", (3, 0, 0, 0)),
        ([1, 2], [1], "gone", (1, 0, 1, 0)),
        ([], [1], "new", (0, 0, 0, 1)),
    ],
)
def test_how_stories_part(then, today, how, counts, turns):
    """The first difference of an order, and how much differs in all."""
    tally, found = compared([*map(goodwill, then)], [*map(goodwill, today)], turns=turns)

    assert [one.how for one in found] == ([how] if how else [])
    assert (tally.same, tally.changed, tally.only_then, tally.only_today) == counts


def test_a_side_that_lacks_a_decision_says_how_it_goes_on():
    """Nothing in the place of something leaves the reader in the dark."""
    _, (gone,) = compared([*map(goodwill, [1, 2, 3])], [*map(goodwill, [1, 3])])

    assert (gone.then.id, gone.today, gone.instead.id) == ("dec_2", None, "dec_3")


def test_a_field_that_differs_is_named_with_both_values():
    """The same decision with another sum."""
    tally, (one,) = compared([goodwill(1, 500)], [goodwill(1, 900)])

    assert (one.how, one.then.by) == ("changed", "remedy goodwill_credit")
    assert [(change.field, change.then, change.today) for change in one.changes] == [("cost.minor", 500, 900)]
    assert tally.changed == 1


def test_the_moment_is_part_of_a_decision():
    """An hour later is another night for the customer."""
    tally, (one,) = compared([goodwill(1)], [goodwill(1, at=FRIDAY + timedelta(hours=1))])

    assert [change.field for change in one.changes] == ["now"]
    assert tally.changed == 1


def test_orders_are_told_by_the_moment_at_which_they_part():
    """And each but once, whatever follows."""
    early, late = FRIDAY, FRIDAY + timedelta(hours=2)
    _, found = compared(
        [],
        [
            goodwill(1, order_id="B", at=late),
            goodwill(2, order_id="A", at=late),
            goodwill(3, order_id="C", at=early),
            goodwill(4, order_id="C", at=late),
        ],
    )

    assert [one.order_id for one in found] == ["C", "A", "B"]


def test_letters_are_compared_where_both_sides_have_them():
    """The public log has none, which is no difference."""
    ups, dhl, none = (line_of(one, 0) for one in (mail(), mail(carrier="DHL"), mail(letter=False)))

    assert [is_same(ups, ups), is_same(ups, dhl), is_same(ups, none), is_same(none, dhl)] == [
        True,
        False,
        True,
        True,
    ]
    assert [change.field for change in changes(ups, dhl)] == ["letter.carrier"]
    tally, _ = compared([mail()], [mail(carrier="DHL")])
    assert (tally.changed, tally.same) == (1, 0)


def test_an_address_that_differs_is_not_shown():
    """That it differs is enough to know."""
    (change,) = changes(line_of(mail(), 0), line_of(mail(to="joe@example.com"), 0))

    assert (change.field, change.then, change.today) == ("letter.to", PRIVATE, PRIVATE)


def test_news_of_a_replacement_belongs_to_the_order_that_decides_it():
    """On its way back in, it is the original order's."""
    fact = facts.ReplacementProgressed(
        order_id=ORDER, decision_id="dec_p", replacement_order_id="R-1", status="shipped"
    )
    decided = Decided(id="dec_p", order_id=ORDER, type=fact.TYPE, now=FRIDAY, fact=fact)
    heard = msgspec.structs.replace(decided, id=f"dec_p:{fact.TYPE}")

    assert (line_of(decided, 0).story, line_of(heard, 0).story) == ("R-1", ORDER)


def test_what_lies_outside_is_not_counted():
    """An order that parts before the stretch is named in one number."""
    covers = lambda line: line.position >= 2  # noqa: E731 - said where it is used
    then = [*map(goodwill, [1, 2, 3]), goodwill(4, order_id="B")]
    today = [*map(goodwill, [9, 2, 3]), goodwill(5, order_id="B")]
    tally, found = compared(then, today, covers)

    assert [one.order_id for one in found] == ["B"]
    assert (tally.earlier, tally.orders, tally.same, tally.only_then, tally.only_today) == (1, 1, 0, 1, 1)


def test_a_comparison_can_be_written_down_and_taken_up():
    """A bookmark keeps it whole: what waits, and what has parted."""
    then, today = [*map(goodwill, [1, 2, 3]), mail()], [*map(goodwill, [1, 9, 3]), mail(carrier="DHL")]
    comparison = Comparison()
    for at, one in enumerate(then):
        comparison.add_then(line_of(one, at), lambda _line: True)
    comparison.add_today(line_of(today[0], 0), lambda _line: True)
    taken_up = msgspec.msgpack.decode(msgspec.msgpack.encode(comparison), type=Comparison)
    for at, one in enumerate(today[1:], 1):
        taken_up.add_today(line_of(one, at), lambda _line: True)

    assert taken_up.finish(lambda _line: True) == compared(then, today)


def test_every_decision_says_who_decides_it():
    """The other half of an explanation: the sentence that timelines have, and the rule."""
    _, (one,) = compared([], [goodwill(1)])

    assert one.today.says == say(goodwill(1).fact)
    assert one.today.by == "remedy goodwill_credit"
