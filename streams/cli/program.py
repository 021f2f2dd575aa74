"""The command line itself: finds commands, says what was wrong, and ends with the right exit code."""

from __future__ import annotations

import difflib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from streams.cli.group import Group
from streams.cli.output import print_document, print_problem
from streams.problems import Problem, UsageProblem

_QUOTED = re.compile(r"'([^']*)'")
STOPPED = 130  # 128 + SIGINT: what shells expect of a program that was interrupted

COMMANDS = {
    "run": "Take events in, decide, and write to customers: the whole product in one process.",
    "worker": "Run a worker of the service on Kafka until it is told to stop.",
    "topics": "Make the topics of the service at the brokers, or look at how they are kept.",
    "demo": "Run a simulated shop week with planted faults, and score what customers were told.",
    "dead-letters": "Look at what could not be understood, and give it another try after a fix.",
    "reviews": "Decide what the policy leaves to a person, with the evidence and the mail in view.",
    "storms": "Look at unusually many mails of one sort, and let them go or not.",
    "timeline": "Tell everything that is known about one order, in the order in which it happened.",
    "costs": "Add up what remedies cost, by kind, remedy, carrier, lane or packing station.",
    "replay": "Run a history through today's code and policy; nothing is sent, bought or shipped.",
    "compare": "Compare two logs of decisions: what both say, what only one says, and where each order differs first.",
    "rehearse": "Tell stories to today's policy and words, and show the letters as they would go out.",
    "backtest": "Measure policies on what has happened, side by side, before one of them goes live.",
    "console": "Serve pages about everything that happened: orders, reviews, dead letters, backtests.",
    "answers": "Serve the page that links in mails lead to, where customers say what they want with one button.",
    "studio": "Write the words of every message, see each mail as customers do, and hear what a colleague would say.",
    "simulate": "Write the events of a simulated shop, with the truth about its planted faults.",
    "templates": "Look at the words: render a message, or have all of them checked.",
    "policy": "Show the policy in force, or run the tests inside a policy file.",
    "explain": "Explain a word, a code, a kind, a remedy, a setting or an event.",
    "doctor": "Look whether everything is in order, and say what to do where it is not.",
    "new": "Write the skeleton of a new plug-in, with cases that pass.",
    "version": "Say which version this is, and of what it is made.",
}


def program() -> click.Group:
    """Return the root of all commands."""
    return Group(
        "firstword",
        package="streams.cli",
        commands=COMMANDS,
        help=(
            "firstword tells customers about a late, stuck, lost or wrong parcel before they ask, says sorry"
            " properly, and puts it right in the same email."
        ),
        examples=(
            "firstword demo",
            "firstword run --data shop --source native=events.ndjson --clock history",
            "firstword explain wrong_item",
        ),
    )


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit code: 0 fine, 1 found something, 2 used wrongly, 3 broken world."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; whatever goes wrong is said on the way."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json, debug = "--json" in own, "--debug" in own
    try:
        code = program().main(arguments, prog_name="firstword", standalone_mode=False)
    except click.UsageError as error:
        return _say(_usage(error), as_json=as_json)
    except Problem as problem:
        if debug:
            traceback.print_exc()
        return _say(problem, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return STOPPED
    except Exception as error:  # noqa: BLE001 - the last line: nobody meets a traceback unasked
        if debug:
            traceback.print_exc()
        return _say(_internal(error), as_json=as_json)
    return code if isinstance(code, int) else 0


def _say(problem: Problem, *, as_json: bool) -> int:
    if as_json:
        print_document({"problem": problem.as_json()})
    else:
        print_problem(problem)
    return problem.exit_code


def _usage(error: click.UsageError) -> UsageProblem:
    """Return a usage error in the shape of every other problem, with the nearest thing that exists."""
    path = error.ctx.command_path if error.ctx is not None else "firstword"
    near = _nearest(error)
    hint = f"{f'did you mean {near}? ' if near else ''}`{path} --help` shows examples"
    # An unknown option's own text already asks whether another was meant.
    what = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
    return UsageProblem("usage", what, where=path, hint=hint)


def _nearest(error: click.UsageError) -> str:
    """Return the option or the choice that was probably meant."""
    if isinstance(error, click.NoSuchOption):
        return " or ".join(sorted(error.possibilities or ()))
    kind = error.param.type if isinstance(error, click.BadParameter) and error.param is not None else None
    given = _QUOTED.search(error.message)
    if not isinstance(kind, click.Choice) or given is None:
        return ""
    return next(iter(difflib.get_close_matches(given[1], map(str, kind.choices), n=1, cutoff=0.4)), "")


def _internal(error: Exception) -> Problem:
    """Return a failure of our own; its text is left out, for it may hold what customers told us."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}streams{os.sep}" in frame.filename]
    last = (ours or frames)[-1]
    place = last.filename.rpartition(f"{os.sep}streams{os.sep}")[2]
    return Problem(
        "internal",
        "firstword made a mistake of its own",
        where=f"streams/{place}:{last.lineno}",
        why=type(error).__name__,
        hint="run it again with --debug and report what it prints; look through it for addresses first",
    )
