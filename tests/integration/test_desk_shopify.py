"""A Shopify that loses answers, answers late, wrongly or not at all has one completed order for every replacement."""

import json
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.resources import files
from urllib.parse import parse_qs

import msgspec
import pytest

from streams.core import events as facts
from streams.core.money import Money
from streams.desks.shopify.admin import Admin
from streams.desks.shopify.desk import ShopifyDesk
from streams.embedded.journal import Journal
from streams.outbound import Asker, Limits
from streams.problems import UsageProblem, WorldProblem
from streams.settings import Secret, Settings
from tests.command_line import firstword
from tests.embedded_runs import HISTORIES
from tests.http_server import cut_short, hang_up, http_server, nonsense, reply

TOKEN = "shpat_not_a_real_token_of_anybody"
STREET = "1 Example Way"
CALM = Limits(connect=5, reply=20, whole=60, tries=3, pause=0.001)
QUICK = Limits(connect=5, reply=0.3, whole=5, tries=3, pause=0.001)  # where nobody answers
STEPS = ("look", "original", "stock", "create", "look again", "complete")


def admin_error(code):
    return {"errors": [{"message": f"about {STREET}", "extensions": {"code": code}}]}


THROTTLED = admin_error("THROTTLED") | {
    "extensions": {
        "cost": {
            "requestedQueryCost": 22,
            "actualQueryCost": None,
            "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 11.9, "restoreRate": 100.0},
        }
    }
}

# Trouble before anything is done, and behind it.
BEFORE = {
    "busy": reply(503),
    "gateway": reply(502, b"<html>"),
    "too many": reply(429),
    "throttled": reply(200, THROTTLED),
    "internal": reply(200, admin_error("INTERNAL_SERVER_ERROR")),
    "no scope": reply(200, admin_error("ACCESS_DENIED")),
    "closed": reply(402, b"{}"),
    "no line": hang_up,
}
AFTER = {
    "lost": hang_up,
    "torn": cut_short,
    "nonsense": nonsense,
    "failed": reply(500, b"\xff"),
    "no JSON": reply(200, b"<html>\x00 ok"),
    "a list": reply(200, b"[]"),
    "too deep": reply(200, b"[" * 100_000),
    "empty": reply(200, b""),
    "no data": reply(200, {"data": None}),
    "other data": reply(
        200, {"data": {"change": {"draftOrder": 7}, "tagged": {}, "order": [], "productVariants": 1}}
    ),
    "strange errors": reply(200, {"data": None, "errors": "nobody knows"}),
    "half thrown away": reply(200, {"data": {"change": None}, **admin_error("THROTTLED")}),
}
LATE = ("silent", "late", "done later")


