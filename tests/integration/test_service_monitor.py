"""The monitor and the watchdog: real ports, real processes, a loop that is blocked on purpose."""

import ast
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams import telemetry
from streams.clock import stopwatch
from streams.problems import UsageProblem, WorldProblem
from streams.service.metrics import DECLARED, OWN
from streams.service.monitor import LIVE_PATH, METRICS_PATH, READY_PATH, Monitor, parse_address
from streams.service.vitals import Vitals
from streams.service.watchdog import EXIT_CODE, Watchdog
from tests.embedded_runs import ROOT

KEPT = {"counts": "count", "gauges": "gauge"}
WORKERS = [path for path in (ROOT / "streams" / "service").glob("*.py") if path.stem != "collector"]


def get(port, path):
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        return refusal.code, refusal.read().decode()


@contextmanager
def monitored(vitals, **options):
    """A monitor as a worker has it, in a loop that turns only when the test lets it."""
    with asyncio.Runner() as runner:
        watchdog = Watchdog(vitals, **options)
        runner.run(watchdog.__aenter__())
        with Monitor(vitals, watchdog, "127.0.0.1:0") as monitor:
            yield monitor.port
        runner.run(watchdog.__aexit__(None, None, None))


def samples(port):
    status, text = get(port, METRICS_PATH)
    assert status == 200
    families = list(text_string_to_metric_families(text))
    return families, {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


# ---------------------------------------------------------------------------- what is told


def test_what_a_worker_counts_is_told():
    """Counts, gauges and moments, each under its name, its role and its label."""
    vitals = Vitals("fold")
    vitals.counts["decisions", "message.queued.v1"] += 3
    vitals.gauges["lag", "7"] = 12
    vitals.gauges["snapshot", "7"] = stopwatch() - 100
    with monitored(vitals) as port:
        _, told = samples(port)

    assert told["firstword_decisions_total", (("role", "fold"), ("type", "message.queued.v1"))] == 3
    assert told["firstword_lag", (("partition", "7"), ("role", "fold"))] == 12
    assert told["firstword_snapshot_age_seconds", (("partition", "7"), ("role", "fold"))] == pytest.approx(
        100, abs=10
    )


def test_log_lines_are_counted_by_name_and_level():
    """An alarm on ERROR lines needs no reading of logs."""
    vitals = Vitals("ingest")
    key = ("firstword_lines_total", (("level", "ERROR"), ("line", "worker_cut_off"), ("role", "ingest")))
    with monitored(vitals) as port:
        before = samples(port)[1].get(key, 0)
        telemetry.worker_cut_off(role="ingest", seconds=10.0)
        after = samples(port)[1][key]

    assert after - before == 1


@pytest.mark.parametrize("role", ["ingest", "fold", "effects"])
def test_every_metric_has_its_sentence(role):
    """Prometheus shows the declared sentence as help; a metric nobody has touched yet is known all the same."""
    with monitored(Vitals(role)) as port:
        families, _ = samples(port)
    helps = {family.name: family.documentation for family in families}

    mine = {metric.exposed: metric.sentence for metric in DECLARED if role in metric.roles}
    assert mine
    for name, sentence in (mine | OWN).items():
        assert helps[name.removesuffix("_total")] == sentence


def subscripts():
    """Yield (kept in, name) of everything that the workers count, by their source."""
    for path in WORKERS:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Subscript):
                continue
            kept = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            place = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            if kept.lstrip("_") in KEPT and isinstance(place, ast.Constant) and isinstance(place.value, str):
                yield KEPT[kept.lstrip("_")], place.value


def test_every_metric_of_the_workers_is_declared_and_every_declared_one_is_counted():
    """A name that is counted and not declared would never be seen; one that nobody counts would show nothing."""
    counted = set(subscripts())
    declared = {("count" if metric.kind == "count" else "gauge", metric.name) for metric in DECLARED}

    assert len(counted) > 10
    assert counted - declared == set()
    assert declared - counted == set()


def test_no_two_metrics_have_one_name():
    """Neither among the declared nor with what the monitor adds, the endings of counters left out."""
    names = [name.removesuffix("_total") for name in (*(one.exposed for one in DECLARED), *OWN)]

    assert len(set(names)) == len(names)


# ---------------------------------------------------------------------------- health


def test_ready_follows_the_worker():
    """503 with the reason until the worker does its work; alive all the time."""
    vitals = Vitals("fold")
    with monitored(vitals) as port:
        assert get(port, LIVE_PATH) == (200, '{"role": "fold", "alive": true}')
        status, body = get(port, READY_PATH)
        assert (status, json.loads(body)["ready"]) == (503, False)
        vitals.is_ready = True
        assert get(port, READY_PATH) == (200, '{"role": "fold", "ready": true}')


