"""``firstword dead-letters``: what could not be understood, and giving it another try."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "dead-letters",
    package="streams.cli.dead_letters",
    commands={
        "list": "Count dead letters by reason, and show the scans that wait for their order.",
        "show": "Show one dead letter: its record, where it stood, why it is one, and what to do.",
        "redrive": "Give dead letters another try under the same ids; without --yes, only say what would come of it.",
    },
    help="Look at what could not be understood, and give it another try after a fix.",
    examples=(
        "firstword dead-letters list --data shop",
        "firstword dead-letters redrive --data shop --code json-malformed --yes",
    ),
)
