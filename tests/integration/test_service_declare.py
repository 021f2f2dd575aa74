"""The topics at a real broker: made once, compared, never changed."""

import asyncio

import pytest

from streams.problems import WorldProblem
from streams.service.declare import check, create, look
from streams.service.topics import topics_of
from streams.settings import load
from tests.kafka_rig import admin, free_ports


@pytest.fixture
def settings(kafka, topic_prefix):
    """Settings of a deployment that nobody has made topics for; its prefix is the test's own."""

    def make(**changed):
        given = {
            "kafka": kafka.bootstrap,
            "topic_prefix": topic_prefix,
            "topics": f"{topic_prefix}orders=native,{topic_prefix}parcels=easypost",
            "partitions": 3,
        }
        return load({}, **(given | changed))

    return make


def stands(settings):
    return {one.topic: one for one in asyncio.run(look(settings))}


def create_one(kafka, topic, **config):
    """Make one topic as somebody else would have made it."""
    words = {key.replace("_", "."): value for key, value in config.items()}
    partitions = int(words.pop("partitions", 3))
    kafka.create_topics({topic: partitions}, words)


def test_what_is_missing_is_made_and_the_rest_stays(kafka, topic_prefix, settings):
    """All of ours and the native source; a foreign system's topic is its own; the second time there is nothing to do."""
    asked = settings()
    made = {one.topic for one in asyncio.run(create(asked))}
    ours = {topic.name for topic in topics_of(asked).ours()}

    assert made == ours | {f"{topic_prefix}orders"}
    assert {name for name in kafka.topics() if name.startswith(topic_prefix)} == made
    assert asyncio.run(create(asked)) == []
    found = stands(asked)
    assert {name: one.verdict for name, one in found.items()} == dict.fromkeys(made, "fine") | {
        f"{topic_prefix}parcels": "missing"
    }
    assert "system that writes to it" in found[f"{topic_prefix}parcels"].do


def test_a_dry_run_asks_the_brokers_and_makes_nothing(kafka, topic_prefix, settings):
    """It says what would be made; and what the brokers would refuse, it learns from them."""
    would = asyncio.run(create(settings(), dry_run=True))

    assert len(would) == 9
    assert [name for name in kafka.topics() if name.startswith(topic_prefix)] == []
    with pytest.raises(WorldProblem) as caught:
        asyncio.run(create(settings(replicas=3), dry_run=True))
    assert caught.value.code == "topic-not-created"
    assert "replication" in caught.value.why.lower()


def test_the_topics_are_made_as_declared(kafka, settings):
    """What the brokers keep is what topics.py says, whatever their defaults are; the journal has no limit at all."""
    asked = settings()
    asyncio.run(create(asked))
    wanted = {topic.name: dict(topic.config) for topic in topics_of(asked).ours()}
    with admin(kafka.bootstrap) as client:
        from kafka.admin import ConfigResource, ConfigResourceType

        described = client.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in wanted]
        )
        shapes = {one["name"]: len(one["partitions"]) for one in client.describe_topics(list(wanted))}
    kept = configs_of(described)

    assert {name: {key: kept[name][key] for key in config} for name, config in wanted.items()} == wanted
    assert kept[topics_of(asked).journal.name]["retention.bytes"] == "-1"
    assert shapes == {topic.name: topic.partitions for topic in topics_of(asked).ours()}


def configs_of(described):
    """Read kafka-python's answer: {name: {key: value}}."""
    found = {}
    for kind in described.values():
        for name, config in kind.items():
            found[name] = {key: entry["value"] for key, entry in config.items()}
    return found


