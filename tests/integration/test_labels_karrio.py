"""A Karrio server that loses answers, answers late, wrongly or not at all sells one label for every return."""

import base64
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested
from streams.core.money import Money
from streams.labels.karrio.api import Api
from streams.labels.karrio.parcel import reference_of
from streams.labels.karrio.provider import KarrioLabels
from streams.labels.karrio.shipment import Choice, Rate
from streams.outbound import Asker, Limits
from streams.problems import InputProblem, UsageProblem, WorldProblem
from streams.settings import Secret, Settings
from tests.http_server import cut_short, hang_up, http_server, nonsense, reply

KEY = "key_of_a_test"
PDF = b"%PDF-1.4 a label"
SHOP = Address(
    name="Crunchy Armchairs",
    street="1 Example Way",
    city="Portland",
    region="OR",
    postal_code="97205",
    country="US",
)
CALM = Limits(connect=5, reply=20, whole=60, tries=3, pause=0.001)
QUICK = Limits(connect=5, reply=0.3, whole=5, tries=3, pause=0.001)  # where nobody answers
STEPS = ("look", "create", "look again", "purchase", "check")
START = datetime(2027, 1, 5, 12, tzinfo=UTC)


def errors(code, message="no"):
    return {"errors": [{"code": code, "message": message}]}


def messages(code, message="no"):
    return {"messages": [{"code": code, "message": message, "carrier_name": "ups", "carrier_id": "our-ups"}]}


# Trouble before anything is done, and behind it.
BEFORE = {
    "busy": reply(503),
    "gateway": reply(502, b"<html>"),
    "too many": reply(429, errors("throttled")),
    "under way": reply(409, b""),
    "no line": hang_up,
    "not for us": reply(401, errors("authentication_failed")),
}
AFTER = {
    "lost": hang_up,
    "torn": cut_short,
    "nonsense": nonsense,
    "failed": reply(500, b"\xff"),
    "own fault": reply(424, messages("SHIPPING_SDK_INTERNAL_ERROR")),
    "no words": reply(400, b"<html>"),
    "no JSON": reply(200, b"<html>\x00 ok"),
    "a list": reply(200, b"[]"),
    "too deep": reply(200, b"[" * 100_000),
    "empty": reply(200, b""),
    "other data": reply(200, {"id": 7, "results": {}, "rates": "none", "status": []}),
}
LATE = ("silent", "late", "done later", "twice")
TROUBLES = (*BEFORE, *AFTER, *LATE)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def move(self, minutes):
        self.now += timedelta(minutes=minutes)


