"""Laws 1 and 2: the same history gives the same decisions, in every room, and a second copy decides nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

import streams.pipeline.processor as processor_module
from streams.codec.blocks import encode_block, to_entry
from streams.codec.registry import encode_fact
from streams.core.events import TimePassed
from streams.core.ids import identify
from streams.core.order import new_order
from streams.core.step import step
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from tests import builders as b
from tests.engine_rig import Rig, arrival, scratch
from tests.strategies import LAW, histories, refuted

POLICY = load_policy(overrides={"budgets.day": {"USD": 5000}})  # everything is asked across orders
ROOT = Path(__file__).parents[2]


def run(history, **more):
    """Let a history happen."""
    return b.live(history.events, POLICY, until=history.until, world=b.moody_world(history.whims), **more)


def written(course):
    """Return every decision of a course as bytes."""
    return [encode_fact(decision) for _, decision in course.decisions]


# ---------------------------------------------------------------------------- law 1


def check_same_again(history):
    """A history told twice, and its journal folded once more, decide the same bytes and end the same."""
    first, second = run(history), run(history)
    again = b.Course(Processor(POLICY))
    for one in first.journal:
        again.fold(one)

    assert written(first) == written(second) == written(again)
    assert b.encode_state(first.orders) == b.encode_state(second.orders) == b.encode_state(again.orders)


@LAW
@given(histories())
def test_the_same_history_gives_the_same_decisions(history):
    """Byte for byte, and so does the fold over the journal that it left."""
    check_same_again(history)


def test_the_law_bites_on_a_core_that_remembers_another_run(monkeypatch):
    """A step that counts its own calls decides differently the second time."""
    calls = []

    def counting(order, event, now, policy):
        calls.append(1)
        done = step(order, event, now, policy)
        extra = (
            msgspec.structs.replace(done.decisions[0], decision_id=f"dec_{len(calls):032x}")
            if done.decisions
            else None
        )
        return msgspec.structs.replace(done, decisions=(extra, *done.decisions[1:])) if extra else done

    monkeypatch.setattr(processor_module, "step", counting)

    assert refuted(histories(), check_same_again)


def check_engine_agrees(history):
    """The engine, the fold of its journal's blocks and the pure fold agree on decisions and state."""
    pure = run(history, report=outcome_event)
    with scratch() as folder:
        rig = Rig(Path(folder), POLICY, b.moody_world(history.whims))
        rig.run([arrival(one) for one in history.events], history.until)
        decided = [row[1] for row in rig.table() if row[1].startswith("dec")]
        folded = b.Course(Processor(POLICY))
        for _, events in rig.journal.blocks():
            for one in events:
                folded.fold(one)
        state = b.state_hash(rig.engine.processor.orders)
        rig.close()

    # An outcome that repeats a decision (news of a replacement) stands in the table beside it.
    progress = [i for i in decided if ":replacement.progressed" in i]
    assert [i for i in decided if i not in progress] == pure.ids() == folded.ids()
    assert state == b.state_hash(pure.orders) == b.state_hash(folded.orders)


@LAW
@given(histories())
def test_the_embedded_engine_agrees_with_the_pure_fold(history):
    """Whichever room a history happens in, and from whichever bytes it is read back."""
    check_engine_agrees(history)


def test_the_law_bites_on_an_engine_that_writes_less_than_it_folds(monkeypatch):
    """An engine whose blocks lose their last event no longer agrees with its own journal."""
    monkeypatch.setattr("streams.embedded.engine.encode_block", lambda entries: encode_block(entries[:-1]))

    assert refuted(histories(), check_engine_agrees)


FOLD_STDIN = """
import sys
from hashlib import blake2b
from streams.codec.blocks import decode_block
from streams.codec.registry import encode_fact
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
processor = Processor(load_policy(overrides={"budgets.day": {"USD": 5000}}))
mark = blake2b()
for event in decode_block(sys.stdin.buffer.read()):
    for decision in processor.fold(event):
        mark.update(encode_fact(decision))
print(mark.hexdigest())
"""


