"""SIGKILL at twenty random moments of the present: nothing is asked of the world twice."""

import email
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest

from streams.embedded.journal import Journal
from tests.embedded_runs import ROOT
from tests.mail_receiver import MailReceiver
from tests.ndjson import HOUR, in_time, swapped, write

KILLS = 20
ORDERS = 45
SEED = 20260302

HASTY = """
name = "hasty"
[quiet]
start = "00:00"
end = "00:00"
[respond.wrong_item]
settle = "0s"
"""

# Everything is imported once; each life is a fork of it, killed after a moment, until enough have died.
LIVES = """
import asyncio, json, os, random, signal, sys, time
from pathlib import Path
from streams import telemetry
from streams.clock import wall_now
from streams.core.events import Event
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from streams.sources.native.adapter import SOURCE
from tests.wall_runs import Wall

data, events, mail, policy, kills, seed = sys.argv[1:]
telemetry.configure("ERROR")
warm = Processor(load_policy(Path(policy)))  # calendars and zones are read at the first use
for record in SOURCE.read(events):
    (one,) = SOURCE.translate(record)
    named = {name: getattr(one, name) for name in ("id", "source", "order_id", "occurred_at", "fact")}
    warm.fold(Event(recorded_at=wall_now(), **named))
dice = random.Random(int(seed))

async def live():
    run = Wall(data, wall_now, [f"native={events}"], mail, Path(policy))
    os.write(ready, b".")  # from here on a kill hits work, not start-up
    await run.runner.run_wall(run.clock, run.kit.sender.recover, forever=False)
    print(json.dumps(run.summary().events), flush=True)
    await run.close()

killed = lives = 0
while True:
    lives += 1
    begun, ready = os.pipe()
    child = os.fork()
    if child == 0:
        asyncio.run(live())
        os._exit(0)
    if killed < int(kills):
        os.read(begun, 1)
        time.sleep(dice.expovariate(1 / 0.03))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(begun)
    os.close(ready)
    if os.WIFSIGNALED(status):
        killed += 1
    elif os.waitstatus_to_exitcode(status):
        sys.exit("a life ended in an error")
    elif killed < int(kills):
        sys.exit(f"done after {killed} kills: more orders are needed")
    else:
        break
print(killed, flush=True)
"""


@pytest.mark.slow
def test_nothing_is_asked_for_twice(tmp_path):
    """One label and one replacement per order, each outcome once, no mail twice; a missing one is listed in doubt."""
    start = datetime.now(UTC) - 3 * HOUR
    by = (start + 240 * HOUR).date().isoformat()
    orders = [swapped(f"ORD-{number}", start, by=by) for number in range(ORDERS)]
    events = write(tmp_path / "events.ndjson", *in_time(*(one for order in orders for one in order)))
    (tmp_path / "hasty.toml").write_text(HASTY)
    with MailReceiver(pause_after_dot=0.003) as receiver:
        url = f"smtp://127.0.0.1:{receiver.port}?tls=none&connections=1"
        arguments = [tmp_path / "run", events, url, tmp_path / "hasty.toml", KILLS, SEED]
        done = subprocess.run(
            [sys.executable, "-c", LIVES, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            check=False,
            text=True,
        )
    assert done.returncode == 0, done.stderr + done.stdout
    *_, counts, killed = done.stdout.split("\n")[:-1]
    journal = Journal(tmp_path / "run" / "journal.sqlite")
    decisions = list(journal.decisions())
    left = journal.pending()
    journal.close()
    types = Counter(one.type for one in decisions)
    in_doubt = {one.fact.message_id for one in decisions if one.type == "message.in_doubt.v1"}
    mails = Counter(email.message_from_bytes(mail)["X-Firstword-Message"] for mail in receiver.mailbox)
    queued = {one.fact.message_id for one in decisions if one.type == "message.queued.v1"}

    assert int(killed) == KILLS
    assert [identity for identity, count in Counter(one.id for one in decisions).items() if count > 1] == []
    for wire_type in (
        *("return_label.requested.v1", "return_label.issued.v1"),
        *("replacement.requested.v1", "replacement.accepted.v1", "message.queued.v1"),
    ):
        assert (wire_type, types[wire_type]) == (wire_type, ORDERS)
    assert len(list((tmp_path / "run" / "labels").glob("*.pdf"))) == ORDERS
    assert [identity for identity, count in mails.items() if count > 1] == []
    assert set(mails) | in_doubt == queued
    assert types["message.accepted.v1"] + len(in_doubt) == ORDERS
    assert json.loads(counts) == {
        "in": 3 * ORDERS,
        "folded": 3 * ORDERS,
        "duplicates": 0,
        "parked": 0,
        "dead_letters": 0,
        "ignored": 0,
    }
    assert left == []