class Karrio:
    """A server as Karrio's source has it: no locks, no keys; two purchases at once both reach the carrier."""

    def __init__(self, server, troubles=(), rates=None):
        self.url = server.url
        self.shipments, self.sold, self.asked, self.voided = {}, [], [], []
        self.rates = (
            [rate("ups", "ups_standard", 7.99), rate("usps", "usps_ground", 4.61)] if rates is None else rates
        )
        self.wrong = {}  # what is answered to a step instead of doing it
        self.between = {}  # what happens before a step is taken, by its number
        self.said = []
        self._postponed = []
        self._server = server
        self._troubles = list(troubles)
        self._lock = threading.RLock()
        server.answer = self._answer

    def recover(self):
        self._troubles.clear()

    def _answer(self, handler, asked):
        with self._lock:
            number = len(self.asked)
            self.asked.append(f"{asked.method} {urlsplit(asked.path).path}")
        if number in self.between:
            self.between.pop(number)()
        with self._lock:
            behave = self._decide(asked)
        behave(handler, asked)

    def _decide(self, asked):
        if asked.headers.get("authorization") != f"Token {KEY}":
            return reply(401, errors("authentication_failed"))
        trouble = self._troubles.pop(0) if self._troubles else "none"
        if trouble in BEFORE:
            return BEFORE[trouble]
        if trouble == "done later":
            return self._later(asked)
        answer = self._act(asked)()
        self._catch_up()
        late = {"silent": self._server.wait(), "late": self._server.wait(answer), "twice": twice(answer)}
        return late.get(trouble) or AFTER.get(trouble) or answer

    def _later(self, asked):
        """Do it when two more questions are answered: whoever asked has given up by then."""
        self._postponed.append([2, self._act(asked)])
        return hang_up

    def _catch_up(self):
        for one in self._postponed:
            one[0] -= 1
            if not one[0]:
                one[1]()
        self._postponed = [one for one in self._postponed if one[0]]

    def _act(self, asked):
        """Return what ends a request that was looked at now: Karrio looks at the state before it asks a carrier."""
        path, query = urlsplit(asked.path).path, parse_qs(urlsplit(asked.path).query)
        _, _, *parts = path.split("/")
        if parts == ["shipments"]:
            return (
                (lambda: self._list(query)) if asked.method == "GET" else (lambda: self._create(asked.json))
            )
        shipment = self.shipments.get(parts[1]) if parts[0] == "shipments" else None
        if shipment is None:
            return lambda: reply(404, errors("not_found"))
        if parts[2:] == ["purchase"]:
            return self._purchase(shipment, asked.json)
        if parts[2:] == ["cancel"]:
            return lambda: self._cancel(shipment)
        if parts[2:] == ["label.pdf"]:
            return lambda: reply(200, PDF, Content_Type="application/pdf")
        return lambda: reply(200, shipment)

    def _list(self, query):
        (reference,), (limit,), (offset,) = query["reference"], query["limit"], query["offset"]
        found = [
            one for one in reversed(self.shipments.values()) if reference.lower() in one["reference"].lower()
        ]
        end = int(offset) + min(int(limit), 2)  # a server may give out fewer than it was asked for
        more = f"{self.url}/v1/shipments?offset={end}" if end < len(found) else None
        return reply(
            200, {"count": len(found), "next": more, "previous": None, "results": found[int(offset) : end]}
        )

    def _create(self, told):
        if "create" in self.wrong:
            return reply(*self.wrong["create"])
        assert len(told["reference"]) <= 35
        assert "service" not in told  # Karrio would buy at once
        shipment = told | {
            "id": f"shp_{len(self.shipments)}",
            "status": "draft",
            "rates": self.rates,
            "messages": self.said,
            "tracking_number": None,
        }
        self.shipments[shipment["id"]] = shipment
        return reply(201, dict(shipment))

    def _purchase(self, shipment, told):
        if "purchase" in self.wrong:
            answer = reply(*self.wrong["purchase"])
            return lambda: answer
        if shipment["status"] != "draft":
            return lambda: reply(409, errors("state_error", f"The shipment is '{shipment['status']}'"))
        (chosen,) = [one for one in self.rates if one["id"] == told["selected_rate_id"]]

        def sell():
            number = f"1Z{len(self.sold):08d}"
            self.sold.append(shipment["reference"])
            url = f"/v1/shipments/{shipment['id']}/label.pdf"
            shipment.update(
                status="purchased",
                tracking_number=number,
                selected_rate=chosen,
                label_url=url,
                shipment_identifier=number,
            )
            return reply(200, dict(shipment))

        return sell

    def _cancel(self, shipment):
        if "cancel" in self.wrong:
            return reply(*self.wrong["cancel"])
        if shipment["status"] == "in_transit":
            return reply(409, errors("state_error", "can not be cancelled anymore"))
        if shipment["tracking_number"] and shipment["status"] != "cancelled":
            self.voided.append(shipment["id"])
        shipment["status"] = "cancelled"
        return reply(200, dict(shipment))


def rate(carrier, service, charge, currency="USD", **meta):
    return {
        "id": f"rat_{carrier}_{service}",
        "carrier_name": carrier,
        "carrier_id": f"our-{carrier}",
        "service": service,
        "currency": currency,
        "total_charge": charge,
        "meta": meta,
    }


def twice(answer):
    """Two answers to one question."""

    def behave(handler, asked):
        for _ in range(2):
            answer(handler, asked)

    return behave


def request(number=1, **told):
    return msgspec.structs.replace(
        ReturnLabelRequested(
            order_id=f"ORD-{number}",
            decision_id=f"dec_{number}",
            case_id=f"case_{number}",
            return_id=f"ret_{number:032x}",
            lines=(),
            cost=Money(minor=799, currency="USD"),
            keep_after=date(2027, 2, 1),
            country="US",
        ),
        **told,
    )