class Shop:
    """A shop in Shopify as its Admin API shows it; each question meets the next trouble."""

    def __init__(self, server, troubles=(), *, blind=False):
        self.url = server.url
        self.drafts, self.orders, self.asked = [], [], []
        self.stock = {"MARK-BRUSH-12": variant(77, "MARK-BRUSH-12")}
        self.bought = {str(number): original() for number in range(1001, 1101)}
        self.wrong = {}  # what Shopify says to a mutation instead of doing it
        self.blind = blind  # a search index that knows nothing yet
        self.ready = True
        self.secrets = [TOKEN]
        self._postponed = []
        self._server = server
        self._troubles = list(troubles)
        self._lock = threading.RLock()
        server.answer = self._answer

    def _answer(self, handler, asked):
        handler.connection.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # 40 ms for each answer otherwise
        with self._lock:
            behave = self._decide(asked)
        behave(handler, asked)

    def _decide(self, asked):
        if asked.path.endswith("/oauth/access_token"):
            return self._grant(parse_qs(asked.body.decode()))
        if asked.headers.get("x-shopify-access-token") not in self.secrets:
            return reply(401, {"errors": "[API] Invalid API key or access token"})
        name, told = asked.json["operationName"], asked.json["variables"]
        self.asked.append(name)
        trouble = self._troubles.pop(0) if self._troubles else "none"
        if trouble in BEFORE:
            return BEFORE[trouble]
        if trouble == "done later":
            return self._later(name, told)
        answer = reply(200, {"data": getattr(self, f"_{name.lower()}")(told), "extensions": {"cost": {}}})
        self._catch_up()
        late = {"silent": self._server.wait(), "late": self._server.wait(answer)}
        return late.get(trouble) or AFTER.get(trouble) or answer

    def _later(self, name, told):
        """Do it when two more questions are answered: whoever asked has given up by then."""
        self._postponed.append([2, name, told])
        return hang_up

    def _catch_up(self):
        for one in self._postponed:
            one[0] -= 1
            if not one[0]:
                getattr(self, f"_{one[1].lower()}")(one[2])
        self._postponed = [one for one in self._postponed if one[0]]

    def _grant(self, told):
        if told["client_secret"] != ["of a test"]:
            return reply(400, {"error": "invalid_client"})
        self.secrets = [f"shpat_{len(self.server_grants())}"]
        return reply(
            200, {"access_token": self.secrets[0], "scope": "write_draft_orders", "expires_in": 86399}
        )

    def server_grants(self):
        return [one for one in self._server.asked if one.path.endswith("/oauth/access_token")]

    def _look(self, told):
        tag = told["search"].removeprefix('tag:"').removesuffix('"')
        hits = [] if self.blind else [one for one in self.drafts if tag in one["tags"]]
        orders = [] if self.blind else [one for one in self.orders if tag in one["tags"]]
        shown = [{key: one[key] for key in ("legacyResourceId", "tags")} for one in orders]
        seen = [
            self._shown(one) for one in sorted(self.drafts, key=lambda one: -int(one["legacyResourceId"]))
        ]
        return {
            "tagged": {"nodes": [self._shown(one) for one in hits]},
            "latest": {"nodes": seen[:50]},
            "orders": {"nodes": shown},
        }

    def _original(self, told):
        return {"order": self.bought.get(told["id"].rpartition("/")[2])}

    def _stock(self, told):
        words = told["search"].replace('"', "").split(":")
        nodes = [one for one in self.stock.values() if words[1] in (one["sku"], one["legacyResourceId"])]
        return {"productVariants": {"nodes": [*nodes, variant(99, words[1] + "-XL")]}}

    def _create(self, told):
        if "create" in self.wrong:
            return changed(None, self.wrong["create"])
        number = 500 + len(self.drafts)
        draft = {
            "id": f"gid://shopify/DraftOrder/{number}",
            "legacyResourceId": str(number),
            "name": f"#D{len(self.drafts) + 1}",
            "status": "OPEN",
            "ready": self.ready,
            "tags": told["input"]["tags"],
            "order": None,
            "input": told["input"],
        }
        self.drafts.append(draft)
        return changed(self._shown(draft))

    def _complete(self, told):
        (draft,) = [one for one in self.drafts if one["id"] == told["id"]] or [None]
        if draft is None or draft["order"] is not None or "complete" in self.wrong:
            return changed(None, self.wrong.get("complete", "This order has been paid"))
        if not draft["ready"]:
            return changed(self._shown(draft), "Draft order is being calculated")
        order = {"legacyResourceId": str(9000 + len(self.orders)), "tags": draft["tags"], "draft": draft}
        self.orders.append(order)
        draft.update(status="COMPLETED", order=order)
        return changed(self._shown(draft))

    def _shown(self, draft):
        order = draft["order"] and {key: draft["order"][key] for key in ("legacyResourceId", "tags")}
        return {key: value for key, value in draft.items() if key != "input"} | {"order": order}


def changed(draft, *errors):
    said = [{"field": None, "message": message} for message in errors]
    return {"change": {"draftOrder": draft, "userErrors": said}}


def variant(number, sku, quantity=10, policy="DENY", *, tracked=True):
    return {
        "id": f"gid://shopify/ProductVariant/{number}",
        "legacyResourceId": str(number),
        "sku": sku,
        "inventoryPolicy": policy,
        "inventoryQuantity": quantity,
        "inventoryItem": {"tracked": tracked},
    }


