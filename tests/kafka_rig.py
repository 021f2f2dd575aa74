"""A real Kafka for the tests: one for everybody, or one's own to pause, kill and start again.

    with broker() as kafka:          # the one that FIRSTWORD_TEST_KAFKA names, or one for this block
    with own_broker() as kafka:      # always one for this block: for faults
    with shared_broker() as kafka:   # one for all processes of this checkout that want one at a time

``python -m tests.kafka_rig`` runs one until it is interrupted. Each is a single node that keeps nothing.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from tests.kafka_install import KafkaRigError, Pins, cache, jars, java, locked

with warnings.catch_warnings():  # it reads its own files by a function that Python 3.11 calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.admin import KafkaAdminClient
    from kafka.errors import KafkaError

START_WITHIN = 90  # seconds; two are usual, a loaded machine may be slow
STOP_WITHIN = 30  # seconds; a third of one is usual
_LIFELINE = Path(__file__).with_name("kafka_lifeline.py")
_LOG = "broker.log"
_META = "meta.properties"
_LINES_OF_LOG = 25  # shown with a failure
_FLAGS = [
    "-Xms48m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a broker of two minutes never earns back what the second compiler costs
    "-XX:-UsePerfData",  # its file in /tmp would outlive a killed broker
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
]
_CONFIG = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",  # a misspelled topic is an error, not a new topic
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "8388608",
    # A killed broker may register again once its old session is over: after 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}
_FEATURES = {"group.version": 1, "transaction.version": 2}  # what `kafka-storage format` gives a new 4.1


class Broker:
    """A Kafka that answers at ``bootstrap`` (``host:port``); ``pid`` is None where it was only named."""

    def __init__(self, bootstrap: str, pid: int | None = None) -> None:
        self.bootstrap = bootstrap
        self.pid = pid

    def create_topics(self, topics: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
        """Create topics (name -> partitions), all with that config, and wait until each has its leaders."""
        wanted = {
            name: {"num_partitions": partitions, "replication_factor": 1, "configs": dict(config or {})}
            for name, partitions in topics.items()
        }
        with admin(self.bootstrap) as client:
            client.create_topics(wanted, wait_for_metadata=True)

    def delete_topics(self, names: Collection[str]) -> None:
        """Delete topics with all their records."""
        with admin(self.bootstrap) as client:
            client.delete_topics(list(names))

    def topics(self) -> set[str]:
        """Return the names of the topics that are there, without Kafka's own."""
        with admin(self.bootstrap) as client:
            return {name for name in client.list_topics() if not name.startswith("__")}


class OwnBroker(Broker):
    """A broker that nobody else depends on: it may be paused, stopped, killed and started again."""

    pid: int

    def __init__(self, folder: Path, config: Mapping[str, str], port: int = 0) -> None:
        own, controller = free_ports(2)
        port = port or own
        super().__init__(f"127.0.0.1:{port}", 0)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._paused = False
        _prepare(folder, port, controller, config)

    @property
    def log(self) -> Path:
        """Where the broker writes what it has to say."""
        return self._folder / _LOG

    def start(self) -> None:
        """Start it on its folder and port; raises `KafkaRigError` when it does not come up."""
        command = _command(self._folder)
        reading, self._lifeline = os.pipe()
        self._process = _launch(command, self._folder, reading)
        self.pid = self._process.pid
        try:
            _wait_until_ready(self.bootstrap, self._process, self._folder)
        except BaseException:
            self.kill()
            raise

    def pause(self) -> None:
        """Let it fall silent in the middle of whatever it does, and return once it has; connections stay open."""
        running = self._running()
        if not self._paused:
            running.send_signal(signal.SIGSTOP)
            os.waitpid(
                running.pid, os.WUNTRACED
            )  # until its last thread stands still: on a busy machine, a while
            self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)
        self._paused = False

    def kill(self) -> None:
        """End it as a power cut does, paused or not; its folder stays."""
        self._running().kill()
        self._ended()

    def stop(self) -> None:
        """End it in order, which says goodbye to its clients; its folder stays."""
        running = self._running()
        self.resume()
        running.terminate()
        try:
            running.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise _failure(f"the broker did not stop within {STOP_WITHIN} s", self.log) from None
        self._ended()

    def restart(self) -> None:
        """Start it again, after `kill` or `stop` or in their place, with its records and its port."""
        if self._process:
            self.stop()
        self.start()

    def wait(self) -> NoReturn:
        """Wait until it ends by itself, which is an error."""
        self._running().wait()
        raise _failure("the broker has ended by itself", self.log)

    def close(self) -> None:
        """End it, whatever its state, and remove what it kept."""
        if self._process:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise KafkaRigError("this broker was ended; restart() starts it again")
        return self._process

    def _ended(self) -> None:
        self._running().wait()
        self._process = None
        self._paused = False
        os.close(self._lifeline)


