"""An EasyPost that loses answers, answers late, twice, wrongly or not at all has sold one label for every return."""

import asyncio
import base64
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
import zint
from reportlab.pdfgen.canvas import Canvas

from streams.core.events import Address, ReturnLabelIssued, ReturnLabelRefused, ReturnLabelRequested
from streams.core.money import Money
from streams.labels.checked import CheckedLabels, check, says
from streams.labels.easypost.api import Api
from streams.labels.easypost.provider import EasyPostLabels
from streams.labels.easypost.shipment import Choice, Rate
from streams.labels.sandbox.lettering import Lettering
from streams.labels.sandbox.sheet import Sheet, print_sheet
from streams.labels.store import LabelStore
from streams.outbound import Asker, Limits
from streams.pipeline.effects import Effects
from streams.problems import Problem, UsageProblem, WorldProblem
from streams.settings import Secret, Settings
from streams.wiring import build
from tests.http_server import cut_short, hang_up, http_server, nonsense, reply

KEY = "EZTK_not_a_real_key_of_anybody"
STREET = "9 Customer Lane"
SHOP = Address(
    name="Crunchy Armchairs",
    street="1 Example Way\nDock 3",
    city="Portland",
    region="OR",
    postal_code="97205",
    country="US",
)
CUSTOMER = Address(
    name="Ada Example", street=STREET, city="Seattle", region="WA", postal_code="98101", country="US"
)
CALM = Limits(connect=5, reply=20, whole=60, tries=3, pause=0.001)
QUICK = Limits(connect=5, reply=0.3, whole=5, tries=3, pause=0.001)  # where nobody answers
STEPS = ("look", "create", "drafts", "lately", "buy")
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def error(code):
    return {"error": {"code": code, "message": "words of EasyPost", "errors": []}}


# Trouble before anything is done, and behind it.
BEFORE = {
    "busy": reply(503),
    "gateway": reply(502, b"<html>"),
    "too many": reply(429, error("RATE_LIMITED")),
    "conflict": reply(409, error("CONFLICT")),
    "too slow": reply(408),
    "wrong key": reply(401, error("APIKEY.INACTIVE")),
    "no money": reply(402, error("BILLING.INSUFFICIENT_FUNDS")),
    "a proxy": reply(400, b"<html>bad request"),
    "moved": reply(302, b"", Location="https://elsewhere.example.com/"),
    "no line": hang_up,
}
AFTER = {
    "lost": hang_up,
    "torn": cut_short,
    "nonsense": nonsense,
    "failed": reply(500, b"\xff"),
    "timed out there": reply(422, error("SHIPMENT.POSTAGE.TIMED_OUT")),
    "conflict after all": reply(409, error("CONFLICT")),
    "contradiction": reply(422, error("SHIPMENT.POSTAGE.FAILURE")),
    "no JSON": reply(200, b"<html>\x00 ok"),
    "a list": reply(200, b"[]"),
    "too deep": reply(200, b"[" * 100_000),
    "empty": reply(200, b""),
    "another shipment": reply(
        200, {"id": "shp_other", "reference": "other", "tracking_code": "1Z", "postage_label": {}}
    ),
    "other data": reply(200, {"id": 7, "rates": "none", "shipments": {}}),
}
# Everywhere but in a purchase and a refund, which are looked up, a refusal is a refusal.
SILENCES = [one for one in AFTER if one != "contradiction"]
LATE = ("silent", "late", "twice", "done later", "done much later")


