"""``firstword reviews``: what the policy leaves to a person, and the person's yes or no."""

from __future__ import annotations

from streams.cli.group import Group

command = Group(
    "reviews",
    package="streams.cli.reviews",
    commands={
        "list": "List what waits for a person, the longest waiting first.",
        "show": "Show one review: the evidence, what a yes would cost, and the mail as it would go out.",
        "approve": "Say yes, or yes to some of the remedies alone.",
        "refuse": "Say no: nothing is sent, and nothing is set in motion.",
    },
    help="Decide what the policy leaves to a person, with the evidence and the mail in view.",
    examples=(
        "firstword reviews list --data shop",
        "firstword reviews show ORD-1001 --data shop",
        "firstword reviews approve rev_0bb8e3d658db6a64 --by mo --data shop",
    ),
)
