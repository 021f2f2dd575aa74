"""`firstword run` as a person uses it: a process, a folder, and mails that are really there."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing
from datetime import timedelta
from email import message_from_bytes, policy
from itertools import count

import pytest

from streams.cli.room import enter
from streams.clock import wall_now
from streams.embedded.summary import summarize
from streams.settings import load
from tests.command_line import FRIDAY, document, firstword, ndjson, scan, start, wrong_item

UNTIL = "2026-11-25T00:00:00Z"
AT_ONCE = """
[quiet]
start = "00:00"
end = "00:00"
[respond.wrong_item]
settle = "0s"
"""


@pytest.fixture
def story(tmp_path):
    """A file with the order that got a lamp, and a scan of a parcel that nobody knows."""
    path = tmp_path / "events.ndjson"
    path.write_text(ndjson([*wrong_item(), scan("STRANGER-1", FRIDAY)]))
    return path


def history(data, story, *more):
    return firstword(
        "run", "--data", data, "--source", f"native={story}", "--clock", "history", "--until", UNTIL, *more
    )


def mails(data):
    return [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in sorted((data / "mail" / "new").glob("*"))
    ]


def wait_for(what, process):
    """Return the first true answer of ``what``, or fail when the process ends or a minute has passed."""
    for _ in range(1200):
        answer = what()
        if answer:
            return answer
        if process.poll() is not None:
            pytest.fail(f"it ended before: {process.stderr.read()}")
        time.sleep(0.05)
    pytest.fail("it did not happen within a minute")


# ---------------------------------------------------------------------------- a history


def test_a_mix_up_becomes_one_mail_with_its_label(tmp_path, story):
    """The marker story: the customer is told before they open the box, with the return label in the mail."""
    done = history(tmp_path / "shop", story, "--json")

    assert done.returncode == 0, done.stderr
    (mail,) = mails(tmp_path / "shop")
    assert "ines@example.com" in mail["To"]
    assert mail["X-Firstword-Template"] == "wrong_item"
    assert [part.get_content_type() for part in mail.iter_attachments()] == ["application/pdf"]


def test_the_summary_is_one_document_and_adds_up(tmp_path, story):
    """The contract's summary, and nothing else on standard output."""
    summary = document(history(tmp_path / "shop", story, "--json"))

    events = summary["events"]
    assert events == {"in": 4, "folded": 3, "duplicates": 0, "parked": 0, "dead_letters": 1, "ignored": 0}
    assert summary["exceptions"] == {"wrong_item": {"opened": 1, "cleared": 0}}
    assert summary["remedies"] == {"expedited_replacement": 1, "return_label": 1}
    assert summary["messages"]["accepted"] == 1
    assert summary["now"] == UNTIL


def test_running_again_goes_on_where_it_stopped(tmp_path, story):
    """The same folder a second time: nothing is read twice, nothing is sent twice, time does not run away."""
    firstword("run", "--data", tmp_path / "shop", "--source", story, "--clock", "history")
    first = document(
        firstword("run", "--data", tmp_path / "shop", "--source", story, "--clock", "history", "--json")
    )
    second = document(
        firstword("run", "--data", tmp_path / "shop", "--source", story, "--clock", "history", "--json")
    )

    assert first | {"seconds": 0} == second | {"seconds": 0}
    assert second["now"] == "2027-01-19T15:02:00Z"
    assert len(mails(tmp_path / "shop")) == 1


def test_the_public_log_has_every_decision_and_no_address(tmp_path, story):
    """CloudEvents in the order of deciding, with the source `firstword` and without the private letter."""
    log = tmp_path / "decisions.ndjson"
    history(tmp_path / "shop", story, "--decisions", log)

    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert {"firstword"} == {event["source"] for event in events}
    assert [event["type"] for event in events][:4] == [
        "exception.opened.v1",
        "mix_up.suspected.v1",
        "return_label.requested.v1",
        "replacement.requested.v1",
    ]
    assert "message.accepted.v1" in {event["type"] for event in events}
    assert "ines@example.com" not in log.read_text()
    assert {"CRUNCHY-ARMCHAIR"} == {event["data"]["order_id"] for event in events}


def test_decisions_on_standard_output_leave_the_summary_to_standard_error(tmp_path, story):
    """`--decisions -` can be piped: every line is an event."""
    done = history(tmp_path / "shop", story, "--decisions", "-")

    assert {"1.0"} == {json.loads(line)["specversion"] for line in done.stdout.splitlines()}
    assert "events      4 in = 3 folded" in done.stderr