def original():
    return {
        "currencyCode": "USD",
        "email": "ada@example.com",
        "customer": {"id": "gid://shopify/Customer/42"},
        "shippingAddress": {"firstName": "Ada", "address1": STREET, "city": "Portland", "countryCode": "US"},
    }


def request(number=1, sku="MARK-BRUSH-12", quantity=1, *, expedited=True):
    return facts.ReplacementRequested(
        order_id=str(1000 + number),
        decision_id=f"dec_{number}",
        case_id=f"case_{number}",
        replacement_id=f"rep_{number:032x}",
        lines=(facts.Pieces(sku=sku, quantity=quantity),),
        expedited=expedited,
        cost=Money(minor=1900, currency="USD"),
    )


@pytest.fixture
def server():
    with http_server() as server:
        yield server


def desk(shop, secret=TOKEN, limits=CALM):
    return ShopifyDesk(Admin(shop.url, secret, asker=Asker(limits)))


def until_answered(desk, wanted, *, met=None):
    """Ask as the effects do: again, until there is an answer."""
    for _ in range(50):
        try:
            return desk.order(wanted)
        except WorldProblem as problem:
            if not problem.retriable:
                raise
            if met is not None:
                met.append(str(problem))
    raise AssertionError("no answer in fifty tries")


def tags_of(shop):
    return [tag for order in shop.orders for tag in order["tags"]]


def test_what_is_ordered_costs_nothing_and_goes_to_the_same_door(server):
    """The draft, as Shopify gets it: article, address, discount with its reason, shipping, tag, and what it makes good."""
    shop = Shop(server)

    answer = desk(shop).order(request(quantity=3))

    (order,) = shop.orders
    assert answer.reference == order["legacyResourceId"]
    assert order["draft"]["input"] == {
        "lineItems": [{"variantId": "gid://shopify/ProductVariant/77", "quantity": 3}],
        "tags": [request().replacement_id],
        "appliedDiscount": {
            "title": "Replacement",
            "description": "replacement for 1001",
            "value": 100.0,
            "valueType": "PERCENTAGE",
        },
        "shippingLine": {"title": "Express", "priceWithCurrency": {"amount": "0.00", "currencyCode": "USD"}},
        "shippingAddress": original()["shippingAddress"],
        "acceptAutomaticDiscounts": False,
        "customAttributes": [{"key": "replaces", "value": "1001"}],
        "email": "ada@example.com",
        "purchasingEntity": {"customerId": "gid://shopify/Customer/42"},
    }
    assert {one.path for one in server.asked} == {"/admin/api/2026-07/graphql.json"}
    assert shop.asked == ["Look", "Original", "Stock", "Create", "Look", "Complete"]


def test_without_haste_it_goes_the_standard_way(server):
    """And an order without customer and address of mail is no reason to send nothing."""
    shop = Shop(server)
    shop.bought["1001"] |= {"email": None, "customer": None}

    desk(shop).order(request(expedited=False))

    found = shop.drafts[0]["input"]
    assert found["shippingLine"]["title"] == "Standard"
    assert found.keys().isdisjoint({"email", "purchasingEntity"})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", [*BEFORE, *AFTER, *LATE])
def test_one_trouble_at_any_step_is_one_order(server, trouble, step):
    """Whatever happens at whichever step, the shop has one order, we have its number, and nobody reads a secret."""
    shop = Shop(server, ["none"] * STEPS.index(step) + [trouble])
    met = []

    ours = desk(shop, limits=QUICK if trouble in {"silent", "late"} else CALM)

    answer = until_answered(ours, request(), met=met)

    assert (tags_of(shop), answer.reference) == ([request().replacement_id], "9000")
    assert len(shop.drafts) == 1 or trouble in LATE
    assert [said for said in met if TOKEN in said or STREET in said or server.url in said] == []