@pytest.mark.parametrize("seed", ["1", "2"])
def test_another_process_decides_the_same(seed):
    """Nothing depends on the order of a set or the hash seed of a process."""
    entries, mark = [], blake2b()

    @settings(LAW, max_examples=40, derandomize=True)
    @given(histories(orders=1))
    def collect(history):
        number = len(entries)
        events = [_renamed(one, f"H{number}-") for one in history.events]
        course = b.live(events, POLICY, until=history.until, world=b.moody_world(history.whims))
        entries.extend(to_entry(one) for one in course.journal if not isinstance(one.fact, TimePassed))

    collect()
    entries.sort(key=lambda entry: entry.recorded_at)
    block = encode_block(entries)
    from streams.codec.blocks import decode_block

    processor = Processor(POLICY)
    for one in decode_block(block):
        for decision in processor.fold(one):
            mark.update(encode_fact(decision))
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    other = subprocess.run(
        [sys.executable, "-c", FOLD_STDIN],
        input=block,
        capture_output=True,
        cwd=ROOT,
        env=environment,
        check=True,
    )

    assert other.stdout.decode().strip() == mark.hexdigest()


def _renamed(event, prefix):
    order_id = prefix + event.order_id
    fact = msgspec.structs.replace(event.fact, order_id=order_id)
    return msgspec.structs.replace(event, order_id=order_id, fact=fact)


def check_identities(history):
    """Within a course, no identity is decided twice: whoever drops second copies loses nothing."""
    ids = run(history).ids()

    assert len(set(ids)) == len(ids)


@LAW
@given(histories())
def test_an_identity_stands_for_one_decision(history):
    """Also for a mail that is held, superseded and held again."""
    check_identities(history)


def test_the_law_bites_on_identities_that_forget_the_turn(monkeypatch):
    """A mail held a second time for the same reason would be the first decision again."""

    def forgetful(prefix, *parts):
        return identify(prefix, *parts[:-1]) if "held" in parts else identify(prefix, *parts)

    monkeypatch.setattr("streams.core.notify.holding.identify", forgetful)

    assert refuted(histories(), check_identities)


# ---------------------------------------------------------------------------- purity


def pure_step(order, event, now, policy):
    """Step, and see to it that the arguments are as they were."""
    before = msgspec.msgpack.encode(order), msgspec.msgpack.encode(event)
    done = step(order, event, now, policy)
    assert (msgspec.msgpack.encode(order), msgspec.msgpack.encode(event)) == before
    return done


@LAW
@given(histories())
def test_step_leaves_its_arguments_as_they_were(history):
    """A state that was handed out never changes: snapshots may be written while folding goes on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processor_module, "step", pure_step)
        run(history)


def test_the_law_bites_on_an_evolve_that_writes_into_its_argument(monkeypatch):
    """Without the private copy of a parcel, a scan changes the order that was handed in."""

    def shared(order, shipment_id, tracking_number):
        for known in order.shipments:
            if shipment_id in {None, known.shipment_id} or known.tracking_number == tracking_number:
                return known, False
        return original(order, shipment_id, tracking_number)

    from streams.core.evolve import shipments

    original = shipments.own
    monkeypatch.setattr(shipments, "own", shared)
    monkeypatch.setattr(processor_module, "step", pure_step)

    assert refuted(histories(), run)


# ---------------------------------------------------------------------------- law 2


def check_second_copy(history):
    """Each event of a journal, delivered again at once and once more at the end, decides nothing."""
    course = run(history)
    processor = Processor(POLICY)
    facts = [one for one in course.journal if not isinstance(one.fact, TimePassed)]
    for one in course.journal:
        processor.fold(one)
        state = b.encode_state(processor.orders)
        if one in facts:
            assert processor.fold(one) == ()
            assert b.encode_state(processor.orders) == state
    state = b.encode_state(processor.orders)
    for one in facts:
        late = msgspec.structs.replace(one, recorded_at=history.until)
        assert processor.fold(late) == ()
    assert b.encode_state(processor.orders) == state


@LAW
@given(histories())
def test_a_second_copy_decides_nothing(history):
    """However late it comes, and it leaves the state as it was."""
    check_second_copy(history)


def test_the_law_bites_on_a_core_without_a_memory(monkeypatch):
    """A step that forgets which events it has seen folds them again."""

    def forgetful(order, event, now, policy):
        return step(msgspec.structs.replace(order, seen=b""), event, now, policy)

    monkeypatch.setattr(processor_module, "step", forgetful)

    assert refuted(histories(), check_second_copy)


def test_an_order_that_nobody_has_heard_of_is_not_made_by_silence():
    """A new order is empty, and so is what is decided about it."""
    done = step(new_order(b.ORDER), b.silence(b.FRIDAY), b.FRIDAY, POLICY)

    assert (done.decisions, done.wake_at) == ((), None)
