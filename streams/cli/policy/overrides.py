"""``--set path=value``: a word over the policy file, for one command."""

from __future__ import annotations

import click

from streams.problems import UsageProblem

settings = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Say it differently this once, such as notify.window=12h. May be given several times.",
)


def read(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the values by dotted path.

    Raises:
        UsageProblem: there is no = in one of them.
    """
    values = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            raise UsageProblem(
                "set-unclear",
                f"--set {text} sets nothing",
                where=f"--set {text}",
                hint="write it as in --set notify.window=12h",
            )
        values[path.strip()] = value.strip()
    return values
