"""The page that links in mails lead to: looked at a thousand times it does nothing, and answered twice it does one thing."""

import http.client
import re
import sqlite3
import threading
from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from streams.cli.dead_letters.taking import take
from streams.clock import wall_now
from streams.codec.envelope import decode_envelope
from streams.links import LASTING
from streams.web.answers.used import USED
from streams.web.answers.words import languages
from tests import answers_rig as rig
from tests.web_rig import Client

ONE_CLICK = "List-Unsubscribe=One-Click"
MULTIPART = (
    '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n',
    "multipart/form-data; boundary=b",
)


@pytest.fixture
def client(tmp_path):
    with rig.answers(tmp_path) as base:
        yield Client(base)


def press(client, path, answer="stop"):
    return client.ask("POST", path, f"answer={answer}")


def left(folder):
    """Return the facts that were left, as whoever takes them reads them."""
    with sqlite3.connect(folder / "inbox.sqlite") as db:
        return [decode_envelope(raw) for (raw,) in db.execute("SELECT raw FROM inbox ORDER BY number")]


def test_a_scanner_that_opens_every_link_does_nothing(client, tmp_path):
    """A thousand times GET and a thousand times HEAD, as mail gateways do; then the customer is asked as ever."""
    path = rig.link()
    line = http.client.HTTPConnection(client.netloc, timeout=20)
    statuses = Counter()
    for _ in range(1000):
        for method in ("GET", "HEAD"):
            line.request(method, path, headers={"User-Agent": "scanner", "Purpose": "prefetch"})
            answer = line.getresponse()
            body = answer.read()
            statuses[method, answer.status] += 1
            assert bool(body) == (method == "GET")
    line.close()

    assert statuses == {("GET", 200): 1000, ("HEAD", 200): 1000}
    assert rig.facts(tmp_path) == []
    assert "Stop the reminders?" in client.get(path).text
    assert press(client, path).status == 200
    assert len(rig.facts(tmp_path)) == 1


@pytest.mark.parametrize("body", ["", "x=y", "answer=refund", "answer=", "List-Unsubscribe=yes"])
def test_whoever_posts_without_our_button_is_asked(client, tmp_path, body):
    """There are scanners that send every form too; they do not press a button."""
    answer = client.ask("POST", rig.link(), body)

    assert (answer.status, rig.facts(tmp_path)) == (200, [])
    assert "Stop the reminders?" in answer.text


@pytest.mark.parametrize("answer", ["stop", "refund", "wait"])
def test_an_answer_becomes_one_fact(client, tmp_path, answer):
    """It names order, case and choice, and thanks."""
    path = rig.link(answer)
    words = languages()["en"].of(answer)
    asked, given = client.get(path), press(client, path, answer)

    assert words.question in asked.text
    assert words.button in asked.text
    assert rig.ORDER in asked.text
    assert given.status == 200
    assert words.thanks in given.text
    assert "<button" not in given.text
    (fact,) = left(tmp_path)
    assert (fact.type, fact.subject, fact.source) == ("choice.made.v1", rig.ORDER, "firstword/answers")
    assert bytes(fact.data) == f'{{"order_id":"{rig.ORDER}","case_id":"cas_1","choice":"{answer}"}}'.encode()


def test_a_second_answer_is_told_so_and_written_nowhere(client, tmp_path):
    """By the button, by a mail program, and to whoever only looks."""
    path = rig.link()
    press(client, path)
    again, looked, clicked = press(client, path), client.get(path), client.ask("POST", path, ONE_CLICK)

    for answer in (again, looked):
        assert answer.status == 200
        assert "We have noted this already" in answer.text
        assert "<button" not in answer.text
    assert (clicked.status, clicked.text) == (200, "")
    assert len(rig.facts(tmp_path)) == 1


def test_many_at_once_are_one(client, tmp_path):
    """Sixteen that press in the same moment: one is thanked."""
    path, told, gate = rig.link(), [], threading.Barrier(16)

    def go():
        gate.wait(20)
        told.append("We have noted it" in press(Client(f"http://{client.netloc}"), path).text)

    threads = [threading.Thread(target=go) for _ in range(16)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)

    assert Counter(told) == {True: 1, False: 15}
    assert len(rig.facts(tmp_path)) == 1


def test_a_restart_forgets_nothing(tmp_path):
    """Neither does losing the table: the fact has its id from the link, and the inbox drops the second."""
    path = rig.link()
    for expected in ("We have noted it<", "We have noted this already", "We have noted this already"):
        with rig.answers(tmp_path) as base:
            assert expected in press(Client(base), path).text
        if expected.endswith("<"):
            continue
        (tmp_path / USED).unlink()

    assert len(rig.facts(tmp_path)) == 1


def test_the_journal_takes_it(client, tmp_path):
    """The process of the folder folds one fact, however it came."""
    path = rig.link()
    client.ask("POST", path, ONE_CLICK)

    taken = take(rig.settings(tmp_path))

    assert (taken.by, taken.waiting, taken.events.get("folded")) == ("us", 0, 1)
    assert taken.events.get("dead_letters", 0) == 0


