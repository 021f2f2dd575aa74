"""The shop: sells, packs and ships by plan, plants its faults, and writes down what it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from streams.core.events import Kind, ReturnCheckpoint, Status
from streams.problems import WorldProblem
from streams.simulate.arrivals import Arrivals, Simulated
from streams.simulate.days import DAY, HOUR, day_of, iso, utc
from streams.simulate.dice import Dice
from streams.simulate.draft import Draft, Shop
from streams.simulate.faults import CANCELED, CHANGED, FAULTS, SWAPPED, deal, swapped_labels
from streams.simulate.people import Person, invent
from streams.simulate.plan import Plan
from streams.simulate.planted import OrderTruth, Planted, Truth
from streams.simulate.routine import cancel_order, change_order, write_order, write_replacement
from streams.simulate.teller import Teller

Witness = Callable[[OrderTruth], None]
# Share of a day's orders by the hour at which people shop: the night is quiet, the evening busy.
_SHOPPING = (2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 6, 6, 5, 5, 5, 5, 6, 7, 8, 7, 5, 3)
_OPENS, _CLOSES = 9 * HOUR, 17 * HOUR
_BESIDE = 50_000_000  # numbers of orders that are written beside another: no world has so many


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What :func:`write` left on the disk."""

    events: Path
    truth: Path
    lines: int
    planted: dict[str, int]


def simulate(plan: Plan, witness: Witness | None = None) -> Iterator[Simulated]:
    """Yield the world's lines in order of arrival; ``witness`` hears the truth about each planted order.

    Nobody sleeps in here: who wants the stream at a live rate waits until ``arrives_at`` between lines.
    Held in memory is what is on its way (a few KB for every order not yet delivered) and the customers.
    """
    dice = Dice(plan.seed)
    shop = Shop(plan.home)
    people = [invent(dice, number, plan.home) for number in range(1, plan.population + 1)]
    arrivals = Arrivals()
    teller = Teller(plan, dice, arrivals)
    author = _Author(dice, shop, teller, witness, plan=plan)
    for index, fate in enumerate(deal(plan, dice)):
        placed_at = _placed_at(plan, shop, index, dice)
        yield from arrivals.before(placed_at)
        number, person = plan.first_order + index, dice.one(people)
        if fate == SWAPPED:
            author.write_swapped(number, placed_at, (person, dice.one(people)))
        else:
            author.write(fate, number, placed_at, person)
    yield from arrivals.rest()


def write(plan: Plan, directory: Path) -> Written:
    """Write ``events.ndjson`` (in order of arrival) and ``truth.json`` into ``directory``.

    Raises:
        WorldProblem: the directory or a file in it cannot be written.
    """
    events, truth = directory / "events.ndjson", directory / "truth.json"
    orders: list[OrderTruth] = []
    lines = 0
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with events.open("wb") as file:
            for simulated in simulate(plan, orders.append):
                file.write(simulated.line + b"\n")
                lines += 1
        truth.write_bytes(_truth(plan, lines, orders))
    except OSError as error:
        raise WorldProblem(
            "simulate-cannot-write",
            "the simulated world cannot be written",
            where=str(error.filename or directory),
            why=error.strerror or str(error),
            hint="choose a directory with room that you may write to",
        ) from error
    counts: dict[str, int] = {}
    for order in orders:
        counts[order.planted[0]] = counts.get(order.planted[0], 0) + 1
    return Written(events=events, truth=truth, lines=lines, planted=dict(sorted(counts.items())))


def _truth(plan: Plan, lines: int, orders: list[OrderTruth]) -> bytes:
    truth = Truth(
        seed=plan.seed,
        plan=msgspec.to_builtins(plan),
        until=plan.until,
        events=lines,
        orders=tuple(orders),
    )
    return msgspec.json.format(msgspec.json.encode(truth), indent=1) + b"\n"


