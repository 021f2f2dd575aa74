"""Compares what customers were told with what was planted: told once, in time, nothing else, made good."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from streams.problems import InputProblem
from streams.simulate.planted import OrderTruth, Truth

FOLLOW_UP = "return_follow_up"  # the template of the one note about an unused label
_RETURNABLE = frozenset(
    {"wrong_item", "over_shipment", "swapped_labels"}
)  # the customer holds something to send back


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """One planted fault and what the customer heard of it.

    ``told_at`` is None when nothing was told. ``in_time``: our first word about this order came before
    the customer would have noticed.
    """

    order_id: str
    kind: str
    visible_at: datetime
    told_at: datetime | None
    times: int
    in_time: bool

    @property
    def hours(self) -> float | None:
        """Hours from visible to told; negative when told sooner than the standard policy would."""
        return None if self.told_at is None else (self.told_at - self.visible_at) / timedelta(hours=1)


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict; every list names orders (and kinds or messages), empty is good.

    ``missed``: planted and never told. ``repeated``: messages that brought nothing new, and messages
    accepted twice. ``false_alarms``: messages to orders that had nothing, replacements included.
    ``misread``: kinds told to a planted order that were not true of it.
    """

    tellings: tuple[Telling, ...]
    messages: int
    missed: tuple[str, ...]
    repeated: tuple[str, ...]
    false_alarms: tuple[str, ...]
    misread: tuple[str, ...]
    missing_replacements: tuple[str, ...]
    needless_replacements: tuple[str, ...]
    missing_labels: tuple[str, ...]
    needless_labels: tuple[str, ...]
    missing_follow_ups: tuple[str, ...]
    needless_follow_ups: tuple[str, ...]

    @property
    def perfect(self) -> bool:
        """True when every planted fault was told exactly once and made good, and nobody else was written to."""
        return not any(self._faults().values())

    def lines(self) -> list[str]:
        """Return the verdict as sentences for people, one line each."""
        found = [_kind_line(kind, group) for kind, group in sorted(self._by_kind().items())]
        told = sum(telling.times > 0 for telling in self.tellings)
        in_time = sum(telling.in_time for telling in self.tellings)
        total = len(self.tellings)
        found.append(f"planted faults told: {told} of {total}, {in_time} before the customer would notice")
        found += [
            f"{name.replace('_', ' ')}: {len(orders)}" + (f" ({_some(orders)})" if orders else "")
            for name, orders in self._faults().items()
        ]
        found.append("perfect" if self.perfect else "not perfect")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as plain data for ``--json``."""
        return {
            "perfect": self.perfect,
            "planted": len(self.tellings),
            "told": sum(telling.times > 0 for telling in self.tellings),
            "in_time": sum(telling.in_time for telling in self.tellings),
            "messages": self.messages,
            "kinds": {kind: _kind_json(group) for kind, group in sorted(self._by_kind().items())},
            **{name: list(orders) for name, orders in self._faults().items()},
        }

    def _faults(self) -> dict[str, tuple[str, ...]]:
        names = [name for name in self.__struct_fields__ if name not in {"tellings", "messages"}]
        return {name: getattr(self, name) for name in names}

    def _by_kind(self) -> dict[str, list[Telling]]:
        groups: dict[str, list[Telling]] = {}
        for telling in self.tellings:
            groups.setdefault(telling.kind, []).append(telling)
        return groups


def read_truth(path: Path) -> Truth:
    """Read ``truth.json``.

    Raises:
        InputProblem: the file is missing or is not a truth.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Truth)
    except (OSError, msgspec.DecodeError) as error:
        raise InputProblem(
            "simulate-truth-unreadable",
            "the truth about the simulated world cannot be read",
            where=str(path),
            why=str(error),
            hint="write it together with its events: firstword simulate",
        ) from error