def test_a_worker_that_makes_no_progress_is_neither_alive_nor_ready():
    """Work and no progress: both say so, with the reason."""
    vitals = Vitals("fold")
    vitals.is_ready = True
    with monitored(vitals, patience=0.2, last_words=1000) as port:
        vitals.beat()
        status, said = until(lambda: get(port, LIVE_PATH), lambda answer: answer[0] == 503)
        ready, _ = get(port, READY_PATH)

    assert (status, ready) == (503, 503)
    assert "no progress" in json.loads(said)["why"]


def test_a_port_that_is_taken_is_a_problem():
    """Two workers on one machine need two ports; the second one is told."""
    vitals = Vitals("fold")
    with monitored(vitals) as port, pytest.raises(WorldProblem) as caught:
        Monitor(vitals, Watchdog(vitals), f"127.0.0.1:{port}").__enter__()

    assert caught.value.code == "monitor-address-unavailable"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(":9100", ("127.0.0.1", 9100)), ("0.0.0.0:0", ("0.0.0.0", 0)), ("[::1]:9100", ("::1", 9100))],
)
def test_an_address_is_host_and_port(text, expected):
    """Without a host, this machine only: nobody opens a port to the world by leaving something out."""
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["9100", "host", "host:", ":99999", "http://host:9100"])
def test_an_address_that_is_none_is_refused(text):
    """The hint shows both ways to write one."""
    with pytest.raises(UsageProblem) as caught:
        parse_address(text)

    assert caught.value.code == "monitor-address-wrong"


# ---------------------------------------------------------------------------- crash, never limp

_CHILD = """
import asyncio, sys, time
from streams import telemetry
from streams.clock import stopwatch
from streams.service.monitor import Monitor
from streams.service.vitals import Vitals
from streams.service.watchdog import Watchdog

def hold_the_loop():
    time.sleep(600)

async def work_and_come_back_slowly(vitals):
    while True:
        vitals.beat()
        before = stopwatch()
        await asyncio.sleep(0.1)
        if stopwatch() - before > 5:
            await asyncio.sleep(2)  # as a consumer does that must join its group again

async def main(fault):
    telemetry.configure()
    vitals = Vitals("fold")
    vitals.is_ready = True
    patience = 4.0 if fault == "held" else 1.0
    async with Watchdog(vitals, patience=patience, last_words=0.5) as watchdog:
        with Monitor(vitals, watchdog, "127.0.0.1:0") as monitor:
            print(monitor.port, flush=True)
            vitals.beat() if fault == "work" else vitals.rest()
            if fault == "loop":
                hold_the_loop()
            if fault == "held":
                await work_and_come_back_slowly(vitals)
            await asyncio.sleep(600)

asyncio.run(main(sys.argv[1]))
"""


@contextmanager
def child(fault):
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, fault],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def until(ask, good, within=15.0):
    deadline = time.monotonic() + within
    while True:
        answer = ask()
        if good(answer) or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("fault", "why", "place"),
    [("loop", "the event loop has not turned", "hold_the_loop"), ("work", "no progress", "")],
)
def test_a_process_that_is_stuck_says_so_and_ends(fault, why, place):
    """/health/live answers although the loop does not turn; then the process ends by itself, with the place in its log."""
    with child(fault) as (process, port):
        status, said = until(lambda: get(port, LIVE_PATH), lambda answer: answer[0] == 503)
        code = process.wait(15)
        lines = [json.loads(line) for line in process.stderr.read().splitlines()]

    assert (status, code) == (503, EXIT_CODE)
    assert why in json.loads(said)["why"]
    (stuck,) = [line for line in lines if line["name"] == "worker_stuck"]
    assert why in stuck["why"]
    assert place in stuck["place"]


def test_a_process_that_rests_lives():
    """Nothing to do is no reason to die: three times its patience later it is still there."""
    with child("rest") as (process, port):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(3)

        assert get(port, LIVE_PATH)[0] == 200


def test_a_process_that_was_held_from_outside_is_not_stuck():
    """Stopped for seven seconds by a debugger or a busy machine, it has its whole patience again to get going."""
    with child("held") as (process, port):
        process.send_signal(signal.SIGSTOP)
        time.sleep(7)  # the fault itself: it must outlast patience, and what counts as asleep
        process.send_signal(signal.SIGCONT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)

        assert get(port, LIVE_PATH)[0] == 200
