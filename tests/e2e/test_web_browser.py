"""The console as an operator uses it: a real browser over a real data folder, and what is left in the journal."""

import re
import shutil
from urllib.parse import quote

import pytest

from streams.cli.folder import is_held
from streams.mail.ledger_sql import open_ledger
from tests import browser_rig, web_shop
from tests.browser_rig import SCHEMES, WIDTHS
from tests.command_line import start
from tests.web_rig import TOKENS, Client
from tests.web_shop import DEAR, DOUBTED, HOSTILE_ORDER, LATE_ANNOUNCED, LOST_NUMBER, TRACKED, eventually

PAGES = {
    "today": "/",
    "cases": "/cases",
    "search": "/search",
    "order": f"/order?id={DOUBTED}",
    "hostile": f"/order?id={HOSTILE_ORDER}",
    "reviews": "/reviews",
    "held": "/held",
    "variants": "/variants",
    "letters": "/letters",
    "in doubt": "/mail",
    "backtests": "/backtests",
    "keys": "/keys",
    "nowhere": "/order?id=nobody",
}


@pytest.fixture(scope="module")
def chromium():
    with browser_rig.browser() as one:
        yield one


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The shop, run once; tests that change it work on a copy."""
    return web_shop.make_shop(tmp_path_factory.mktemp("web") / "world")


@pytest.fixture
def shop(made, tmp_path):
    """A copy of the shop as it was left by its run, without the tables that a console made meanwhile."""
    return shutil.copytree(made, tmp_path / "shop", ignore=shutil.ignore_patterns("readmodel.sqlite*"))


@pytest.fixture(scope="module")
def shown(made):
    """A console that is only looked at."""
    with web_shop.console(made) as base:
        yield base


def enter(page, base, role="approver", name="Ada Okoye"):
    page.goto(f"{base}/sign-in")
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Token").fill(TOKENS[role])
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Today", exact=True).wait_for()
    return page


def titles_in_frames(page):
    """Return the titles of all documents inside the page; what is folded away is opened, or it would never load."""
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    frames = page.locator("iframe").all()
    for frame in frames:
        frame.scroll_into_view_if_needed()
        frame.content_frame.locator("body").wait_for(state="attached")
    return [frame.content_frame.locator("html").evaluate("() => document.title") for frame in frames]


def find(page, text):
    page.get_by_label("Find an order", exact=True).fill(text)
    page.keyboard.press("Enter")


@pytest.mark.parametrize(
    "name", [DOUBTED, TRACKED, TRACKED.lower(), "ord-doubt@example.com", "a message id"], ids=str
)
def test_an_order_is_found_by_each_of_its_names(chromium, shown, made, name):
    """Order id, tracking number however it is written, address and message id; no address in the address bar."""
    if name == "a message id":
        name = next(
            one.message_id for one in web_shop.decisions(made, "message.queued.v1") if one.order_id == DOUBTED
        )
    with browser_rig.page(chromium) as page:
        enter(page, shown, "reader")
        find(page, name)

        page.get_by_role("heading", name=DOUBTED, exact=True).wait_for()
        assert page.url == f"{shown}/order?id={DOUBTED}"


def test_an_order_tells_its_story_and_shows_its_mail(chromium, shown):
    """What was found, what was decided, what came of it; and the mail as it looked, which can run nothing."""
    with browser_rig.page(chromium) as page:
        enter(page, shown, "reader").goto(f"{shown}/order?id={DOUBTED}")

        stands = page.get_by_role("region", name="Where it stands").inner_text()
        assert "wrong_item" in stands
        assert "in_doubt" in stands
        assert page.get_by_role("link", name="Settle the mail").get_attribute("href") == "/mail"
        assert page.locator(".story .decided").count() >= 3
        story = page.get_by_role("region", name="Story").inner_text()
        assert "by the policy's [detect.wrong_item]" in story
        assert "today's policy decides otherwise" not in story
        frame = page.locator("iframe").first
        assert frame.get_attribute("sandbox") == ""
        mail = frame.content_frame
        assert "Brush markers" in mail.locator("body").inner_text()
        assert page.locator(".letter-card h3").first.inner_text() == mail.locator(
            "title"
        ).inner_text() or DOUBTED in (page.locator(".letter-card h3").first.inner_text())


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without scripts"])
def test_a_review_is_approved_with_its_reason(chromium, shop, script):
    """The decision is an event with the person's name and reason; the mail and the replacement follow from it."""
    with web_shop.console(shop) as base, browser_rig.page(chromium, java_script_enabled=script) as page:
        enter(page, base)
        page.get_by_role("link", name="Reviews").first.click()
        card = page.locator("article", has_text=DEAR)
        assert "It would cost more than may be spent without asking." in card.inner_text()
        card.get_by_label("Reason, kept with the order").fill("Our mistake; the customer is a dear one.")
        card.get_by_role("button", name="Approve").click()

        page.get_by_role("status").filter(has_text="Approved.").wait_for()
        (resolved,) = eventually(lambda: web_shop.heard(shop, "review.resolved.v1"))
        eventually(
            lambda: page.goto(f"{base}/reviews") and "Nothing waits" in page.locator("main").inner_text()
        )
    assert (resolved.order_id, resolved.approved, resolved.by) == (DEAR, True, "Ada Okoye")
    assert resolved.note == "Our mistake; the customer is a dear one."
    assert DEAR in [one.order_id for one in web_shop.decisions(shop, "replacement.requested.v1")]


