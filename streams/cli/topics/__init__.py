"""``firstword topics``: what the service keeps at the brokers."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "topics",
    package="streams.cli.topics",
    commands={
        "create": "Make the topics of the service where they are missing; those that are there stay as they are.",
        "check": "Compare the topics at the brokers with what they must be, and say what to do.",
    },
    help="Make the topics of the service at the brokers, or look at how they are kept.",
    examples=("firstword topics create --kafka localhost:9092", "firstword topics check"),
)
