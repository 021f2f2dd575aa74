"""A backtest beside the product itself: a simulated month, run under a policy and measured under it."""

import msgspec
import pytest

from streams.core.events import MessageQueued
from streams.ops.backtest.figures import figures
from streams.ops.backtest.imagined import event_of
from streams.ops.backtest.lineup import Entrant
from streams.ops.backtest.survey import outside
from streams.ops.backtest.trial import put_on_trial
from streams.ops.backtest.world import World
from streams.ops.log_file import JournalFile
from streams.ops.recording import record
from streams.policies.loader import load_policy
from streams.simulate.plan import Plan
from streams.simulate.shop import write
from streams.sources import discover
from tests.embedded_runs import run_history

HASTY = """
[respond.late_delivery]
tell_after = "1h"
[respond.stalled_in_transit]
tell_after = "0s"
[detect.stalled_in_transit]
domestic_workdays = 2
[notify]
window = "12h"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A simulated shop, run by the product under the standard policy and under a hasty one."""
    folder = tmp_path_factory.mktemp("backtest")
    world = write(Plan(seed=11, orders=900, days=14), folder / "world")
    (folder / "hasty.toml").write_text(HASTY)
    ran = {
        "standard": run_history(folder / "standard", f"native={world.events}"),
        "hasty": run_history(folder / "hasty", f"native={world.events}", policy=folder / "hasty.toml"),
    }
    return folder, world.events, ran


def policies(folder):
    return {"standard": load_policy(), "hasty": load_policy(folder / "hasty.toml")}


def backtest(history, folder, **more):
    """The figures and the trial of both policies."""
    line = [Entrant(name=name, policy=policy) for name, policy in policies(folder).items()]
    trial = put_on_trial(history, [one.policy for one in line], **more)
    return figures("a shop", line, trial, {"USD": 150_000}), trial


@pytest.mark.parametrize("then", ["standard", "hasty"])
@pytest.mark.parametrize("now", ["standard", "hasty"])
def test_a_world_decides_what_the_product_would_have_decided(shop, then, now):
    """From the journal of either run, under either policy: every decision, at its moment, in its order."""
    folder, _, ran = shop
    history, heard = JournalFile(folder / then / "journal.sqlite"), []
    world = World(
        policies(folder)[now], lambda decision, at, _orders: heard.append((decision.decision_id, at))
    )
    for entry in outside(history, 0, lambda _count: None):
        world.take(event_of(entry, addressed=False))
    world.run_on(max(one.now for one in ran[now].decisions))
    expected = [
        (one.id, one.now) for one in ran[now].decisions if getattr(one.fact, "decision_id", None) == one.id
    ]

    assert len(expected) > 300
    assert expected == heard


def test_figures_are_those_of_the_runs(shop):
    """Mails, orders told and money, counted in the logs that the two runs left."""
    folder, _, ran = shop
    found, _ = backtest(JournalFile(folder / "standard" / "journal.sqlite"), folder)
    for column in found.policies:
        log = [one for one in ran[column.name].decisions if one.now <= found.last]
        mails = [one.fact for one in log if isinstance(one.fact, MessageQueued)]
        refunds = [one.fact.cost.minor for one in log if one.type == "shipping_refund.granted.v1"]
        replacements = [one.fact.cost.minor for one in log if one.type == "replacement.requested.v1"]

        assert len(mails) == column.mails.count > 30
        assert len({mail.order_id for mail in mails}) == column.told.orders
        assert sum(refunds) == column.cost["USD"].by_remedy["shipping_refund"].minor
        assert sum(replacements) == column.cost["USD"].by_remedy["expedited_replacement"].minor


def test_any_number_of_processes_finds_the_same(shop):
    """One, two, three and seven, from one partition: the same figures and examples, to the byte."""
    folder, _, _ = shop
    history = JournalFile(folder / "standard" / "journal.sqlite")
    found = [_bytes(*backtest(history, folder, jobs=jobs)) for jobs in (1, 2, 3, 7)]

    assert len(found[0]) > 10_000
    assert all(one == found[0] for one in found)


def test_any_number_of_partitions_and_processes_finds_the_same(shop):
    """Recorded into one, four and nine partitions, by one, two and three processes; the purse is emptied alike."""
    folder, events, _ = shop
    found = []
    for partitions, jobs in ((1, 1), (4, 2), (9, 3), (4, 1)):
        recording = record(discover()["native"], str(events), partitions=partitions)
        figures_, trial = backtest(recording, folder, jobs=jobs)
        recording.close()
        assert figures_.policies[0].purse["USD"].refused > 0
        found.append(_bytes(figures_, trial))

    assert all(one == found[0] for one in found)


def _bytes(found, trial):
    return msgspec.json.encode([found, trial.changes], order="deterministic")


def test_progress_counts_every_event(shop):
    """What the bar is told adds up to what it was promised, in every stage."""
    from streams.ops.backtest.trial import Watch

    folder, events, _ = shop
    recording = record(discover()["native"], str(events), partitions=3)
    stages = []
    watch = Watch(
        begin=lambda stage, total: stages.append([stage, total, 0]),
        moved=lambda count: stages[-1].__setitem__(2, stages[-1][2] + count),
    )
    backtest(recording, folder, jobs=2, watch=watch)
    recording.close()

    assert [stage for stage, _, _ in stages] == [
        "looks through the history",
        "finds replacements",
        "folds it",
    ]
    assert stages[0][2] == stages[2][1] == stages[2][2]
