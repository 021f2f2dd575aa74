"""What remedies cost, in every database: to the cent what the log of decisions says."""

import sqlite3
from collections import Counter
from datetime import UTC, datetime

import pytest

from streams.codec.registry import decode_fact
from streams.core import events as facts
from streams.ops.read_model.costs import SIDES, UNKNOWN
from streams.ops.read_model.reading import open_reading
from tests.read_model_rig import fill, week

EVER = datetime(2000, 1, 1, tzinfo=UTC)
MIDDLE = datetime(2026, 11, 24, tzinfo=UTC)
_GRANTS = (
    facts.ReturnLabelRequested,
    facts.ReplacementRequested,
    facts.GoodwillGranted,
    facts.ShippingRefundGranted,
    facts.RefundGranted,
)
_SINGLE = (facts.GoodwillGranted, facts.ShippingRefundGranted, facts.RefundGranted)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    return week(tmp_path_factory.mktemp("week"))


@pytest.fixture(params=["sqlite", "postgresql"])
def reading(request, lived):
    if request.param == "postgresql":
        place = request.getfixturevalue("postgres")
    else:
        place = str(request.getfixturevalue("tmp_path") / "readmodel.sqlite")
    fill(lived.journal, place)
    opened = open_reading(place)
    yield opened
    opened.close()


def logged(lived, kinds, since=EVER):
    """What stands in the log itself, each id once, without the read model."""
    with sqlite3.connect(lived.journal) as db:
        rows = db.execute("SELECT id, type, now, body FROM decisions ORDER BY number").fetchall()
    types = {kind.TYPE for kind in kinds}
    found = {
        one: decode_fact(name, body) for one, name, now, body in rows if name in types and _at(now) >= since
    }
    return list(found.values())


def _at(text):
    return datetime.fromisoformat(text)


def sums(decided):
    found = Counter()
    for fact in decided:
        found[fact.cost.currency] += fact.cost.minor
    return dict(found)


@pytest.mark.parametrize("by", SIDES)
def test_the_sum_is_that_of_the_decisions_in_the_log(reading, lived, by):
    """Whichever way it is added up, and in the rows as in the totals."""
    decided = logged(lived, _GRANTS)
    told = reading.costs(by, "US")
    by_row = Counter()
    for row in told.rows:
        by_row[row.currency] += row.granted

    assert len({type(fact) for fact in decided}) >= 4
    assert sums(decided) == {row.currency: row.granted for row in told.totals} == dict(by_row)
    assert sum(row.remedies for row in told.rows) == len(decided)
    assert {row.currency: row.spent for row in told.totals} == _added(told.rows, "spent")
    assert {row.currency: row.open for row in told.totals} == _added(told.rows, "open")


def _added(rows, name):
    found = Counter({row.currency: 0 for row in rows})
    for row in rows:
        found[row.currency] += getattr(row, name)
    return dict(found)


def test_from_a_day_on_the_sum_is_that_of_the_decisions_since(reading, lived):
    """And there were others before it."""
    decided, later = logged(lived, _GRANTS), logged(lived, _GRANTS, MIDDLE)

    assert 0 < len(later) < len(decided)
    assert sums(later) == {row.currency: row.granted for row in reading.costs("kind", "US", MIDDLE).totals}


def test_what_was_spent_is_what_was_bought_taken_or_given(reading, lived):
    """Labels at their price unless it came back, replacements that a desk took, and money at once."""
    back = {one.return_id for one in logged(lived, [facts.ReturnLabelVoided]) if one.refunded}
    labels = {one.return_id: one for one in logged(lived, [facts.ReturnLabelIssued])}
    taken = {one.replacement_id for one in logged(lived, [facts.ReplacementAccepted])}
    asked = {one.return_id for one in logged(lived, [facts.ReturnLabelRequested])}
    replaced = [one for one in logged(lived, [facts.ReplacementRequested]) if one.replacement_id in taken]
    spent = [
        *(one for name, one in labels.items() if name in asked - back),
        *replaced,
        *logged(lived, _SINGLE),
    ]

    assert labels
    assert replaced
    assert logged(lived, [facts.ReplacementRefused])
    assert logged(lived, [facts.ReturnLabelRefused])
    assert sums(spent) == {
        row.currency: row.spent for row in reading.costs("remedy", "US").totals if row.spent
    }


def test_every_side_is_known(reading, lived):
    """A week of a shop that tells everything leaves no remedy without its kind; carriers and stations are its own."""
    kinds = {one.kind for one in logged(lived, [facts.ExceptionOpened])}
    named = {by: {row.name for row in reading.costs(by, "us").rows} for by in SIDES}

    assert named["remedy"] <= {
        *("return_label", "expedited_replacement", "goodwill_credit", "shipping_refund", "refund")
    }
    assert named["kind"] <= kinds
    assert len(named["kind"]) >= 4
    assert len(named["carrier"] - {UNKNOWN}) >= 2
    assert len(named["station"] - {UNKNOWN}) >= 2
    assert all(name.startswith("us to ") for name in named["lane"])
