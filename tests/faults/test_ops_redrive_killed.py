"""SIGKILL while thousands of letters are put back and taken: each is folded once, and none is lost."""

import json
import subprocess
import sys
from collections import Counter

from streams import wiring
from streams.embedded.engine import Engine
from streams.embedded.inbox import waiting
from streams.embedded.journal import Journal
from streams.ops.letters_file import FolderLetters
from streams.pipeline.ports import Record, Rejected
from streams.settings import load
from tests.embedded_runs import ROOT
from tests.ndjson import HOUR, MONDAY, line, placed, shipped

LETTERS = 8000  # eight heartbeats' worth
SEED = 20261123

# Everything is imported once; each life is a fork that redrives all and takes what it can. It says when everything
# is put back, and after each batch that it took; it is killed a moment after the word that is waited for.
LIVES = """
import json, os, random, signal, sys, time
from datetime import datetime
from pathlib import Path
from streams import telemetry, wiring
from streams.embedded.engine import Engine
from streams.embedded.inbox import Inbox, waiting
from streams.embedded.journal import Journal
from streams.ops.letters import Selection
from streams.ops.letters_file import FolderLetters
from streams.ops.redrive import plan, redrive
from streams.settings import load
from streams.sources import discover

folder, now, seed = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3]
telemetry.configure("ERROR")
policy, sources = wiring.policy_of(load({}, data=folder)), discover()
dice = random.Random(seed)

def live(say):
    letters = FolderLetters(folder, sources)
    redrive(letters, plan(letters, Selection()), now)
    os.write(say, b".")
    engine = Engine(Journal(folder / "journal.sqlite"), policy)
    inbox = Inbox(folder, sources)
    while inbox.drain(engine, now):
        os.write(say, b".")
    engine.journal.close()

left = []
for words, moment in [(0, 0.1), (0, 0.3), (1, 0.1), (2, 0.02), (2, 0.02), (2, 0.02), (None, 0)]:
    hear, say = os.pipe()
    child = os.fork()
    if child == 0:
        live(say)
        os._exit(0)
    os.close(say)  # else nobody would hear that a life was over before its word came
    if words is not None:
        for _ in range(words):
            os.read(hear, 1)
        time.sleep(dice.uniform(0, moment))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(hear)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status):
        sys.exit("a life ended in an error")
    left.append(waiting(folder))
print(json.dumps(left))
"""


class Yesterday:
    """Yesterday's adapter: it did not know the carrier."""

    def translate(self, _record):
        return Rejected(code="carrier-unknown", why="nobody knows Usual Post", hint="upgrade")


def test_every_letter_is_folded_once_however_often_its_takers_die(tmp_path):
    """What is put back is all or nothing, what is taken is in the journal with how far it was taken."""
    policy = wiring.policy_of(load({}, data=tmp_path))
    _set_aside(tmp_path, policy)

    done = subprocess.run(
        [sys.executable, "-c", LIVES, str(tmp_path), (MONDAY + HOUR).isoformat(), str(SEED)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    left = json.loads(done.stdout)
    assert left[-1] == 0
    assert any(0 < one < LETTERS for one in left), left  # somebody died in the middle of taking

    engine = Engine(Journal(tmp_path / "journal.sqlite"), policy)
    engine.journal.close()
    counts = {name: engine.counters[name] for name in ("in", "folded", "duplicates", "dead_letters")}
    assert counts == {
        "in": 3 * LETTERS,
        "folded": 2 * LETTERS,
        "duplicates": 0,
        "dead_letters": LETTERS,
    }
    assert Counter(len(order.shipments) for order in engine.processor.orders.values()) == {1: LETTERS}
    assert waiting(tmp_path) == 0
    assert {one.state for one in FolderLetters(tmp_path).letters()} == {"redriven"}


def _set_aside(folder, policy):
    """Orders are placed; what announces their parcels becomes letters."""
    from streams.sources.native.adapter import SOURCE

    engine = Engine(Journal(folder / "journal.sqlite"), policy)
    events = [(SOURCE, placed(f"ORD-{number}")) for number in range(LETTERS)]
    events += [(Yesterday(), shipped(f"ORD-{number}")) for number in range(LETTERS)]
    for number, (source, one) in enumerate(events):
        record = Record(source="native", place=f"events.ndjson:{number}", position=number, raw=line(one))
        engine.take(record, source.translate(record), MONDAY + HOUR, "events")
        if number % 1000 == 0:
            engine.commit()
    engine.commit()
    engine.journal.close()
