"""What would follow from a person's word: the same as when the word is said, and nothing at all before."""

from datetime import timedelta

import msgspec
import pytest

from streams.assets import templates_dir
from streams.core import events as facts
from streams.core.order import new_order
from streams.ops.foresight import Standpoint, foresee, standpoint, world_of
from streams.ops.reviews import Review
from streams.ops.verdicts import resolved
from streams.pipeline.processor import Processor
from streams.pipeline.story import tell
from streams.policies.loader import load_policy
from streams.settings import load
from streams.templating.renderer import CatalogueRenderer
from tests import builders as b

POLICY = load_policy()
RENDERER = CatalogueRenderer.from_folder(templates_dir())
PIANO = {"GRAND-PIANO": 1}
NIGHT = b.FRIDAY.replace(hour=4)  # 23:00 in New York


def asked(*more, at=b.FRIDAY, policy=POLICY):
    """Return the processor and the question, an hour after a lamp was packed in the place of a piano."""
    happened = [
        b.placed(lines=b.lines(PIANO, price=899900)),
        b.planned(PIANO),
        b.packed({"LAMP": 1}),
        *more,
    ]
    mind = Processor(policy)
    told = tell([b.event(one, at) for one in happened], policy, until=at + b.HOUR, processor=mind)
    (fact,) = [one.decision for one in told if isinstance(one.decision, facts.ReviewRequested)]
    return mind, review_of(fact, at)


def asked_after_a_mail(policy):
    """Return the processor and the question about the second of two boxes; of the first one the customer has heard."""
    second = {"shipment_id": "PARCEL-2"}
    bought = (*b.lines({"STOOL": 1}), *b.lines(PIANO, price=899900))
    early = [b.placed(lines=bought), b.planned({"STOOL": 1}), b.packed({"LAMP": 1})]
    late = [b.planned(PIANO, fulfillment_id="FUL-2", **second), b.packed({"GNOME": 1}, **second)]
    events = [*(b.event(one) for one in early), *(b.event(one, b.FRIDAY + 2 * b.HOUR) for one in late)]
    mind = Processor(policy)
    told = tell(events, policy, until=b.FRIDAY + 3 * b.HOUR, processor=mind)
    (fact,) = [one.decision for one in told if isinstance(one.decision, facts.ReviewRequested)]
    return mind, review_of(fact, mind.now)


def review_of(fact, at):
    return Review(
        review_id=fact.review_id,
        order_id=fact.order_id,
        case_id=fact.case_id,
        partition=0,
        reason=fact.reason,
        exception_ids=fact.exception_ids,
        remedies=fact.remedies,
        cost=fact.cost,
        asked_at=at,
    )


def seen(mind, review):
    return standpoint(mind.orders[b.ORDER], review, mind.now)


def word(mind, review, *, approved=True, remedies=None):
    """Say the word, and return what was decided within two days."""
    event = resolved(
        b.ORDER, review.review_id, mind.now, approved=approved, by="mo", note="", remedies=remedies
    )
    told = tell([event], POLICY, until=mind.now + timedelta(days=2), processor=mind)
    return [one.decision for one in told]


def queued(decisions):
    return [one for one in decisions if isinstance(one, facts.MessageQueued)]


def follows(mind, review, **said):
    return foresee(seen(mind, review), POLICY, RENDERER, **{"approved": True, **said})


def test_what_is_foreseen_is_what_happens():
    """Each remedy at its cost, and the letter to the last field."""
    mind, review = asked()
    found = follows(mind, review)
    happened = word(mind, review)

    (message,) = queued(happened)
    assert found.mail.message == message
    assert (found.mail.subject, found.mail.text) == (
        RENDERER.render(message).subject,
        RENDERER.render(message).text,
    )
    assert [one.remedy for one in found.offers] == ["return_label", "expedited_replacement"]
    assert [one.decision for one in found.offers] == [
        one for one in happened if isinstance(one, facts.ReturnLabelRequested | facts.ReplacementRequested)
    ]
    assert found.mail.has_label


