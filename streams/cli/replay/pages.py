"""What a replay found, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
import msgspec

from streams.cli.output import print_table
from streams.ops.replay.difference import Tally
from streams.ops.replay.explaining import Difference, Said
from streams.ops.replay.live import Choice, Plan
from streams.ops.replay.rebuild import Rebuilt
from streams.ops.replay.shadow import Shadow
from streams.ops.replay.travel import Came

_HOW = {
    "changed": "both decide it, and say something else",
    "moved": "both decide it, in another order",
    "replaced": "each decides something else",
    "gone": "only {0}",
    "new": "only {1}",
}


def tell_shadow(found: Shadow) -> None:
    """Print counts, then each order's first difference, then what it comes to."""
    tally = found.tally
    _tell_way(found.history, found.policy, found.came, found.policy_says)
    tell_counts(tally, ("then", "today"))
    for one in found.differences:
        tell_difference(one, ("then", "today"))
    if len(found.differences) < tally.orders:
        click.echo(f"and {tally.orders - len(found.differences):,} more orders; --limit 0 shows all")
    click.echo(
        f"{tally.same:,} the same, {tally.changed:,} changed, {tally.only_then:,} only then,"
        f" {tally.only_today:,} only today; {tally.orders:,} orders differ"
    )
    if tally.earlier:
        click.echo(f"{tally.earlier:,} orders differ outside of the stretch, and are not told")
    if found.beyond:
        click.echo(f"{found.beyond:,} decisions were made then behind the end that was read to")
    if found.unwritten:
        click.echo(
            f"{found.unwritten:,} decisions of today lie behind the last of then: was the fold worker behind?"
        )


def tell_counts(tally: Tally, sides: tuple[str, str]) -> None:
    """Print how many decisions and outcomes of each type both sides have."""
    if not tally.by_type:
        return
    rows = [
        (wire_type, f"{one:,}", f"{other:,}", f"{other - one:+,}" if other != one else "")
        for wire_type, (one, other) in sorted(tally.by_type.items())
    ]
    print_table(("decision or outcome", *sides, ""), rows)
    click.echo("")


def tell_difference(one: Difference, sides: tuple[str, str]) -> None:
    """Print where an order's stories part first, and how far they are apart from there on."""
    order_id, at = click.style(one.order_id, bold=True), one.at.isoformat()
    click.echo(f"{order_id}  {at}  at {one.position}  {_HOW[one.how].format(*sides)}")
    for side, said in zip(sides, (one.then, one.today), strict=True):
        if said is not None:
            click.echo(f"  {side:<6} {said.says}  {_by(said)}")
        elif one.instead is not None:
            at = one.instead.at.isoformat()
            click.echo(f"  {side:<6} goes on with, {at}: {one.instead.says}  {_by(one.instead)}")
        else:
            click.echo(f"  {side:<6} nothing more")
    for change in one.changes:
        click.echo(f"         {change.field}: {_spell(change.then)} -> {_spell(change.today)}")
    for reason in one.because:
        click.echo(f"         {click.style(reason, dim=True)}")
    counts = (
        (one.changed, "changed"),
        *zip((one.only_then, one.only_today), (f"only {s}" for s in sides), strict=True),
    )
    click.echo(f"         in all: {', '.join(f'{number} {word}' for number, word in counts if number)}")
    click.echo("")


def tell_rebuilt(made: Rebuilt, *, aside: bool) -> None:
    """Print what is decided today; nothing when the decisions themselves went to standard output."""
    if aside:
        return
    _tell_way(made.history, made.policy, made.came)
    for one in made.told:
        click.echo(
            f"{one.at.isoformat()}  {one.order_id}  {one.says}  {click.style(f'[{one.by}]', dim=True)}"
        )
    if made.told:
        click.echo("")
    print_table(
        ("decision or outcome", "today"),
        [(wire_type, f"{number:,}") for wire_type, number in made.by_type.items()],
    )


def tell_plan(planned: Plan, limit: int | None) -> None:
    """Print what goes to the outbox, and what is left with its reason."""
    _tell_way(planned.history, planned.policy, planned.came)
    for title, choices in (("goes to the outbox", planned.going), ("is left", planned.left)):
        for one in choices[:limit]:
            _tell_choice(title, one)
        if limit is not None and len(choices) > limit:
            click.echo(f"and {len(choices) - limit:,} more; --limit 0 shows all")
    click.echo(
        f"{len(planned.going):,} decisions go, {planned.messages:,} of them mails; {len(planned.left):,} are left"
    )


def _tell_choice(title: str, one: Choice) -> None:
    why = f": {one.left}" if one.left else ""
    purpose = f" [{one.purpose}]" if one.purpose else ""
    click.echo(f"{title}  {one.at.isoformat()}  {one.order_id}  {one.says}{purpose}{why}")


def _by(said: Said) -> str:
    return click.style(f"[{said.by}]", dim=True)


def _tell_way(history: str, policy: str, came: Sequence[Came], says: Mapping[str, str] = {}) -> None:
    events = sum(one.events for one in came)
    orders = sum(one.orders for one in came)
    seconds = max((one.seconds for one in came), default=0.0)
    rate = f", {round(events / seconds):,} events a second" if seconds > 0 else ""
    click.echo(f"history     {history}")
    click.echo(f"policy      {policy}")
    for path, value in says.items():
        click.echo(f"            {path} = {value}")
    click.echo(f"folded      {events:,} events of {orders:,} orders in {len(came)} partitions{rate}")
    letters: dict[str, int] = {}
    for one in came:
        for code, number in one.letters.items():
            letters[code] = letters.get(code, 0) + number
    for code, number in sorted(letters.items()):
        click.echo(f"set aside   {number:,} {code} (`firstword explain {code}`)")
    click.echo("")


def _spell(value: object) -> str:
    return "-" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
