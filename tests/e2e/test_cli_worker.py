"""`firstword topics` and `firstword worker`: real brokers, real processes, as a person or an orchestrator runs them."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from streams.service.client import producer
from streams.settings import load
from tests.command_line import document, environment, firstword, wrong_item
from tests.embedded_runs import ROOT
from tests.kafka_rig import free_ports, own_broker

GRACE = 10.0  # seconds: what is promised


@pytest.fixture
def service(kafka, topic_prefix, tmp_path):
    """The settings of a small deployment of the test's own."""
    return {
        "FIRSTWORD_KAFKA": kafka.bootstrap,
        "FIRSTWORD_TOPIC_PREFIX": topic_prefix,
        "FIRSTWORD_TOPICS": f"{topic_prefix}orders=native",
        "FIRSTWORD_PARTITIONS": "2",
        "FIRSTWORD_DATA": str(tmp_path / "data"),
    }


@contextmanager
def worker(tmp_path, *arguments, **settings):
    """Start `firstword worker` with its log in a file; yield the process and a reader of its lines."""
    log = tmp_path / f"{'-'.join(arguments[:1])}.log"
    with (
        log.open("wb") as stream,
        subprocess.Popen(
            [sys.executable, "-m", "streams", "worker", *arguments],
            cwd=ROOT,
            env=environment(**settings),
            stdout=stream,
            stderr=stream,
        ) as process,
    ):
        try:
            yield process, lambda: log.read_text("utf-8").splitlines()
        finally:
            process.kill()


def lines(log, name=None):
    """Return the log lines of ours, of one name where it is given."""
    told = [json.loads(line) for line in log() if line.startswith("{")]
    return [line for line in told if name in {None, line["name"]}]


def until(ask, good=bool, within=40.0, process=None):
    """Ask until the answer is good; a process that ends meanwhile is not waited for."""
    deadline = time.monotonic() + within
    while True:
        ended = process is not None and process.poll() is not None
        answer = ask()
        if good(answer) or ended or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def status(port, path):
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except URLError as refusal:
        return getattr(refusal, "code", None)


# ---------------------------------------------------------------------------- topics


def test_topics_are_made_checked_and_made_no_second_time(service):
    """Exit code 1 while something is missing, 0 when all is well; `create` may run at every deployment."""
    before = firstword("topics", "check", **service)
    dry = firstword("topics", "create", "--dry-run", "--json", **service)
    still = document(firstword("topics", "check", "--json", **service))
    made = document(firstword("topics", "create", "--json", **service))
    after = firstword("topics", "check", "--json", **service)
    again = firstword("topics", "create", **service)

    assert (before.returncode, "firstword topics create" in before.stdout) == (1, True)
    assert {one["verdict"] for one in still["topics"]} == {"missing"}
    assert document(dry) == {"dry_run": True, "topics": made["topics"]}
    assert (after.returncode, document(after)["healthy"]) == (0, True)
    assert [one["topic"] for one in document(after)["topics"]] == made["topics"]
    assert (again.returncode, again.stdout) == (0, "every topic is there\n")


def test_a_topic_that_is_kept_otherwise_is_found(kafka, topic_prefix, service):
    """A journal that forgets after a week is no journal: exit code 1, and the command that mends it."""
    kafka.create_topics({f"{topic_prefix}.journal": 2}, {"retention.ms": "604800000"})
    firstword("topics", "create", **service)
    done = firstword("topics", "check", **service)

    assert done.returncode == 1
    assert "retention.ms is 604800000, wanted -1" in done.stdout
    assert f"--entity-name {topic_prefix}.journal --add-config retention.ms=-1" in done.stdout


def test_brokers_that_are_not_there_are_told_once():
    """Exit code 3, the address, and the system's own words; nothing of the library's log."""
    (port,) = free_ports(1)
    done = firstword("topics", "check", "--kafka", f"127.0.0.1:{port}")

    assert done.returncode == 3
    assert "[kafka-unreachable]" in done.stderr
    assert done.stderr.count("Connect call failed") == 1


# ---------------------------------------------------------------------------- one worker


