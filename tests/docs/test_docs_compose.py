"""docker-compose.yml: as Compose reads it, and as the program that it starts understands it."""

import json
import re
import tomllib
from urllib.parse import urlsplit

import click
import pytest
import yaml
from compose_spec import PyCompose

from streams.cli.program import program
from streams.service.metrics import DECLARED, OWN
from streams.service.monitor import LIVE_PATH, METRICS_PATH, READY_PATH, parse_address
from streams.settings import load
from tests.command_line import firstword
from tests.docs.documents import ROOT
from tests.kafka_rig import free_ports, own_broker

TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
COMPOSE = yaml.safe_load(TEXT)
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "firstword"}
WORKERS = {name: service for name, service in OURS.items() if service["command"][0] == "worker"}
DASHBOARD = json.loads((ROOT / ".deploy" / "dashboard.json").read_text("utf-8"))


def environment(service):
    """Return what a container finds in its environment: its file, then its own words."""
    given = {}
    for name in service.get("env_file", []):
        path = re.sub(r"\$\{\w+:-(.+)\}", r"\1", name)
        rows = [row for row in (ROOT / path).read_text("utf-8").splitlines() if row and row[0] != "#"]
        given |= dict(row.split("=", 1) for row in rows)
    return given | {name: str(value) for name, value in service.get("environment", {}).items()}


def settings(service):
    return load(
        {name: value for name, value in environment(service).items() if name.startswith("FIRSTWORD_")}
    )


# ---------------------------------------------------------------------------- as Compose reads it


def test_compose_would_read_it():
    """Every key and value is one that the Compose specification knows."""
    assert set(PyCompose.from_json(json.dumps(COMPOSE)).service_names()) == set(SERVICES)


@pytest.mark.parametrize(
    ("written", "slip"),
    [
        ("healthcheck:", "healtcheck:"),
        ("restart: on-failure", "restart: sometimes"),
        ("condition: service_healthy", "condition: service_fine"),
        ("interval: 5s", "interval: five"),
        ("dockerfile_inline:", "dockerfile_online:"),
    ],
)
def test_a_slip_would_be_found(written, slip):
    """The reader itself can say no."""
    assert written in TEXT
    with pytest.raises(ValueError, match=r"."):
        PyCompose.from_json(json.dumps(yaml.safe_load(TEXT.replace(written, slip))))


def test_every_volume_is_declared_and_used():
    """Named volumes only: nothing is written into the checkout, and nothing is lost with a container."""
    used = {
        volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())
    }

    assert used == set(COMPOSE["volumes"])


def test_who_is_waited_for_can_be():
    """A service that must be healthy has a health check; one that must be done is not started again for ever."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], (name, other)
            else:
                assert how["condition"] == "service_completed_successfully", (name, other)
                assert SERVICES[other]["restart"] in {"no", "on-failure"}, (name, other)


def test_everything_that_runs_is_looked_after():
    """A health check and a restart for all that stays; the one-shot is tried again until it worked."""
    for name, service in SERVICES.items():
        stays = name != "topics"
        assert service["restart"] == ("unless-stopped" if stays else "on-failure"), name
        assert ("healthcheck" in service) == stays, name


def test_ports_are_open_to_this_machine_only_and_8080_is_free():
    """The console will want 8080; a broker without a password must not be reachable from outside."""
    ports = [str(port) for service in SERVICES.values() for port in service.get("ports", ())]

    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []
    assert [port for port in ports if "8080" in port] == []


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_can_be_scaled(name):
    """No name and no port of this machine that a second one would want, too."""
    assert {"container_name", "ports", "hostname"} & set(WORKERS[name]) == set()


def test_every_image_has_its_version():
    """Tomorrow's `latest` is another program."""
    versions = {name: service["image"].partition(":")[2] for name, service in SERVICES.items()}

    assert {name for name, version in versions.items() if version in {"", "latest"}} == set(OURS)


def test_there_is_no_secret():
    """Passwords stand in one file only, and are words that nobody could take for a secret."""
    file = (ROOT / ".deploy" / "development.env").read_text("utf-8")
    passwords = re.findall(r"^\w*PASSWORD\w*=(.*)$", file, re.MULTILINE)

    assert passwords == ["for-development-only"]
    assert re.findall(r"://\w+:([^@]+)@", file) == passwords
    for name, service in SERVICES.items():
        assert [key for key in service.get("environment", {}) if re.search("PASS|SECRET|TOKEN", key)] == [], (
            name
        )
    assert "for-development-only" not in TEXT


