"""``firstword templates``: the words, seen and checked."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "templates",
    package="streams.cli.templates",
    commands={
        "render": "Fill a message in for a sample customer, and show what they would read.",
        "lint": "Have every message read by a colleague who knows the rules of the house.",
    },
    help="Look at the words: render a message, or have all of them checked.",
    examples=("firstword templates render wrong_item --locale pt-BR", "firstword templates lint"),
)
