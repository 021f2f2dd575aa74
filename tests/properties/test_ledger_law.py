"""Law 11: senders over their ledger, killed or cut off anywhere, never deliver one message twice."""

import asyncio
import shutil
import tempfile
from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.outcomes import Accepted, Permanent, Temporary, Unknown, Withheld
from streams.problems import WorldProblem
from tests.mail_builders import FRIDAY, queued, sender_over

MESSAGES = [f"msg_{number}" for number in range(4)]
FATES = [
    "accepted",
    "deferred",
    "refused",
    "answer lost, mail taken",
    "answer lost, mail not taken",
    "killed before the dot",
    "killed after the dot, mail taken",
    "killed after the dot, mail not taken",
]
HONEST_STATES = {"deferred", "accepted", "refused", "in_doubt", "withdrawn"}


class Killed(Exception):  # noqa: N818 - it stands for SIGKILL
    """The process ends here; nothing of it runs any further."""


class FatefulRelay:
    """The world's side: a mailbox, and a plan for what happens to each delivery."""

    concurrency = 2

    def __init__(self):
        self.mailbox = Counter()
        self.plan = []

    async def deliver(self, envelope, before_dot):
        fate = self.plan.pop(0) if self.plan else "accepted"
        if fate == "killed before the dot":
            raise Killed
        if fate == "deferred":
            return Temporary(code=450, text="450 later")
        if not await before_dot():
            return Withheld()
        if fate == "refused":
            return Permanent(code=554, text="554 no")
        if "not taken" not in fate:
            self.mailbox[envelope.message_id] += 1
        if fate.startswith("killed"):
            raise Killed
        return Unknown(why="silence") if fate.startswith("answer lost") else Accepted(reply="250 ok")

    def evidence(self, _message_id):
        return None

    async def close(self):
        """Nothing is held."""


class MortalLedger:
    """Any ledger, in a process that can die, or lose its database, just before or just after a write."""

    def __init__(self, ledger):
        self._ledger = ledger
        self.slow = ledger.slow
        self.deaths = []

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def write(self, claims=(), swaps=()):
        death = self.deaths.pop(0) if self.deaths else None
        if death in {"before", "cut off before"}:
            raise _end_of(death)
        written = self._ledger.write(claims, swaps)
        if death is not None:
            raise _end_of(death)
        return written


def _end_of(death):
    return WorldProblem("cut-off", "no ledger", retriable=True) if death.startswith("cut off") else Killed()


class Law(RuleBasedStateMachine):
    """A shop with one sender after another, and what must hold whatever happens to it."""

    def make_ledger(self):
        return MemoryLedger()

    @initialize()
    def open_shop(self):
        self.runner = asyncio.Runner()
        self.relay = FatefulRelay()
        self.ledger = MortalLedger(self.make_ledger())
        self.now = FRIDAY
        self.withdrawn = set()
        self.sent = set()
        self.told = Counter()
        self.outages = 0
        self.start()

    def start(self):
        self.ledger.deaths = []
        self.relay.plan = []
        self.sender = sender_over(self.ledger, self.relay)
        self.hear(self.sender.recover(self.now))

    def hear(self, outcomes):
        self.told.update(type(outcome).__name__ + " " + outcome.message_id for outcome in outcomes)

    def live(self, work):
        """Let the sender do something; when it dies of it, a new one takes its place."""
        try:
            self.hear(self.runner.run(work))
        except Killed:
            self.start()
        except WorldProblem:
            self.outages += 1

    @rule(minutes=st.integers(1, 120))
    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    @invariant()
    def nothing_arrives_twice(self):
        assert all(count <= 1 for count in self.relay.mailbox.values())

    @invariant()
    def accepted_means_arrived(self):
        for name in MESSAGES:
            row = self.ledger.find(name)
            if row is not None and row.state == "accepted":
                assert self.relay.mailbox[name] == 1

    def settle_all(self):
        """Let time pass until nothing waits any more; return the state of all that was to be sent."""
        self.relay.plan, self.ledger.deaths = [], []
        for _ in range(100):
            if (due := self.sender.next_retry()) is None:
                break
            self.now = max(self.now, due)
            self.live(self.sender.retry_due(self.now))
        else:
            raise AssertionError("something waits for ever")
        return {name: self.ledger.find(name).state for name in self.sent if self.ledger.find(name)}


