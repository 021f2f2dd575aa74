"""SIGKILL at a hundred random moments of a shop's weeks: the mailbox ends as if nothing had happened."""

import email
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from email import policy as email_policy

import pytest

from streams.embedded.journal import Journal
from streams.simulate.plan import Plan, Rates
from streams.simulate.shop import write
from tests.embedded_runs import ROOT
from tests.mail_receiver import MailReceiver

KILLS = 100
SEED = 20260302


def command(data, events, port):
    return [
        *(sys.executable, "-m", "streams", "run", "--data", str(data), "--source", f"native={events}"),
        *("--clock", "history", "--mail", f"smtp://127.0.0.1:{port}?tls=none&connections=2", "--json"),
    ]


def wait_until_it_works(process):
    """Read the log until the journal is recovered: from here on a kill hits work, not start-up."""
    lines = []
    for line in process.stderr:
        if '"journal_recovered"' in line:
            return
        lines.append(line)
    pytest.fail("the program ended before it had begun:\n" + "".join(lines))


def killed_run(data, events, port):
    """Start, kill and start again; return how often it was killed at work, and the last summary."""
    dice = random.Random(SEED)
    kills = 0
    while True:
        process = subprocess.Popen(
            command(data, events, port),
            cwd=ROOT,
            env=os.environ | {"FIRSTWORD_LOG_LEVEL": "DEBUG"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until_it_works(process)
        reader = threading.Thread(target=process.stderr.read, daemon=True)
        reader.start()
        if kills < KILLS:
            patience = dice.expovariate(1 / 0.06)
            deadline = time.monotonic() + patience
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        out = process.stdout.read()
        process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
        if process.returncode == -signal.SIGKILL:
            continue
        assert process.returncode == 0
        return kills, json.loads(out)


def by_id(mailbox):
    """Message ids and what they say, without the transport's own lines."""
    parsed = [email.message_from_bytes(content, policy=email_policy.default) for content in mailbox]
    return Counter(mail["Message-ID"] for mail in parsed), {
        mail["Message-ID"]: mail.as_bytes() for mail in parsed
    }


@pytest.mark.slow
def test_the_mailbox_is_the_same(tmp_path, capsys):
    """Message id for message id and byte for byte, none twice; only a listed in_doubt may differ."""
    plan = Plan(seed=SEED, orders=4000, days=28, faults=Rates())
    world = write(plan, tmp_path / "world")
    with MailReceiver() as calm:
        subprocess.run(
            command(tmp_path / "calm", world.events, calm.port), cwd=ROOT, check=True, capture_output=True
        )
    with MailReceiver(pause_after_dot=0.003) as rough:
        kills, summary = killed_run(tmp_path / "rough", world.events, rough.port)
    journal = Journal(tmp_path / "rough" / "journal.sqlite")
    in_doubt = {
        f"<{one.fact.message_id}@mail.example.com>"
        for one in journal.decisions()
        if one.type == "message.in_doubt.v1"
    }
    journal.close()
    expected, expected_words = by_id(calm.mailbox)
    seen, words = by_id(rough.mailbox)
    with capsys.disabled():
        print(
            f"\nkilled {kills} times over {summary['events']['in']:,} events and {len(expected)} mails:"
            f" {len(seen)} arrived, {len(expected - seen)} missing, {len(in_doubt)} in doubt"
        )

    assert kills >= KILLS
    assert {identity: count for identity, count in seen.items() if count > 1} == {}
    assert set(seen) - set(expected) == set()
    assert set(expected) - set(seen) <= in_doubt
    assert {identity: words[identity] for identity in words} == {
        identity: expected_words[identity] for identity in words
    }
