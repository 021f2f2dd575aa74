"""An order system that loses answers, answers late, twice, wrongly or not at all ships every replacement once."""

import asyncio
import base64
import hashlib
import hmac
import random
from contextlib import closing

import msgspec
import pytest

from streams.clock import wall_now
from streams.core import events as facts
from streams.core.money import Money
from streams.desks.webhook.desk import WebhookDesk
from streams.embedded.journal import Journal
from streams.outbound import Asker, Limits
from streams.pipeline.apart import Apart as InThreads
from streams.problems import UsageProblem, WorldProblem
from streams.settings import Secret, Settings
from tests.command_line import firstword
from tests.embedded_runs import HISTORIES
from tests.http_server import cut_short, hang_up, http_server, nonsense, reply
from tests.ndjson import HOUR, MINUTE, MONDAY, line, placed, swapped
from tests.wall_runs import Clock, wall

KEY = b"secret of a test, not more than that"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
QUICK = Limits(connect=1, reply=0.15, whole=5, tries=3, pause=0.001)


class OrderSystem:
    """Keeps the orders that it took by their key; each request meets the next trouble."""

    def __init__(self, server, troubles=()):
        self.url = f"{server.url}/replacements"
        self.orders = {}
        self.taken = []
        self._server = server
        self._troubles = list(troubles)
        server.answer = self._answer

    def recover(self):
        """Have no more trouble."""
        self._troubles.clear()

    def _answer(self, handler, asked):
        trouble = self._troubles.pop(0) if self._troubles else "none"
        if trouble in BEFORE:
            BEFORE[trouble](handler, asked)
            return
        key = asked.headers["idempotency-key"]
        if key not in self.orders:
            self.orders[key] = asked.json["data"]["lines"]
            self.taken.append(key)
        taken = reply(201, {"reference": f"SO-{self.taken.index(key)}"})
        self._after(trouble, taken)(handler, asked)

    def _after(self, trouble, taken):
        late = {"silent": self._server.wait(), "late": self._server.wait(taken)}
        return late.get(trouble) or AFTER.get(trouble) or taken


def twice(handler, asked):
    """Two answers to one question."""
    for _ in range(2):
        reply(201, {"reference": "SO-0"})(handler, asked)


# Trouble before the order is taken, and behind it.
BEFORE = {
    "busy": reply(503),
    "too many": reply(429),
    "under way": reply(409),
    "gateway": reply(502, b"<html>"),
    "no line": hang_up,
}
AFTER = {
    "twice": twice,
    "lost": hang_up,
    "torn": cut_short,
    "nonsense": nonsense,
    "failed": reply(500, b"\xff"),
}
LATE = ("silent", "late")


def request(number=1):
    return facts.ReplacementRequested(
        order_id=f"ORD-{number}",
        decision_id=f"dec_{number}",
        case_id=f"case_{number}",
        replacement_id=f"rep_{number}",
        lines=(facts.Pieces(sku="MARK-BRUSH-12", quantity=number),),
        expedited=True,
        cost=Money(minor=1900, currency="USD"),
    )


@pytest.fixture
def server():
    with http_server() as server:
        yield server


def desk(system):
    return WebhookDesk(system.url, secret=KEY, asker=Asker(QUICK))


def until_answered(desk, wanted):
    """Ask as the effects do: again, until there is an answer."""
    for _ in range(50):
        try:
            return desk.order(wanted)
        except WorldProblem as problem:
            if not problem.retriable:
                raise
    raise AssertionError("no answer in fifty tries")


def test_what_is_sent_can_be_trusted_and_understood(server):
    """The decision of the public log, signed as Standard Webhooks 1.0.0 says."""
    system = OrderSystem(server)
    before = wall_now()

    desk(system).order(request())

    (asked,) = server.asked
    identity, moment = asked.headers["webhook-id"], asked.headers["webhook-timestamp"]
    signed = hmac.digest(KEY, f"{identity}.{moment}.".encode() + asked.body, hashlib.sha256)
    assert asked.headers["webhook-signature"] == f"v1,{base64.b64encode(signed).decode()}"
    assert int(before.timestamp()) <= int(moment) <= wall_now().timestamp()
    assert identity == asked.headers["idempotency-key"] == "rep_1"
    assert asked.headers["content-type"] == "application/cloudevents+json"
    assert (asked.json["type"], asked.json["id"], asked.json["subject"]) == (
        "replacement.requested.v1",
        "dec_1",
        "ORD-1",
    )
    assert asked.json["data"]["lines"] == [{"sku": "MARK-BRUSH-12", "quantity": 1}]


@pytest.mark.parametrize("trouble", [*BEFORE, *AFTER, *LATE])
def test_one_trouble_is_one_order(server, trouble):
    """Whatever happens to the first request, the order system has one order, and we have its reference."""
    system = OrderSystem(server, [trouble])
    with closing(Asker(QUICK)) as asker:
        answer = until_answered(WebhookDesk(system.url, secret=KEY, asker=asker), request())

    assert (answer.reference, system.taken) == ("SO-0", ["rep_1"])