class Seller:
    """EasyPost as its API shows it; each question meets the next trouble. Postage of one shipment is sold once."""

    def __init__(self, server, troubles=(), *, finds="first"):
        self.url = server.url
        self.shipments, self.bought, self.refunds, self.asked, self.refused = [], [], [], [], {}
        self.finds = 0 if finds == "first" else -1
        self.printed = None  # the number on the label, where it is not the right one
        self.label = lambda one: {
            "label_url": f"{self.url}/file/{one['id']}.pdf",
            "label_file_type": "application/pdf",
        }
        self.file = None
        self._postponed = []
        self._server = server
        self._troubles = list(troubles)
        self._lock = threading.RLock()
        server.answer = self._answer

    def _answer(self, handler, asked):
        with self._lock:
            behave = self._decide(asked)
        behave(handler, asked)

    def _decide(self, asked):
        if asked.path.startswith("/file/"):
            return self._print(asked)
        if asked.headers.get("authorization") != "Basic " + base64.b64encode(f"{KEY}:".encode()).decode():
            return reply(401, error("APIKEY.INACTIVE"))
        self.asked.append(f"{asked.method} {asked.path}")
        trouble = self._troubles.pop(0) if self._troubles else "none"
        if trouble in BEFORE:
            return BEFORE[trouble]
        if trouble in {"done later", "done much later"}:
            self._postponed.append([2 if trouble == "done later" else 3, asked])
            return hang_up
        answer = self._do(asked)
        self._catch_up()
        late = {
            "silent": self._server.wait(),
            "late": self._server.wait(answer),
            "twice": lambda *words: (answer(*words), answer(*words)),
        }
        return late.get(trouble) or AFTER.get(trouble) or answer

    def _catch_up(self):
        for one in self._postponed:
            one[0] -= 1
            if not one[0]:
                self._do(one[1])
        self._postponed = [one for one in self._postponed if one[0]]

    def _do(self, asked):
        path = urlsplit(asked.path).path.strip("/").split("/")
        match asked.method, path:
            case "POST", ["shipments"]:
                return self._create(asked.json["shipment"])
            case "GET", ["shipments"]:
                (purchased,) = parse_qs(urlsplit(asked.path).query)["purchased"]
                drafts = [one for one in self.shipments if not one["tracking_code"]]
                found = self.bought if purchased == "true" else drafts
                return reply(200, {"shipments": found[::-1][:100], "has_more": False})
            case "GET", ["shipments", name]:
                return self._find(unquote(name))
            case "POST", ["shipments", name, "buy"]:
                return self._buy(name, asked.json["rate"]["id"])
            case "GET", ["shipments", name, "label"]:
                one = next(one for one in self.shipments if one["id"] == name)
                one["postage_label"] |= {"label_pdf_url": f"{self.url}/file/{name}.pdf"}
                return reply(200, one)
            case "POST", ["shipments", name, "refund"]:
                return self._refund(name)
            case "GET", ["trackers"]:
                (code,) = parse_qs(urlsplit(asked.path).query)["tracking_code"]
                return reply(200, {"trackers": [{"tracking_code": code, "status": "in_transit"}]})
        return reply(404, error("NOT_FOUND"))

    def _create(self, told):
        if "create" in self.refused:
            return reply(422, error(self.refused["create"]))
        number = len(self.shipments) + 1
        rates = [("Priority", "10.20"), ("Ground", "6.0701"), ("Express", "31.05")]
        one = told | {
            "id": f"shp_{number:032x}",
            "messages": [],
            "rates": [rate(f"rate_{number}_{service}", service, price) for service, price in rates],
            "selected_rate": None,
            "tracking_code": None,
            "postage_label": None,
            "refund_status": None,
        }
        self.shipments.append(one)
        return reply(201, one)

    def _find(self, name):
        found = [one for one in self.shipments if name in (one["id"], one["reference"])]
        return reply(200, found[self.finds]) if found else reply(404, error("NOT_FOUND"))

    def _buy(self, name, rate_id):
        (one,) = [one for one in self.shipments if one["id"] == name]
        if one["tracking_code"]:
            return reply(422, error("SHIPMENT.POSTAGE.EXISTS"))
        if "buy" in self.refused:
            return reply(422, error(self.refused["buy"]))
        (chosen,) = [found for found in one["rates"] if found["id"] == rate_id]
        self.bought.append(one)
        one |= {"selected_rate": chosen, "tracking_code": f"94001118992231975{len(self.bought):05}"}
        one["postage_label"] = self.label(one)
        return reply(200, one)

    def _refund(self, name):
        (one,) = [one for one in self.shipments if one["id"] == name]
        if "refund" in self.refused:
            return reply(422, error(self.refused["refund"]))
        self.refunds.append(name)
        one["refund_status"] = "submitted"
        return reply(200, one)

    def _print(self, asked):
        assert "authorization" not in asked.headers, "the key went to where the files are"
        (one,) = [one for one in self.shipments if one["id"] in asked.path]
        return reply(200, self.file or document(self.printed or one["tracking_code"]))


def rate(name, service, price, carrier="USPS", currency="USD"):
    return {"id": name, "carrier": carrier, "service": service, "rate": price, "currency": currency}


def document(number):
    lines = ("Somebody", "Somewhere")
    sheet = Sheet(
        sender=lines,
        receiver=lines,
        tracking_number=number,
        return_id="RET",
        order_id="ORDER",
        keep_after=date(2027, 1, 5),
    )
    return print_sheet(sheet, Lettering())