@pytest.fixture
def server():
    with http_server() as server:
        yield server


@pytest.fixture
def asker():
    with closing(Asker(QUICK)) as asker:
        yield asker


@pytest.fixture
def calm():
    with closing(Asker(CALM)) as asker:
        yield asker


def labels(karrio, asker, now=None, **told):
    return KarrioLabels(Api(karrio.url, KEY, asker=asker), shop=SHOP, now=now or Clock(), **told)


def until_answered(ours, wanted, clock, minutes=1):
    """Ask as the effects do: again, until there is an answer."""
    for _ in range(60):
        try:
            return ours.buy(wanted)
        except WorldProblem as problem:
            if not problem.retriable:
                raise
            clock.move(minutes)
    raise AssertionError("no answer in sixty tries")


# ------------------------------------------------------------------------ one label


def test_the_parcel_starts_where_the_order_went(server, calm):
    """What the request knows comes before everything else; another country is its country."""
    home = Address(name="Ada", street="Beispielweg 2", city="Berlin", postal_code="10115", country="DE")

    issued = labels(Karrio(server), calm).buy(request(country="DE", sender=home))

    assert isinstance(issued, ReturnLabelIssued)
    shipper = next(asked.json for asked in server.asked if asked.path == "/v1/shipments" and asked.json)[
        "shipper"
    ]
    assert (shipper["person_name"], shipper["city"], shipper["country_code"]) == ("Ada", "Berlin", "DE")


def test_a_label_is_bought_and_fetched(server, calm):
    """What is asked is what Karrio understands; what it says is what the letter needs."""
    karrio = Karrio(server)
    sender = Address(
        name="Ada", street="2 Sample St\nDoor 3", city="Salem", region="OR", postal_code="97301", country="US"
    )
    ours = labels(
        karrio, calm, sender_of=lambda order_id: sender if order_id == "ORD-1" else None, weight_g=1250
    )

    issued = ours.buy(request())

    assert issued == ReturnLabelIssued(
        order_id="ORD-1",
        case_id="case_1",
        return_id=request().return_id,
        label_id="shp_0",
        carrier="usps",
        tracking_number="1Z00000000",
        cost=Money(minor=461, currency="USD"),
    )
    assert ours.document(issued) == PDF
    (made,) = [
        asked.json for asked in server.asked if (asked.method, asked.path) == ("POST", "/v1/shipments")
    ]
    assert made["shipper"] == {
        "person_name": "Ada",
        "address_line1": "2 Sample St",
        "address_line2": "Door 3",
        "city": "Salem",
        "state_code": "OR",
        "postal_code": "97301",
        "country_code": "US",
    }
    assert made["recipient"]["person_name"] == SHOP.name
    assert (made["parcels"], made["options"]) == (
        [{"weight": 1.25, "weight_unit": "KG"}],
        {"is_return": True},
    )
    assert (made["label_type"], made["metadata"]["return_id"]) == ("PDF", request().return_id)


def test_a_return_id_of_ours_is_too_long_for_a_reference():
    """36 characters; Karrio takes 35. What is sent instead is the same for ever, and another one for another return."""
    long, other, short = request(1).return_id, request(2).return_id, "RET-1"

    assert len(long) == 36
    assert re.fullmatch(r"r_[0-9a-f]{32}", reference_of(long))
    assert reference_of(long) != reference_of(other)
    assert reference_of(short) == short


def test_a_label_is_found_on_a_later_page(server, calm):
    """References that hold ours come first, and a server may give out two at a time."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)
    issued = ours.buy(request(return_id="RET-1"))
    for number in range(10, 15):
        ours.buy(request(return_id=f"RET-{number}"))

    assert ours.buy(request(return_id="RET-1")) == issued
    assert len(karrio.sold) == 6


def test_a_reference_that_is_part_of_another_one_is_another_return(server, calm):
    """Karrio's filter finds parts of words, in any case."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)

    answers = [ours.buy(request(return_id=name)) for name in ("RET-11", "ret-1", "RET-1")]

    assert karrio.sold == ["RET-11", "ret-1", "RET-1"]
    assert len({one.tracking_number for one in answers}) == 3