def test_a_worker_starts_tells_and_stops_in_order(service, tmp_path):
    """One start line, health and metrics, and 0 within the grace after SIGTERM; every line of its log is JSON."""
    (port,) = free_ports(1)
    firstword("topics", "create", **service)
    with worker(tmp_path, "fold", "--monitor", f":{port}", **service) as (process, log):
        assert until(lambda: status(port, "/health/live"), lambda code: code == 200, process=process) == 200
        assert until(lambda: status(port, "/health/ready"), lambda code: code == 200, process=process) == 200
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            told = answer.read().decode()
        asked = time.monotonic()
        process.terminate()
        code = process.wait(GRACE + 5)
        seconds = time.monotonic() - asked

    assert code == 0
    assert seconds < GRACE
    assert 'firstword_partitions{role="fold"} 2.0' in told
    assert [line["room"] for line in lines(log, "program_started")] == ["fold"]
    assert [line["reason"] for line in lines(log, "program_stopped")] == ["told to stop"]
    assert len(lines(log)) == len(log())


def test_a_worker_without_topics_does_not_start(service, tmp_path):
    """Exit code 3, said once, with the command that makes them; and logged for whoever reads only logs."""
    with worker(tmp_path, "fold", **service) as (process, log):
        code = process.wait(40)

    assert code == 3
    assert sum("[topics-missing]" in line for line in log() if not line.startswith("{")) == 1
    assert "  hint:  firstword topics create" in log()
    assert [line["role"] for line in lines(log, "worker_crashed")] == ["fold"]


def test_a_worker_with_other_partitions_does_not_start(service, tmp_path):
    """The number of partitions is for ever; a slip in one setting must not look for orders elsewhere."""
    firstword("topics", "create", **service)
    with worker(tmp_path, "fold", **(service | {"FIRSTWORD_PARTITIONS": "3"})) as (process, log):
        code = process.wait(40)

    assert code == 3
    assert "topic-partitions" in "\n".join(log())


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        (["fold", "--monitor", "nowhere"], {}),
        (["all", "--monitor", "nowhere"], {}),
        (["fold"], {"FIRSTWORD_PARTITIONS": "none"}),
        (["all"], {"FIRSTWORD_PARTITONS": "3"}),
        (["all"], {"FIRSTWORD_TOPICS": "orders=native,orders=easypost"}),
    ],
)
def test_a_slip_in_the_settings_is_usage(arguments, settings, tmp_path):
    """Exit code 2: starting it again would not help."""
    with worker(tmp_path, *arguments, **settings) as (process, _):
        assert process.wait(40) == 2


def test_a_policy_that_is_wrong_ends_a_worker(tmp_path):
    """Exit code 3, as of everything that keeps a worker from working: 1 is for commands that find something."""
    rules = tmp_path / "shop.toml"
    rules.write_text("[quiet]\nstart = 'late'\n")
    with worker(tmp_path, "fold", "--policy", str(rules)) as (process, log):
        code = process.wait(40)

    assert code == 3
    assert "shop.toml:2" in "\n".join(log())


def test_a_worker_waits_for_brokers_that_start_at_the_same_moment(tmp_path):
    """It says that it waits, finds them, and goes on: here to the topics, which nobody made."""
    (port,) = free_ports(1)
    with worker(tmp_path, "fold", FIRSTWORD_KAFKA=f"127.0.0.1:{port}") as (process, log):
        assert until(lambda: lines(log, "brokers_awaited"), process=process)
        with own_broker(port=port):
            code = process.wait(40)

    assert code == 3
    assert "[topics-missing]" in "\n".join(log())
    assert len(lines(log, "brokers_awaited")) == 1


def test_a_worker_that_waits_can_be_told_to_stop(tmp_path):
    """Nobody waits a minute for a worker that waits for brokers."""
    (port,) = free_ports(1)
    with worker(tmp_path, "fold", FIRSTWORD_KAFKA=f"127.0.0.1:{port}") as (process, log):
        assert until(lambda: lines(log, "brokers_awaited"), process=process)
        process.send_signal(signal.SIGTERM)

        assert process.wait(GRACE) == 0


# ---------------------------------------------------------------------------- all of them


@pytest.fixture
def hasty(tmp_path):
    """A policy that writes at once, whatever hour the test runs at."""
    rules = tmp_path / "hasty.toml"
    rules.write_text('[quiet]\nstart = "00:00"\nend = "00:00"\n[respond.wrong_item]\nsettle = "0s"\n')
    return rules


@pytest.fixture
def ports():
    """The first of three ports in a row that nobody listens on."""
    while True:
        (first,) = free_ports(1)
        with suppress(OSError), ExitStack() as held:
            for port in range(first, first + 3):
                held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


def send(service, events):
    """Write events into the source topic, as the shop's systems do."""
    settings = load(service)

    async def work():
        async with producer(settings, "test") as shop:
            for event in events:
                data = json.dumps(event).encode()
                await shop.send_and_wait(
                    f"{settings.topic_prefix}orders", data, key=event["subject"].encode()
                )

    asyncio.run(work())