class SenderLaw(Law):
    """Send, retry, withdraw and restart in any order, with any fates and deaths."""

    @rule(
        names=st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=4),
        fates=st.lists(st.sampled_from(FATES), max_size=4),
        deaths=st.lists(st.sampled_from([None, None, None, "before", "after"]), max_size=6),
    )
    def send(self, names, fates, deaths):
        self.relay.plan, self.ledger.deaths = list(fates), list(deaths)
        self.sent |= set(names)

        async def together():
            tasks = [self.sender.send(queued(name, case_id="case_1"), self.now) for name in names]
            return _all_told(await asyncio.gather(*tasks, return_exceptions=True))

        self.live(together())

    @rule(
        fates=st.lists(st.sampled_from(FATES), max_size=4),
        deaths=st.lists(st.sampled_from([None, None, "before", "after"]), max_size=6),
    )
    def retry(self, fates, deaths):
        self.relay.plan, self.ledger.deaths = list(fates), list(deaths)
        self.live(self.sender.retry_due(self.now))

    @rule(name=st.sampled_from(MESSAGES))
    def withdraw(self, name):
        self.relay.plan, self.ledger.deaths = [], []
        taken_before = self.relay.mailbox[name]
        if self.sender.withdraw(name, self.now):
            assert taken_before == 0
            self.withdrawn.add(name)

    @rule()
    def restart(self):
        self.start()

    @invariant()
    def withdrawn_means_never(self):
        assert not [name for name in self.withdrawn if self.relay.mailbox[name]]

    def teardown(self):
        """In the end, with a relay that works, every message is settled honestly; none is lost on the way."""
        if not hasattr(self, "sender"):
            return
        self.start()
        states = self.settle_all()
        self.runner.close()

        assert set(states.values()) <= HONEST_STATES - {"deferred"}
        self.nothing_arrives_twice()
        self.accepted_means_arrived()


class OutageLaw(Law):
    """The ledger can be cut off at any write, and the sender lives: its own knowledge must be enough."""

    def keep_on(self, names, fates, outages):
        self.relay.plan, self.ledger.deaths = list(fates), list(outages)

        async def together():
            tasks = [self.sender.send(queued(name, case_id=f"case_{name}"), self.now) for name in names]
            return _all_told(await asyncio.gather(*tasks, return_exceptions=True))

        self.live(together())

    @rule(
        names=st.lists(st.sampled_from(MESSAGES), min_size=1, max_size=4),
        fates=st.lists(st.sampled_from(["accepted", "deferred", "refused"]), max_size=4),
        outages=st.lists(st.sampled_from([None, None, "cut off before", "cut off after"]), max_size=6),
    )
    def send(self, names, fates, outages):
        self.sent |= set(names)
        self.keep_on(names, fates, outages)

    @rule(
        fates=st.lists(st.sampled_from(["accepted", "deferred", "refused"]), max_size=4),
        outages=st.lists(st.sampled_from([None, None, "cut off before", "cut off after"]), max_size=6),
    )
    def retry(self, fates, outages):
        self.relay.plan, self.ledger.deaths = list(fates), list(outages)
        self.live(self.sender.retry_due(self.now))

    def teardown(self):
        """In the end nothing is in doubt and nothing hangs: whoever was there knows what became of each mail."""
        if not hasattr(self, "sender"):
            return
        states = self.settle_all()
        self.runner.close()

        assert set(states.values()) <= {"accepted", "refused"}
        self.nothing_arrives_twice()
        self.accepted_means_arrived()


def _all_told(results):
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return tuple(outcome for result in results for outcome in result)


class SqlSenderLaw(SenderLaw):
    """The same over SQLite."""

    def make_ledger(self):
        self.folder = tempfile.mkdtemp()
        return open_ledger(f"{self.folder}/ledger.db", synchronous="NORMAL")

    def teardown(self):
        super().teardown()
        if hasattr(self, "folder"):
            self.ledger.close()
            shutil.rmtree(self.folder)


TestSenderLaw = SenderLaw.TestCase
TestSenderLaw.settings = settings(max_examples=250, stateful_step_count=20, deadline=None)
TestOutageLaw = OutageLaw.TestCase
TestOutageLaw.settings = settings(max_examples=150, stateful_step_count=15, deadline=None)
TestSqlSenderLaw = SqlSenderLaw.TestCase
TestSqlSenderLaw.settings = settings(max_examples=60, stateful_step_count=15, deadline=None)
