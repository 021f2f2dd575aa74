"""A console in a thread of this process: the real application, over a world that fits on a page."""

import asyncio
import http.client
import re
import threading
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from streams.assets import templates_dir
from streams.clock import wall_now
from streams.core.events import DateRange, Letter, LetterLine, MessageQueued
from streams.core.money import Money
from streams.ops.foresight import Foresight
from streams.ops.foresight import Mail as MailAhead
from streams.ops.read_model.shapes import (
    DoubtfulMail,
    Found,
    HeldMail,
    KindCount,
    Ledger,
    LedgerState,
    LetterGroup,
    LetterRow,
    Letters,
    LetterWhole,
    OpenCase,
    OpenReview,
    OrderStory,
    Page,
    ParkedScan,
    Today,
    VariantCount,
    Variants,
)
from streams.ops.timeline import Entry, Mail, Timeline
from streams.settings import load
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer
from streams.web.app import make_app
from streams.web.door import Door
from streams.web.ports import Report, Variant
from streams.web.room import Room

NOW = datetime(2026, 11, 21, 14, 32, tzinfo=UTC)
TOKENS = {
    "reader": "reader-token-for-tests",
    "operator": "operator-token-for-tests",
    "approver": "approver-token-for-tests",
}
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def ago(**length):
    return NOW - timedelta(**length)


def letter(order_id, message_id="msg_1", **said):
    """Return a mail about a wrong item, as it was decided."""
    return MessageQueued(
        order_id=order_id,
        decision_id=f"dec_{message_id}",
        message_id=message_id,
        case_id="cas_1",
        template="wrong_item",
        locale="en",
        to_hash="abc",
        letter=Letter(
            **{
                "to": "ines@example.com",
                "customer_name": "Inês",
                "time_zone": "America/New_York",
                "country": "US",
                "kinds": ("wrong_item",),
                "apologize": True,
                "wrong_lines": (LetterLine(sku="LAMP", title="Brass lamp", quantity=1),),
                "missing_lines": (LetterLine(sku="ARMCHAIR", title="Crunchy armchair", quantity=1),),
                "order_lines": (LetterLine(sku="ARMCHAIR", title="Crunchy armchair", quantity=1),),
                "replacement_id": "rep_1",
                "replacement_lines": (LetterLine(sku="ARMCHAIR", title="Crunchy armchair", quantity=1),),
                "replacement_arrives": DateRange(from_=date(2026, 11, 24), by=date(2026, 11, 27)),
                "expedited": True,
                "return_id": "ret_1",
                "label_id": "lbl_1",
                "label_carrier": "Sandbox Post",
                "label_tracking_number": "RET123",
                "keep_after": date(2027, 1, 5),
                "goodwill": Money(minor=1000, currency="USD"),
                **said,
            }
        ),
    )