@pytest.fixture
def server():
    with http_server() as one:
        yield one


def labels(seller, *, limits=CALM, choice=None, sender_of=lambda _order_id: CUSTOMER):
    return EasyPostLabels(
        Api(seller.url, KEY, asker=Asker(limits)), shop=SHOP, choice=choice, sender_of=sender_of
    )


def request(number=1, **changes):
    facts = {
        "order_id": f"ORDER-{number}",
        "decision_id": f"decision-{number}",
        "case_id": f"case-{number}",
        "return_id": f"return_{number:04}",
        "lines": (),
        "cost": Money(minor=799, currency="USD"),
        "keep_after": date(2027, 1, 5),
        "country": "US",
    }
    return ReturnLabelRequested(**facts | changes)


def until_answered(ask, *arguments, met=None, tries=40):
    for _ in range(tries):
        try:
            return ask(*arguments)
        except WorldProblem as problem:
            if not problem.retriable:
                raise
            if met is not None:
                met.append(str(problem))
    pytest.fail("no answer")


# ------------------------------------------------------------------------ bought


def test_a_label_is_looked_up_made_and_bought(server):
    """The customer and the shop as EasyPost wants them for a return: it swaps them itself."""
    seller = Seller(server)

    issued = labels(seller).buy(request())

    assert issued == ReturnLabelIssued(
        order_id="ORDER-1",
        case_id="case-1",
        return_id="return_0001",
        label_id=f"shp_{1:032x}",
        carrier="USPS",
        tracking_number="9400111899223197500001",
        cost=Money(minor=608, currency="USD"),
    )
    (made,) = seller.shipments
    assert made["is_return"] is True
    assert made["to_address"] == {
        "name": "Ada Example",
        "street1": STREET,
        "city": "Seattle",
        "state": "WA",
        "zip": "98101",
        "country": "US",
    }
    assert made["from_address"]["street2"] == "Dock 3"
    assert made["options"] == {"label_format": "PDF"}
    assert b'"weight":35.3' in server.asked[1].body  # 1000 g in ounces, never through a float
    assert seller.asked == [
        "GET /shipments/return_0001",
        "POST /shipments",
        "GET /shipments?purchased=false&page_size=100",
        "GET /shipments?purchased=true&page_size=100",
        f"POST /shipments/shp_{1:032x}/buy",
    ]


def test_a_customer_without_an_address_lives_where_the_shop_does(server):
    """Under the order's name: a carrier takes it anywhere in the country."""
    seller = Seller(server)

    labels(seller, sender_of=lambda _order_id: None).buy(request(country=None))

    found = seller.shipments[0]["to_address"]
    assert (found["name"], found["street1"], found["country"]) == ("Order ORDER-1", "1 Example Way", "US")


def test_the_parcel_starts_where_the_order_went(server):
    """What the request knows comes before everything else; another country is its country."""
    seller, home = (
        Seller(server),
        Address(street="Beispielweg 2", city="Berlin", postal_code="10115", country="DE"),
    )

    labels(seller, sender_of=lambda _order_id: None).buy(request(country="DE", sender=home))

    found = seller.shipments[0]["to_address"]
    assert (found["name"], found["street1"], found["city"]) == ("Order ORDER-1", "Beispielweg 2", "Berlin")
    assert (found["zip"], found["country"]) == ("10115", "DE")


def test_the_price_that_is_told_is_the_one_that_is_paid(server):
    """Asking for it creates the shipment, and buys nothing."""
    seller = Seller(server)
    ours = labels(seller)

    told = ours.quote(request())

    assert (told, seller.bought) == (Money(minor=608, currency="USD"), [])
    assert ours.buy(request()).cost == told == ours.quote(request())
    assert len(seller.shipments) == 1


@pytest.mark.parametrize("finds", ["first", "last"])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", [*BEFORE, *SILENCES, *LATE])
def test_one_trouble_at_any_step_is_one_label(server, trouble, step, finds):
    """Whatever happens at whichever step, one label is paid for, it is ours, and nobody reads a secret."""
    seller = Seller(server, ["none"] * STEPS.index(step) + [trouble], finds=finds)
    met = []
    ours = labels(seller, limits=QUICK if trouble in {"silent", "late"} else CALM)

    issued = until_answered(ours.buy, request(), met=met)

    assert [one["reference"] for one in seller.bought] == ["return_0001"]
    assert (issued.tracking_number, issued.label_id) == (
        seller.bought[0]["tracking_code"],
        seller.bought[0]["id"],
    )
    assert ours.buy(request()) == issued
    assert [said for said in met if KEY in said or STREET in said or server.url in said] == []