@pytest.mark.parametrize("step", STEPS)
def test_no_points_left_is_waited_out(server, step):
    """As long as the bucket takes to refill by Shopify's own figures; nothing was done, so the same question is repeated."""
    shop = Shop(server, ["none"] * STEPS.index(step) + ["throttled", "throttled"])
    waited = []
    ours = ShopifyDesk(Admin(shop.url, TOKEN, asker=Asker(CALM), sleep=waited.append))

    assert ours.order(request()).reference == "9000"
    assert [round(seconds, 4) for seconds in waited] == [0.101, 0.101]


@pytest.mark.parametrize("step", ["create", "complete"])
@pytest.mark.parametrize("trouble", ["lost", "silent", "failed"])
def test_a_search_that_knows_nothing_yet_makes_nothing_twice(server, trouble, step):
    """The index behind a search is some seconds old; the list of the latest drafts is not."""
    shop = Shop(server, ["none"] * STEPS.index(step) + [trouble], blind=True)

    answer = until_answered(desk(shop, limits=QUICK if trouble == "silent" else CALM), request())

    assert (len(shop.drafts), tags_of(shop)) == (1, [request().replacement_id])
    assert answer.reference == "9000"


def test_of_two_drafts_everybody_completes_the_first(server):
    """So two that were made at the same time, or because an answer came late, are one order."""
    shop = Shop(server)
    for _ in range(2):
        shop._create({"input": {"tags": [request().replacement_id]}})

    desk(shop).order(request())

    assert [one["status"] for one in shop.drafts] == ["COMPLETED", "OPEN"]


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("seed", range(2))
def test_every_sort_of_trouble_in_any_order(server, seed, blind):
    """Forty replacements through a shop that fails one time of three."""
    dice = random.Random(seed)
    kinds = [*BEFORE, *AFTER]
    shop = Shop(
        server, [dice.choice(kinds) if dice.random() < 0.33 else "none" for _ in range(600)], blind=blind
    )
    wanted = [request(number) for number in range(1, 41)]
    ours = desk(shop)

    answers = [until_answered(ours, one) for one in wanted]

    assert sorted(tags_of(shop)) == sorted(one.replacement_id for one in wanted)
    numbers = {order["tags"][0]: order["legacyResourceId"] for order in shop.orders}
    assert [answer.reference for answer in answers] == [numbers[one.replacement_id] for one in wanted]


def test_many_at_once_are_one_order(server):
    """Two workers that both believe the request to be theirs agree on the draft that was made first."""
    shop = Shop(server)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: until_answered(desk(shop), request()), range(8)))

    assert tags_of(shop) == [request().replacement_id]
    assert {answer.reference for answer in answers} == {"9000"}


def test_a_draft_that_comes_after_all_is_left_alone(server):
    """It was given up, another one was completed: the late one ships nothing, though it be the older one."""
    shop = Shop(server)
    first = desk(shop).order(request())
    late = shop.drafts[0] | {
        "legacyResourceId": "1",
        "id": "gid://shopify/DraftOrder/1",
        "status": "OPEN",
        "order": None,
    }
    shop.drafts.append(late)

    again = desk(shop).order(request())

    assert (again, len(shop.orders), late["order"]) == (first, 1, None)


def test_a_draft_that_is_still_calculated_is_waited_for(server):
    """Shopify says when a draft can be completed; until then there is no answer, and no second draft."""
    shop = Shop(server)
    shop.ready = False
    ours = desk(shop)

    with pytest.raises(WorldProblem) as met:
        ours.order(request())
    shop.drafts[0]["ready"] = True

    assert met.value.code == "desk-unanswered"
    assert (ours.order(request()).reference, len(shop.drafts)) == ("9000", 1)


# ------------------------------------------------------------------------ no


