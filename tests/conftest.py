"""The fixtures that every folder of tests may ask for."""

from tests.kafka_fixtures import kafka, own_broker, topic_prefix
from tests.postgres_rig import own_postgres, postgres, postgres_server

__all__ = ["kafka", "own_broker", "own_postgres", "postgres", "postgres_server", "topic_prefix"]
