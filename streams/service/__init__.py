"""The deployed service: Faust is the host, Kafka the engine; the only folder that knows either."""