@pytest.mark.parametrize(
    ("name", "kept", "says", "do"),
    [
        (
            "journal",
            {"partitions": "2", "retention_ms": "-1"},
            "2 partitions, wanted 3",
            "FIRSTWORD_PARTITIONS",
        ),
        (
            "journal",
            {"retention_ms": "1000"},
            "retention.ms is 1000, wanted -1",
            "--add-config retention.ms=-1",
        ),
        (
            "journal",
            {"retention_ms": "-1", "retention_bytes": "1048576"},
            "retention.bytes is 1048576, wanted -1",
            "--add-config retention.bytes=-1",
        ),
        (
            "journal",
            {"retention_ms": "-1", "cleanup_policy": "compact"},
            "cleanup.policy is compact, wanted delete",
            "--add-config cleanup.policy=delete",
        ),
        (
            "tracking",
            {"cleanup_policy": "compact,delete"},
            "cleanup.policy is compact,delete, wanted compact",
            "kafka-configs",
        ),
        (
            "snapshots",
            {"cleanup_policy": "compact"},
            "max.message.bytes is 1048588, wanted 4194304",
            "4194304",
        ),
        ("outbox", {"retention_ms": "3600000"}, "retention.ms is 3600000, wanted 2592000000", "2592000000"),
        (
            "orders",
            {"cleanup_policy": "compact"},
            "events would vanish",
            "--add-config cleanup.policy=delete",
        ),
    ],
)
def test_a_topic_that_is_kept_otherwise_is_told_with_what_to_do(
    kafka, topic_prefix, settings, name, kept, says, do
):
    """Each difference by itself; and making the missing ones leaves it as it is."""
    topic = f"{topic_prefix}orders" if name == "orders" else f"{topic_prefix}.{name}"
    create_one(kafka, topic, **kept)
    asyncio.run(create(settings()))
    found = stands(settings())

    assert (found[topic].verdict, found[topic].says.count(says)) == ("wrong", 1)
    assert do in found[topic].do
    assert [other for other, one in found.items() if one.verdict == "wrong" and other != topic] == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("outbox", {"retention_ms": "-1"}),
        ("dead-letters", {"partitions": "1", "retention_ms": "-1", "max_message_bytes": "9000000"}),
        ("orders", {"partitions": "7", "retention_ms": "1000"}),
    ],
)
def test_more_than_we_need_is_fine(kafka, topic_prefix, settings, name, kept):
    """Longer kept, larger records; and a source's topic has the partitions that its owner likes."""
    topic = f"{topic_prefix}orders" if name == "orders" else f"{topic_prefix}.{name}"
    create_one(kafka, topic, **kept)

    assert (stands(settings())[topic].verdict, stands(settings())[topic].says) == ("fine", partitions(kept))


def partitions(kept):
    number = int(kept.get("partitions", 3))
    return f"{number} partition{'s' if number != 1 else ''}"


def test_a_worker_does_not_start_without_its_topics(settings):
    """The hint is the command that makes them; a foreign source's topic is missed by ingest only."""
    with pytest.raises(WorldProblem) as caught:
        asyncio.run(check(settings(), "fold"))
    assert (caught.value.code, caught.value.hint) == ("topics-missing", "firstword topics create")

    asyncio.run(create(settings()))
    asyncio.run(check(settings(), "fold"))
    with pytest.raises(WorldProblem) as caught:
        asyncio.run(check(settings(), "ingest"))
    assert "parcels" in caught.value.what


def test_a_worker_does_not_start_with_other_partitions(settings):
    """Orders would be looked for in partitions in which they are not."""
    asyncio.run(create(settings()))
    with pytest.raises(WorldProblem) as caught:
        asyncio.run(check(settings(partitions=4), "fold"))

    assert caught.value.code == "topic-partitions"
    assert "3 partitions, wanted 4" in caught.value.why


@pytest.mark.parametrize("own_broker", [{"auto.create.topics.enable": "true"}], indirect=True)
def test_looking_makes_no_topic_where_brokers_make_them_by_themselves(own_broker, topic_prefix):
    """A metadata request by name makes a topic, with the broker's own defaults; ours asks for none by name."""
    asked = load({}, kafka=own_broker.bootstrap, topic_prefix=topic_prefix, partitions=1)
    asyncio.run(look(asked))

    assert own_broker.topics() == set()


def test_brokers_that_are_not_there_are_a_problem_with_its_cause():
    """Why the connection failed, in the system's words, and not only that it did."""
    (port,) = free_ports(1)
    with pytest.raises(WorldProblem) as caught:
        asyncio.run(look(load({}, kafka=f"127.0.0.1:{port}")))

    assert caught.value.code == "kafka-unreachable"
    assert "Connect call failed" in caught.value.why