@pytest.mark.parametrize("finds", ["first", "last"])
@pytest.mark.parametrize("seed", range(3))
def test_every_sort_of_trouble_in_any_order(server, seed, finds):
    """Forty returns through a seller that fails one time of three: forty labels, each the one that we name."""
    dice = random.Random(seed)
    kinds = [*BEFORE, *SILENCES, "twice"]
    troubles = [dice.choice(kinds) if dice.random() < 0.33 else "none" for _ in range(900)]
    seller = Seller(server, troubles, finds=finds)
    wanted = [request(number) for number in range(1, 41)]
    ours = labels(seller)

    answers = [until_answered(ours.buy, one) for one in wanted]

    assert sorted(one["reference"] for one in seller.bought) == [one.return_id for one in wanted]
    sold = {one["reference"]: one["tracking_code"] for one in seller.bought}
    assert [one.tracking_number for one in answers] == [sold[one.return_id] for one in wanted]


@pytest.mark.parametrize("finds", ["first", "last"])
def test_many_at_once_are_one_label(server, finds):
    """Workers that all believe the request to be theirs agree on the shipment that was made first."""
    seller = Seller(server, finds=finds)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: until_answered(labels(seller).buy, request()), range(8)))

    assert len(seller.bought) == 1
    assert {one.label_id for one in answers} == {seller.bought[0]["id"]}


def test_a_lost_purchase_is_a_doubt_that_can_be_tried_again(server):
    """Nobody knows: not a yes, not a no."""
    seller = Seller(server, ["none"] * 4 + ["done later"])

    with pytest.raises(WorldProblem) as met:
        labels(seller).buy(request())

    assert (met.value.code, met.value.retriable) == ("label-in-doubt", True)


@pytest.mark.parametrize("trouble", ["lost", "failed", "no JSON", "contradiction"])
def test_what_is_bought_counts_and_not_what_is_said(server, trouble):
    """A look behind the purchase tells at once; nobody waits for the next try, and no refusal is believed over it."""
    seller = Seller(server, ["none"] * 4 + [trouble])

    assert labels(seller).buy(request()).tracking_number == "9400111899223197500001"


@pytest.mark.parametrize("step", ["create", "buy"])
def test_a_refusal_is_an_answer(server, step):
    """In EasyPost's words, and nothing is paid."""
    seller = Seller(server)
    seller.refused[step] = "SHIPMENT.POSTAGE.FAILURE"

    answer = labels(seller).buy(request())

    assert isinstance(answer, ReturnLabelRefused)
    assert (answer.return_id, answer.reason) == (
        "return_0001",
        "SHIPMENT.POSTAGE.FAILURE: words of EasyPost",
    )
    assert seller.bought == []


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (Choice(), "rate_3"),
        (Choice(carrier="ups"), "rate_2"),
        (Choice(service="Priority"), "rate_1"),
        (Choice(carrier="UPS", service="Priority"), None),
    ],
)
def test_the_cheapest_that_may_be_taken(choice, expected):
    """Of our currency first: a smaller number of another coin is not less."""
    rates = [
        Rate("rate_0", "USPS", "Ground", "1.00", "CAD"),
        Rate("rate_1", "USPS", "Priority", "9.00", "USD"),
        Rate("rate_2", "UPS", "Ground", "10.00", "USD"),
        Rate("rate_3", "USPS", "Ground", "8.99", "USD"),
        Rate("rate_4", "USPS", "Ground", "NaN", "USD"),
        Rate("rate_5", "USPS", "Ground", "-3.00", "USD"),
    ]

    found = choice.cheapest(rates, "USD")

    assert (found and found[0].id) == expected


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("0.1", "USD", 10),
        ("4503599627370.99", "USD", None),
        ("1.005", "USD", 101),
        ("250", "JPY", 250),
        ("0.0001", "KWD", 1),
        ("999999999.99", "USD", 99999999999),
        ("1e3", "USD", None),
        ("\u0661", "USD", None),
        ("1.00", "usd", None),
    ],
)
def test_a_price_is_a_decimal_and_never_too_little(text, currency, minor):
    """Rounded up to whole coins; what is no plain number is no price."""
    cost = Rate("rate_1", "USPS", "Ground", text, currency).cost

    assert cost == (None if minor is None else Money(minor=minor, currency=currency))
    assert cost is None or cost.minor >= Decimal(text)


