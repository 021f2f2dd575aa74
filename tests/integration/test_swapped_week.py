"""A simulated week of swapped boxes through the whole product: two customers told, each once, and made good."""

from __future__ import annotations

import sqlite3

import msgspec

from streams.service.records import public_record
from streams.simulate.plan import NO_FAULTS, QUIET, Plan
from streams.simulate.score import read_truth, score
from streams.simulate.shop import write
from tests.embedded_runs import run_history

PLAN = Plan(orders=60, faults=NO_FAULTS, noise=QUIET, changed=0, canceled=0, swapped=0.15, scale_g=10.0)


def test_every_pair_is_told_once_and_both_are_made_good(tmp_path):
    """The partner is found in the ledger's own database; the score knows no exception and no second mail."""
    shop = write(PLAN, tmp_path / "shop")
    ran = run_history(tmp_path / "run", f"native={shop.events}", until=PLAN.until)
    truth = read_truth(shop.truth)
    database = sqlite3.connect(ran.data / "ledger.sqlite")
    pairs = database.execute("SELECT order_id, partner_order_id, basis FROM mix_ups").fetchall()
    database.close()

    told = (msgspec.json.decode(public_record(one.id, one.fact, one.now)) for one in ran.decisions)
    judged = score(truth, told)
    assert len(truth.orders) >= 10
    assert {one for one, _, _ in pairs} == {order.order_id for order in truth.orders}
    assert {(other, one) for one, other, _ in pairs} == {(one, other) for one, other, _ in pairs}
    assert {basis for _, _, basis in pairs} == {"contents"}
    assert judged.perfect, judged.lines()
