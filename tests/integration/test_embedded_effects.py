"""Labels and replacements are made true once, and what cannot be made true reaches a person, not a traceback."""

import asyncio
from datetime import date

import pytest

from streams.core import events as facts
from streams.core.money import Money
from streams.desks.topic.desk import TopicDesk
from streams.embedded.engine import Engine
from streams.embedded.journal import Journal
from streams.labels.sandbox.provider import SandboxLabels
from streams.labels.store import LabelStore
from streams.pipeline.effects import Effects, is_effective
from streams.policies.loader import load_policy
from streams.problems import InputProblem, WorldProblem
from tests.ndjson import HOUR, MINUTE, MONDAY, line, swapped
from tests.wall_runs import Clock, wall

LABEL = facts.ReturnLabelRequested(
    order_id="ORD-1",
    decision_id="dec_1",
    case_id="case_1",
    return_id="ret_1",
    lines=(facts.Pieces(sku="MARK-CHALK", quantity=1),),
    cost=Money(minor=0, currency="USD"),
    keep_after=date(2026, 4, 16),
)
REPLACEMENT = facts.ReplacementRequested(
    order_id="ORD-1",
    decision_id="dec_2",
    case_id="case_1",
    replacement_id="rep_1",
    lines=LABEL.lines,
    expedited=True,
    cost=LABEL.cost,
)


class Shelf(LabelStore):
    """Keeps labels, and remembers in which order things happened."""

    def __init__(self, folder, diary):
        super().__init__(folder)
        self.diary = diary

    def put(self, label_id, pdf):
        super().put(label_id, pdf)
        self.diary.append(("kept", label_id))


class FullDisk(LabelStore):
    """No room, for the time being."""

    def put(self, _label_id, _pdf):
        raise WorldProblem("label-store-unwritable", "no room", retriable=True)


class Torn(SandboxLabels):
    """Sells a label whose document cannot be had."""

    def document(self, _issued):
        raise InputProblem("label-of-another-provider", "not ours")


class Strange(SandboxLabels):
    """Fails in a way that nobody thought of."""

    def buy(self, _request):
        raise ZeroDivisionError


class OutOfStock(TopicDesk):
    """Has nothing left to send."""

    def order(self, request):
        return facts.ReplacementRefused(
            order_id=request.order_id,
            case_id=request.case_id,
            replacement_id=request.replacement_id,
            reason="out of stock",
        )


class Broken(TopicDesk):
    """Fails in a way that nobody thought of."""

    def order(self, _request):
        raise ZeroDivisionError


def perform(decision, tmp_path, *, labels=None, store=None, desk=None):
    effects = Effects(
        labels=labels or SandboxLabels(),
        store=store or LabelStore(tmp_path / "labels"),
        desk=desk or TopicDesk(),
        sender=None,
    )
    return asyncio.run(effects.perform(decision, MONDAY))


def test_a_label_is_bought_once_however_often_it_is_asked_for(tmp_path):
    """The same outcome, byte for byte, and one document."""
    answers = {perform(LABEL, tmp_path) for _ in range(3)}
    ((issued,),) = answers

    assert isinstance(issued, facts.ReturnLabelIssued)
    assert [file.stem for file in (tmp_path / "labels").glob("*.pdf")] == [issued.label_id]


def test_a_replacement_is_ordered_once_however_often_it_is_asked_for(tmp_path):
    """The same outcome under the same id, which is what an order system drops a second copy by."""
    ((accepted,),) = {perform(REPLACEMENT, tmp_path) for _ in range(3)}

    assert (accepted.replacement_id, accepted.TYPE) == ("rep_1", "replacement.accepted.v1")


def test_a_label_without_its_document_is_refused(tmp_path):
    """The letter goes without it, and says so; all other effects go on."""
    (torn,) = perform(LABEL, tmp_path, labels=Torn())
    (strange,) = perform(LABEL, tmp_path, labels=Strange())

    assert (torn.TYPE, torn.reason) == ("return_label.refused.v1", "not ours [label-of-another-provider]")
    assert (strange.TYPE, strange.reason) == (
        "return_label.refused.v1",
        "the program failed on it: ZeroDivisionError",
    )