@pytest.mark.parametrize("at", range(len(STEPS)), ids=STEPS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_one_trouble_at_any_step_is_one_label(server, asker, trouble, at):
    """Whatever happens to a request, one label is sold, and we have its number."""
    karrio, clock = Karrio(server, ["none"] * at + [trouble]), Clock()

    answer = until_answered(labels(karrio, asker, clock), request(), clock)

    assert karrio.sold == [reference_of(request().return_id)]
    assert (answer.tracking_number, karrio.voided) == ("1Z00000000", [])


@pytest.mark.parametrize("trouble", ["lost", "done later", "failed", "too many", "own fault"])
@pytest.mark.parametrize("at", range(len(STEPS)), ids=STEPS)
def test_whoever_starts_anew_finds_what_was_bought(server, asker, trouble, at):
    """Every try comes from another process, which remembers nothing."""
    karrio, clock = Karrio(server, ["none"] * at + [trouble]), Clock()

    for _ in range(40):
        try:
            answer = labels(karrio, asker, clock).buy(request())
            break
        except WorldProblem as problem:
            if not problem.retriable:
                raise
            clock.move(1)

    assert len(karrio.sold) == 1
    assert (answer.tracking_number, karrio.voided) == ("1Z00000000", [])


def test_every_sort_of_trouble_in_any_order(server, asker):
    """Twenty-five returns through a server that fails half of the time."""
    dice = random.Random(7)
    kinds = [one for one in TROUBLES if one not in {"silent", "late", "twice", "not for us"}]
    troubles = [dice.choice(kinds) if dice.random() < 0.4 else "none" for _ in range(600)]
    karrio, clock = Karrio(server, troubles), Clock()
    ours = labels(karrio, asker, clock)
    wanted = [request(number) for number in range(1, 26)]

    answers = [until_answered(ours, one, clock) for one in wanted]
    karrio.recover()

    assert sorted(karrio.sold) == sorted(reference_of(one.return_id) for one in wanted)
    assert [answer.return_id for answer in answers] == [one.return_id for one in wanted]
    assert answers == [ours.buy(one) for one in wanted]


@pytest.mark.parametrize("at", range(1, len(STEPS)), ids=STEPS[1:])
def test_somebody_who_buys_in_between(server, calm, at):
    """Two workers after a rebalance: before any step of the one, the other does all of its own."""
    karrio, clock = Karrio(server), Clock()
    one, other = labels(karrio, calm, clock), labels(karrio, calm, clock)

    def both():
        with suppress(WorldProblem):
            other.buy(request())

    karrio.between[at] = both
    answers = [until_answered(ours, request(), clock) for ours in (one, other)]

    assert karrio.sold == [reference_of(request().return_id)]
    assert answers[0] == answers[1]


def test_of_two_who_have_a_draft_at_least_one_steps_back(server, calm):
    """One is between looking and paying when the other, who had looked before, makes a draft of its own."""
    karrio, clock = Karrio(server), Clock()
    first, second = labels(karrio, calm, clock), labels(karrio, calm, clock)
    waiting, free = threading.Event(), threading.Event()

    def hold():
        waiting.set()
        assert free.wait(10)

    with ThreadPoolExecutor(1) as pool:
        karrio.between[1] = hold  # the second one's draft
        late = pool.submit(second.buy, request())
        assert waiting.wait(10)

        def let_go():
            free.set()
            late.exception(10)

        karrio.between[5] = let_go  # the first one's purchase
        answer = first.buy(request())

    with pytest.raises(WorldProblem, match="label-in-doubt"):
        late.result()
    assert karrio.sold == [reference_of(request().return_id)]
    assert until_answered(second, request(), clock) == answer


def test_many_who_buy_at_once(server, calm):
    """Six threads and one return: at most one of them buys; in the end all have the same label."""
    karrio, clock = Karrio(server), Clock()
    everybody = [labels(karrio, calm, clock) for _ in range(6)]

    def ask(ours):
        try:
            return ours.buy(request())
        except WorldProblem as problem:
            return problem.retriable

    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(ask, everybody))
    assert False not in said
    assert len(karrio.sold) <= 1
    answers = {until_answered(ours, request(), clock) for ours in everybody}

    assert (len(answers), len(karrio.sold)) == (1, 1)