# ------------------------------------------------------------------------ the document


def checked(seller, **options):
    return CheckedLabels(labels(seller, **options))


def test_the_label_is_downloaded_and_looked_at(server):
    """The key stays with the API, also where the file is next door."""
    seller = Seller(server)
    ours = checked(seller)
    issued = ours.buy(request())

    assert ours.document(issued) == document(issued.tracking_number)


def test_a_picture_is_made_a_pdf_by_the_seller(server):
    """For accounts whose carriers only draw pictures."""
    seller = Seller(server)
    seller.label = lambda _one: {"label_url": f"{seller.url}/file/x.png", "label_file_type": "image/png"}
    ours = checked(seller)
    issued = ours.buy(request())

    assert ours.document(issued).startswith(b"%PDF-")
    assert seller.asked[-1].endswith("/label?file_format=PDF")


@pytest.mark.parametrize(
    ("printed", "file", "reason"),
    [
        ("9400111899223197599999", None, "label-of-another-parcel"),
        (None, b"<html>sorry</html>", "label-unreadable"),
        (None, document("9400111899223197500001")[:700], "label-unreadable"),
    ],
)
def test_a_label_that_no_scanner_reads_is_refused_and_given_back(server, tmp_path, printed, file, reason):
    """Never attached: the customer would send it for nothing, and we would pay for it."""
    seller = Seller(server)
    seller.printed, seller.file = printed, file
    effects = Effects(labels=checked(seller), store=LabelStore(tmp_path), desk=None, sender=None)

    first = asyncio.run(effects.perform(request(), NOW))
    again = asyncio.run(effects.perform(request(), NOW))

    assert [type(one) for one in (*first, *again)] == [ReturnLabelRefused] * 2
    assert f"[{reason}]" in first[0].reason
    assert [one["refund_status"] for one in seller.bought] == ["submitted"]
    assert list(tmp_path.iterdir()) == []


def test_a_bad_label_is_not_forgotten_while_nobody_takes_it_back(server):
    """The money would be lost: the whole is asked again until the seller says what became of it."""
    seller = Seller(server)
    seller.printed = "9400111899223197599999"
    ours = checked(seller)
    issued = ours.buy(request())
    seller._troubles = ["none", "none", "lost", "no line", "no line", "no line"]

    with pytest.raises(WorldProblem) as met:
        ours.document(issued)
    with pytest.raises(Problem) as then:
        ours.document(issued)

    assert met.value.retriable
    assert then.value.code == "label-of-another-parcel"
    assert seller.bought[0]["refund_status"] == "submitted"


def test_a_file_without_protection_is_not_fetched(server):
    """Anybody between could have drawn it."""
    seller = Seller(server)
    seller.label = lambda _one: {"label_pdf_url": "http://files.example.com/label.pdf"}
    ours = labels(seller)

    with pytest.raises(WorldProblem) as met:
        ours.document(ours.buy(request()))

    assert (met.value.code, met.value.retriable) == ("label-unfetchable", False)


def test_a_label_of_another_seller_is_told_apart(server):
    """Nothing is asked about it."""
    seller = Seller(server)
    issued = msgspec.structs.replace(labels(seller).buy(request()), label_id="label_of_the_sandbox")
    seller.asked.clear()

    for ask in (labels(seller).document, labels(seller).void):
        with pytest.raises(Problem) as met:
            ask(issued)
        assert met.value.code == "label-of-another-provider"
    assert seller.asked == []


@pytest.mark.parametrize(
    ("code", "number", "said"),
    [
        ("9400111899223197500001", "9400111899223197500001", True),
        ("420972059400111899223197500001", "9400 1118 9922 3197 5000 01", True),
        ("\x1d420972059400111899223197500001", "9400111899223197500001", True),
        ("9632001960000000000400152152152158", "152152152158", True),
        ("1Z12345E0205271688", "1z12345e0205271688", True),
        ("1Z12345E0205271688", "271688", False),
        ("9400111899223197500001", "9400111899223197500002", False),
        ("94001118992231975000017", "9400111899223197500001", False),
        ("", "", False),
    ],
)
def test_a_number_stands_alone_or_behind_its_routing(code, number, said):
    """As USPS and FedEx write it; a few digits at the end are no match."""
    assert says(code, number) is said


