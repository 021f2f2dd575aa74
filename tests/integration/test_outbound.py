"""Another system that answers, refuses, hangs, hangs up or talks nonsense: what was asked, how often, and what is known."""

import socket
from contextlib import closing
from email.utils import format_datetime

import pytest

from streams.clock import stopwatch, wall_now
from streams.outbound import LARGEST_REPLY, Asker, Limits, NoReply, Reply
from tests.http_server import cut_short, hang_up, http_server, nonsense, reply

QUICK = Limits(connect=1, reply=0.3, whole=30, tries=3, pause=0.25)


@pytest.fixture
def other():
    with http_server() as server:
        yield server


@pytest.fixture
def waited():
    """The pauses that were made, in seconds; none is waited for."""
    return []


@pytest.fixture
def asker(waited):
    with closing(Asker(QUICK, sleep=waited.append)) as asker:
        yield asker


def test_an_answer_is_handed_over(asker, other):
    other.script = [reply(201, {"id": "r-1"}, X_Request="7")]

    answer = asker.ask("POST", f"{other.url}/orders", headers={"Authorization": "Bearer s"}, body=b"{}")

    assert (answer.status, answer.good, answer.body) == (201, True, b'{"id": "r-1"}')
    assert answer.headers["x-request"] == "7"
    (asked,) = other.asked
    assert (asked.method, asked.path, asked.headers["authorization"]) == ("POST", "/orders", "Bearer s")
    assert "idempotency-key" not in asked.headers


@pytest.mark.parametrize("behavior", [hang_up, nonsense, cut_short], ids=lambda one: one.__name__)
def test_without_a_key_a_post_that_was_sent_is_not_sent_again(asker, other, behavior):
    """It may have been acted upon: whoever asked must find out."""
    other.script = [behavior]

    answer = asker.ask("POST", other.url, body=b"{}")

    assert isinstance(answer, NoReply)
    assert (answer.sent, len(other.asked)) == (True, 1)


@pytest.mark.parametrize("behavior", [hang_up, nonsense, cut_short], ids=lambda one: one.__name__)
def test_with_a_key_it_is_asked_again_under_the_same_key(asker, other, waited, behavior):
    other.script = [behavior, behavior, reply(200, {"id": "r-1"})]

    answer = asker.ask("POST", other.url, body=b"{}", key="k-1")

    assert (answer.status, waited) == (200, [0.25, 0.5])
    assert [one.headers["idempotency-key"] for one in other.asked] == ["k-1"] * 3


def test_silence_is_no_refusal(asker, other):
    """The other side took it and said nothing in time."""
    other.script = [other.wait()] * 3

    answer = asker.ask("POST", other.url, body=b"{}", key="k-1")

    assert answer == NoReply(why="ReadTimeoutError", sent=True)
    assert len(other.asked) == 3


def test_an_answer_that_drips_is_not_waited_for(asker, other):
    other.script = [other.drip()]

    start = stopwatch()
    answer = asker.ask("POST", other.url)

    assert answer == NoReply(why="the answer took longer than 0.3 seconds", sent=True)
    assert stopwatch() - start < 3  # all of it would take five seconds


def test_an_answer_without_end_is_not_read(asker, other):
    other.script = [reply(200, b"x" * (LARGEST_REPLY + 1))]

    answer = asker.ask("POST", other.url)

    assert answer == NoReply(why=f"the answer is longer than {LARGEST_REPLY} bytes", sent=True)


def test_who_cannot_be_reached_was_asked_nothing(asker, waited):
    """Nothing was sent, so it may be tried again, whatever it is."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

    answer = asker.ask("POST", f"http://127.0.0.1:{port}/", body=b"{}")

    assert answer == NoReply(why="NewConnectionError", sent=False)
    assert len(waited) == 2


def test_sent_once_is_sent_even_if_the_last_try_was_not(asker, other):
    """A line that dies after a try that may have been heard leaves the doubt."""
    other.script = [hang_up]
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    asked = iter([other.url, nobody, nobody])
    once = asker._once
    asker._once = lambda method, _url, headers, body: once(method, next(asked), headers, body)

    assert asker.ask("POST", other.url, key="k-1") == NoReply(why="NewConnectionError", sent=True)


@pytest.mark.parametrize(
    ("status", "key", "tries"),
    [
        (429, None, 3),
        (503, None, 1),
        (503, "k-1", 3),
        (502, "k-1", 3),
        (409, "k-1", 3),
        (409, None, 1),
        (500, "k-1", 1),
        (422, "k-1", 1),
    ],
)
def test_what_is_asked_again(asker, other, status, key, tries):
    """429 means that nothing was done; 502 to 504 may mean anything; 409 under a key, that the first copy is at work."""
    other.script = [reply(status)] * tries

    answer = asker.ask("POST", other.url, key=key)

    assert isinstance(answer, Reply)
    assert (answer.status, len(other.asked)) == (status, tries)


def test_a_wait_that_is_asked_for_is_made(asker, other, waited):
    """As seconds or as a date."""
    soon = format_datetime(wall_now().replace(microsecond=0), usegmt=True)
    other.script = [reply(429, Retry_After="2"), reply(429, Retry_After=soon), reply(200)]

    assert asker.ask("POST", other.url).status == 200
    assert waited == [2.0, 0.5]


def test_a_wait_longer_than_our_patience_ends_it(asker, other, waited):
    other.script = [reply(429, Retry_After="3600")]

    assert asker.ask("POST", other.url).status == 429
    assert waited == []


def test_nobody_is_followed_elsewhere(asker, other):
    """A redirect could carry a secret to somebody else."""
    other.script = [reply(302, Location="https://elsewhere.example/")]

    assert asker.ask("GET", other.url, headers={"Authorization": "Bearer s"}).status == 302
    assert len(other.asked) == 1
