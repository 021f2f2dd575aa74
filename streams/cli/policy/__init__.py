"""``firstword policy``: what the shop stands for, and whether it holds."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "policy",
    package="streams.cli.policy",
    commands={
        "show": "Print the policy in force as a policy file, every value with the place that said so.",
        "test": "Run the tests inside a policy file: stories, what must follow, and what must not.",
    },
    help="Show the policy in force, or run the tests inside a policy file.",
    examples=("firstword policy show --set notify.window=12h", "firstword policy test shop.toml"),
)