def test_a_review_is_refused_and_nothing_is_sent_out(chromium, shop):
    """No replacement; the reason stands in the order's story."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base).goto(f"{base}/reviews")
        page.get_by_label("Reason, kept with the order").fill("Fraud desk has it.")
        page.get_by_role("button", name="Refuse").click()
        page.get_by_role("status").filter(has_text="Refused.").wait_for()
        (resolved,) = eventually(lambda: web_shop.heard(shop, "review.resolved.v1"))

        def is_told():
            page.goto(f"{base}/order?id={DEAR}")
            return "Ada Okoye refused the review" in page.locator("main").inner_text()

        eventually(is_told)
    assert (resolved.approved, resolved.note) == (False, "Fraud desk has it.")
    assert DEAR not in [one.order_id for one in web_shop.decisions(shop, "replacement.requested.v1")]


def test_a_reader_finds_no_way_to_approve(chromium, shop):
    """Not on the page, and not by sending the form from its own page with its own token."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "reader").goto(f"{base}/reviews")
        assert page.get_by_role("button", name="Approve").count() == 0
        assert "An approver decides about it." in page.locator("main").inner_text()
        review = page.locator("article").get_attribute("id")
        client = Client(base).sign_in("reader")
        answer = client.post("/reviews", review_id=review, verdict="approve", note="mine")

    assert (answer.status, "role-too-low" in answer.text) == (403, True)
    assert web_shop.heard(shop, "review.resolved.v1") == []


def test_a_dead_letter_is_read_and_tried_again(chromium, shop):
    """The scan whose parcel was announced too late is folded into its order, once, however often one presses."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "operator").goto(f"{base}/letters")
        page.get_by_role("link", name="tracking number unclaimed").click()
        page.locator(".row .what a").first.click()
        assert LOST_NUMBER in page.locator("pre").inner_text()
        page.get_by_role("button", name="Try it again").click()
        page.get_by_role("status").filter(has_text="Put back: 1.").wait_for()

        def is_folded():
            page.goto(f"{base}/order?id={LATE_ANNOUNCED}")
            return "it is on its way" in page.locator("main").inner_text()

        eventually(is_folded)
        page.goto(f"{base}/letters")
        page.get_by_label("Try").first.check()
        again = Client(base).sign_in("operator")
        letter = page.locator("[name=letter]").first.get_attribute("value")
        answers = [again.post("/letters", letter=letter).status for _ in range(2)]
    scans = [
        one for one in web_shop.heard(shop, "checkpoint.reached.v1") if one.tracking_number == LOST_NUMBER
    ]
    assert len(scans) == 1
    assert all(status in {303, 400} for status in answers)


def test_a_letter_that_nobody_understands_stays(chromium, shop):
    """Trying it again before the fix says why it would be of no use, and changes nothing."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "operator").goto(f"{base}/letters?code=json-malformed")
        page.get_by_label("Try").first.check()
        page.get_by_role("button", name="Try the ticked again").click()

        page.get_by_text("letters-stay").wait_for()
        assert page.get_by_text("Today's program does not understand it either").count() == 1


