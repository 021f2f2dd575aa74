"""The three modes of a replay, each from the first block to what is printed and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import msgspec

from streams.cli.folder import JOURNAL
from streams.cli.output import print_document, unwritable
from streams.cli.replay.bar import bar
from streams.cli.replay.checks import STANDARD_STREAM
from streams.cli.replay.pages import tell_plan, tell_rebuilt, tell_shadow
from streams.ops.history import Extent
from streams.ops.replay.crew import Stop
from streams.ops.replay.live import Outbox, Plan, Purpose
from streams.ops.replay.travel import Route
from streams.settings import Settings


class Run:
    """One replay, and how it is told."""

    def __init__(
        self,
        route: Route,
        extents: tuple[Extent, ...],
        jobs: int,
        stop: Stop,
        limit: int | None,
        as_json: bool,  # noqa: FBT001 - handed on as it came
    ) -> None:
        self.route = route
        self.extents = extents
        self.jobs = jobs
        self.stop = stop
        self.limit = limit
        self.as_json = as_json

    def shadow(self) -> int | None:
        """Compare with then; 1 when something differs, None when stopped."""
        from streams.ops.replay.shadow import shadow

        with bar(self.extents) as report:
            found = shadow(
                self.route, self.extents, jobs=self.jobs, report=report, stop=self.stop, limit=self.limit
            )
        if found is None:
            return None
        if self.as_json:
            print_document(found)
        else:
            tell_shadow(found)
        return 1 if found.tally.orders else 0

    def rebuild(self, out: str | None, state: Path | None) -> int | None:
        """Make decisions and state anew; None when stopped."""
        from streams.ops.replay.rebuild import rebuild

        with bar(self.extents) as report:
            made = rebuild(
                self.route,
                self.extents,
                jobs=self.jobs,
                report=report,
                stop=self.stop,
                writes=out is not None,
                keeps_states=state is not None,
            )
        if made is None:
            return None
        bookmark = self.route.bookmark
        if out is not None and bookmark is not None:
            _write(out, bookmark.lines())
        if state is not None and bookmark is not None:
            _write(str(state), bookmark.states(), private=True)
        if self.as_json:
            print_document(made)
        else:
            tell_rebuilt(made, aside=out == STANDARD_STREAM)
        return 0

    def live(
        self,
        settings: Settings,
        limits: dict[Purpose, timedelta],
        notes: frozenset[str],
        number: int | None,
        *,
        yes: bool,
        kafka: bool,
    ) -> int | None:
        """Say what would go into the outbox, and put it there when told to twice; None when stopped."""
        from streams.clock import wall_now
        from streams.ops.replay.live import confirm, plan

        with bar(self.extents) as report:
            planned = plan(
                self.route,
                self.extents,
                now=wall_now(),
                jobs=self.jobs,
                report=report,
                stop=self.stop,
                max_age=limits,
                notes=notes,
            )
        if planned is None:
            return None
        if not self.as_json:
            tell_plan(planned, self.limit)
        new: int | None = None
        if yes:
            confirm(planned, number if number is not None else self._ask(planned))
            new = _outbox(settings, kafka=kafka).put(planned.decisions)
        self._tell_done(planned, new, kafka=kafka)
        return 0

    def _ask(self, planned: Plan) -> int | None:
        if self.as_json or not sys.stdin.isatty():
            return None
        return int(
            click.prompt(
                f"{planned.messages} mails will go out. Type that number to go on",
                type=int,
                err=True,
            )
        )

    def _tell_done(self, planned: Plan, new: int | None, *, kafka: bool) -> None:
        if self.as_json:
            plain = msgspec.structs.asdict(planned)
            del plain["decisions"]
            print_document({**plain, "done": new is not None, "new": new or 0})
        elif new is None:
            click.echo(
                f"nothing was done; add --yes --confirm {planned.messages} to hand these to the outbox"
            )
        else:
            click.echo(f"{len(planned.going):,} decisions are in the outbox, {new:,} of them new to it")
            if not kafka:
                click.echo("`firstword run` on the same data, with its sources, makes them true")


def _outbox(settings: Settings, *, kafka: bool) -> Outbox:
    if kafka:
        from streams.ops.replay.outbox_kafka import TopicOutbox

        return TopicOutbox(settings)
    from streams.ops.replay.outbox import JournalOutbox

    return JournalOutbox(settings.data / JOURNAL)


def _write(target: str, lines: Iterator[bytes], *, private: bool = False) -> None:
    if target == STANDARD_STREAM:
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()
        return
    path = Path(target)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if private:
            path.touch(mode=0o600)
            path.chmod(0o600)
        with path.open("wb") as file:
            file.writelines(lines)
    except OSError as error:
        raise unwritable(path, error) from error
