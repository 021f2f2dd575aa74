"""`firstword replay` and `firstword compare` as a person uses them, and the proof that looking cannot send."""

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from streams.cli.folder import hold
from tests.command_line import command, document, environment, firstword, ndjson, start, wrong_item
from tests.embedded_runs import ROOT

NOW = datetime.now(UTC).replace(microsecond=0)
PACKED = NOW - timedelta(hours=2)
UNTIL = ("--clock", "history", "--until", NOW.isoformat())
KEPT = ("--set", "returns.keep_days=30")

# Refuses every socket and every address, names whoever asked, and says at the end what was imported.
CUT = """
import sys
asked = []
def refuse(event, arguments):
    if event.startswith("socket."):
        asked.append(event)
        raise OSError(f"the network is cut: {event}")
sys.addaudithook(refuse)
from streams.cli.program import run
code = run(sys.argv[1:])
sys.stderr.write("\\nASKED " + ",".join(asked) + "\\nMODULES " + " ".join(sorted(sys.modules)) + "\\n")
sys.stderr.flush()
sys.exit(code)
"""
SENDERS = (
    *("streams.mail", "streams.labels", "streams.desks", "streams.wiring", "streams.storage"),
    *("streams.service.effects", "streams.service.effects_core", "streams.service.effects_room"),
    *("aiosmtplib", "smtplib", "sqlalchemy", "faust", "aiokafka", "kafka", "aiohttp", "asyncio"),
)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A run whose policy told nothing of one order, and of the other in quiet hours or not."""
    folder = tmp_path_factory.mktemp("replay")
    events = [*wrong_item("CRUNCHY-ARMCHAIR", PACKED), *wrong_item("OTHER-CHAIR", PACKED)[:2]]
    (folder / "events.ndjson").write_text(ndjson(events))
    never_quiet = '[quiet]\nstart = "00:00"\nend = "00:00"\n'
    (folder / "loud.toml").write_text(never_quiet)
    (folder / "silent.toml").write_text(f'{never_quiet}[respond.wrong_item]\nmessage = "none"\n')
    for name in ("loud", "silent"):
        done = run(folder, name, name)
        assert done.returncode == 0, done.stderr
    return folder


def run(folder, data, policy, *more):
    """Run the events, or go on."""
    source = ("--source", folder / "events.ndjson", "--policy", folder / f"{policy}.toml")
    return firstword("run", "--data", folder / data, *source, *UNTIL, *more)


@pytest.fixture
def copy(lived, tmp_path):
    """The same, to be changed."""
    return shutil.copytree(lived, tmp_path / "copy")


def mails(folder):
    """What lies in the mailbox of a run."""
    return list((folder / "mail" / "new").glob("*"))


def replay(folder, data, *arguments, policy="loud", **settings):
    """Replay one of the runs under a policy."""
    return firstword(
        "replay", "--data", folder / data, "--policy", folder / f"{policy}.toml", *arguments, **settings
    )


# ---------------------------------------------------------------------------- shadow and rebuild


def test_nothing_differs_under_the_policy_of_then(lived):
    """Without a word it compares, and all is well."""
    done = replay(lived, "loud", "--json")

    assert done.returncode == 0, done.stderr
    found = document(done)
    assert (found["tally"]["orders"], found["differences"]) == (0, [])
    assert found["tally"]["same"] == found["recorded"] > 5
    assert found["policy"].startswith("loud@")


def test_what_differs_is_explained_and_is_an_exit_code(lived):
    """One line of policy, one order, its first difference with both sides."""
    done = replay(lived, "loud", policy="silent")

    assert done.returncode == 1
    assert "only then" in done.stdout
    assert "then   mail wrong_item (en) may go out  [notify: wrong_item]" in done.stdout
    assert "1 orders differ" in done.stdout
    assert "OTHER-CHAIR" not in done.stdout
    assert "ines@example.com" not in done.stdout


def test_a_value_can_be_said_differently_this_once(lived):
    """And the field that it changes is named."""
    (difference,) = document(replay(lived, "loud", *KEPT, "--json"))["differences"]

    assert (difference["order_id"], difference["how"]) == ("CRUNCHY-ARMCHAIR", "changed")
    assert [change["field"] for change in difference["changes"]] == ["keep_after"]


def test_a_rebuild_writes_what_the_run_wrote(lived, tmp_path):
    """The same file as `run --decisions`, byte for byte, and the orders for their owner alone."""
    then, now, orders = tmp_path / "then.ndjson", tmp_path / "now.ndjson", tmp_path / "orders.ndjson"
    assert run(lived, "loud", "loud", "--decisions", then).returncode == 0
    done = replay(lived, "loud", "--mode", "rebuild", "--out", now, "--state", orders)

    assert done.returncode == 0, done.stderr
    assert then.read_bytes() == now.read_bytes() != b""
    states = [json.loads(line) for line in orders.read_text("utf-8").splitlines()]
    assert [one["order_id"] for one in states] == ["CRUNCHY-ARMCHAIR", "OTHER-CHAIR"]
    assert orders.stat().st_mode & 0o077 == 0
    assert firstword("compare", then, now).returncode == 0
    assert firstword("compare", then, lived / "silent").returncode == 1


def test_decisions_can_be_standard_output(lived):
    """And then there is nothing else on it."""
    done = replay(lived, "loud", "--mode", "rebuild", "--out", "-", "--order", "CRUNCHY-ARMCHAIR")
    facts = [json.loads(line) for line in done.stdout.splitlines()]

    assert {fact["subject"] for fact in facts} == {"CRUNCHY-ARMCHAIR"}
    assert "letter" not in done.stdout


def test_a_source_that_was_never_run_can_be_rebuilt(lived):
    """Its decisions are those of a run."""
    source = (
        "--source",
        lived / "events.ndjson",
        "--policy",
        lived / "loud.toml",
        "--until",
        NOW.isoformat(),
    )
    made = document(firstword("replay", "--mode", "rebuild", *source, "--json"))
    (then,) = [document(replay(lived, "loud", "--mode", "rebuild", "--json"))]

    assert made["by_type"] == then["by_type"]


def test_a_bookmark_is_gone_when_the_replay_is_over(lived, tmp_path):
    """The next replay begins anew."""
    done = replay(lived, "loud", "--resume", tmp_path / "mark")

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_replay_that_is_stopped_says_how_to_go_on(tmp_path, number):
    """Behind the block that is folded; what was folded lies in the bookmark."""
    mark = tmp_path / "mark"
    # More than a pipe holds: when all of it is written, somebody reads it, who hears signals since before.
    events = ndjson([event for one in range(200) for event in wrong_item(f"CHAIR-{one}", PACKED)])
    assert len(events) > 200_000
    source = ("--source", "native=-", "--mode", "rebuild", "--resume", mark)
    with start("replay", *source, stdin=subprocess.PIPE) as replaying:
        replaying.stdin.write(events)
        replaying.stdin.flush()
        replaying.send_signal(number)
        said, complained = replaying.communicate(timeout=60)

    assert (replaying.returncode, said) == (130, ""), complained
    assert f"the same command goes on where it stood, by {mark}" in complained
    assert mark.stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("--out", "x.ndjson"), "replay-mode", "rebuild"),
        (("--mode", "rebuild", "--yes"), "replay-mode", "live"),
        (("--until", "2026-11-20"), "replay-mode", "..2026-11-18"),
        (("--mode", "live", "--max-age", "apology=soon"), "max-age-unclear", "2d"),
        (("--mode", "live", "--max-age", "sorrow=2d"), "max-age-unclear", "2d"),
        (("journal:7",), "partition-unknown", "0"),
        (("nonsense",), "stretch-unclear", "journal:3"),
        (("--mode", "rebuild", "--out", "-", "--json"), "output-twice", "file"),
    ],
)
def test_a_slip_is_answered_with_the_way_out(lived, arguments, code, hint):
    """Used wrongly is 2."""
    done = firstword(
        "replay", "--data", lived / "loud", *arguments, *([] if "--json" in arguments else ["--json"])
    )

    assert done.returncode == 2
    problem = document(done)["problem"]
    assert problem["code"] == code
    assert hint in problem["hint"]


def test_looking_makes_nothing(tmp_path):
    """A folder without a journal stays without one, also for a live replay."""
    for mode in ("shadow", "rebuild", "live"):
        yes = ("--yes",) if mode == "live" else ()
        done = firstword("replay", "--data", tmp_path / "none", "--mode", mode, *yes, "--json")
        assert document(done)["problem"]["code"] == "data-not-found"

    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------- no connection, no sender


def cut(*arguments):
    """Run a command in a process that refuses every socket; return its end, who asked and what was imported."""
    done = subprocess.run(
        [sys.executable, "-c", CUT, *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    said = dict(
        line.partition(" ")[::2] for line in done.stderr.splitlines() if line[:5] in {"ASKED", "MODUL"}
    )
    return done, [one for one in said["ASKED"].split(",") if one], set(said["MODULES"].split())


@pytest.mark.parametrize("mode", ["shadow", "rebuild", "live"])
def test_a_replay_asks_for_no_connection_and_imports_no_sender(lived, mode):
    """Nobody who could send, buy or ship is in the process; live only plans."""
    done, asked, modules = cut(
        "replay", "--data", lived / "loud", "--policy", lived / "loud.toml", "--mode", mode
    )

    assert done.returncode == 0, done.stderr
    assert asked == []
    assert sorted(modules & set(SENDERS)) == []
    assert [
        one for one in modules if one.startswith(("streams.mail", "streams.labels", "streams.desks"))
    ] == []


def test_a_source_is_rebuilt_without_a_connection(lived):
    """The same for a history that was never run."""
    done, asked, modules = cut("replay", "--source", lived / "events.ndjson", "--mode", "rebuild")

    assert done.returncode == 0, done.stderr
    assert (asked, sorted(modules & set(SENDERS))) == ([], [])


def test_the_cut_is_noticed_by_who_sends(copy):
    """The same cut under a run that mails over SMTP: it asks for a socket, and has the senders imported."""
    done, asked, modules = cut(
        *(
            "run",
            "--data",
            copy / "again",
            "--source",
            copy / "events.ndjson",
            "--policy",
            copy / "loud.toml",
        ),
        *(*UNTIL, "--mail", "smtp://127.0.0.1:1?tls=none"),
    )

    assert asked != [], done.stderr
    assert {"streams.mail", "streams.labels", "streams.desks"} <= modules


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode != 0,
    reason="this system lets nobody have a network of their own (unshare -rn)",
)
@pytest.mark.parametrize("mode", ["shadow", "rebuild"])
def test_a_replay_works_where_there_is_no_network(lived, mode):
    """In a namespace that has no interface at all."""
    done = subprocess.run(
        [
            "unshare",
            "-rn",
            *command("replay", "--data", lived / "loud", "--mode", mode, "--policy", lived / "loud.toml"),
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------- live


def live(folder, *arguments):
    """Ask for what was lost under the silent policy."""
    return replay(folder, "silent", "--mode", "live", *arguments)


def test_live_is_dry_until_it_is_told_twice(copy):
    """The list is free; `--yes` wants the number; the wrong number is refused; nothing went out by then."""
    before = (copy / "silent" / "journal.sqlite").read_bytes()
    dry, unsaid, wrong = live(copy), live(copy, "--yes", "--json"), live(copy, "--yes", "--confirm", "2")

    assert (dry.returncode, unsaid.returncode, wrong.returncode) == (0, 2, 2)
    assert "goes to the outbox" in dry.stdout
    assert "nothing was done; add --yes --confirm 1" in dry.stdout
    assert document(unsaid)["problem"]["code"] == "live-unconfirmed"
    assert "1 mails would go out, and 2 were confirmed" in wrong.stderr
    assert (copy / "silent" / "journal.sqlite").read_bytes() == before


def test_live_sends_what_was_lost_and_nothing_twice(copy):
    """Confirmed twice and run twice: one mail."""
    for _ in range(2):
        done = live(copy, "--yes", "--confirm", "1", "--json")
        assert (done.returncode, document(done)["done"]) == (0, True)
    for _ in range(2):
        assert run(copy, "silent", "silent").returncode == 0

    assert len(mails(copy / "silent")) == 1
    after = live(copy, "--json")
    assert document(after)["messages"] == 0


def test_an_old_apology_is_listed_and_left(copy):
    """By its purpose."""
    done = live(copy, "--max-age", "apology=1h", "--json")

    found = document(done)
    assert found["messages"] == 0
    (left,) = [one["left"] for one in found["left"] if one["purpose"] == "apology"]
    assert left.startswith("it is too old: ")
    assert left.endswith(", and apology may be 1.0 hours old at most")


def test_live_waits_for_nobody_who_works_in_the_folder(copy):
    """A running process counts decisions for itself: it has to be stopped first."""
    with hold(copy / "silent"):
        done = live(copy, "--yes", "--confirm", "1", "--json")
        dry = live(copy)

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "data-in-use")
    assert dry.returncode == 0, "looking waits for nobody"


def test_help_answers_at_once():
    """It ends with examples, and imports nothing that folds."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "streams", "replay", "--help"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert "firstword replay --data shop --mode live" in done.stdout
    assert "streams.ops" not in done.stderr