# ---------------------------------------------------------------------------- as the program understands it


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name):
    """What a container starts is a command of ours, with arguments that it takes."""
    command, words = program(), list(OURS[name]["command"])
    context = click.Context(command, info_name="firstword")
    while isinstance(command, click.Group):
        _, command, words = command.resolve_command(context, words)

    assert command.make_context("firstword", words)


@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_one(name):
    """The program refuses a variable that it does not know, and so does this; hosts are services of this file."""
    found = settings(OURS[name])

    assert found.kafka == "kafka:9092"
    hosts = {
        urlsplit(f"kafka://{found.kafka}").hostname,
        urlsplit(found.database.reveal()).hostname,
        urlsplit(found.mail_url.reveal()).hostname,
    }
    assert hosts == {"kafka", "postgres", "mailpit"}
    assert "INSIDE://kafka:9092" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_the_ledger_is_where_postgresql_makes_it():
    """User, password and database of the URL are those that the image is told to make."""
    given = environment(SERVICES["postgres"])
    url = urlsplit(settings(OURS["effects"]).database.reveal())

    assert (url.username, url.password, url.path) == (
        given["POSTGRES_USER"],
        given["POSTGRES_PASSWORD"],
        f"/{given['POSTGRES_DB']}",
    )


@pytest.mark.parametrize("name", WORKERS)
def test_a_health_check_asks_what_the_worker_answers(name):
    """The path exists, and the port is the monitor's, which is open inside the container's network."""
    (url,) = re.findall(r"'(http://[^']+)'", WORKERS[name]["healthcheck"]["test"][-1])
    host, port = parse_address(settings(WORKERS[name]).monitor)

    assert urlsplit(url).path in {LIVE_PATH, READY_PATH}
    assert (host, port) == ("0.0.0.0", urlsplit(url).port)
    for path in (METRICS_PATH, LIVE_PATH, READY_PATH):
        assert path in TEXT  # the head of the file names them


def test_every_worker_is_there():
    """Ingest, fold and effects: with one of them missing, nothing is told or nothing is sent."""
    assert sorted(service["command"][1] for service in WORKERS.values()) == ["effects", "fold", "ingest"]


def test_the_image_is_built_of_what_the_package_needs():
    """Inline: from the files that the build names, without rights, and with the pinned versions."""
    (build,) = {json.dumps(service["build"]) for service in OURS.values()}
    lines = json.loads(build)["dockerfile_inline"].replace("\\\n", " ").splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}

    assert copied == needed | {*wheel["packages"], *wheel["force-include"]} | {".requirements.txt"}
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert lines[0] == "FROM python:3.13-slim"
    assert any("pip install" in line and "--constraint .requirements.txt" in line for line in lines)
    assert [line for line in lines if line.startswith("USER")] == ["USER firstword"]
    assert "$" not in build  # Compose would put something in its place


def test_the_broker_starts_as_it_is_told():
    """A real Kafka with these very settings, on other ports: it starts, and topics are made from outside."""
    inside, outside, controller = free_ports(3)
    places = {
        "INSIDE://:9092": f"INSIDE://127.0.0.1:{inside}",
        "OUTSIDE://:29092": f"OUTSIDE://127.0.0.1:{outside}",
        "CONTROLLER://:9093": f"CONTROLLER://127.0.0.1:{controller}",
        "INSIDE://kafka:9092": f"INSIDE://127.0.0.1:{inside}",
        "OUTSIDE://localhost:9092": f"OUTSIDE://127.0.0.1:{outside}",
        "1@kafka:9093": f"1@127.0.0.1:{controller}",
    }
    told = SERVICES["kafka"]["environment"]
    config = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): str(value) for name, value in told.items()
    }
    del config["log.dirs"]
    for key, value in config.items():
        config[key] = ",".join(places.get(part, part) for part in value.split(","))

    with own_broker(config, port=inside):
        done = firstword("topics", "create", "--kafka", f"127.0.0.1:{outside}")

    assert (done.returncode, "firstword.journal" in done.stdout) == (0, True), done.stderr


# ---------------------------------------------------------------------------- the dashboard


def test_the_dashboard_shows_every_metric_and_none_that_is_not_there():
    """A panel that asks for a misspelled metric shows an empty graph for ever."""
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\bfirstword_\w+", target["expr"])
    }
    told = {metric.exposed for metric in DECLARED} | set(OWN)

    assert asked - told == set()
    assert told - asked == set()


def test_the_panels_of_the_dashboard_stand_beside_each_other():
    """None above another, each with a title and a sentence of the metric it shows."""
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        assert place["x"] + place["w"] <= 24
    assert len({panel["title"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
