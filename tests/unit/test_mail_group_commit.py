"""Who shares a transaction, who waits for whom, and what a database is told."""

import asyncio

import pytest
from sqlalchemy.dialects import postgresql

from streams.mail import ledger as rules
from streams.mail.group_commit import GroupCommit
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.statements import Statements
from tests.mail_builders import FRIDAY, queued


class WatchedLedger(MemoryLedger):
    """The ledger in memory, with a list of how much each transaction held."""

    def __init__(self):
        super().__init__()
        self.transactions = []

    def write(self, claims=(), swaps=()):
        self.transactions.append((len(claims), len(swaps)))
        return super().write(claims, swaps)


def claimed(name):
    return rules.claimed(queued(name), FRIDAY, "a", 1)


def test_what_is_wanted_at_the_same_moment_is_one_transaction():
    """Three claims, one write."""
    ledger = WatchedLedger()

    async def together():
        commits = GroupCommit(ledger)
        await asyncio.gather(*(commits.claim(claimed(name)) for name in ("msg_a", "msg_b", "msg_c")))
        await commits.close()

    asyncio.run(together())

    assert ledger.transactions == [(3, 0)]


def test_a_patient_swap_goes_along_with_the_next_that_is_not():
    """The patient one is durable before it is told, and costs no transaction of its own."""
    ledger = WatchedLedger()
    row = claimed("msg_a")

    async def along():
        commits = GroupCommit(ledger)
        await commits.claim(row)
        patient = asyncio.create_task(commits.swap(row, rules.withdrawn(row, FRIDAY), patient=True))
        for _ in range(5):  # turns of the loop, in which an impatient one would be written
            await asyncio.sleep(0)
        await commits.claim(claimed("msg_b"))
        won = await patient
        await commits.close()
        return won

    assert asyncio.run(along())
    assert ledger.transactions == [(1, 0), (1, 1)]
    assert ledger.find("msg_a").state == "withdrawn"


@pytest.mark.parametrize("closes", [False, True])
def test_a_patient_swap_does_not_wait_for_ever(closes):
    """When nobody comes it is written by itself, at the latest when the shop closes."""
    ledger = WatchedLedger()
    row = claimed("msg_a")

    async def alone():
        commits = GroupCommit(ledger)
        await commits.claim(row)
        patient = asyncio.create_task(commits.swap(row, rules.withdrawn(row, FRIDAY), patient=True))
        await asyncio.sleep(0)
        if closes:
            await commits.close()
        async with asyncio.timeout(5):
            return await patient

    assert asyncio.run(alone())
    assert ledger.transactions == [(1, 0), (0, 1)]


@pytest.mark.parametrize(("synchronous", "slow"), [("NORMAL", False), ("FULL", True)])
def test_only_a_ledger_that_waits_for_the_disk_gets_a_thread(tmp_path, synchronous, slow):
    """A commit that is not waited for takes less time than telling a thread to do it."""
    ledger = open_ledger(str(tmp_path / "ledger.db"), synchronous=synchronous)
    ledger.close()

    assert ledger.slow == slow


def test_postgresql_gets_complete_statements():
    """Nothing is left for Core to fill in at the last moment, for Core is not asked any more."""
    statements = Statements(postgresql.dialect())
    prepared = [
        statements.insert,
        statements.swap(()),
        statements.swap(("letter", "next_attempt_at")),
        *(statements._one_of_many(name, 4) for name in ("stored", "reasons", "subjects")),
    ]
    texts = [one._text for one in prepared]

    assert [text for text in texts if "POSTCOMPILE" in text or "%(" not in text] == []
    assert texts[0].endswith("ON CONFLICT (message_id) DO NOTHING")
