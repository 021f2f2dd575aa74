"""``firstword policy test``: the stories inside a policy file, told to the product."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table
from streams.cli.policy import overrides as words
from streams.problems import UsageProblem

if TYPE_CHECKING:
    from streams.policies.testing import TestResult


@click.command(
    cls=Command,
    examples=(
        "firstword policy test",
        "firstword policy test shop.toml --only holiday",
        "firstword policy test --set detect.late_delivery.major_days=2",
    ),
)
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@options.policy
@words.settings
@click.option("--only", default="", metavar="TEXT", help="Run only the tests whose name contains it.")
@options.as_json
def command(
    file: Path | None, policy: Path | None, overrides: tuple[str, ...], only: str, *, as_json: bool
) -> int:
    """Run the tests inside a policy file: stories, what must follow, and what must not.

    Without FILE, the policy in force is tested. The exit code is 1 when a test fails.
    """
    from streams.policies.testing import run_tests
    from streams.settings import load

    path = load(policy=file if file is not None else policy).policy
    results = run_tests(path, words.read(overrides), only=only)
    if only and not results:
        raise UsageProblem(
            "test-unknown",
            f"no test has {only!r} in its name",
            where=f"--only {only}",
            hint="`firstword policy test` lists them all",
        )
    if as_json:
        print_document({"passed": all(result.passed for result in results), "tests": _plain(results)})
    else:
        _tell(results)
    return 0 if all(result.passed for result in results) else 1


def _plain(results: Sequence[TestResult]) -> list[dict[str, object]]:
    return [
        {
            "name": result.name,
            "where": result.where,
            "passed": result.passed,
            "failures": list(result.failures),
            "seen": list(result.seen),
        }
        for result in results
    ]


def _tell(results: Sequence[TestResult]) -> None:
    failed = [result for result in results if not result.passed]
    if results:
        rows = [("ok" if result.passed else "FAIL", result.name, result.where) for result in results]
        print_table(("", "test", "where"), rows)
        click.echo("")
    for result in failed:
        click.echo(str(result))
        click.echo("")
    tests = "1 test" if len(results) == 1 else f"{len(results)} tests"
    click.echo(f"{tests}, {len(failed)} failed" if results else "this policy brings no tests of its own")