@pytest.mark.parametrize(
    ("button", "state", "words"),
    [
        ("It went out", "accepted", "found delivered by"),
        ("It did not: send it again", "deferred", "reopened by"),
    ],
)
def test_a_mail_in_doubt_is_settled_with_evidence(chromium, shop, button, state, words):
    """The ledger keeps who said so and what they saw."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "operator").goto(f"{base}/mail")
        card = page.locator("article", has_text=DOUBTED)
        message_id = card.get_attribute("id")
        card.get_by_label("What did you see, and where?").fill("relay log, 15:02")
        card.get_by_role("button", name=button).click()
        page.get_by_role("status").wait_for()
        again = Client(base).sign_in("operator")
        answer = again.post("/mail", message_id=message_id, verdict="arrived", evidence="again")
    ledger = open_ledger(str(shop / "ledger.sqlite"))
    row = ledger.find(message_id)
    ledger.close()
    assert (row.state, row.reply) == (state, f"{words} Ada Okoye: relay log, 15:02")
    assert answer.location == "/mail?done=nothing"


def test_a_backtest_is_run_and_read(chromium, shop):
    """Its report stands in a frame that can run nothing; another console still shows it."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "operator").goto(f"{base}/backtests")
        page.get_by_label("Name").first.fill("patient")
        page.get_by_label("Changes, one per line").first.fill("detect.late_delivery.major_days=5")
        page.get_by_role("button", name="Run the backtest").click()
        page.get_by_role("status").filter(has_text="The backtest runs.").wait_for()

        def has_ended():
            page.goto(f"{base}/backtests")
            return page.locator(".row .chip", has_text="runs").count() == 0

        eventually(has_ended)
        assert page.locator(".row .chip").inner_text() == "done", page.locator(".row").inner_text()
        page.locator(".row .what a").click()
        report = page.locator("iframe.report").content_frame
        assert "patient" in report.locator("body").inner_text()
        assert page.locator("iframe.report").get_attribute("sandbox") == ""
    with web_shop.console(shop) as base:
        assert "patient" in Client(base).sign_in("reader").get("/backtests").text


def test_a_backtest_that_cannot_be_read_says_why(chromium, shop):
    """A path that there is not: the command's own words, with the nearest."""
    with web_shop.console(shop) as base, browser_rig.page(chromium) as page:
        enter(page, base, "operator").goto(f"{base}/backtests")
        page.get_by_label("Changes, one per line").first.fill("detect.late_delivery.mayor_days=5")
        page.get_by_role("button", name="Run the backtest").click()

        def has_failed():
            page.goto(f"{base}/backtests")
            return page.locator(".row .chip", has_text="failed").count() == 1

        eventually(has_failed)
        assert "major_days" in page.locator(".row pre").inner_text()


def test_everything_is_at_hand_on_the_keyboard(chromium, shown):
    """/ finds, g goes, j and k walk, Enter opens; and none of them while somebody types."""
    with browser_rig.page(chromium) as page:
        enter(page, shown)
        page.keyboard.type("gc")
        page.get_by_role("heading", name="Open cases").wait_for()
        page.keyboard.type("jjk")
        first = page.locator("[data-row]").first
        assert first.evaluate("one => one === document.activeElement")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Where it stands").wait_for()
        page.keyboard.press("/")
        page.keyboard.type("gcj/")
        assert page.get_by_label("Find an order", exact=True).input_value() == "gcj/"
        page.keyboard.press("Escape")
        page.keyboard.type("gr")
        page.get_by_role("heading", name="Reviews").wait_for()


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_no_customer_can_run_a_script_in_the_console(chromium, shown, path):
    """Names, titles, articles, places, reports and rubbish that try: every page keeps its title and its peace."""
    with browser_rig.page(chromium) as page:
        enter(page, shown)
        if path != "/order?id=nobody":
            page.goto(f"{shown}{path}")
            page.wait_for_load_state("networkidle")
            assert page.title() != "owned"
            assert all(title != "owned" for title in titles_in_frames(page))
            assert page.locator("main script, main [onerror], main img").count() == 0