def test_every_sort_of_trouble_in_any_order(server):
    """Forty replacements through a system that fails two times of three."""
    dice = random.Random(7)
    kinds = [*BEFORE, *(one for one in AFTER if one != "twice"), "silent"]
    troubles = [dice.choice(kinds) if dice.random() < 0.66 else "none" for _ in range(400)]
    system = OrderSystem(server, troubles)
    wanted = [request(number) for number in range(1, 41)]
    with closing(Asker(QUICK)) as asker:
        ours = WebhookDesk(system.url, secret=KEY, asker=asker)
        answers = [until_answered(ours, one) for one in wanted]

    assert sorted(system.taken) == sorted(one.replacement_id for one in wanted)
    assert [answer.reference for answer in answers] == [
        f"SO-{system.taken.index(one.replacement_id)}" for one in wanted
    ]
    assert [system.orders[one.replacement_id] for one in wanted] == [
        [msgspec.to_builtins(line) for line in one.lines] for one in wanted
    ]


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (None, SECRET),
        ("shop.example.com/orders", SECRET),
        ("https://orders.example.com", None),
        ("https://orders.example.com", "whsec_c2hvcnQ="),
        ("https://orders.example.com", "not base64 at all, however long it may be"),
    ],
)
def test_a_desk_without_address_or_secret_is_refused_at_the_start(url, secret):
    """And neither is said aloud: the address may hold a token."""
    settings = Settings(desk_url=Secret(url) if url else None, desk_secret=Secret(secret) if secret else None)

    with pytest.raises(UsageProblem) as met:
        WebhookDesk.from_settings(settings)

    assert met.value.code == "desk-not-set"
    assert not url or url not in str(met.value)


# ------------------------------------------------------------------------ at work


def of(run, wire_type):
    return [one.fact for one in run.engine.journal.decisions() if one.type == wire_type]


def asks(run, system):
    """Let a run on one machine ask an order system; the shop's own settings would do the same."""
    run.kit.effects.desk = desk(system)
    run.kit.effects._apart = InThreads(8)


def test_an_order_system_that_is_down_holds_up_nobody_else(server, tmp_path):
    """Whoever waits for a replacement waits; a mail that needs none goes out; then it is up again, and asked once more."""
    system = OrderSystem(server, ["busy"] * 1000)

    async def story():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            asks(run, system)
            await run.push(*(line(one) for one in swapped("ORD-1")))
            clock.move(11 * MINUTE)
            await run.until(lambda: len(server.asked) > 2)
            assert of(run, "replacement.accepted.v1") == []
            await run.push(line(placed("ORD-2", MONDAY, by="2026-03-02")))

            def told():  # past its promise, and past the quiet hours, a little further at every look
                clock.move(10 * MINUTE)
                return "ORD-2" in [one.order_id for one in of(run, "message.accepted.v1")]

            await run.until(told)
            assert of(run, "replacement.accepted.v1") == []
            system.recover()
            await run.until(lambda: of(run, "replacement.accepted.v1"))
            return of(run, "replacement.accepted.v1")

    (accepted,) = asyncio.run(story())

    assert (accepted.reference, system.taken) == ("SO-0", [accepted.replacement_id])


def test_told_to_stop_while_nobody_answers(server, tmp_path):
    """It stops at once; the next start asks under the same key, and the answer that was lost is the answer."""
    system = OrderSystem(server, ["lost"] * 3 + ["busy"] * 100)

    async def asked():
        clock = Clock(MONDAY + 2 * HOUR)
        async with wall(tmp_path, clock) as run:
            asks(run, system)
            await run.push(*(line(one) for one in swapped("ORD-1")))
            clock.move(11 * MINUTE)
            await run.until(lambda: len(server.asked) > 3)
        assert of_folder(tmp_path, "replacement.accepted.v1") == []

    async def answered():
        async with wall(tmp_path, Clock(MONDAY + 3 * HOUR)) as run:
            asks(run, system)
            await run.until(lambda: of(run, "replacement.accepted.v1"))

    asyncio.run(asked())
    system.recover()
    asyncio.run(answered())

    (accepted,) = of_folder(tmp_path, "replacement.accepted.v1")
    assert (accepted.reference, system.taken) == ("SO-0", [accepted.replacement_id])
    assert {one.headers["idempotency-key"] for one in server.asked} == {accepted.replacement_id}


def of_folder(data, wire_type):
    with closing(Journal(data / "journal.sqlite")) as journal:
        return [one.fact for one in journal.decisions() if one.type == wire_type]


def test_the_command_asks_the_order_system_that_is_set(server, tmp_path):
    """The marker story, from settings to mail: the box is ordered before the customer hears of it."""
    system = OrderSystem(server, ["busy", "lost"])
    told = {"FIRSTWORD_DESK": "webhook", "FIRSTWORD_DESK_URL": system.url, "FIRSTWORD_DESK_SECRET": SECRET}
    words = ["run", "--data", str(tmp_path / "d"), "--source", f"native={HISTORIES / 'marker_story.ndjson'}"]

    ran = firstword(*words, "--clock", "history", **told)

    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stderr
    (accepted,) = of_folder(tmp_path / "d", "replacement.accepted.v1")
    assert (accepted.reference, len(system.taken)) == ("SO-0", 1)
    mails = [path.read_bytes() for path in (tmp_path / "d" / "mail" / "new").glob("*")]
    assert sum(b"X-Firstword-Template: wrong_item" in mail for mail in mails) == 1
    assert KEY.decode() not in ran.stderr
