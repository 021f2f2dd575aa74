"""``firstword costs``: what putting things right has cost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from streams.cli import options
from streams.cli.group import Command
from streams.cli.output import print_document, print_table

if TYPE_CHECKING:
    from streams.ops.read_model.costs import By, CostRow, Costs

_SIDES = ("remedy", "kind", "carrier", "lane", "station")


@click.command(
    cls=Command,
    examples=(
        "firstword costs --data shop",
        "firstword costs --data shop --by carrier --since 2026-11-01",
        "firstword costs --kafka localhost:9092 --by lane --json",
    ),
)
@click.option(
    "--by", type=click.Choice(_SIDES), default="remedy", show_default=True, help="What the rows stand for."
)
@click.option(
    "--since",
    metavar="TIME",
    help="Only what was decided from then on: a day in UTC, or a time with its offset.",
)
@options.data
@options.kafka
@options.policy
@options.as_json
def command(
    by: str, since: str | None, data: Path | None, kafka: str | None, policy: Path | None, *, as_json: bool
) -> None:
    """Add up what remedies cost, by kind, remedy, carrier, lane or packing station.

    Granted is what decisions said it would cost; spent is what it did cost, a return label at the price it was
    bought for; open waits for the seller's or the desk's word. What was refused, or paid back to us, is in neither.
    A replacement costs its goods at what the customer paid, and its shipping, as the policy says.

    Carrier and station are those of the parcel that went wrong. A lane goes from the country of today's policy to
    the customer's, also for a return. Where `firstword console` keeps a read model, that answers at once.
    """
    from streams.cli.moments import moment_of
    from streams.cli.timeline import feed_of, place_of
    from streams.ops.read_model.costs import read_costs
    from streams.settings import load
    from streams.wiring import policy_of

    from_ = moment_of("--since", since)
    settings = load(data=data, kafka=kafka, policy=policy)
    found = read_costs(
        place_of(settings),
        lambda: feed_of(settings, kafka=kafka is not None),
        cast("By", by),
        policy_of(settings).shop.country,
        from_,
    )
    if as_json:
        print_document(found)
    else:
        _tell(found)


def _tell(found: Costs) -> None:
    if not found.rows:
        click.echo("no remedy was granted")
        return
    print_table((found.by, "remedies", "granted", "spent", "open"), list(map(_cells, _with_totals(found))))


def _with_totals(found: Costs) -> Iterable[CostRow]:
    yield from found.rows
    yield from found.totals


def _cells(row: CostRow) -> list[str]:
    from streams.cli.dead_letters.filters import printable
    from streams.core.money import Money, spell_amount

    sums = [
        spell_amount(Money(minor=sum_, currency=row.currency)) for sum_ in (row.granted, row.spent, row.open)
    ]
    return [printable(row.name or "all"), f"{row.remedies:,}", *sums]