def test_the_barcode_of_a_carrier_is_read(server):
    """A GS1-128 as USPS prints it: routing and number with their identifiers, which a scanner shows in brackets."""
    issued = labels(Seller(server)).buy(request())
    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.GS1_128
    symbol.scale = 0.5
    symbol.encode("[420]97205[94]" + issued.tracking_number[2:])
    symbol.buffer_vector()
    file = BytesIO()
    canvas = Canvas(file, pagesize=(4 * 72, 6 * 72))
    for bar in symbol.vector.rectangles:
        canvas.rect(30 + bar.x, 200, bar.width, 60, stroke=0, fill=1)
    canvas.save()

    check(file.getvalue(), issued)
    with pytest.raises(Problem, match="label-of-another-parcel"):
        check(file.getvalue(), msgspec.structs.replace(issued, tracking_number="9400111899223197500002"))


def test_labels_are_looked_at_by_many_at_once(server):
    """The library that draws them is not made for threads; effects run in eight."""
    seller = Seller(server)
    issued = labels(seller).buy(request())
    pdf = document(issued.tracking_number)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: check(pdf, issued), range(8))) == [None] * 8


# ------------------------------------------------------------------------ afterwards


@pytest.mark.parametrize("step", range(3))
@pytest.mark.parametrize("trouble", [*BEFORE, *AFTER, "twice"])
def test_a_label_is_given_back_once(server, trouble, step):
    """Whatever happens: the refund is asked for once, and known."""
    seller = Seller(server)
    ours = labels(seller)
    issued = ours.buy(request())
    seller._troubles = ["none"] * step + [trouble]

    assert until_answered(ours.void, issued) is True

    assert ours.void(issued) is True
    assert seller.refunds == [issued.label_id]
    assert isinstance(ours.buy(request()), ReturnLabelRefused)


@pytest.mark.parametrize("how", ["at once", "later"])
def test_a_label_that_was_used_is_not_taken_back(server, how):
    """The carrier has scanned it: the money stays where it is."""
    seller = Seller(server)
    ours = labels(seller)
    issued = ours.buy(request())
    if how == "at once":
        seller.refused["refund"] = "SHIPMENT.REFUND.FAILURE"
    else:
        seller.bought[0]["refund_status"] = "rejected"

    assert ours.void(issued) is False


def test_a_parcel_is_followed_by_its_number(server):
    """In our words; what the seller does not know is None."""
    seller = Seller(server)

    assert labels(seller).track("9400 1") == "in_transit"
    server.answer = reply(200, {"trackers": []})
    assert labels(seller).track("94001") is None
    server.answer = reply(503)
    with pytest.raises(WorldProblem, match="label-seller-unreachable"):
        labels(seller).track("94001")


# ------------------------------------------------------------------------ settings

WHOLE = Settings(
    label_provider="easypost",
    label_key=Secret(KEY),
    return_name="Crunchy Armchairs",
    return_street="1 Example Way",
    return_city="Portland",
    return_country="US",
)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"label_key": None}, "the key"),
        ({"label_key": Secret("two words")}, "the key"),
        ({"label_url": "http://labels.example.com"}, "https"),
        ({"label_url": "http://localhost.example.com"}, "https"),
        ({"return_street": ""}, "return address"),
        ({"return_country": ""}, "return address"),
    ],
)
def test_what_is_missing_is_said_at_the_start(changes, what):
    """Not when the first customer waits for a label; and the key is not repeated."""
    with pytest.raises(UsageProblem) as met:
        EasyPostLabels.from_settings(msgspec.structs.replace(WHOLE, **changes))

    assert met.value.code == "label-not-set"
    assert re.search(what, str(met.value))
    assert KEY not in str(met.value)


def test_the_whole_product_looks_at_what_a_seller_sells(server, tmp_path):
    """Chosen by name, set up by settings, checked before it is attached."""
    seller = Seller(server)
    settings = msgspec.structs.replace(
        WHOLE, data=tmp_path, label_url=seller.url, label_service="Priority", label_weight_g=500
    )
    kit = build(settings)
    try:
        (issued,) = asyncio.run(kit.effects.perform(request(), NOW))
        seller.printed = "9400111899223197599999"
        (refused,) = asyncio.run(kit.effects.perform(request(2), NOW))
    finally:
        kit.ledger.close()

    assert issued.cost == Money(minor=1020, currency="USD")
    assert LabelStore(tmp_path / "labels").get(issued.label_id) == document(issued.tracking_number)
    assert isinstance(refused, ReturnLabelRefused)
    assert b'"weight":17.6' in server.asked[1].body