def score(truth: Truth, decisions: Iterable[dict[str, Any]]) -> Score:
    """Judge a public decision log (CloudEvents as dicts) against the truth.

    The log may hold an event twice; what counts is its id. Times are those of ``message.accepted.v1``:
    before the relay has accepted it, nobody was told anything.
    """
    heard = _Heard()
    for event in decisions:
        heard.hear(event)
    planted = {order.order_id: order for order in truth.orders}
    strangers = [
        f"{mail.order_id} {mail.template} {mail.message_id}"
        for order_id, mails in heard.mails.items()
        if order_id not in planted
        for mail in mails
    ]
    verdicts = [_Verdict(order, heard) for order in truth.orders]
    return Score(
        tellings=tuple(telling for verdict in verdicts for telling in verdict.tellings),
        messages=sum(len(mails) for mails in heard.mails.values()),
        missed=tuple(f"{t.order_id} {t.kind}" for v in verdicts for t in v.tellings if t.times == 0),
        repeated=tuple(one for verdict in verdicts for one in verdict.repeated),
        false_alarms=tuple(strangers),
        misread=tuple(one for verdict in verdicts for one in verdict.misread),
        missing_replacements=tuple(
            order.order_id
            for order in truth.orders
            if order.replacement and not heard.replaced(order.order_id)
        ),
        needless_replacements=_needless(
            heard.replacements, {o.order_id for o in truth.orders if o.replacement}
        ),
        missing_labels=tuple(
            order.order_id
            for order in truth.orders
            if order.label and order.order_id not in heard.labels and order.order_id not in heard.waived
        ),
        needless_labels=_needless(
            heard.labels, {o.order_id for o in truth.orders if _RETURNABLE.intersection(o.planted)}
        ),
        missing_follow_ups=tuple(
            v.order.order_id
            for v in verdicts
            if v.order.follow_up and not v.follow_ups and v.order.order_id not in heard.waived
        ),
        needless_follow_ups=tuple(
            one for verdict in verdicts for one in verdict.follow_ups[1 if verdict.order.follow_up else 0 :]
        ),
    )


class _Mail(msgspec.Struct, kw_only=True):
    """A message that a relay took responsibility for."""

    message_id: str
    order_id: str
    template: str
    kinds: dict[str, str]
    news: frozenset[tuple[str, int]]
    accepted_at: datetime


class _Heard:
    """Reads a decision log and keeps what was done, by order."""

    def __init__(self) -> None:
        self.mails: dict[str, list[_Mail]] = {}
        self.replacements: dict[str, set[str]] = {}
        self.labels: dict[str, set[str]] = {}
        self.waived: set[str] = (
            set()
        )  # orders whose wrong pieces may stay: no label is owed, and no note about one
        self._seen: set[tuple[str, str]] = set()
        self._kinds: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._queued: dict[str, tuple[dict[str, Any], frozenset[tuple[str, int]]]] = {}

    def hear(self, event: dict[str, Any]) -> None:
        """Take one CloudEvent of the log; unknown types say nothing about this."""
        identity = (str(event.get("source")), str(event["id"]))
        if identity in self._seen:
            return
        self._seen.add(identity)
        said = event["data"]
        match event["type"]:
            case "exception.opened.v1" | "exception.changed.v1":
                self._kinds[said["exception_id"]] = said["kind"]
                self._versions[said["exception_id"]] = self._versions.get(said["exception_id"], 0) + 1
            case "message.queued.v1":
                ids = said.get("exception_ids", ())
                self._queued[said["message_id"]] = (
                    said,
                    frozenset((one, self._versions.get(one, 0)) for one in ids),
                )
            case "message.accepted.v1":
                self._accept(said, datetime.fromisoformat(event["time"]))
            case "replacement.requested.v1":
                self.replacements.setdefault(said["order_id"], set()).add(said.get("replacement_id", ""))
            case "return.waived.v1":
                self.waived.add(said["order_id"])
            case "return_label.issued.v1":
                self.labels.setdefault(said["order_id"], set()).add(said.get("return_id", ""))

    def replaced(self, order_id: str) -> bool:
        """Return True when a replacement was asked for."""
        return order_id in self.replacements

    def _accept(self, said: dict[str, Any], at: datetime) -> None:
        queued, news = self._queued.get(said["message_id"], (said, frozenset()))
        kinds = {one: self._kinds.get(one, "unknown") for one in queued.get("exception_ids", ())}
        mail = _Mail(
            message_id=said["message_id"],
            order_id=said["order_id"],
            template=queued.get("template", ""),
            kinds=kinds,
            news=news,
            accepted_at=at,
        )
        self.mails.setdefault(mail.order_id, []).append(mail)