def named_broker() -> Broker | None:
    """Return the broker that ``FIRSTWORD_TEST_KAFKA`` names; raises `KafkaRigError` when it does not answer."""
    named = os.environ.get("FIRSTWORD_TEST_KAFKA")
    if not named:
        return None
    if not re.fullmatch(r".+:\d+", named):
        raise KafkaRigError(f"FIRSTWORD_TEST_KAFKA must be host:port, not {named!r}")
    _wait_until_ready(named)
    return Broker(named)


@contextmanager
def own_broker(config: Mapping[str, str] | None = None, *, port: int = 0) -> Iterator[OwnBroker]:
    """Run a broker for the block, with these settings over ours; it ends with the block or the process."""
    kafka = OwnBroker(_new_folder(), config or {}, port)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.close()


@contextmanager
def broker() -> Iterator[Broker]:
    """Give the named broker, or run one for the block."""
    if named := named_broker():
        yield named
    else:
        with own_broker() as kafka:
            yield kafka


@contextmanager
def shared_broker() -> Iterator[Broker]:
    """Give the named broker, or the one of this checkout: the first to come starts it, the last to go ends it.

    Everyone holds the writing end of one pipe with a name. The kernel counts, so nobody who was killed is missed.
    """
    if named := named_broker():
        yield named
        return
    reference = cache() / f"shared-{Pins.read().name}.json"
    with locked("shared"):
        kafka, lifeline = _join(reference) or _start_shared(reference)
    try:
        yield kafka
    finally:
        os.close(lifeline)


def _join(reference: Path) -> tuple[Broker, int] | None:
    """Hold on to the broker that is there, if there is one."""
    try:
        there = json.loads(reference.read_text("utf-8"))
        lifeline = os.open(there["lifeline"], os.O_WRONLY | os.O_NONBLOCK)  # fails without a reader
    except (OSError, ValueError):
        return None
    try:
        _wait_until_ready(there["bootstrap"])
    except KafkaRigError:
        os.close(lifeline)
        return None
    return Broker(there["bootstrap"], there["pid"]), lifeline


def _start_shared(reference: Path) -> tuple[Broker, int]:
    with ExitStack() as undo:
        folder = _new_folder()
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        port, controller = free_ports(2)
        _prepare(folder, port, controller, {})
        command = _command(folder)
        reading, lifeline = _named_pipe(folder / "lifeline")
        undo.callback(os.close, lifeline)
        process = _launch(command, folder, reading)
        undo.callback(process.wait)
        undo.callback(process.kill)
        kafka = Broker(f"127.0.0.1:{port}", process.pid)
        _wait_until_ready(kafka.bootstrap, process, folder)
        shared = {"bootstrap": kafka.bootstrap, "pid": kafka.pid, "lifeline": str(folder / "lifeline")}
        reference.write_text(json.dumps(shared), "utf-8")
        undo.pop_all()
    threading.Thread(target=process.wait, daemon=True).start()  # the last to go ends it: may be somebody else
    return kafka, lifeline


def _named_pipe(path: Path) -> tuple[int, int]:
    """Return the reading and the writing end of a pipe that others can open for writing, too."""
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(path, os.O_WRONLY)
    os.set_blocking(reading, True)
    return reading, writing


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="firstword-kafka-"))


def _prepare(folder: Path, port: int, controller: int, config: Mapping[str, str]) -> None:
    """Write what a broker wants to find; the ids are what ``kafka-storage format`` would have written."""
    records = folder / "records"
    records.mkdir()
    (folder / "tmp").mkdir()
    settings = _CONFIG | {
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "log.dirs": str(records),
    }
    _write_properties(folder / "server.properties", {**settings, **config})
    identity = {"cluster.id": _identity(), "directory.id": _identity()}
    _write_properties(records / _META, {"version": "1", "node.id": "1"} | identity)