def test_looking_ahead_leaves_the_order_as_it_is():
    """A copy is folded: the state is the same to the byte, and the review still waits."""
    mind, review = asked()
    before = msgspec.msgpack.encode(mind.orders[b.ORDER])

    follows(mind, review)
    follows(mind, review, approved=False)

    assert msgspec.msgpack.encode(mind.orders[b.ORDER]) == before
    assert seen(mind, review).is_asked


def test_a_no_is_followed_by_nothing():
    """Neither a mail nor a remedy; and so it happens."""
    mind, review = asked()
    found = follows(mind, review, approved=False)

    assert (found.offers, found.mail) == ((), None)
    assert queued(word(mind, review, approved=False)) == []


@pytest.mark.parametrize("remedies", [(), ("return_label",), ("expedited_replacement",)])
def test_a_narrowed_yes_is_foreseen_as_it_happens(remedies):
    """Only what was named is granted, and the mail promises nothing else."""
    mind, review = asked()
    found = follows(mind, review, remedies=remedies)

    assert tuple(one.remedy for one in found.offers) == remedies
    (message,) = queued(word(mind, review, remedies=remedies))
    assert found.mail.message == message


def test_neither_night_nor_window_hides_the_mail():
    """Shortly after another mail, where weeks lie between two: when it goes is another question than what it says."""
    weeks = msgspec.structs.replace(
        POLICY, notify=msgspec.structs.replace(POLICY.notify, window=timedelta(days=30))
    )
    mind, review = asked_after_a_mail(weeks)
    assert [one.template for one in mind.orders[b.ORDER].case.messages] == ["wrong_item"]

    found = foresee(seen(mind, review), weeks, RENDERER, approved=True)

    assert [one.sku for one in found.mail.message.letter.missing_lines] == ["GRAND-PIANO"]


def test_at_night_the_mail_is_that_of_now():
    """A mail of the morning counts its days from the morning; the one that is shown says what is true at this hour."""
    mind, review = asked(at=NIGHT)

    found = follows(mind, review)

    assert found.mail.message.template == "wrong_item"
    assert queued(word(mind, review))[0].template == "wrong_item"


def test_a_case_keeps_the_subject_of_its_first_mail():
    """A mail program opens a new conversation where the subject changes."""
    mind, review = asked()

    assert follows(mind, review, first_subject="As it began").mail.subject == "As it began"


def test_an_order_that_does_not_wait_is_not_asked():
    """Another policy asked, or somebody has decided."""
    mind, review = asked()
    word(mind, review)

    assert not seen(mind, review).is_asked
    stranger = Standpoint(order=new_order(b.ORDER), now=b.FRIDAY, review=review, troubles=())
    assert not stranger.is_asked


def test_words_that_cannot_be_filled_in_are_said_and_break_nothing():
    """A template that the policy names and nobody wrote."""
    responses = {
        kind: {grade: msgspec.structs.replace(one, message="nobody_wrote") for grade, one in grades.items()}
        for kind, grades in POLICY.responses.items()
    }
    mind, review = asked()

    found = foresee(
        seen(mind, review), msgspec.structs.replace(POLICY, responses=responses), RENDERER, approved=True
    )

    assert "nobody_wrote" in found.mail.problem
    assert found.mail.text == ""


def test_the_number_of_a_label_is_said_only_where_it_is_known_before_it_is_bought(tmp_path):
    """The sandbox makes it of the request alone; a seller has it at the till."""
    mind, review = asked()
    at = seen(mind, review)
    (request,) = [
        one.decision
        for one in follows(mind, review).offers
        if isinstance(one.decision, facts.ReturnLabelRequested)
    ]

    sandbox = world_of(load(data=tmp_path))
    seller = world_of(msgspec.structs.replace(load(data=tmp_path), label_provider="easypost"))

    assert sandbox(request) == sandbox(request)
    assert (
        sandbox(request).tracking_number
        in foresee(at, POLICY, RENDERER, approved=True, world=sandbox).mail.text
    )
    assert "known when it is bought" in foresee(at, POLICY, RENDERER, approved=True, world=seller).mail.text
