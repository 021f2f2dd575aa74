"""Tells a history to the whole product on one machine, with a world that may be out of order for a while.

Words are those of policy tests. Ledger, labels, allowances, mix-ups and Maildir are real; only who sells labels
and who ships replacements may be replaced by somebody who is down, refuses, or has nothing left.
"""

from __future__ import annotations

import asyncio
import email
import heapq
import tomllib
from datetime import datetime, timedelta
from email import policy as email_policy
from itertools import count

from streams import wiring
from streams.core import events as facts
from streams.core.zones import local
from streams.pipeline.effects import is_effective
from streams.pipeline.outcomes import outcome_event
from streams.pipeline.processor import Processor, tick
from streams.policies.expected import describe
from streams.policies.given import build_event, read_sentence
from streams.policies.moments import read_moment, spell_moment
from streams.problems import Problem, WorldProblem
from streams.settings import load

ZONE = "America/New_York"
AGAIN = timedelta(minutes=5)  # how soon a world that is out of order is asked again


class Down:
    """A seller of labels that does not answer before ``until``."""

    def __init__(self, inner, rig, until):
        self.inner, self.rig, self.until = inner, rig, until
        self.asked = self.bought = 0
        self.name, self.is_remote, self.refund_days = inner.name, inner.is_remote, inner.refund_days

    def buy(self, request):
        self.asked += 1
        if self.rig.now < self.until:
            raise WorldProblem("label-seller-unreachable", "nobody answers", retriable=True)
        self.bought += 1
        return self.inner.buy(request)

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Refusing:
    """A seller of labels that serves nobody."""

    def __init__(self, inner):
        self.inner = inner
        self.name, self.is_remote, self.refund_days = inner.name, inner.is_remote, inner.refund_days

    def buy(self, request):
        return facts.ReturnLabelRefused(
            order_id=request.order_id,
            case_id=request.case_id,
            return_id=request.return_id,
            reason="no service to this address",
        )

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Empty:
    """A desk that has nothing left before ``until``."""

    def __init__(self, inner, rig, until):
        self.inner, self.rig, self.until = inner, rig, until
        self.name, self.is_remote = inner.name, inner.is_remote

    def order(self, request):
        if self.rig.now >= self.until:
            return self.inner.order(request)
        return facts.ReplacementRefused(
            order_id=request.order_id,
            case_id=request.case_id,
            replacement_id=request.replacement_id,
            reason="none left",
            out_of_stock=True,
        )


