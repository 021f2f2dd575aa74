"""The console over HTTP: who may look, who may do what, and that words from outside stay words."""

import io
import json
import logging
from html.parser import HTMLParser

import pytest

from streams import telemetry
from streams.problems import WorldProblem
from streams.web.app import make_app
from tests.web_rig import HOSTILE, TOKENS, Client, NotedDeeds, SmallReading, make_room, serving

PAGES = [
    "/",
    "/cases",
    "/cases?kind=late_delivery",
    "/search",
    "/order?id=ORD-10428",
    "/order/letter?order=ORD-10428&id=msg_1",
    "/reviews/letter?id=rev_0",
    "/reviews",
    "/held",
    "/letters",
    "/letters?code=json-invalid",
    "/letter?id=ded_1",
    "/mail",
    "/variants",
    "/backtests",
    "/backtest?name=20261120-091500",
    "/backtest/report?name=20261120-091500",
    "/keys",
]
FRAMED = ("/order/letter", "/reviews/letter", "/backtest/report")
DEEDS = {
    "/reviews": ("approver", {"review_id": "rev_0", "verdict": "approve", "note": "our mistake"}),
    "/letters": ("operator", {"letter": "ded_1"}),
    "/mail": ("operator", {"message_id": "msg_9", "verdict": "arrived", "evidence": "the relay's log"}),
    "/backtests": ("operator", {"name1": "patient", "changes1": "detect.late_delivery.major_days=5"}),
    "/search": ("reader", {"text": "ORD"}),
}


@pytest.fixture
def deeds():
    return NotedDeeds()


@pytest.fixture
def base(deeds):
    with serving(make_room(deeds=deeds)) as address:
        yield address


@pytest.fixture
def log():
    """What the console writes to its log."""
    logger = logging.getLogger("firstword")
    before = (logger.handlers[:], logger.level, logger.propagate)
    stream = io.StringIO()
    telemetry.configure("INFO", stream)
    yield stream
    logger.handlers[:], logger.level, logger.propagate = before


def test_every_route_is_asked_here():
    """A new page is looked at by these tests, or this one fails."""
    routes = {
        (route.method, route.resource.canonical)
        for route in make_app(make_room()).router.routes()
        if route.method != "HEAD"
    }

    shown = {("GET", path.partition("?")[0]) for path in PAGES}
    done = {("POST", path) for path in DEEDS}
    door = {("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-out")}
    assert routes == shown | done | door | {("GET", "/static/{mark}/{name}"), ("GET", "/health/live")}


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_sees_nothing(base, page):
    """Every page sends who did not sign in to the door."""
    answer = Client(base).get(page)

    assert (answer.status, answer.location, answer.body) == (303, "/sign-in", b"")


@pytest.mark.parametrize("page", PAGES)
def test_a_reader_sees_every_page(base, page):
    """Whoever signed in may look at everything."""
    answer = Client(base).sign_in("reader").get(page)

    assert answer.status == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("page", [*PAGES, "/sign-in", "/nowhere", "/order?id=nobody"])
def test_every_answer_tells_the_browser_what_it_may_do(base, page):
    """No script but ours, no frame around us, no copy on a disk; a mail may run nothing at all."""
    headers = Client(base).sign_in("reader").get(page).headers

    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'unsafe-inline'" not in policy
    if page.startswith(FRAMED):
        assert "script-src" not in policy
        assert policy.endswith("sandbox")
        assert "frame-ancestors 'self'" in policy
    else:
        assert "style-src 'self'; script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("page", DEEDS)
@pytest.mark.parametrize("form_token", [None, "", "guess", "of another visit", "of a stranger"])
def test_nothing_is_done_without_the_token_of_the_visit(base, deeds, page, form_token):
    """A page elsewhere cannot know it, however it guesses."""
    client = Client(base).sign_in("approver")
    other, stranger = Client(base).sign_in("approver"), Client(base)
    stranger.get("/sign-in")
    known = {"of another visit": other.form_token, "of a stranger": stranger.form_token}
    _, form = DEEDS[page]
    client.form_token = known.get(form_token, form_token or "")

    answer = client.post(page, **form)

    assert (answer.status, "form-not-ours" in answer.text) == (400, True)
    assert deeds.asked == []