def crew_of(process):
    """Return pid -> role of the processes that a `worker all` has started."""
    found = {}
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        words = Path(f"/proc/{pid}/cmdline").read_text("utf-8").split("\0")
        found[int(pid)] = words[words.index("worker") + 1]
    return found


def test_all_workers_carry_an_event_from_the_topic_to_the_mailbox(service, hasty, ports, tmp_path):
    """Topics made, one command, and what the shop's systems write becomes a mail; then all end in order."""
    firstword("topics", "create", **service)
    arguments = ("all", "--policy", str(hasty), "--monitor", f":{ports}")
    with worker(tmp_path, *arguments, **service) as (process, log):
        for port in range(ports, ports + 3):
            ready = until(
                lambda port=port: status(port, "/health/ready"), lambda code: code == 200, process=process
            )
            assert ready == 200, "\n".join(log())
        send(service, wrong_item(at=datetime.now(UTC) - timedelta(minutes=5)))
        box = Path(service["FIRSTWORD_DATA"]) / "mail" / "new"
        mails = until(lambda: list(box.glob("*")), process=process)
        told = [
            urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
            for port in range(ports, ports + 3)
        ]
        process.terminate()
        code = process.wait(GRACE + 5)

    assert [mail.read_text("utf-8").count("X-Firstword-Order: CRUNCHY-ARMCHAIR") for mail in mails] == [1]
    assert 'role="ingest"' in told[0]
    assert 'firstword_decisions_total{role="fold",type="exception.opened.v1"} 1.0' in told[1]
    assert 'firstword_mails_total{role="effects",state="accepted"} 1.0' in told[2]
    assert code == 0
    assert sorted(line["room"] for line in lines(log, "program_started")) == ["effects", "fold", "ingest"]
    assert len(lines(log, "program_stopped")) == 3
    assert len(lines(log)) == len(log())


@pytest.mark.parametrize("role", ["ingest", "fold", "effects"])
def test_when_one_worker_dies_all_stop(service, role, tmp_path):
    """The code is that of a killed process, and nobody is left behind."""
    firstword("topics", "create", **service)
    with worker(tmp_path, "all", **service) as (process, log):
        assert (
            until(lambda: len(lines(log, "program_started")), lambda count: count == 3, process=process) == 3
        )
        crew = crew_of(process)
        (victim,) = [pid for pid, one in crew.items() if one == role]
        os.kill(victim, signal.SIGKILL)
        code = process.wait(GRACE + 10)

    assert sorted(crew.values()) == ["effects", "fold", "ingest"]
    assert code == 137
    assert [pid for pid in crew if Path(f"/proc/{pid}").exists()] == []
    assert [line["role"] for line in lines(log, "worker_crashed")] == [role]


# ---------------------------------------------------------------------------- doctor


def test_the_doctor_looks_at_brokers_and_topics(service):
    """Missing topics with the command that makes them, then all in order, then partitions that differ."""

    def found(**settings):
        done = firstword("doctor", "--json", **settings)
        return done.returncode, [
            (check["state"], check["says"], check["do"])
            for check in document(done)["checks"]
            if check["what"] in {"kafka", "topics"}
        ]

    code, before = found(**service)
    firstword("topics", "create", **service)
    fine = found(**service)
    other = found(**(service | {"FIRSTWORD_PARTITIONS": "3"}))[1]

    assert (code, before[0][:2]) == (1, ("ok", f"{service['FIRSTWORD_KAFKA']} answers"))
    assert [check[2] for check in before[1:]] == ["firstword topics create"]
    assert fine == (
        0,
        [("ok", f"{service['FIRSTWORD_KAFKA']} answers", ""), ("ok", "9 of 9 are as they must be", "")],
    )
    assert [check[0] for check in other] == ["ok", "ok", "act"]
    assert "2 partitions, wanted 3" in other[2][1]


def test_the_doctor_needs_no_broker_for_one_machine(tmp_path):
    """Nobody chose a broker: whether one answers at the usual port decides nothing; a chosen one has to answer."""
    (port,) = free_ports(1)
    usual = {check["what"]: check["state"] for check in document(doctor(tmp_path))["checks"]}
    chosen = doctor(tmp_path, "--kafka", f"127.0.0.1:{port}")

    assert usual["kafka"] == "ok"
    assert (chosen.returncode, "kafka-unreachable" in chosen.stdout) == (1, True)


def doctor(tmp_path, *arguments):
    return firstword("doctor", "--data", tmp_path / "shop", "--json", *arguments)