class Rig:
    """One shop: its processor, its real effects, and the world's clock."""

    def __init__(self, folder, *, policy=None, world=None):
        if policy is not None:
            (folder / "shop.toml").write_text(policy, encoding="utf-8")
        self.folder = folder
        self.settings = load({}, data=folder / "data", policy=folder / "shop.toml" if policy else None)
        self.kit = wiring.build(self.settings)
        self.processor = Processor(self.kit.policy)
        self.told = []
        self.now = None
        self._begun = []
        self._number = count()
        self._loop = asyncio.new_event_loop()
        self._arrange(world or {})

    def _arrange(self, world):
        effects = self.kit.effects
        if "labels_down_until" in world:
            effects.labels = Down(effects.labels, self, self.at(world["labels_down_until"]))
        if world.get("labels_refused"):
            effects.labels = Refusing(effects.labels)
        if "out_of_stock_until" in world:
            effects.desk = Empty(effects.desk, self, self.at(world["out_of_stock_until"]))

    @staticmethod
    def at(text):
        """Read a moment on the customers' clock."""
        return read_moment(text, ZONE)

    def close(self):
        """Let go of relay and ledger."""
        self._loop.run_until_complete(self.kit.sender.close())
        self.kit.ledger.close()
        self._loop.close()

    def hear(self, event):
        """Let time pass up to an event, then take it, with all that follows."""
        self.pass_time(event.recorded_at)
        self._fold(event)

    def pass_time(self, until):
        """Fire every deadline and every second try up to ``until``, each at its own moment."""
        while True:
            alarm = self.processor.next_alarm()
            again = self._begun[0][0] if self._begun else None
            due = min((one for one in (alarm, again) if one is not None), default=None)
            if due is None or due > until:
                break
            if again is not None and again == due:
                _, _, decision = heapq.heappop(self._begun)
                self.now = max(due, self.now or due)
                self._perform(decision)
            else:
                self._fold(tick(due if self.processor.now is None else max(due, self.processor.now)))
        self._fold(tick(until))

    def _fold(self, event):
        decisions = self.processor.fold(event)
        self.now = self.processor.now
        for decision in decisions:
            self.told.append((self.now, decision))
        for decision in decisions:
            if is_effective(decision):
                self._perform(decision)

    def _perform(self, decision):
        now = self.now
        try:
            outcomes = self._loop.run_until_complete(self.kit.effects.perform(decision, now))
        except Problem as problem:
            if not problem.retriable:
                raise
            heapq.heappush(self._begun, (now + AGAIN, next(self._number), decision))
            return
        for fact in outcomes:
            self._fold(outcome_event(fact, now))

    def pass_on(self):
        """Tell orders what people have said about a storm, as the rounds of a worker do."""
        while answers := self.kit.effects.judge.due(self.now):
            for fact in answers:
                self._fold(outcome_event(fact, self.now))
            self.kit.effects.judge.told([one.allowance_id for one in answers])

    def asked(self, order_id, kind, name):
        """Return a name that we gave to what we asked for last, for one order."""
        found = [d for _, d in self.told if isinstance(d, kind) and d.order_id == order_id]
        assert found, f"nothing was asked: {kind.__name__} of {order_id}"
        return getattr(found[-1], name)

    def tell(self, sentences, until):
        """Tell sentences in their order, then let time run on."""
        heard = None
        for index, text in enumerate(sentences):
            sentence = read_sentence(text, ZONE)
            said = sentence.get("heard")
            self.pass_time(read_moment(said, ZONE) if said else sentence.at)
            ask = lambda kind, name, order=sentence.order_id: self.asked(order, kind, name)  # noqa: E731 - made for this sentence
            event = build_event(sentence, index, heard or sentence.at, ask)
            heard = event.recorded_at
            self._fold(event)
        self.pass_time(self.at(until))

    def mails(self):
        """Return what lies in the Maildir, in the order of its dates."""
        files = (self.settings.data / "mail" / "new").glob("*")
        parsed = [email.message_from_bytes(file.read_bytes(), policy=email_policy.default) for file in files]
        return sorted(parsed, key=lambda mail: (mail["Date"].datetime, mail["Message-ID"]))

    def story(self, order_id=None):
        """Return what was decided and what customers read, as text that a person can accept; of one order, its decisions."""
        lines = ["What we decided, on the customer's clock", ""]
        told = [one for one in self.told if order_id in {None, one[1].order_id}]
        orders = {decision.order_id for _, decision in told}
        for now, decision in told:
            whose = f"{decision.order_id}: " if len(orders) > 1 else ""
            lines.append(f"  {whose}{describe(decision, now, ZONE).text}")
        for number, mail in enumerate(self.mails() if order_id is None else (), start=1):
            lines += ["", f"Mail {number}, {spell_moment(local(mail['Date'].datetime, ZONE), ZONE)}"]
            lines += [f"  To: {mail['To']}", f"  Subject: {mail['Subject']}"]
            lines += [f"  Attached: {part.get_filename()}" for part in mail.iter_attachments()]
            text = mail.get_body(("plain",)).get_content().rstrip()
            lines += ["", *(f"  {line}".rstrip() for line in text.splitlines())]
        return "\n".join(lines) + "\n"


def read_story(path):
    """Return a story's tables: title, given, until, and perhaps policy and world."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def moment(text):
    """Read a moment on the customers' clock."""
    return read_moment(text, ZONE)


def spell(now: datetime) -> str:
    """Return a moment on the customers' clock."""
    return spell_moment(now, ZONE)
