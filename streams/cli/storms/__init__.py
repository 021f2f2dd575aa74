"""``firstword storms``: unusually many mails of one sort, and the people who let them go."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "storms",
    package="streams.cli.storms",
    commands={
        "list": "List the storms that hold mails back, with some of the orders to look at.",
        "release": "Say that the mails of a storm are right and may go; a second person must say so, too.",
        "refuse": "Say that the mails of a storm must not go; one person is enough.",
    },
    help="Look at unusually many mails of one sort, and let them go or not.",
    examples=(
        "firstword storms list --data shop",
        "firstword storms release storm_0bb8e3d658db6a64 --by mo --data shop",
    ),
)
