"""Two living senders over one ledger: what each may touch, and what becomes of a mail whose sender is gone."""

import asyncio
import threading
from datetime import timedelta

import psycopg
import pytest

from streams.core.events import MessageAccepted, MessageInDoubt
from streams.mail import ledger as rules
from streams.mail.ledger import LEASE, Swap
from streams.mail.ledger_memory import MemoryLedger
from streams.mail.ledger_sql import open_ledger
from streams.mail.maildir import MaildirTransport
from streams.mail.outcomes import Accepted, Withheld
from streams.mail.smtp import Relay, SmtpTransport
from tests.mail_builders import FRIDAY, MINUTE, queued, sender_over
from tests.smtp_server import ScriptedServer


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def ledgers(request, tmp_path):
    """The same ledger three times, as two processes and an onlooker have it."""
    if request.param == "memory":
        yield [MemoryLedger()] * 3
        return
    url = (
        request.getfixturevalue("postgres") if request.param == "postgresql" else str(tmp_path / "ledger.db")
    )
    opened = [open_ledger(url) for _ in range(3)]
    yield opened
    for ledger in opened:
        ledger.close()


class GatedRelay:
    """A way out that waits before and after the final dot until it is let through."""

    concurrency = 2

    def __init__(self):
        self.before, self.after = asyncio.Event(), asyncio.Event()
        self.has_come, self.has_dotted = asyncio.Event(), asyncio.Event()
        self.taken = []

    async def deliver(self, envelope, before_dot):
        self.has_come.set()
        await self.before.wait()
        if not await before_dot():
            return Withheld()
        self.taken.append(envelope.message_id)
        self.has_dotted.set()
        await self.after.wait()
        return Accepted(reply="250 ok")

    def evidence(self, _message_id):
        return None

    async def close(self):
        """Nothing is held."""


def open_relay():
    """Return a relay that lets everything through."""
    relay = GatedRelay()
    relay.before.set()
    relay.after.set()
    return relay


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


def test_a_start_does_not_hurt_a_living_neighbor(ledgers):
    """The mail of another sender, between its dot and the answer, is nobody else's until its lease is over."""

    async def story():
        relay, other = GatedRelay(), open_relay()
        relay.before.set()
        first, second = sender_over(ledgers[0], relay, owner="a"), sender_over(ledgers[1], other, owner="b")
        sending = asyncio.create_task(first.send(queued(), FRIDAY))
        await relay.has_dotted.wait()
        later = FRIDAY + LEASE - MINUTE
        told = [second.recover(later), await second.retry_due(later), await second.send(queued(), later)]
        state = ledgers[2].find("msg_armchair").state
        relay.after.set()
        return told, state, kinds(await sending), relay.taken + other.taken

    told, state, end, taken = asyncio.run(story())

    assert (told, state) == ([(), (), ()], "sending")
    assert (end, taken) == ([MessageAccepted], ["msg_armchair"])


def test_a_mail_that_waited_long_has_its_whole_lease_when_it_is_sent(ledgers):
    """The lease of `sending` runs from the dot, not from when the mail was decided."""

    async def story():
        relay = GatedRelay()
        sender = sender_over(ledgers[0], relay, owner="a")
        sending = asyncio.create_task(sender.send(queued(), FRIDAY))
        await relay.has_come.wait()
        claimed_at = ledgers[2].find("msg_armchair").updated_at
        await asyncio.sleep(1.05)  # the wait is what is measured, in whole seconds
        relay.before.set()
        await relay.has_dotted.wait()
        sent_at = ledgers[2].find("msg_armchair").updated_at
        relay.after.set()
        await sending
        return sent_at - claimed_at >= timedelta(seconds=1)

    assert asyncio.run(story())


def test_a_claim_is_taken_over_when_its_lease_is_over(ledgers):
    """Certainly not sent: the other one sends it, and the first, should it live after all, does not."""

    async def story():
        relay, other = GatedRelay(), open_relay()
        first, second = sender_over(ledgers[0], relay, owner="a"), sender_over(ledgers[1], other, owner="b")
        sending = asyncio.create_task(first.send(queued(), FRIDAY))
        await relay.has_come.wait()
        early = await second.send(queued(), FRIDAY + LEASE - MINUTE)
        late = await second.send(queued(), FRIDAY + LEASE)
        relay.before.set()
        return early, kinds(late), await sending, relay.taken, other.taken

    assert asyncio.run(story()) == ((), [MessageAccepted], (), [], ["msg_armchair"])


