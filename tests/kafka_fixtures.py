"""The fixtures of the tests that want a real Kafka; what each needs is started when the first test asks."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.kafka_install import KafkaUnavailableError

if TYPE_CHECKING:  # the clients take a tenth of a second to import, and most runs of one file need none
    from tests.kafka_rig import Broker, OwnBroker

_B = TypeVar("_B")


@pytest.fixture(scope="session")
def kafka() -> Iterator[Broker]:
    """The broker that all tests of a run share; do it no harm, and begin topic and group names with `topic_prefix`."""
    from tests.kafka_rig import shared_broker

    with _or_skip(shared_broker()) as broker:
        yield broker


@pytest.fixture
def own_broker(request: pytest.FixtureRequest) -> Iterator[OwnBroker]:
    """A broker of the test's own, to be hurt; settings by `parametrize("own_broker", [{...}], indirect=True)`."""
    from tests.kafka_rig import own_broker

    with _or_skip(own_broker(getattr(request, "param", None))) as broker:
        yield broker


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest) -> Iterator[str]:
    """Begins the names of one test's topics and groups; such topics of the shared broker go when the test is over."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-")[:60]
    prefix = f"{name}-{secrets.token_hex(4)}-"
    yield prefix
    if "kafka" in request.fixturenames:
        broker = request.getfixturevalue("kafka")
        left = [topic for topic in broker.topics() if topic.startswith(prefix)]
        if left:
            broker.delete_topics(left)


@contextmanager
def _or_skip(opening: AbstractContextManager[_B]) -> Iterator[_B]:
    """Skip where nobody said where a broker may come from; every other failure is one."""
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(opening)
        except KafkaUnavailableError as reason:
            pytest.skip(str(reason))
        yield broker