def test_a_purchase_that_may_still_be_under_way_is_not_made_again(server, asker):
    """Karrio says draft while the carrier is being asked: for a quarter of an hour that is no reason to ask again."""
    karrio, clock = Karrio(server, ["none"] * 3 + ["no line"]), Clock()
    ours = labels(karrio, asker, clock)
    codes = []
    while clock.now < START + timedelta(minutes=15):
        with pytest.raises(WorldProblem) as met:
            ours.buy(request())
        codes.append(met.value.code)
        clock.move(1)

    assert (set(codes), karrio.sold) == ({"label-in-doubt"}, [])
    answer = ours.buy(request())

    assert (answer.label_id, len(karrio.sold)) == ("shp_1", 1)
    assert karrio.shipments["shp_0"]["status"] == "cancelled"


# ------------------------------------------------------------------------ no


@pytest.mark.parametrize(
    ("step", "answer", "reason"),
    [
        (
            "create",
            (400, errors("validation", "postal code must match 12345")),
            "postal code must match 12345",
        ),
        ("create", (424, messages("110208", "Missing ship from")), "ups: Missing ship from"),
        (
            "create",
            (424, messages("SHIPPING_SDK_ORIGIN_NOT_SERVICED_ERROR", "not serviced")),
            "ups: not serviced",
        ),
        ("purchase", (424, messages("120100", "Missing phone")), "ups: Missing phone"),
    ],
)
def test_a_no_is_a_no_with_its_reason(server, calm, step, answer, reason):
    """And nothing that could be bought stays behind."""
    karrio = Karrio(server)
    karrio.wrong[step] = answer

    refused = labels(karrio, calm).buy(request())

    assert refused == ReturnLabelRefused(
        order_id="ORD-1", case_id="case_1", return_id=request().return_id, reason=reason
    )
    assert [one["status"] for one in karrio.shipments.values() if one["status"] != "cancelled"] == []


def test_a_draft_that_somebody_else_called_off_is_no_refusal(server, calm):
    """Karrio's 409 speaks of the shipment's state, and of nothing that a carrier said."""
    karrio, clock = Karrio(server), Clock()
    karrio.between[3] = lambda: karrio.shipments["shp_0"].update(status="cancelled")
    ours = labels(karrio, calm, clock)
    with pytest.raises(WorldProblem, match="label-in-doubt"):
        ours.buy(request())

    assert karrio.sold == []
    assert (until_answered(ours, request(), clock).label_id, len(karrio.sold)) == ("shp_1", 1)


def test_a_parcel_without_a_rate_is_refused_with_what_carriers_say(server, calm):
    """But not where Karrio could not ask them."""
    karrio = Karrio(server, rates=[])
    karrio.said = messages("9", "too heavy")["messages"]
    refused = labels(karrio, calm).buy(request())
    karrio.said = messages("SHIPPING_SDK_INTERNAL_ERROR", "timed out")["messages"]
    with pytest.raises(WorldProblem, match="label-seller-unreachable"):
        labels(karrio, calm).buy(request(2))

    assert refused.reason == "no carrier has a rate for it (ups: too heavy)"
    assert {one["status"] for one in karrio.shipments.values()} == {"cancelled"}


def test_from_another_country_nobody_knows_where_a_parcel_starts(server, calm):
    """Nobody is asked, and the reason says why."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)
    refused = ours.buy(request(country="JP"))

    assert refused.reason == "the customer's address in JP is not known"
    assert ours.quote(request(country="JP")) is None
    assert "POST /v1/shipments" not in karrio.asked


@pytest.mark.parametrize("status", [401, 403, 308, 404])
def test_a_closed_door_is_for_the_shop_to_open(server, calm, status):
    """A wrong key or address is no word on a parcel."""
    server.answer = reply(status, errors("x"))
    ours = KarrioLabels(Api(server.url, KEY, asker=calm), shop=SHOP)

    for ask in (ours.buy, ours.quote):
        with pytest.raises(WorldProblem) as met:
            ask(request())
        assert (met.value.code, met.value.retriable) == ("label-seller-refuses-us", True)
        assert KEY not in str(met.value)


# ------------------------------------------------------------------------ money, and what may be taken


def test_the_cheapest_of_what_is_allowed(server, calm):
    """A carrier by its name or by its connection's; a service; and behind a seller of several, the carrier itself."""
    rates = [rate("ups", "ups_standard", 7.99), rate("easypost", "ground", 4.00, rate_provider="usps")]
    karrio = Karrio(server, rates=rates)

    def carrier(number, **choice):
        answer = labels(karrio, calm, choice=Choice(**choice)).buy(request(number))
        return answer.carrier if isinstance(answer, ReturnLabelIssued) else answer.reason

    assert carrier(1) == "usps"
    assert carrier(2, carrier="UPS") == "ups"
    assert carrier(3, carrier="our-ups", service="UPS_Standard") == "ups"
    assert carrier(4, carrier="USPS") == "usps"
    assert carrier(5, carrier="ups", service="ground") == "no carrier has a rate for it"