class _Author:
    """Writes orders with their fates, and what follows from them."""

    __slots__ = ("_dice", "_misread", "_planted", "_shop", "_teller", "_unscanned", "_witness")

    def __init__(
        self, dice: Dice, shop: Shop, teller: Teller, witness: Witness | None, *, plan: Plan
    ) -> None:
        self._dice = dice
        self._shop = shop
        self._teller = teller
        self._witness = witness
        self._unscanned, self._misread = plan.unscanned, plan.misread
        self._planted = dict.fromkeys((*FAULTS, SWAPPED), 0)

    def write(self, fate: str | None, number: int, placed_at: int, person: Person) -> None:
        """Write one order, told and done."""
        fault = FAULTS.get(fate) if fate else None
        draft = write_order(
            self._dice,
            self._shop,
            number,
            placed_at,
            person,
            at_least=fault.at_least if fault else 1,
            modest=fault is not None,
        )
        if fate == CHANGED:
            change_order(draft, self._dice)
        elif fate == CANCELED:
            cancel_order(draft, self._dice)
        planted = None
        if fault is not None and fate is not None:
            planted = fault.plant(draft, self._dice, self._planted[fate])
            self._planted[fate] += 1
            if draft.promise_from is not None and draft.promise_from > draft.promise:
                draft.promise_from = None
        elif self._misread and fate is None and self._dice.happens(self._misread):
            swapped_labels.misread(draft)
        self._teller.tell(draft, tidy=planted is not None)
        self._teller.tell_stranger(placed_at, number)
        if planted is not None:
            self._conclude(draft, planted)

    def write_swapped(self, number: int, placed_at: int, people: tuple[Person, Person]) -> None:
        """Write an order and another one beside it, each with the other's goods in its box."""
        dice, shop = self._dice, self._shop
        beside = _BESIDE + number
        one = write_order(dice, shop, number, placed_at, people[0], modest=True)
        other = swapped_labels.beside(
            one, lambda: write_order(dice, shop, beside, placed_at, people[1], modest=True)
        )
        if other is None:  # two boxes: nothing to confuse it with
            self._teller.tell(one, tidy=True)
            return
        scanned = not (self._unscanned and dice.happens(self._unscanned))
        both = swapped_labels.plant((one, other), dice, self._planted[SWAPPED], scanned=scanned)
        self._planted[SWAPPED] += 1
        for draft in (one, other):
            self._teller.tell(draft, tidy=True)
        for draft, planted in zip((one, other), both, strict=True):
            self._conclude(draft, planted)

    def _conclude(self, draft: Draft, planted: Planted) -> None:
        """Send the replacement and the return, and tell the witness."""
        replacement = None
        if planted.missing:
            hours = self._dice.between(2 * HOUR, 6 * HOUR)
            placed_at = _in_business_hours(self._shop, planted.visible_at, hours)
            replacement = write_replacement(self._dice, draft, planted.missing, placed_at)
            self._teller.tell(replacement, tidy=True)
        if planted.returns and replacement is not None:
            self._return(draft, replacement)
        if self._witness is not None:
            self._witness(_testimony(draft, planted, replacement))

    def _return(self, draft: Draft, replacement: Draft) -> None:
        zone, workdays = draft.person.zone, draft.lane.workdays
        received = zone.day(replacement.delivered_at() or 0)
        dropped = received + self._dice.between(1, 3)
        back = workdays.add(dropped, self._dice.between(3, 5))
        return_id = f"RET-{draft.number}"
        scans: tuple[tuple[int, Status], ...] = ((dropped, "in_transit"), (back, "delivered"))
        for day, status in scans:
            at = zone.at(day, 10 * HOUR + self._dice.below(8 * HOUR))
            fact = ReturnCheckpoint(order_id=draft.order_id, return_id=return_id, status=status)
            self._teller.tell_return(draft, at, fact)


def _testimony(draft: Draft, planted: Planted, replacement: Draft | None) -> OrderTruth:
    delivered = draft.delivered_at()
    replaced = replacement.delivered_at() if replacement else None
    noticed = draft.person.zone.at(draft.promise + 1, 12 * HOUR)
    told: tuple[Kind, ...] = (planted.kind,)
    return OrderTruth(
        order_id=draft.order_id,
        planted=told,
        must_tell=told,
        may_tell=planted.may,
        replacement=replacement is not None,
        label=planted.label,
        follow_up=planted.label and not planted.returns,
        visible_at=utc(planted.visible_at),
        noticed_at=utc(noticed if delivered is None else min(noticed, delivered)),
        promised=iso(draft.promise),
        delivered_at=None if delivered is None else utc(delivered),
        replacement_order_id=replacement.order_id if replacement else None,
        replacement_delivered_at=None if replaced is None else utc(replaced),
    )


def _placed_at(plan: Plan, shop: Shop, index: int, dice: Dice) -> int:
    """Return when order ``index`` is placed: each in its own slot, so that they come in order."""
    place = (index + dice.random()) / plan.orders * plan.days
    day = int(place)
    return shop.zone.midnight(day_of(plan.start) + day) + _second_of_day(place - day)


def _second_of_day(share: float) -> int:
    """Return the second by which ``share`` of a day's orders are in."""
    sold = share * sum(_SHOPPING)
    for hour, portion in enumerate(_SHOPPING):
        if sold < portion:
            return min(int((hour + sold / portion) * HOUR), DAY - 1)
        sold -= portion
    return DAY - 1


def _in_business_hours(shop: Shop, moment: int, seconds: int) -> int:
    """Return when so many ``seconds`` of the shop's business hours (nine to five) have passed."""
    day = shop.workdays.first(shop.zone.day(moment))
    opens, closes = shop.zone.at(day, _OPENS), shop.zone.at(day, _CLOSES)
    moment = max(moment, opens)
    while moment + seconds > closes:
        seconds -= max(closes - moment, 0)
        day = shop.workdays.next(day)
        moment, closes = shop.zone.at(day, _OPENS), shop.zone.at(day, _CLOSES)
    return moment + seconds
