"""Commands that are imported when they are called, so that ``--help`` answers at once."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from streams.problems import UsageProblem


class Command(click.Command):
    """A command whose help ends with examples; ``--debug`` works on every one of them."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)
        self.params.append(
            click.Option(
                ["--debug"], is_flag=True, expose_value=False, help="Show a traceback when something breaks."
            )
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader who has seen enough (``| head``) ends it well."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return code

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        write_examples(self.examples, formatter)


class Group(click.Group):
    """A group that knows its commands by name and sentence; each lives in a module of its name."""

    def __init__(
        self,
        name: str,
        *,
        package: str,
        commands: Mapping[str, str],
        examples: Sequence[str],
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self.package = package
        self.sentences = dict(commands)
        self.examples = tuple(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which a person meets them."""
        return list(self.sentences)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import a command."""
        if cmd_name not in self.sentences:
            return None
        command: click.Command = import_module(f"{self.package}.{cmd_name.replace('-', '_')}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command of the first argument.

        Raises:
            UsageProblem: there is none of that name; the nearest one is named.
        """
        name = args[0]
        if name not in self.sentences and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.sentences, n=1, cutoff=0.4)
            path = ctx.command_path
            raise UsageProblem(
                "command-unknown",
                f"there is no command {path} {name}",
                hint=f"did you mean `{path} {near[0]}`?" if near else f"`{path} --help` lists all commands",
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.sentences.items()))

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        write_examples(self.examples, formatter)


def write_examples(examples: Sequence[str], formatter: click.HelpFormatter) -> None:
    """Write a block of lines that can be copied."""
    with formatter.section("Examples"):
        for example in examples:
            formatter.write(f"{'':{formatter.current_indent}}{example}\n")