def test_a_mail_on_its_way_is_never_taken_over(ledgers):
    """When its lease is over it is in doubt, whoever asks; the late answer of a relay changes nothing."""

    async def story():
        relay, other = GatedRelay(), open_relay()
        relay.before.set()
        first, second = sender_over(ledgers[0], relay, owner="a"), sender_over(ledgers[1], other, owner="b")
        sending = asyncio.create_task(first.send(queued(), FRIDAY))
        await relay.has_dotted.wait()
        doubt = await second.send(queued(), FRIDAY + LEASE + MINUTE)
        relay.after.set()
        return kinds(doubt), await sending, other.taken, ledgers[2].find("msg_armchair").state

    assert asyncio.run(story()) == ([MessageInDoubt], (), [], "in_doubt")


@pytest.mark.parametrize(("gate", "end"), [("has_come", MessageAccepted), ("has_dotted", MessageInDoubt)])
def test_a_delivery_that_is_called_off(ledgers, gate, end):
    """Before the dot it was certainly not sent, and is; after it nobody knows, not even who was there."""

    async def story():
        relay = GatedRelay()
        if gate == "has_dotted":
            relay.before.set()
        sender = sender_over(ledgers[0], relay, owner="a")
        sending = asyncio.create_task(sender.send(queued(), FRIDAY))
        await getattr(relay, gate).wait()
        sending.cancel()
        await asyncio.wait([sending])
        relay.before.set()
        relay.after.set()
        return kinds(await sender.send(queued(), FRIDAY)), relay.taken

    assert asyncio.run(story()) == ([end], ["msg_armchair"])


def test_the_mails_of_a_process_that_never_comes_back(ledgers):
    """Somebody looks after them by itself, on a ledger that is shared: claimed ones go out, others are in doubt."""
    claims = [rules.claimed(queued(name), FRIDAY, "gone", 1) for name in ("msg_claimed", "msg_sending")]
    ledgers[0].write(claims)
    moved = Swap(old=claims[1], new=type(claims[1])(**{**_fields(claims[1]), "state": "sending"}))
    ledgers[0].write(swaps=[moved])
    relay = open_relay()
    sender = sender_over(ledgers[1], relay, owner="b")
    assert sender.recover(FRIDAY) == ()
    told, now = [], FRIDAY

    async def live():
        nonlocal now
        while (due := sender.next_retry()) is not None and due <= FRIDAY + 2 * LEASE:
            now = max(now, due)
            told.extend(await sender.retry_due(now))

    asyncio.run(live())
    states = {name: ledgers[2].find(name).state for name in ("msg_claimed", "msg_sending")}

    if ledgers[1].shared:
        assert sorted(kind.__name__ for kind in kinds(told)) == ["MessageAccepted", "MessageInDoubt"]
        assert states == {"msg_claimed": "accepted", "msg_sending": "in_doubt"}
        assert relay.taken == ["msg_claimed"]
    else:  # on one machine the next start finds them
        assert (told, relay.taken) == ([], [])
        assert states == {"msg_claimed": "claimed", "msg_sending": "sending"}


def _fields(row):
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_an_empty_maildir_says_nothing_about_a_stranger(ledgers, tmp_path):
    """A stranger's mail may lie on another machine: what is not here is in doubt; what is here was delivered."""
    rows = [rules.claimed(queued(name), FRIDAY, "gone", 1) for name in ("msg_here", "msg_elsewhere")]
    ledgers[0].write(rows)
    ledgers[0].write(
        swaps=[Swap(old=row, new=type(row)(**{**_fields(row), "state": "sending"})) for row in rows]
    )
    transport = MaildirTransport(tmp_path / "mail")
    (tmp_path / "mail" / "new" / "msg_here").write_bytes(b"x")
    told = sender_over(ledgers[1], transport, owner="b").recover(FRIDAY + LEASE)

    assert {outcome.message_id: type(outcome) for outcome in told} == {
        "msg_here": MessageAccepted,
        "msg_elsewhere": MessageInDoubt,
    }