def _write_properties(path: Path, properties: Mapping[str, str]) -> None:
    path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()), "utf-8")


def _cluster(folder: Path) -> str:
    lines = (folder / "records" / _META).read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)["cluster.id"]


def _identity() -> str:
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _command(folder: Path) -> list[str]:
    """Return what starts a broker on a prepared folder; installs what is missing."""
    classpath = f"{jars()}/*"  # before the Java: where there is no Kafka to be had, none is needed
    lifeline = [sys.executable, "-I", "-S", str(_LIFELINE), str(folder)]
    machine = [str(java()), *_FLAGS, f"-Djava.io.tmpdir={folder / 'tmp'}", "-cp", classpath]
    return [*lifeline, *machine, "kafka.Kafka", str(folder / "server.properties")]


def _launch(command: list[str], folder: Path, lifeline: int) -> subprocess.Popen[bytes]:
    """Start a broker that ends when nobody holds the other end of its lifeline; takes the descriptor over."""
    try:
        with (folder / _LOG).open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=lifeline,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,  # Ctrl-C is for the tests, which end it in order
            )
    finally:
        os.close(lifeline)


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on.

    They lie below those that the kernel gives to outgoing connections: a client that knocks again and again
    while its broker is away would sooner or later be given that very port, and keep the broker from coming back.
    """
    with ExitStack() as held:
        found: list[int] = []
        while len(found) < count:
            port = 15_000 + secrets.randbelow(17_000)  # not from `random`, which tests seed
            listening = held.enter_context(socket.socket())
            with suppress(OSError):
                listening.bind(("127.0.0.1", port))
                found.append(port)
        return found


@contextmanager
def admin(bootstrap: str) -> Iterator[KafkaAdminClient]:
    """Open an admin client for the block."""
    client = KafkaAdminClient(
        bootstrap_servers=bootstrap, bootstrap_timeout_ms=5_000, request_timeout_ms=30_000
    )
    try:
        yield client
    finally:
        client.close()


def _wait_until_ready(
    bootstrap: str, process: subprocess.Popen[bytes] | None = None, folder: Path | None = None
) -> None:
    """Wait until it says itself that it serves; a broker that is already there has ten seconds."""
    within = START_WITHIN if process else 10
    log = folder / _LOG if folder else None
    cluster = _cluster(folder) if folder else None
    deadline = time.monotonic() + within
    while not _serves(bootstrap, cluster):
        if process and process.poll() is not None:
            raise _failure(f"the broker ended while it started (exit code {process.returncode})", log)
        if time.monotonic() > deadline:
            raise _failure(f"no broker answers at {bootstrap} within {within} s", log)
        time.sleep(0.05)


def _serves(bootstrap: str, cluster: str | None) -> bool:
    """Tell whether a broker serves there: any, or the one we started, which is given its features on the way."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection(
            (host, int(port)), timeout=5
        ).close()  # the client would wait longer and longer
        with admin(bootstrap) as client:
            found = client.describe_cluster()
            if all(node.get("is_fenced") for node in found["brokers"]):
                return False
            if cluster is None:
                return True
            if found["cluster_id"] != cluster:  # somebody else's, on the port that we want
                return False
            client.update_features(_FEATURES)
            return True
    except (OSError, KafkaError):
        return False


def _failure(what: str, log: Path | None) -> KafkaRigError:
    """Return an error with the end of the log, where there is one."""
    if log is None:
        return KafkaRigError(what)
    lines = log.read_text("utf-8", "replace").splitlines()[-_LINES_OF_LOG:] if log.exists() else []
    return KafkaRigError("\n".join([f"{what}; its log ends:", *lines]))


def main(arguments: list[str] | None = None) -> int:
    """Run a broker until the process is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.kafka_rig",
        description="Runs a Kafka that keeps nothing until it is interrupted.",
    )
    parser.add_argument("--port", type=int, default=0, help="where it answers (default: a free port)")
    asked = parser.parse_args(arguments)
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a shell lets what it starts in the background ignore SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        with own_broker(port=asked.port) as kafka:
            print(kafka.bootstrap, flush=True)
            print(
                f"Kafka {Pins.read().version} answers there until Ctrl-C; nothing is kept.", file=sys.stderr
            )
            kafka.wait()
    except KeyboardInterrupt:
        return 0
    except KafkaRigError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