class SmallReading:
    """The reading port over a dozen rows; ``hostile`` stands wherever a customer or a carrier chooses the words."""

    def __init__(self, hostile=""):
        self.words = hostile
        self.order_id = hostile or "ORD-10428"
        self.decided = []

    def today(self):
        days = tuple(NOW.date() - timedelta(days=n) for n in range(13, -1, -1))
        return Today(
            now=NOW,
            orders=1_048_576,
            events_today=23_881,
            mails_today=412,
            open_cases=1_284,
            reviews=len(self.reviews(0).rows),
            held=61,
            dead_letters=17,
            parked=2,
            in_doubt=1,
            kinds=(
                KindCount(
                    kind="late_delivery",
                    open=642,
                    opened=(30, 41, 38, 52, 44, 12, 9, 37, 49, 51, 60, 48, 20, 211),
                    last_hour=160,
                    usual_hour=2.4,
                ),
                KindCount(
                    kind="at_risk",
                    open=301,
                    opened=(50, 51, 48, 52, 54, 20, 19, 47, 49, 51, 55, 48, 22, 60),
                    last_hour=4,
                    usual_hour=3.1,
                ),
                KindCount(
                    kind="wrong_item",
                    open=122,
                    opened=(5, 8, 9, 4, 7, 2, 1, 6, 9, 8, 5, 7, 1, 6),
                    last_hour=1,
                    usual_hour=0.3,
                ),
                KindCount(kind="stalled_in_transit", open=88, opened=(3,) * 14, last_hour=0, usual_hour=0.2),
                KindCount(
                    kind="damaged",
                    open=14,
                    opened=(0, 1, 0, 0, 2, 0, 0, 1, 0, 0, 0, 1, 0, 1),
                    last_hour=0,
                    usual_hour=0.0,
                ),
            ),
            days=days,
            told=(120, 140, 133, 151, 160, 60, 44, 138, 155, 162, 171, 149, 70, 412),
        )

    def open_cases(self, kind, page):
        kinds = ("late_delivery", "wrong_item", "at_risk", "damaged")
        rows = tuple(
            OpenCase(
                order_id=self.order_id if n == 0 else f"ORD-{10428 + n}",
                case_id=f"cas_{n}",
                kinds=(kinds[n % 4], "late_delivery") if n % 5 == 1 else (kinds[n % 4],),
                severity=("minor", "major", "severe")[n % 3],
                since=ago(hours=90 - 7 * n),
                country=("US", "BR", "DE")[n % 3],
                told_at=ago(hours=40) if n % 3 else None,
            )
            for n in range(12)
        )
        return Page(rows=tuple(row for row in rows if kind in {None, *row.kinds}), more=page == 0)

    def search(self, text):
        if text in {self.order_id, "1Z999", "ines@example.com", "msg_1"}:
            return (Found(order_id=self.order_id, by="order", placed_at=ago(days=4), country="US"),)
        if text == "ORD":
            return tuple(
                Found(
                    order_id=f"ORD-{n}",
                    by="prefix",
                    placed_at=ago(days=n % 9),
                    country="US",
                    open_kinds=("damaged",) if n % 2 else (),
                )
                for n in range(10428, 10436)
            )
        return ()

    def words(self, _version):
        return None

    def nearest(self, _text):
        return ("ORD-10428", "ORD-10429")

    def order(self, order_id):
        if order_id != self.order_id:
            return None
        say = self.words
        entries = (
            _entry(ago(days=4), "heard", f"placed: 1 ARMCHAIR, promised by 2026-11-28 {say}"),
            _entry(
                ago(days=2, hours=3), "heard", f"meant to be shipped together: 1 ARMCHAIR, box BOX-1 {say}"
            ),
            _entry(ago(days=2), "heard", f"scanned into the box: 1 LAMP, box BOX-1 {say}"),
            _entry(
                ago(days=2),
                "decided",
                "wrong_item about BOX-1 is open, severe",
                (f"the box holds 1 LAMP instead of 1 ARMCHAIR {say} [shop 42]",),
            ),
            _entry(ago(days=2), "decided", "a replacement leaves at once: 1 ARMCHAIR, express"),
            _entry(
                ago(days=2),
                "decided",
                "mail wrong_item queued",
                ("message msg_1", "the ledger says accepted after attempt 1: 250 2.0.0 OK"),
            ),
            _entry(
                ago(days=2),
                "done",
                "the relay took responsibility for the mail (wrong_item, attempt 1): 250 2.0.0 OK",
            ),
            _entry(ago(hours=3), "waits", "parked, for no order has announced RET123"),
            _entry(
                ago(hours=1), "set aside", f"a record of shopify was not understood [json-invalid]: {say}"
            ),
        )
        mails = (
            Mail(message_id="msg_1", state="accepted", attempt=1, reply=f"250 2.0.0 OK {say}", subject=""),
        )
        return OrderStory(
            timeline=Timeline(
                order_id=order_id,
                time_zone="America/New_York",
                entries=entries,
                standing=(
                    f"wrong_item about BOX-1 is open; the customer was told at Thu 2026-11-19 09:32 {say}",
                ),
                mails=mails,
            ),
            messages=(
                letter(order_id, customer_name=say or "Inês"),
                letter(order_id, "msg_2", label_id=None, to=say or "ines@example.com"),
            ),
            country="US",
            placed_at=ago(days=4),
            open_kinds=(f"wrong_item{say}",),
        )

    def reviews(self, _page):
        rows = tuple(
            OpenReview(
                review_id=f"rev_{n}",
                order_id=self.order_id if n == 0 else f"ORD-{20400 + n}",
                case_id=f"cas_{n}",
                reason=("budget", "second_failure", "kind_needs_person")[n],
                remedies=("expedited_replacement", "return_label", "goodwill_credit"),
                cost=Money(minor=21_450, currency="USD"),
                kinds=("wrong_item",),
                evidence=(
                    f"the box holds 1 LAMP instead of 1 ARMCHAIR {self.words}",
                    "the promise ends on 2026-11-28",
                ),
                asked_at=ago(hours=5 - n),
            )
            for n in range(3)
        )
        return Page(rows=tuple(row for row in rows if row.review_id not in self.decided))

    def review(self, review_id):
        return next((row for row in self.reviews(0).rows if row.review_id == review_id), None)

    def ahead(self, review_id, renderer, _world):
        review = self.review(review_id)
        if review is None:
            return None
        message = letter(review.order_id, customer_name=self.words or "Inês")
        mail = renderer.render(message)
        return Foresight(
            mail=MailAhead(
                message=message, subject=mail.subject, text=mail.text, html=mail.page, has_label=True
            )
        )

    def held(self, _page):
        reasons = ("quiet_hours", "review", "settling", "label", "window", "no_address")
        rows = tuple(
            HeldMail(
                message_id=f"msg_h{n}",
                order_id=self.order_id if n == 0 else f"ORD-{30400 + n}",
                template="late_delivery",
                reason=reasons[n % 6],
                since=ago(hours=9 - n),
                until=None if reasons[n % 6] in {"review", "no_address"} else NOW + timedelta(hours=n + 1),
            )
            for n in range(8)
        )
        return Page(rows=rows)

    def letters(self, code, _page):
        rows = tuple(
            LetterRow(
                id=f"ded_{n}",
                source="shopify",
                place=f"shopify-orders[3]@{120 + n} {self.words}",
                code=("json-invalid", "order-id-unusable")[n % 2],
                at=ago(minutes=7 * n),
                redriven_at=ago(minutes=1) if n == 3 else None,
            )
            for n in range(6)
        )
        return Letters(
            groups=(
                LetterGroup(code="json-invalid", source="shopify", count=14, newest=NOW),
                LetterGroup(code="order-id-unusable", source="native", count=3, newest=NOW),
            ),
            page=Page(rows=tuple(row for row in rows if code in {None, row.code})),
            parked=Page(
                rows=(
                    ParkedScan(
                        key=f"RET123{self.words}",
                        source="easypost",
                        place="POST /in/easypost #3",
                        since=ago(hours=3),
                        expires=NOW + timedelta(days=6),
                    ),
                )
            ),
        )

    def letter(self, letter_id):
        if not letter_id.startswith("ded_"):
            return None
        return LetterWhole(
            id=letter_id,
            source="shopify",
            place="shopify-orders[3]@120",
            code="json-invalid",
            why=f"a comma is missing at byte 312 {self.words}",
            hint="send the whole document again; `firstword explain json-invalid`",
            at=ago(minutes=9),
            payload=f'{{"customer": {{"name": "{self.words}"}}}}',
            cut=letter_id == "ded_5",
        )

    def variants(self):
        return Variants(
            rows=(
                VariantCount(
                    template="lost",
                    variant="a",
                    mails=412,
                    accepted=405,
                    refused=5,
                    bounced=2,
                    cases=400,
                    reported=92,
                    written_again=31,
                    labels=40,
                    labels_used=18,
                ),
                VariantCount(
                    template="lost",
                    variant="b",
                    mails=398,
                    accepted=396,
                    refused=2,
                    cases=390,
                    reported=41,
                    written_again=29,
                    labels=38,
                    labels_used=19,
                ),
            )
        )

    def ledger(self, _page):
        return Ledger(
            states=(
                LedgerState(state="accepted", count=81_204),
                LedgerState(state="deferred", count=9, oldest=ago(minutes=41)),
                LedgerState(state="claimed", count=3, oldest=ago(seconds=20)),
                LedgerState(state="in_doubt", count=1),
                LedgerState(state="refused", count=1),
            ),
            doubtful=Page(
                rows=(
                    DoubtfulMail(
                        message_id="msg_9",
                        order_id=self.order_id,
                        template="late_delivery",
                        state="in_doubt",
                        attempt=1,
                        reply=f"connection lost after the final dot {self.words}",
                        subject=f"Your order is late {self.words}",
                        queued_at=ago(hours=8),
                        updated_at=ago(hours=7),
                    ),
                    DoubtfulMail(
                        message_id="msg_10",
                        order_id="ORD-7",
                        template="lost",
                        state="refused",
                        attempt=1,
                        reply="550 5.1.1 no such user",
                        subject="Your parcel is lost",
                        queued_at=ago(hours=30),
                        updated_at=ago(hours=29),
                    ),
                )
            ),
        )