@pytest.mark.parametrize(
    ("said", "currency", "minor"),
    [
        (b"106.71", "USD", 10671),
        (b"106.71000000000001", "USD", 10671),
        (b"106.711", "USD", 10672),
        (b'"4.10"', "EUR", 410),
        (b"1200", "JPY", 1200),
        (b"0.1", "KWD", 100),
        (b"-1", "USD", None),
        (b"1e400", "USD", None),
        (b'"NaN"', "USD", None),
        (b"null", "USD", None),
        (b"5", "dollars", None),
    ],
)
def test_money_is_never_a_float(said, currency, minor):
    """Numbers of Karrio's JSON are read as they are written, but for what adding up binary fractions leaves behind."""
    found = msgspec.json.decode(
        b'{"currency": "%s", "total_charge": %s}' % (currency.encode(), said), type=Rate
    )

    assert found.total_charge is None or isinstance(found.total_charge, Decimal)
    assert found.cost == (None if minor is None else Money(minor=minor, currency=currency))


def test_a_quote_buys_nothing_and_makes_nothing(server, calm):
    """The price of the label that would be bought."""
    server.answer = reply(201, {"rates": [rate("ups", "a", 7.99), rate("usps", "b", 4.61)], "messages": []})
    ours = KarrioLabels(Api(server.url, KEY, asker=calm), shop=SHOP)

    assert ours.quote(request()) == Money(minor=461, currency="USD")
    assert [(asked.method, asked.path) for asked in server.asked] == [("POST", "/v1/proxy/rates")]

    server.answer = reply(424, messages("9", "too heavy"))
    assert ours.quote(request()) is None
    server.answer = reply(500)
    with pytest.raises(WorldProblem, match="label-seller-unreachable"):
        ours.quote(request())


# ------------------------------------------------------------------------ afterwards


def test_a_label_that_was_given_back_is_not_bought_again(server, calm):
    """Once voided, always voided; and the return gets no second label by a request that comes again."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)
    issued = ours.buy(request())

    assert (ours.void(issued), ours.void(issued), karrio.voided) == (True, True, ["shp_0"])
    assert ours.buy(request()).reason == "its label was given back"
    assert len(karrio.sold) == 1


def test_a_label_that_was_used_is_not_taken_back(server, calm):
    """A no of Karrio or of the carrier is False; a fault is no word."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)
    issued = ours.buy(request())
    karrio.wrong["cancel"] = (424, messages("9", "already scanned"))
    assert ours.void(issued) is False
    karrio.wrong["cancel"] = (500, b"")
    with pytest.raises(WorldProblem) as met:
        ours.void(issued)
    assert (met.value.code, met.value.retriable) == ("label-in-doubt", True)
    del karrio.wrong["cancel"]
    karrio.shipments["shp_0"]["status"] = "in_transit"
    assert ours.void(issued) is False


@pytest.mark.parametrize("trouble", [one for one in TROUBLES if one != "done later"])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_lost_answer_to_a_void_is_looked_up(server, asker, trouble, at):
    """The money comes back once, and we know."""
    karrio = Karrio(server)
    ours = labels(karrio, asker)
    issued = ours.buy(request())
    karrio._troubles = ["none"] * at + [trouble]
    for _ in range(5):
        try:
            given_back = ours.void(issued)
            break
        except WorldProblem as problem:
            if not problem.retriable:
                raise

    assert given_back
    assert karrio.voided == ["shp_0"]