def test_a_full_disk_refuses_nothing(tmp_path):
    """It passes: the decision stays pending, and the process ends with the reason."""
    with pytest.raises(WorldProblem, match="label-store-unwritable"):
        perform(LABEL, tmp_path, store=FullDisk(tmp_path / "labels"))


def test_only_what_somebody_must_do_is_effective():
    """A withdrawal is done only where a mail may be on its way; what was merely held is only said."""
    withdrawn = facts.MessageWithdrawn(
        order_id="ORD-1",
        decision_id="dec_3",
        message_id="msg_1",
        case_id="case_1",
        template="at_risk",
        locale="en",
        to_hash="x",
        reason="cleared",
    )
    on_its_way = facts.MessageWithdrawn(
        **{name: getattr(withdrawn, name) for name in withdrawn.__struct_fields__ if name != "queued"},
        queued=True,
    )

    assert (is_effective(LABEL), is_effective(REPLACEMENT)) == (True, True)
    assert (is_effective(withdrawn), is_effective(on_its_way)) == (False, True)


def test_the_document_is_kept_before_the_mail_goes_out(tmp_path):
    """By the time a customer reads of a label, it is on the shelf, and in the mail."""
    diary = []

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            run.kit.effects.store = Shelf(tmp_path / "labels", diary)
            deliver = run.kit.sender._transport.deliver

            async def noted(envelope, before_dot):
                diary.append(("mailed", b"application/pdf" in envelope.content))
                return await deliver(envelope, before_dot)

            run.kit.sender._transport.deliver = noted
            await run.push(*(line(one) for one in swapped("ORD-1")))
            clock.move(11 * MINUTE)
            await run.until(lambda: "message.accepted.v1" in run.types())

    asyncio.run(story())

    assert [what for what, _ in diary] == ["kept", "mailed"]
    assert diary[1] == ("mailed", True)


@pytest.mark.parametrize("desk", [OutOfStock, Broken])
def test_a_desk_that_refuses_leads_to_a_person(tmp_path, desk):
    """A review is asked for, once, and no mail promises what nobody ships."""

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            run.kit.effects.desk = desk()
            await run.push(*(line(one) for one in swapped("ORD-1")))
            clock.move(11 * MINUTE)
            await run.until(lambda: "review.requested.v1" in run.types())
            clock.move(2 * HOUR)
            run.runner._nudge.set()
            await asyncio.sleep(0.05)
            return run.types(), run.mails()

    types, mails = asyncio.run(story())

    assert types.count("replacement.refused.v1") == types.count("review.requested.v1") == 1
    assert mails == []


def test_what_was_done_and_not_written_down_is_done_again_and_counts_once(tmp_path):
    """Dead between the purchase and the journal: the next start asks again and gets the same label."""

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            await run.push(*(line(one) for one in swapped("ORD-1")))
        engine = Engine(Journal(tmp_path / "journal.sqlite"), load_policy(None))
        engine.pass_time(MONDAY + 3 * HOUR)
        engine.commit()
        (request,) = [one.fact for one in engine.pending if one.type == "return_label.requested.v1"]
        bought = perform_now(request, tmp_path)  # and the process dies here
        engine.journal.close()
        clock.move(HOUR)
        async with wall(tmp_path, clock) as run:
            await run.until(lambda: "message.accepted.v1" in run.types())
            issued = [
                one.fact for one in run.engine.journal.decisions() if one.type == "return_label.issued.v1"
            ]
            return bought, issued, run.types()

    def perform_now(request, folder):
        issued = SandboxLabels().buy(request)
        LabelStore(folder / "labels").put(issued.label_id, SandboxLabels().document(issued))
        return issued

    bought, issued, types = asyncio.run(story())

    assert issued == [bought]
    assert types.count("return_label.requested.v1") == types.count("replacement.requested.v1") == 1