@pytest.mark.parametrize("page", DEEDS)
def test_nothing_is_done_for_another_sites_page(base, deeds, page):
    """Browsers say where a form comes from; ours come from here."""
    client = Client(base).sign_in("approver")

    answer = client.post(page, headers={"Sec-Fetch-Site": "cross-site"}, **DEEDS[page][1])

    assert answer.status == 400
    assert deeds.asked == []


@pytest.mark.parametrize("page", DEEDS)
@pytest.mark.parametrize("role", TOKENS)
def test_each_role_does_what_it_may_and_nothing_else(base, deeds, page, role):
    """A reader looks, an operator puts things right, an approver decides."""
    ranks = ["reader", "operator", "approver"]
    least, form = DEEDS[page]
    may = ranks.index(role) >= ranks.index(least)

    answer = Client(base).sign_in(role).post(page, **form)

    assert answer.status == (403 if not may else 200 if page == "/search" else 303)
    assert ("role-too-low" in answer.text) is not may
    assert len(deeds.asked) == (1 if may and page != "/search" else 0)


@pytest.mark.parametrize("page", ["/reviews", "/letters", "/letter?id=ded_1", "/mail", "/backtests"])
def test_a_reader_is_shown_no_button_that_would_be_refused(base, page):
    """Nobody finds out by pressing."""
    buttons = ("Approve", "Refuse", "It went out", "Try the ticked again", "Try it again", "Run the backtest")

    shown = Client(base).sign_in("approver").get(page).text
    left_out = Client(base).sign_in("reader").get(page).text

    assert any(f">{button}</button>" in shown for button in buttons)
    assert not any(f">{button}</button>" in left_out for button in buttons)


def test_what_was_asked_arrives_with_who_asked(base, deeds):
    """The name of the visit goes along: it is what stands in the journal."""
    client = Client(base).sign_in("approver", name="Ada Okoye")

    for page, (_, form) in DEEDS.items():
        client.post(page, **form)

    kinds = {one[0]: one for one in deeds.asked}
    assert kinds["review"] == ("review", "rev_0", True, "Ada Okoye", "our mistake")
    assert kinds["redrive"] == ("redrive", ("ded_1",), None, "Ada Okoye")
    assert kinds["settle"] == ("settle", "msg_9", "arrived", "Ada Okoye", "the relay's log")
    assert [one.name for one in kinds["backtest"][1]] == ["patient"]


def test_a_decision_is_handed_over_once(base, deeds):
    """A second press, or a second person, finds that it is done."""
    client, other = Client(base).sign_in("approver"), Client(base).sign_in("approver", name="Ben")

    first = client.post("/reviews", **DEEDS["/reviews"][1])
    second = other.post("/reviews", review_id="rev_0", verdict="refuse", note="no")

    assert (first.location, second.location) == ("/reviews?done=approved", "/reviews?done=nothing")
    assert len(deeds.asked) == 1
    assert "Approved by ada" in client.get("/reviews").text


@pytest.mark.parametrize(
    ("page", "form", "code"),
    [
        ("/reviews", {"review_id": "rev_0", "verdict": "approve", "note": " "}, "reason-missing"),
        ("/reviews", {"review_id": "rev_0", "note": "yes"}, "verdict-missing"),
        ("/mail", {"message_id": "msg_9", "verdict": "arrived", "evidence": ""}, "evidence-missing"),
        ("/mail", {"message_id": "msg_9", "verdict": "burn", "evidence": "x"}, "verdict-missing"),
        ("/letters", {}, "nothing-chosen"),
        ("/backtests", {"name1": "x", "changes1": ""}, "variant-wrong"),
        ("/backtests", {"name1": "--html", "changes1": "a=1"}, "variant-wrong"),
        ("/backtests", {"name1": "x", "changes1": "--html /etc/x"}, "variant-wrong"),
        ("/backtests", {"name1": "x", "changes1": "a.b=1", "until": "soon"}, "variant-wrong"),
    ],
)
def test_half_a_form_is_refused_with_the_way_out(base, deeds, page, form, code):
    """The code, the sentence and the hint; nothing is done."""
    answer = Client(base).sign_in("approver").post(page, **form)

    assert (answer.status, code in answer.text) == (400, True)
    assert "What to do" in answer.text
    assert deeds.asked == []