class _Verdict:
    """One planted order, judged."""

    def __init__(self, order: OrderTruth, heard: _Heard) -> None:
        self.order = order
        self.repeated: list[str] = []
        self.misread: list[str] = []
        self.follow_ups: list[str] = []
        self._first: dict[str, datetime] = {}
        self._times: dict[str, int] = dict.fromkeys(order.must_tell, 0)
        self._told: set[str] = set()
        self._news: set[tuple[str, int]] = set()
        self._accepted: set[str] = set()
        for mail in sorted(heard.mails.get(order.order_id, ()), key=lambda mail: mail.accepted_at):
            self._judge(mail)
        first_word = min(self._first.values(), default=None)
        in_time = first_word is not None and first_word <= order.noticed_at
        self.tellings = tuple(
            Telling(
                order_id=order.order_id,
                kind=kind,
                visible_at=order.visible_at,
                told_at=self._first.get(kind),
                times=times,
                in_time=in_time,
            )
            for kind, times in self._times.items()
        )

    def _judge(self, mail: _Mail) -> None:
        named = f"{self.order.order_id} {mail.template} {mail.message_id}"
        again = mail.message_id in self._accepted
        self._accepted.add(mail.message_id)
        if mail.template == FOLLOW_UP:
            self.follow_ups.append(named)
            return
        kinds = set(mail.kinds.values())
        if again or (kinds and not self._is_news(mail, kinds)):
            self.repeated.append(named)
        self.misread += [
            f"{self.order.order_id} {kind}"
            for kind in sorted(kinds - self._told - {*self.order.must_tell, *self.order.may_tell})
        ]
        for kind in kinds:
            self._first.setdefault(kind, mail.accepted_at)
            if kind in self._times:
                self._times[kind] += 1
        self._told |= kinds
        self._news |= mail.news

    def _is_news(self, mail: _Mail, kinds: set[str]) -> bool:
        """True for a kind not told before, and for a consequence of the fault that has changed since.

        The planted kind itself is told once, whatever changes: a consequence (lateness, say) may become a
        second failure when our own date is broken as well, and is then owed a second word.
        """
        if kinds - self._told:
            return True
        return not kinds & set(self.order.must_tell) and bool(mail.news - self._news)


def _needless(done: dict[str, set[str]], owed: set[str]) -> tuple[str, ...]:
    """Return orders for which more was done than one owed thing."""
    return tuple(
        f"{order_id} {one}".strip()
        for order_id, ids in done.items()
        for one in sorted(ids)[1 if order_id in owed else 0 :]
    )


def _kind_line(kind: str, group: list[Telling]) -> str:
    hours = [telling.hours for telling in group if telling.hours is not None]
    told = f"{kind}: {len(hours)} of {len(group)} told"
    if not hours:
        return told
    in_time = sum(telling.in_time for telling in group)
    return f"{told}, median {median(hours):.1f} h after visible, {in_time} before the customer would notice"


def _kind_json(group: list[Telling]) -> dict[str, Any]:
    hours = [telling.hours for telling in group if telling.hours is not None]
    return {
        "planted": len(group),
        "told": len(hours),
        "in_time": sum(telling.in_time for telling in group),
        "median_hours": round(median(hours), 2) if hours else None,
        "most_hours": round(max(hours), 2) if hours else None,
    }


def _some(orders: tuple[str, ...]) -> str:
    return ", ".join(orders[:3]) + (" ..." if len(orders) > 3 else "")