def test_a_history_that_was_stopped_decides_the_same_when_it_goes_on(tmp_path):
    """A stop leaves no trace in what is decided: not between two records, and not between two deadlines."""
    events = tmp_path / "events.ndjson"
    lines = [
        event
        for number in range(24)
        # Four orders, a minute apart, every three hours: their deadlines fall between two records.
        for event in wrong_item(
            f"ORD-{number}", FRIDAY + timedelta(hours=number // 4 * 3, minutes=number % 4)
        )
    ]
    events.write_text(ndjson(sorted(lines, key=lambda event: event["time"])))

    def decisions(data, stops):
        settings = load({}, data=tmp_path / data)
        taken = 0
        for stop in (*stops, None):
            moves = count(1)

            def move(_one, moves=moves, stop=stop):
                if next(moves) == stop:
                    # As a signal does: whenever the loop next has a moment, which is in the middle of the mails.
                    asyncio.get_running_loop().call_soon(room.runner.stop.set)

            with enter(settings, [f"native={events}"], move) as room:
                asyncio.run(room.history(None))
                taken += room.runner.taken
                found = [(one.id, one.now, one.type) for one in room.engine.journal.decisions()]
                summary = summarize(room.engine, 1, 0)
        assert taken == 72
        return sorted(found), summary

    assert decisions("whole", []) == decisions("stopped", [12, 1, 11, 7, 5, 12])


# ---------------------------------------------------------------------------- refusals


def test_a_second_process_on_the_same_folder_is_refused(tmp_path, story):
    """Two writers would each believe they were alone; the first goes on undisturbed."""
    with start("run", "--data", tmp_path / "shop", "--http", "127.0.0.1:0") as first:
        wait_for((tmp_path / "shop" / "journal.sqlite").exists, first)
        refused = history(tmp_path / "shop", story, "--json")
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=30)

    assert refused.returncode == 2
    problem = document(refused)["problem"]
    assert problem["code"] == "data-in-use"
    assert f"process {first.pid} holds it" == problem["why"]
    assert history(tmp_path / "shop", story).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["run", "--json"], "nothing-to-read", 2),
        (["run", "--json", "--source", "native=nowhere.ndjson"], "source-not-found", 2),
        (["run", "--json", "--source", "nativ=x"], "plugin-unknown", 2),
        (["run", "--json", "--clock", "history", "--http", ":0"], "clock-and-http", 2),
        (["run", "--json", "--until", "2026-11-28", "--http", ":0"], "clock-and-until", 2),
        (["run", "--json", "--clock", "history", "--until", "soon"], "time-unclear", 2),
        (["run", "--json", "--source", "native=-", "--decisions", "-"], "output-twice", 2),
        (["run", "--json", "--source", "native=-", "--mail", "pigeon:loft"], "mail-url", 2),
        (["run", "--json", "--source", "native=-", "--policy", "/nowhere.toml"], "policy-not-found", 1),
        (["run", "--json", "--source", "native=-", "--data", "/dev/null/x"], "file-unwritable", 3),
        (["run", "--json", "--sauce", "x"], "usage", 2),
    ],
)
def test_what_cannot_be_is_a_problem_with_its_exit_code(tmp_path, arguments, code, exit_code):
    """One document, a stable code, and an exit code that says whose turn it is."""
    done = firstword(*arguments, cwd=tmp_path, stdin="")

    assert (exit_code, code) == (done.returncode, document(done)["problem"]["code"])
    assert "Traceback" not in done.stderr


def test_a_password_is_never_printed(tmp_path):
    """Not in a problem, not in a traceback that was asked for."""
    url = "smtp://dana:crunchy-secret@relay.example.com:587?tls=perhaps"
    done = firstword("run", "--source", "native=-", "--mail", url, "--debug", cwd=tmp_path, stdin="")

    assert done.returncode == 2
    assert "mail-url" in done.stderr
    assert "crunchy-secret" not in done.stderr + done.stdout


# ---------------------------------------------------------------------------- the present


def listening(process):
    """Read the log until the port is known."""
    for line in process.stderr:
        said = json.loads(line)
        if said["name"] == "intake_opened":
            return f"http://127.0.0.1:{said['port']}"
    return pytest.fail("it ended before it listened")


def post(url, body):
    request = urllib.request.Request(url + "/in/native", data=body.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)


def test_webhooks_become_mail_and_a_stop_forgets_nothing(tmp_path):
    """202 means written down; SIGTERM ends it with a summary; the same webhooks again send nothing again."""
    rules = tmp_path / "policy.toml"
    rules.write_text(AT_ONCE)
    arguments = (
        *("run", "--data", tmp_path / "shop", "--http", "127.0.0.1:0"),
        *("--policy", rules, "--json"),
    )
    body = ndjson(wrong_item(at=wall_now()))
    summaries = []
    for _ in range(2):
        with start(*arguments) as process:
            answer = post(listening(process), body)
            wait_for(lambda: mails(tmp_path / "shop"), process)
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=30)

        assert (answer, process.returncode) == ((202, {"accepted": 3}), 0)
        summaries.append(json.loads(out))

    assert [summary["events"]["duplicates"] for summary in summaries] == [0, 3]
    assert [summary["events"]["folded"] for summary in summaries] == [3, 3]
    assert [summary["messages"]["accepted"] for summary in summaries] == [1, 1]
    assert len(mails(tmp_path / "shop")) == 1


def test_a_stop_does_not_wait_for_the_next_line(tmp_path):
    """Standard input that stays open and silent does not keep SIGTERM waiting."""
    data = tmp_path / "shop"
    with start("run", "--data", data, "--source", "native=-", "--json", stdin=subprocess.PIPE) as process:
        process.stdin.write(ndjson(wrong_item(at=wall_now())[:1]))
        process.stdin.flush()

        def is_written():
            if not (data / "journal.sqlite").exists():
                return False
            with closing(sqlite3.connect(data / "journal.sqlite")) as db:
                try:
                    return db.execute("SELECT count(*) FROM blocks").fetchone()[0]
                except sqlite3.OperationalError:
                    return False

        wait_for(is_written, process)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)
        summary = json.loads(process.stdout.read())
        log = process.stderr.read()

    assert (code, "Traceback" in log) == (0, False), log
    assert summary["events"]["in"] == 1


def test_the_wall_clock_ends_with_its_sources(tmp_path, story):
    """Without a port there is nothing to wait for once the files are read."""
    done = firstword("run", "--data", tmp_path / "shop", "--source", story, "--json")

    assert done.returncode == 0
    assert document(done)["events"]["in"] == 4
    assert {"program_started", "source_finished", "program_stopped"} <= {
        json.loads(line)["name"] for line in done.stderr.splitlines()
    }
