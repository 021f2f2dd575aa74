"""What a worker costs that has nothing to do."""

import os
import time
from pathlib import Path

import pytest

from streams.service.topics import topics_of
from tests.fold_rig import declare, settings_of
from tests.worker_processes import WorkerProcess, wait_until

WATCHED = 10.0  # seconds
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells what a process has used")
@pytest.mark.parametrize("role", ["ingest", "fold", "effects"])
def test_an_idle_worker_leaves_the_machine_alone(role, kafka, topic_prefix, tmp_path):
    """Ticks and heartbeats, and nothing else: a tenth of a core at the very most, on whatever machine."""
    settings = settings_of(kafka, topic_prefix, tmp_path, clock="wall", partitions=12, log_level="INFO")
    declare(kafka, topics_of(settings))
    with WorkerProcess(role, settings) as worker:
        wait_until(lambda: worker.said("program_started"), worker)
        time.sleep(8)  # its start is not what is measured
        before = cpu_seconds(worker.process.pid)
        time.sleep(WATCHED)
        share = (cpu_seconds(worker.process.pid) - before) / WATCHED
        assert worker.is_running()
    print(f"\n{role}, 12 partitions, idle: {share:.1%} of a core")
    assert share < 0.10
