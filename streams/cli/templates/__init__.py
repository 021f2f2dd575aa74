"""``firstword templates``: the words, seen, checked, accepted and tried."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "templates",
    package="streams.cli.templates",
    commands={
        "new": "Begin words of your own for a message, in a folder of your own.",
        "render": "Fill a message in for a sample customer, and show what they would read.",
        "lint": "Have every message read by a colleague who knows the rules of the house.",
        "accept": "Take the mails as they render now for the ones we want.",
        "send-test": "Send MESSAGE, filled in for a sample customer, to somebody of the house.",
    },
    help="Look at the words: render a message, or have all of them checked.",
    examples=(
        "firstword templates render wrong_item --locale pt-BR",
        "firstword templates lint",
        "firstword templates accept wrong_item --dry-run",
    ),
)