@pytest.mark.parametrize(
    ("sku", "quantity", "reason"),
    [
        ("ARMCHAIR", 1, "the shop has no article ARMCHAIR"),
        ("MARK-BRUSH-12", 11, "MARK-BRUSH-12 is out of stock: 11 wanted, 10 there"),
        ("variant:78", 1, "the shop has no article variant:78"),
        ("product:77", 1, "the shop has no article product:77"),
    ],
)
def test_what_cannot_be_shipped_is_refused(server, sku, quantity, reason):
    """With the reason, and before anything is made."""
    shop = Shop(server)

    answer = desk(shop).order(request(sku=sku, quantity=quantity))

    assert (type(answer), answer.reason) == (facts.ReplacementRefused, reason)
    assert (shop.drafts, shop.orders) == ([], [])


@pytest.mark.parametrize(
    "found",
    [
        variant(77, "LAMP", 0, "CONTINUE"),
        variant(77, "LAMP", None, tracked=False),
        variant(77, "LAMP", -3, tracked=False),
    ],
)
def test_what_is_sold_beyond_stock_or_not_counted_is_shipped(server, found):
    """Zero is no number of pieces then."""
    shop = Shop(server)
    shop.stock = {"LAMP": found}

    assert desk(shop).order(request(sku="LAMP")).reference == "9000"


def test_the_pieces_of_one_article_are_counted_together(server):
    """Twice six of ten is too many, and both articles that are missing are named."""
    shop = Shop(server)
    lines = tuple(facts.Pieces(sku=sku, quantity=6) for sku in ("MARK-BRUSH-12", "MARK-BRUSH-12", "LAMP"))

    answer = desk(shop).order(msgspec.structs.replace(request(), lines=lines))

    assert answer.reason == "MARK-BRUSH-12 is out of stock: 12 wanted, 10 there; the shop has no article LAMP"


def test_an_article_without_a_sku_is_found_by_its_number(server):
    """Our Shopify source calls it variant:NUMBER."""
    shop = Shop(server)

    desk(shop).order(request(sku="variant:77"))

    assert shop.drafts[0]["input"]["lineItems"][0]["variantId"] == "gid://shopify/ProductVariant/77"


@pytest.mark.parametrize(
    ("order_id", "bought", "reason"),
    [
        ("CRUNCHY-ARMCHAIR", {}, "CRUNCHY-ARMCHAIR is not the number of an order in Shopify"),
        ("1001", {}, "the shop has no order 1001"),
        (
            "1001",
            {"1001": original() | {"shippingAddress": None}},
            "the shop has no shipping address for the order 1001",
        ),
    ],
)
def test_an_order_that_cannot_be_made_good_there_is_refused(server, order_id, bought, reason):
    """Nobody knows where to send it."""
    shop = Shop(server)
    shop.bought = bought

    answer = desk(shop).order(msgspec.structs.replace(request(), order_id=order_id))

    assert (answer.reason, shop.drafts) == (reason, [])


@pytest.mark.parametrize(
    ("step", "reason"),
    [("create", "Zip is not valid"), ("complete", "Zip is not valid; the draft #D1 stays open")],
)
def test_what_shopify_will_not_do_is_refused_in_its_words(server, step, reason):
    """The same request gets the same answer, and nothing was shipped."""
    shop = Shop(server)
    shop.wrong[step] = "Zip is not valid"
    ours = desk(shop)

    first = ours.order(request())

    assert (first.reason, shop.orders) == (reason, [])
    assert ours.order(request()) == first


# ------------------------------------------------------------------------ who we are


def test_an_app_without_a_lasting_token_asks_for_one_and_again_when_it_has_expired(server):
    """Client id and secret of the Dev Dashboard; a token that Shopify does not take any more is renewed once."""
    shop = Shop(server)
    ours = desk(shop, "crunchy:of a test")

    ours.order(request(1))
    shop.secrets = []
    ours.order(request(2))

    assert (len(shop.orders), len(shop.server_grants())) == (2, 2)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("shpat_of_somebody_else", "it answered with 401"),
        ("crunchy:of somebody else", "no access token: it answered with 400"),
    ],
)
def test_a_wrong_secret_is_for_the_shop_to_set_right(server, secret, why):
    """It is no refusal of the replacement, and it is not said aloud."""
    shop = Shop(server)

    with pytest.raises(WorldProblem) as met:
        desk(shop, secret).order(request())

    assert (met.value.code, met.value.why, met.value.retriable) == ("desk-refuses-us", why, True)
    assert secret.rpartition(":")[2] not in json.dumps(met.value.as_json())
    assert shop.asked == []