def test_a_review_that_is_gone_is_not_decided(base, deeds):
    """Somebody else was faster, or the order was put right."""
    answer = Client(base).sign_in("approver").post("/reviews", review_id="rev_x", verdict="approve", note="y")

    assert answer.location == "/reviews?done=nothing"
    assert deeds.asked == []


# ---------------------------------------------------------------------------- the door


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(base):
    """HttpOnly, SameSite=Strict; Secure wherever the way here is."""
    client = Client(base)
    client.get("/sign-in")
    body = {"name": "Ada", "token": TOKENS["reader"]}

    plain = client.post("/sign-in", **body).headers["Set-Cookie"]
    client = Client(base)
    client.get("/sign-in")
    secure = client.post("/sign-in", headers={"X-Forwarded-Proto": "https"}, **body).headers["Set-Cookie"]

    assert "HttpOnly" in plain
    assert "SameSite=Strict" in plain
    assert "Secure" not in plain
    assert "Secure" in secure


def test_a_wrong_token_opens_nothing(base, log):
    """And the log says that somebody tried, not what they typed."""
    client = Client(base)
    client.get("/sign-in")

    answer = client.post("/sign-in", name="Ada Okoye", token="guessed-guessed-guessed")

    assert answer.status == 403
    assert "guessed" not in answer.text
    assert client.get("/").location == "/sign-in"
    assert [json.loads(line)["name"] for line in log.getvalue().splitlines()] == ["sign_in_refused"]
    assert "guessed" not in log.getvalue()


def test_signing_in_makes_a_new_visit(base):
    """Who planted a cookie before somebody signed in is not signed in with them."""
    client = Client(base)
    client.get("/sign-in")
    before, token = client.cookie, client.form_token
    client.post("/sign-in", name="Ada", token=TOKENS["reader"])

    assert client.cookie != before
    assert client.ask("GET", "/", Cookie=before).location == "/sign-in"
    client.form_token = token
    assert client.post("/search", text="x").status == 400


def test_signing_out_takes_a_form_and_ends_the_visit(base):
    """No link elsewhere signs anybody out."""
    client = Client(base).sign_in("reader")

    assert client.ask("GET", "/sign-out").status == 405
    assert client.post("/sign-out").location == "/sign-in"
    assert client.get("/").status == 303


def test_a_proxy_brings_its_people_in(deeds):
    """Without a token and without a cookie, and with the role that it names."""
    room = make_room(deeds=deeds, console_user_header="X-User", console_role_header="X-Groups")
    with serving(room) as base:
        client = Client(base)
        page = client.ask("GET", "/reviews", X_User="ada", X_Groups="staff,operator")
        client.form_token = page.form_token
        done = client.post("/letters", headers={"X-User": "ada", "X-Groups": "operator"}, letter="ded_1")
        refused = client.post(
            "/reviews", headers={"X-User": "ada", "X-Groups": "operator"}, **DEEDS["/reviews"][1]
        )

    assert (page.status, done.status, refused.status) == (200, 303, 403)
    assert deeds.asked == [("redrive", ("ded_1",), None, "ada")]


# ---------------------------------------------------------------------------- words from outside


class Scripts(HTMLParser):
    """Finds whatever a browser would run, and frames, links and forms that lead away from here."""

    def __init__(self):
        super().__init__()
        self.found = []
        self.text = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "script" and not (given.get("src") or "").startswith("/static/"):
            self.found.append(tag)
        self.found += [name for name in given if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "formaction"):
            where = given.get(name)
            if where is not None and not (where.startswith(("/", "#")) and not where.startswith("//")):
                self.found.append(where)
        if tag == "img" and not (given.get("src") or "").startswith("/static/"):
            self.found.append(tag)

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("page", [one for one in PAGES if not one.startswith(FRAMED)])
def test_hostile_words_are_shown_as_words(page):
    """A name, a report, an order id, a carrier's place, a relay's reply: whatever somebody else can write."""
    with serving(make_room(SmallReading(HOSTILE))) as base:
        client = Client(base).sign_in("approver", name=HOSTILE[:80])
        shown = client.get(
            page.replace(
                "ORD-10428",
                "%3Cscript%3Edocument.title%3D%27owned%27%3C/script%3E"
                "%3Cimg%20src=x%20onerror=%22document.title=%27owned%27%22%3E",
            )
        )

    scripts = Scripts()
    scripts.feed(shown.text)
    assert shown.status == 200
    assert scripts.found == []
    assert any("<script>document.title='owned'</script>" in text for text in scripts.text)