def test_a_hostile_search_is_shown_as_it_was_typed(chromium, shown):
    """What was typed comes back on the page: as words."""
    typed = "<img src=x onerror=\"document.title='owned'\">"
    with browser_rig.page(chromium) as page:
        enter(page, shown, name=typed)
        find(page, typed)
        page.get_by_text("Nothing here is called that").wait_for()
        assert page.locator("#text").input_value() == typed
        assert page.locator(".who .name").inner_text().startswith(typed)
        assert page.title() != "owned"
        assert quote(typed) not in page.url


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_for_everybody(chromium, shown, width, scheme):
    """Nothing is found by axe on any page, none is wider than the screen, and what can be pressed is large enough."""
    source = browser_rig.axe()
    found = {}
    with browser_rig.page(chromium, width=width, scheme=scheme) as page:
        page.goto(f"{shown}/sign-in")
        found["sign in"] = browser_rig.judge(page, source)
        enter(page, shown)
        for name, path in PAGES.items():
            if name == "nowhere":
                continue
            page.goto(f"{shown}{path}")
            found[name] = browser_rig.judge(page, source)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_tables_may_stand_in_postgresql(chromium, shop, postgres):
    """The same pages out of the same history, and a review that is decided there."""
    with web_shop.console(shop, FIRSTWORD_DATABASE=postgres) as base, browser_rig.page(chromium) as page:
        enter(page, base)
        find(page, TRACKED)
        page.get_by_role("heading", name=DOUBTED, exact=True).wait_for()
        page.goto(f"{base}/reviews")
        page.get_by_label("Reason, kept with the order").fill("Fine.")
        page.get_by_role("button", name="Approve").click()
        page.get_by_role("status").filter(has_text="Approved.").wait_for()
        eventually(lambda: web_shop.heard(shop, "review.resolved.v1"))
        for path in PAGES.values():
            if path != PAGES["nowhere"]:
                assert page.goto(f"{base}{path}").status == 200
    assert not (shop / "readmodel.sqlite").exists()


def test_while_a_run_works_in_the_folder_it_takes_what_the_console_leaves(shop):
    """The console never writes to a journal that somebody else holds: the run folds the verdict at its next look."""
    with (
        start("run", "--data", shop, "--http", ":0") as run,
        web_shop.console(shop) as base,
    ):
        eventually(lambda: is_held(shop))
        client = Client(base).sign_in("approver")
        review = re.search(r'name="review_id" value="([^"]+)"', client.get("/reviews").text)[1]
        answer = client.post("/reviews", review_id=review, verdict="refuse", note="The customer called.")
        (resolved,) = eventually(lambda: web_shop.heard(shop, "review.resolved.v1"))
        eventually(lambda: "Nothing waits for a decision." in client.get("/reviews").text)
        run.terminate()
        assert run.wait(30) == 0
    assert answer.location == "/reviews?done=refused"
    assert (resolved.by, resolved.note) == ("Ada", "The customer called.")


def owed(shop):
    """Whether the ledger still waits for somebody to hear of an outcome."""
    ledger = open_ledger(str(shop / "ledger.sqlite"))
    try:
        return ledger.next_untold()
    finally:
        ledger.close()


@pytest.mark.parametrize("verdict", ["arrived", "send_again"])
def test_a_run_hears_at_once_of_a_mail_that_was_settled(shop, verdict):
    """The journal says what became of it, once; sent again, it goes out under its own id; nothing stays in doubt."""
    with start("run", "--data", shop, "--http", ":0") as run, web_shop.console(shop) as base:
        eventually(lambda: is_held(shop))
        client = Client(base).sign_in("operator")
        message_id = re.search(r'name="message_id" value="([^"]+)"', client.get("/mail").text)[1]
        client.post("/mail", message_id=message_id, verdict=verdict, evidence="relay log, 15:02")

        def accepted():
            outcomes = web_shop.decisions(shop, "message.accepted.v1")
            return [one for one in outcomes if one.message_id == message_id]

        eventually(accepted)
        eventually(lambda: "Nothing is in doubt" in client.get("/mail").text)
        eventually(lambda: "<b>0</b> <span>mails in doubt" in client.get("/").text)
        eventually(lambda: not owed(shop))
        run.terminate()
        assert run.wait(30) == 0
    (outcome,) = accepted()
    assert ("relay log" in outcome.reply) is (verdict == "arrived")
    sent = [path for path in (shop / "mail").rglob("*") if path.is_file()]
    assert len(sent) == (1 if verdict == "send_again" else 0)