def test_the_label_of_another_seller_is_not_ours(server, calm):
    """It is said, and nobody's label is fetched or given back."""
    karrio = Karrio(server)
    ours = labels(karrio, calm)
    issued = ours.buy(request())
    for label_id in ("shp_7", "../tokens", "label_of/nobody"):
        strange = msgspec.structs.replace(issued, label_id=label_id)
        for ask in (ours.document, ours.void):
            with pytest.raises(InputProblem, match="label-of-another-provider"):
                ask(strange)

    assert karrio.voided == []


def test_a_server_that_wants_a_token_for_every_file(server, calm):
    """Newer servers: the key buys a token, the token opens the label."""
    label = {
        "id": "shp_1",
        "status": "created",
        "tracking_number": "1Z1",
        "label_url": "/v1/shipments/shp_1/label.pdf",
    }
    server.script = [reply(200, label), reply(403), reply(201, {"token": "a b"}), reply(200, PDF)]
    ours = KarrioLabels(Api(f"{server.url}/v1", KEY, asker=calm), shop=SHOP)

    assert ours.document(_issued("shp_1")) == PDF
    assert [(asked.method, asked.path) for asked in server.asked][1:] == [
        ("GET", "/v1/shipments/shp_1/label.pdf"),
        ("POST", "/api/tokens"),
        ("GET", "/v1/shipments/shp_1/label.pdf?token=a%20b"),
    ]
    assert "authorization" not in server.asked[-1].headers
    assert base64.b64encode(KEY.encode()) not in server.asked[-1].body


@pytest.mark.parametrize("path", ["{}/label.pdf", "//{}/label.pdf"])
def test_the_key_goes_to_the_server_alone(server, calm, path):
    """Whatever an answer says: a label that lies elsewhere is not fetched."""
    with http_server() as elsewhere:
        url = path.format(elsewhere.url if path.startswith("{") else urlsplit(elsewhere.url).netloc)
        server.answer = reply(200, {"id": "shp_1", "status": "created", "label_url": url})
        ours = KarrioLabels(Api(server.url, KEY, asker=calm), shop=SHOP)
        with pytest.raises(WorldProblem, match="label-seller-refuses-us"):
            ours.document(_issued("shp_1"))

    assert elsewhere.asked == []


def _issued(label_id):
    return ReturnLabelIssued(
        order_id="ORD-1",
        case_id="case_1",
        return_id="RET-1",
        label_id=label_id,
        carrier="ups",
        tracking_number="1Z1",
        cost=Money(minor=1, currency="USD"),
    )


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("pending", "pre_transit"),
        ("ready_for_pickup", "available_for_pickup"),
        ("delivered", "delivered"),
        ("beamed", "unknown"),
        (None, "unknown"),
    ],
)
def test_how_far_a_parcel_has_come(server, calm, status, ours):
    """Karrio's word in ours; a parcel that it does not know is None, another one's is no answer."""
    provider = KarrioLabels(Api(server.url, KEY, asker=calm), shop=SHOP)
    server.answer = reply(200, {"tracking_number": "1Z/1", "status": status})
    assert provider.track("1Z/1") == ours
    assert server.asked[-1].path == "/v1/trackers/1Z%2F1"
    with pytest.raises(WorldProblem, match="label-seller-unreachable"):
        provider.track("1Z2")
    server.answer = reply(404, errors("not_found"))
    assert provider.track("1Z/1") is None


SET = {
    "label_url": "https://karrio.example.com",
    "label_key": Secret(KEY),
    "return_name": "Crunchy Armchairs",
    "return_street": "1 Example Way",
    "return_city": "Portland",
    "return_country": "US",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"label_url": ""},
        {"label_url": "karrio.example.com"},
        {"label_key": None},
        {"label_key": Secret("two words")},
        {"return_street": ""},
        {"return_country": ""},
    ],
)
def test_a_provider_without_what_it_needs_is_refused_at_the_start(wrong):
    """And the key is not said aloud."""
    assert KarrioLabels.from_settings(Settings(**SET)).refund_days is None
    with pytest.raises(UsageProblem) as met:
        KarrioLabels.from_settings(Settings(**(SET | wrong)))

    assert met.value.code == "label-not-set"
    assert "two words" not in str(met.value)
