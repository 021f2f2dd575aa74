"""A record as the client hands it over: what we read of it, with types."""

from __future__ import annotations

from typing import Protocol


class Arrival(Protocol):
    """A record, where it stood, and when (milliseconds since 1970) it was written by whose word."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