class WatchingServer(ScriptedServer):
    """Looks into the ledger, as another process does, at each step of the dialogue."""

    def __init__(self, ledger):
        super().__init__()
        self.ledger = ledger
        self.seen = {}

    def reply(self, verb, usual):
        row = self.ledger.find("msg_armchair")
        self.seen[verb] = row and row.state
        return super().reply(verb, usual)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_others_see_while_a_mail_goes_out(kind, request, tmp_path):
    """`claimed` is committed before the connection is there, `sending` before the final dot is."""
    url = request.getfixturevalue("postgres") if kind == "postgresql" else str(tmp_path / "ledger.db")
    ours, theirs = open_ledger(url), open_ledger(url)

    async def story():
        watching = WatchingServer(theirs)
        listening = await asyncio.start_server(watching.talk, "127.0.0.1", 0, limit=1 << 20)
        port = listening.sockets[0].getsockname()[1]
        sender = sender_over(ours, SmtpTransport(Relay(host="127.0.0.1", port=port, tls="none")))
        outcomes = await sender.send(queued(), FRIDAY)
        await sender.close()
        listening.close()
        return kinds(outcomes), watching.seen

    outcomes, seen = asyncio.run(story())
    end = theirs.find("msg_armchair").state
    ours.close()
    theirs.close()

    assert [seen[verb] for verb in ("CONNECT", "MAIL", "DATA", "DOT")] == ["claimed"] * 3 + ["sending"]
    assert (outcomes, end) == ([MessageAccepted], "accepted")


def test_a_deadlock_is_only_another_try(postgres):
    """PostgreSQL undoes one of two transactions that wait for each other; ours is written again."""
    ledger = open_ledger(postgres)
    rows = [rules.claimed(queued(name), FRIDAY, "a", 1) for name in ("msg_a", "msg_b")]
    ledger.write(rows)
    swaps = [Swap(old=row, new=rules.withdrawn(row, FRIDAY)) for row in rows]
    won = []
    locked = "SELECT 1 FROM mail_ledger WHERE message_id = %s FOR UPDATE"
    with psycopg.connect(postgres.replace("+psycopg", "")) as stranger:
        stranger.execute("SET deadlock_timeout = '1min'")  # so that it is ours that is undone
        stranger.execute(locked, ["msg_b"])
        writing = threading.Thread(target=lambda: won.extend(ledger.write(swaps=swaps).swaps))
        writing.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while stranger.execute(waiting).fetchone() == (0,):
            assert writing.is_alive()
        stranger.execute(locked, ["msg_a"])
        stranger.rollback()
    writing.join(30)
    ledger.close()

    assert won == [True, True]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_writers_that_want_the_same_rows(kind, request, tmp_path):
    """Each message has one fresh claim and each row one winner, however the batches of two processes overlap."""
    url = request.getfixturevalue("postgres") if kind == "postgresql" else str(tmp_path / "ledger.db")
    names = [f"msg_{number:03}" for number in range(60)]
    together = threading.Barrier(2)
    fresh, won = [], []

    def work(owner, order):
        ledger = open_ledger(url)
        for start in range(0, len(order), 20):
            some = order[start : start + 20]
            together.wait(30)
            claims = ledger.write([rules.claimed(queued(name), FRIDAY, owner, 1) for name in some]).claims
            fresh.extend(claim.row.message_id for claim in claims if claim.fresh)
            together.wait(30)
            rows = [ledger.find(name) for name in order[:20]]
            swaps = [
                Swap(old=row, new=rules.withdrawn(row, FRIDAY)) for row in rows if row.state == "claimed"
            ]
            results = ledger.write(swaps=swaps).swaps
            won.extend(swap.old.message_id for swap, is_ours in zip(swaps, results, strict=True) if is_ours)
        ledger.close()

    # The same forty names, from both ends: the middle is wanted by both at once.
    workers = [
        threading.Thread(target=work, args=("a", names[:40])),
        threading.Thread(target=work, args=("b", names[39::-1])),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert sorted(fresh) == names[:40]
    assert sorted(won) == sorted(set(won))
    assert len(won) == 40
