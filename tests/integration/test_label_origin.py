"""Where a customer lives reaches whoever sells the label, and nobody else."""

import sqlite3

from streams.core.events import Address
from streams.ops.history import Decided
from streams.ops.read_model.feed_file import JournalFeed
from streams.ops.read_model.follow import catch_up
from streams.ops.replay.line import line_of
from tests.command_line import document, firstword
from tests.embedded_runs import run_history
from tests.ndjson import DAY, MONDAY, in_time, line, swapped

HOME = {"name": "Ada", "street": "12 Secret Lane", "city": "Salem", "region": "OR", "country": "US"}


def shop(folder):
    """A shop in which one box held the wrong thing."""
    source = folder / "events.ndjson"
    wrong = swapped("ORD-1", shipping={"address": HOME | {"postal_code": "97301"}})
    source.write_bytes(b"\n".join(map(line, in_time(*wrong))) + b"\n")
    return run_history(folder / "shop", f"native={source}", until=MONDAY + DAY)


def test_the_request_knows_where_the_order_went(tmp_path):
    """The effect that buys the label reads it from the request alone."""
    (asked,) = shop(tmp_path).of("return_label.requested.v1")

    assert asked.fact.sender == Address(**HOME, postal_code="97301")


def test_nobody_else_reads_it(tmp_path):
    """Not in the console's table of decisions, not where replays compare, not in an order's story."""
    ran = shop(tmp_path)
    (asked,) = ran.of("return_label.requested.v1")
    tables = tmp_path / "tables.sqlite"
    catch_up(str(tables), JournalFeed(ran.data / "journal.sqlite"))
    with sqlite3.connect(tables) as opened:
        rows = opened.execute("SELECT type, body FROM read_decisions").fetchall()
    told = document(firstword("timeline", "ORD-1", "--data", ran.data, "--json"))

    assert "return_label.requested.v1" in {kind for kind, _ in rows}
    assert all(b"Secret" not in bytes(body) for _, body in rows)
    compared = Decided(id=asked.id, order_id="ORD-1", type=asked.type, now=asked.now, fact=asked.fact)
    assert b"Secret" not in line_of(compared, 0).body
    decided = [one for one in told["entries"] if "return_label" in str(one)]
    assert decided
    assert all("Secret" not in str(one) for one in decided)