def test_one_click_of_a_mail_program(client, tmp_path):
    """RFC 8058: either form, no page, no cookie; it is what our own button does."""
    body, content_type = MULTIPART
    first = client.ask("POST", rig.link(), ONE_CLICK)
    second = client.ask("POST", rig.link(message_id="msg_2"), body, Content_Type=content_type)

    assert [(one.status, one.text) for one in (first, second)] == [(200, ""), (200, "")]
    assert [bytes(fact.data)[-16:] for fact in left(tmp_path)] == [b'"choice":"stop"}'] * 2
    assert "We have noted this already" in client.get(rig.link()).text


@pytest.mark.parametrize("answer", ["refund", "wait"])
def test_one_click_spends_nothing(client, tmp_path, answer):
    """It is for opting out and for nothing else."""
    assert client.ask("POST", rig.link(answer), ONE_CLICK).status == 400
    assert rig.facts(tmp_path) == []


def _flipped(path):
    at = path.rindex(".") - 3
    return f"{path[:at]}{'A' if path[at] != 'A' else 'B'}{path[at + 1 :]}"


REFUSED = {
    "forged": (lambda: _flipped(rig.link()), 403, "This link does not work"),
    "signed by another": (
        lambda: rig.link(secret="the secret of another shop which is as long as ours"),
        403,
        "This link does not work",
    ),
    "cut": (lambda: rig.link()[:-5], 403, "This link does not work"),
    "expired": (
        lambda: rig.link(at=wall_now() - LASTING - timedelta(seconds=5)),
        410,
        "This link is too old",
    ),
    "elsewhere": (lambda: "/a", 404, "There is nothing here"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_link_that_is_not_believed_is_refused_kindly(client, tmp_path, name):
    """Whatever is done with it: nothing happens, and the page says what to do instead."""
    made, status, says = REFUSED[name]
    path = made()

    posted = [] if name == "elsewhere" else [press(client, path), client.ask("POST", path, ONE_CLICK)]
    for answer in (client.get(path), *posted):
        assert answer.status == status
        assert says in answer.text
        assert 'href="mailto:' in answer.text
        assert "<button" not in answer.text
    assert rig.facts(tmp_path) == []


def test_every_answer_keeps_the_link_to_itself(client):
    """No cookie, no referrer, nothing kept, nothing found by a search, no script, no request to anywhere."""
    path = rig.link()
    for answer in (
        client.get(path),
        client.ask("HEAD", path),
        press(client, path),
        client.get("/a/x"),
        client.get("/"),
        client.ask("PUT", path),
    ):
        headers = answer.headers
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert re.match(
            r"default-src 'none'; style-src 'sha256-[\w+/=]+'; form-action 'self';",
            headers["Content-Security-Policy"],
        )
        assert "Set-Cookie" not in headers
        assert not re.search(r"<script|https?://| src=| on\w+=", answer.text)


def test_what_a_link_brings_is_only_text(client):
    """An order id is somebody else's words."""
    page = client.get(rig.link(order_id="<i onclick=x>&amp;")).text

    assert "<i " not in page
    assert "&lt;i onclick=x&gt;&amp;amp;" in page


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de", "de"), ("pt-BR", "pt"), ("fr_CA", "fr"), ("es", "es"), ("ja", "en"), ("", "en")],
)
def test_the_customer_is_spoken_to_in_their_language(client, locale, language):
    """It travels in the link; whoever has none of ours reads English."""
    page = client.get(rig.link(locale=locale)).text

    assert f'<html lang="{language}">' in page
    assert languages()[language].stop.button in page


def test_a_link_that_says_nothing_is_answered_in_the_browsers_language(client):
    """A forged one names no language that could be believed."""
    assert '<html lang="fr">' in client.get("/a/x", Accept_Language="fr-CH, fr;q=0.9, en;q=0.8").text
    assert '<html lang="en">' in client.get("/a/x", Accept_Language="*").text


def test_a_disk_that_is_gone_is_said_and_mended(client, tmp_path):
    """Nobody is thanked for what was not written down; the same button works when the disk is back."""
    path = rig.link()
    inbox = tmp_path / "inbox.sqlite"
    inbox.mkdir()

    refused, clicked = press(client, path), client.ask("POST", path, ONE_CLICK)
    assert (refused.status, clicked.status) == (503, 503)
    assert "We could not note this just now" in refused.text
    assert "Try again" in refused.text

    inbox.rmdir()
    assert "We have noted it<" in press(client, path).text
    assert len(rig.facts(tmp_path)) == 1


def test_a_long_body_is_not_read(client, tmp_path):
    """A button is a few letters."""
    answer = client.ask("POST", rig.link(), "answer=stop&x=" + "x" * 100_000)

    assert answer.status == 413
    assert rig.facts(tmp_path) == []


def test_mail_and_page_agree(tmp_path):
    """A link is taken out of a mail as it was sent, opened, and answered."""
    mail = rig.sent(tmp_path, rig.sample("return_follow_up"), at=wall_now())["return_follow_up"]
    address = mail["List-Unsubscribe"].strip("<>")
    assert address in rig.html(mail)
    assert address in rig.plain(mail)
    with rig.answers(tmp_path) as base:
        client = Client(base)
        assert "We have noted it<" in press(client, urlsplit(address).path).text

    (fact,) = left(tmp_path)
    assert fact.subject == rig.sample("return_follow_up").order_id