def test_what_was_searched_for_stands_in_no_address(base, log):
    """An address of a customer is sent in a form, and leads to an order by the order's own name."""
    client = Client(base).sign_in("reader")

    found = client.post("/search", text="ines@example.com")
    none = client.post("/search", text="nobody@example.com")

    assert found.location == "/order?id=ORD-10428"
    assert none.status == 200
    assert "Nothing here is called that" in none.text
    assert "@" not in log.getvalue()
    assert "Ada" not in log.getvalue()


@pytest.mark.parametrize("order_id", ["a/b", "..", "a?b&c=d#e", "ä €", "%2e%2e", "+", "a\\b"])
def test_an_order_may_be_called_anything(order_id):
    """Its address leads to it, whatever characters its name has."""
    reading = SmallReading()
    reading.order_id = order_id
    with serving(make_room(reading)) as base:
        client = Client(base).sign_in("reader")
        way = client.post("/search", text=order_id).location
        answer = client.get(way)

    assert answer.status == 200
    assert "Where it stands" in answer.text


@pytest.mark.parametrize(
    "page", ["/cases?page=-1", "/cases?page=x", "/cases?page=99999999999", "/cases?page=%D9%A3"]
)
def test_a_page_number_that_is_none_is_the_first(base, page):
    """Nobody breaks a list by its address."""
    assert Client(base).sign_in("reader").get(page).status == 200


def test_a_storm_is_told_before_anything_else(base):
    """What is far more than usual stands on the first page, with the way to its cases."""
    text = Client(base).sign_in("reader").get("/").text

    assert "Storm: late delivery." in text
    assert text.index("Storm:") < text.index("Waiting for a person")
    assert text.count("Storm:") == 1
    assert '<a href="/cases?kind=late_delivery">Look at the cases</a>' in text


def test_an_unknown_order_and_page_say_so(base):
    """404, with the way on."""
    client = Client(base).sign_in("reader")

    assert client.get("/order?id=nobody").status == 404
    assert client.get("/letter?id=nobody").status == 404
    assert client.get("/order/letter?order=ORD-10428&id=nobody").status == 404
    assert client.get("/backtest?name=../../etc").status == 404
    assert client.get("/nowhere").status == 404


def test_a_long_form_is_refused(base):
    """64 KiB are more than anybody writes."""
    client = Client(base).sign_in("approver")

    assert client.post("/reviews", review_id="rev_0", verdict="approve", note="x" * 70_000).status == 413


# ---------------------------------------------------------------------------- when the world is out of order


class Broken(SmallReading):
    """A database that went away, or a mistake of ours; ``today`` still answers."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def held(self, _page):
        raise self.error


def test_a_database_that_went_away_is_said_with_the_way_out(log):
    """503, on a page of the same frame."""
    problem = WorldProblem("read-model-unusable", "the tables cannot be read", hint="bring it back")
    with serving(make_room(Broken(problem))) as base:
        answer = Client(base).sign_in("reader").get("/held")

    assert answer.status == 503
    assert "The tables cannot be read" in answer.text
    assert "bring it back" in answer.text


def test_a_mistake_of_ours_is_said_without_its_words(log):
    """Its text may hold what customers told us: not on the page, not in the log."""
    with serving(make_room(Broken(RuntimeError("ines@example.com")))) as base:
        answer = Client(base).sign_in("reader").get("/held")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    failed = next(line for line in lines if line["name"] == "console_failed")
    assert answer.status == 500
    assert "ines" not in answer.text
    assert (failed["page"], failed["why"], "ines" in log.getvalue()) == ("/held", "RuntimeError", False)