@pytest.mark.parametrize(
    "said",
    [
        reply(503),
        reply(200, b"<html>"),
        reply(200, {"access_token": "a\nb"}),
        reply(200, b"[" * 100_000),
        hang_up,
    ],
)
def test_no_token_is_no_answer(server, said):
    """Nothing was asked, so it is simply asked again."""
    shop = Shop(server)
    server.script = [said]
    ours = desk(shop, "crunchy:of a test")

    with pytest.raises(WorldProblem) as met:
        ours.order(request())

    assert met.value.code == "desk-unanswered"
    assert ours.order(request()).reference == "9000"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        (None, TOKEN),
        ("crunchy-armchair.myshopify.com", TOKEN),
        ("http://crunchy-armchair.myshopify.com", TOKEN),
        ("http://localhost.example.com", TOKEN),
        ("https://crunchy-armchair.myshopify.com", None),
        ("https://crunchy-armchair.myshopify.com", "shpat_a\nX-Injected: b"),
        ("https://crunchy-armchair.myshopify.com", "shpät"),
    ],
)
def test_a_desk_without_shop_or_token_is_refused_at_the_start(url, secret):
    """A token never travels unprotected, and neither is said aloud."""
    settings = Settings(desk_url=Secret(url) if url else None, desk_secret=Secret(secret) if secret else None)

    with pytest.raises(UsageProblem) as met:
        ShopifyDesk.from_settings(settings)

    assert met.value.code == "desk-not-set"
    assert secret is None or secret not in str(met.value)


# ------------------------------------------------------------------------ at work


def test_the_command_orders_at_the_shop_that_is_set(server, tmp_path):
    """The marker story, from settings to the shop: lost answers on the way, one order, and no word of the token."""
    shop = Shop(server, ["busy", "none", "none", "lost", "none", "lost"])
    told = {"FIRSTWORD_DESK": "shopify", "FIRSTWORD_DESK_URL": shop.url, "FIRSTWORD_DESK_SECRET": TOKEN}
    story = (HISTORIES / "marker_story.ndjson").read_text("utf-8").replace("ORD-1001", "1001")
    (tmp_path / "story.ndjson").write_text(story, "utf-8")
    words = ["run", "--data", str(tmp_path / "d"), "--source", f"native={tmp_path / 'story.ndjson'}"]

    ran = firstword(*words, "--clock", "history", **told, FIRSTWORD_LOG_LEVEL="DEBUG")

    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stderr
    with closing(Journal(tmp_path / "d" / "journal.sqlite")) as journal:
        facts_told = [one.fact for one in journal.decisions() if one.type == "replacement.accepted.v1"]
    assert [one.reference for one in facts_told] == ["9000"]
    assert tags_of(shop) == [facts_told[0].replacement_id]
    assert [said for said in (ran.stderr, ran.stdout) if TOKEN in said or STREET in said] == []


# ------------------------------------------------------------------------ recorded

RECORDED = files("streams.desks.shopify") / "recorded"


@pytest.mark.parametrize("name", sorted(one.name for one in RECORDED.iterdir()))
def test_a_recorded_exchange_goes_as_it_went(server, name):
    """Every question is asked as it was, and the answers lead to what they led to."""
    story = json.loads((RECORDED / name).read_text("utf-8"))
    exchanges = story["exchanges"]
    server.script = [reply(one["status"], one["answer"]) for one in exchanges]
    wanted = msgspec.convert(story["request"], facts.ReplacementRequested)

    answer = until_answered(ShopifyDesk(Admin(server.url, TOKEN, asker=Asker(CALM))), wanted)

    asked = [{key: one.json[key] for key in ("operationName", "variables")} for one in server.asked]
    assert asked == [one["asked"] for one in exchanges]
    assert msgspec.to_builtins(answer) == story["outcome"]