class Answer:
    """What a console answered."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")

    @property
    def location(self):
        return self.headers["Location"]

    @property
    def form_token(self):
        return re.search(r'name="form_token" value="([^"]+)"', self.text)[1]


class Client:
    """A browser without a screen: keeps its cookie, follows nothing."""

    def __init__(self, base):
        self.netloc = urlsplit(base).netloc
        self.cookie = ""
        self.form_token = ""

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(self.netloc, timeout=20)
        given = {name.replace("_", "-"): text for name, text in headers.items()}
        if self.cookie and "Cookie" not in given:
            given["Cookie"] = self.cookie
        if body is not None:
            given.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            connection.request(method, path, body, given)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookie = f"{name}={morsel.value}"
        return answer

    def get(self, path, **headers):
        answer = self.ask("GET", path, **headers)
        if 'name="form_token"' in answer.text:
            self.form_token = answer.form_token
        return answer

    def post(self, path, headers=None, **form):
        """Send a form as our pages do, with the token of the page that was last looked at."""
        return self.ask("POST", path, urlencode({"form_token": self.form_token, **form}), **(headers or {}))

    def sign_in(self, role, name="Ada"):
        self.get("/sign-in")
        answer = self.post("/sign-in", name=name, token=TOKENS[role])
        assert answer.status == 303, answer.text
        self.get("/keys")
        return self


class NotedDeeds:
    """The deeds port that writes down what was asked of it."""

    def __init__(self):
        self.asked = []

    def resolve_review(self, review, *, approved, by, note, remedies=None):
        only = () if remedies is None else (remedies,)
        self.asked.append(("review", review.review_id, approved, by, note, *only))

    def redrive(self, letter_ids, *, code, by):
        self.asked.append(("redrive", tuple(letter_ids), code, by))
        return len(letter_ids) or 14

    def settle(self, message_id, verdict, *, by, evidence):
        self.asked.append(("settle", message_id, verdict, by, evidence))
        return True

    def reports(self):
        variant = Variant(name="patient", changes=("detect.late_delivery.major_days=5",))
        return (
            Report(name="20261121-143100", asked_at=NOW, by="Ada", variants=(variant,), state="running"),
            Report(name="20261120-091500", asked_at=ago(days=1), by="Ada", variants=(variant,), state="done"),
            Report(
                name="20261119-091500",
                asked_at=ago(days=2),
                by="Ben",
                variants=(variant,),
                state="failed",
                said="there is no path detect.late",
            ),
        )

    def report(self, _name):
        return b"<!doctype html><title>report</title><style>body{font:1rem sans-serif}</style><h1>Report</h1>"

    def backtest(self, variants, *, until, by):
        self.asked.append(("backtest", tuple(variants), until, by))
        return "20261121-143200"


def _entry(at, who, says, because=()):
    return Entry(
        at=at, local=f"{at:%a %Y-%m-%d %H:%M}", who=who, type="x", id="x", says=says, because=because
    )


def settings(**more):
    lines = "\n".join(f"{role}:{token}" for role, token in TOKENS.items())
    return load({}, console_tokens=lines, **more)


def make_room(reading=None, deeds=None, clock=wall_now, **more):
    renderer = CatalogueRenderer(load_catalogue(templates_dir()))
    return Room(Door(settings(**more)), reading or SmallReading(), deeds or NotedDeeds(), renderer, clock)


@contextmanager
def serving(room):
    """Serve a console on a free port of this machine, in a thread; yield its address."""
    loop, begun, ports = asyncio.new_event_loop(), threading.Event(), []

    async def serve():
        runner = web.AppRunner(make_app(room), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        begun.set()
        await over.wait()
        await runner.cleanup()

    async def main():
        nonlocal over
        over = asyncio.Event()
        await serve()

    over = None
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert begun.wait(20)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
        loop.close()
