"""The console's door: whose token is known, what a cookie is worth, and which proxy is believed."""

from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.ops.read_model.shapes import KindCount, Today
from streams.problems import UsageProblem
from streams.settings import load
from streams.web.door import Door, read_tokens
from streams.web.pages.today import draw, storms
from streams.web.session import COOKIE, LASTS, Seal, Visitor

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG = "0123456789abcdef"


class Peer:
    """The other end of a connection, as aiohttp asks about it."""

    def __init__(self, address):
        self.address = address

    def get_extra_info(self, name, default=None):
        return (self.address, 4711) if name == "peername" else default


def ask(address="127.0.0.1", **headers):
    """Return a request from somewhere."""
    return make_mocked_request(
        "GET", "/", {name.replace("_", "-"): text for name, text in headers.items()}, transport=Peer(address)
    )


def test_a_token_opens_as_much_as_its_role():
    """Lines of a file: a role and a token; comments and empty lines say nothing."""
    text = f"# our tokens\n\nreader: {LONG}r\napprover:{LONG}a\n"

    door = Door(load({}, console_tokens=text))

    assert [one.role for one in door.tokens] == ["reader", "approver"]
    assert (door.role_of(f"{LONG}r"), door.role_of(f" {LONG}a\n"), door.role_of(LONG)) == (
        "reader",
        "approver",
        None,
    )
    assert door.spoken is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{LONG}", "does not begin with one of reader, operator, approver"),
        (f"boss:{LONG}", "does not begin with one of reader, operator, approver"),
        ("reader:short", "fewer than 16 characters"),
    ],
)
def test_a_wrong_line_is_named_without_its_token(text, why):
    """The problem is printed and logged, so it holds no secret."""
    with pytest.raises(UsageProblem) as caught:
        read_tokens(f"operator:{LONG}\n{text}")

    assert (caught.value.code, why in caught.value.why) == ("console-token-wrong", True)
    assert "line 2" in caught.value.what
    assert LONG not in str(caught.value)
    assert "short" not in str(caught.value)


def test_without_any_setting_a_token_is_made_for_this_run():
    """Nobody is let in by default; who starts the console reads the token on the terminal."""
    door, other = Door(load({})), Door(load({}))

    assert door.spoken is not None
    assert len(door.spoken) >= 16
    assert door.role_of(door.spoken) == "approver"
    assert other.role_of(door.spoken) is None


def test_a_cookie_is_worth_what_it_says_until_its_time_is_over():
    """Twelve hours, and not a moment longer."""
    seal = Seal(b"key")
    cookie = seal.close(seal.welcome("Ada", "operator", NOW))

    inside = seal.open(cookie, NOW + LASTS - timedelta(seconds=1))

    assert (inside.name, inside.role) == ("Ada", "operator")
    assert inside.may("reader")
    assert inside.may("operator")
    assert not inside.may("approver")
    assert seal.open(cookie, NOW + LASTS) is None


@given(place=st.integers(0, 10_000), letter=st.sampled_from("ABCabc012-_"))
@settings(max_examples=300)
def test_a_cookie_that_was_touched_is_worth_nothing(place, letter):
    """Whatever is changed in it, and wherever."""
    seal = Seal(b"key")
    visitor = Visitor(name="Ada", role="reader", nonce="once", until=NOW + LASTS)
    cookie = seal.close(visitor)
    place %= len(cookie)
    touched = cookie[:place] + letter + cookie[place + 1 :]
    # The last character of base64 has bits that stand for nothing.
    opened = seal.open(touched, NOW)

    assert opened in {None, visitor}
    assert opened is None or urlsafe_b64decode(touched) == urlsafe_b64decode(cookie)


@pytest.mark.parametrize("cookie", ["", "x", "=", "é", "AAAA" * 30, "\x00"])
def test_rubbish_is_nobody(cookie):
    """A cookie that was never ours raises nothing."""
    assert Seal(b"key").open(cookie, NOW) is None


def test_another_key_and_a_role_of_ones_own_are_worth_nothing():
    """New tokens sign everybody out, and nobody writes a role for themselves."""
    seal, other = Seal(b"key"), Seal(b"other")
    visitor = seal.welcome("Ada", "reader", NOW)

    assert other.open(seal.close(visitor), NOW) is None
    risen = msgspec.structs.replace(visitor, role="approver")
    assert seal.open(Seal(b"").close(risen), NOW) is None


def test_a_form_belongs_to_one_visit():
    """Not to another visit of the same person, and not to the time before they signed in."""
    seal = Seal(b"key")
    first, second, stranger = (
        seal.welcome("Ada", "reader", NOW),
        seal.welcome("Ada", "reader", NOW),
        seal.stranger(NOW),
    )

    assert seal.is_form_token(first, seal.form_token(first))
    assert not seal.is_form_token(first, seal.form_token(second))
    assert not seal.is_form_token(first, seal.form_token(stranger))
    assert not seal.is_form_token(first, "")


def proxied(**more):
    return Door(
        load(
            {},
            console_user_header="X-Forwarded-User",
            console_role_header="X-Forwarded-Groups",
            console_proxies="10.0.0.0/8, ::1",
            **more,
        )
    )


def test_a_proxy_is_believed_where_it_stands():
    """Its two headers say who somebody is and what they may do; the highest role among the groups counts."""
    headers = {"X_Forwarded_User": "ada", "X_Forwarded_Groups": "staff, reader ,approver"}

    for address in ("10.1.2.3", "::1"):
        visitor = proxied().visitor(ask(address, **headers), NOW)
        assert (visitor.name, visitor.role) == ("ada", "approver")


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("192.0.2.7", {"X_Forwarded_User": "ada", "X_Forwarded_Groups": "approver"}),
        ("10.1.2.3", {"X_Forwarded_User": "ada", "X_Forwarded_Groups": "staff"}),
        ("10.1.2.3", {"X_Forwarded_User": "", "X_Forwarded_Groups": "approver"}),
        ("10.1.2.3", {"X_Forwarded_User": "ada"}),
    ],
)
def test_anybody_else_who_sends_those_headers_is_a_stranger(address, headers):
    """From another address, without a role or without a name."""
    door = proxied()

    assert door.visitor(ask(address, **headers), NOW).role is None
    assert door.tokens == ()
    assert door.spoken is None


def test_a_form_fits_a_visit_by_proxy_however_often_it_is_asked():
    """There is no cookie of ours: the proxy says who it is with every request."""
    door = proxied()
    headers = {"X_Forwarded_User": "ada", "X_Forwarded_Groups": "reader"}
    first, second = (door.visitor(ask("10.0.0.1", **headers), NOW) for _ in range(2))
    other = door.visitor(ask("10.0.0.1", **{**headers, "X_Forwarded_User": "ben"}), NOW)

    assert door.seal.is_form_token(second, door.seal.form_token(first))
    assert not door.seal.is_form_token(other, door.seal.form_token(first))


@pytest.mark.parametrize(
    "wrong",
    [
        {"console_user_header": "X-User"},
        {"console_role_header": "X-Groups"},
        {"console_user_header": "X-User", "console_role_header": "X-Groups", "console_proxies": "somewhere"},
    ],
)
def test_half_a_proxy_is_refused_at_the_start(wrong):
    """A header nobody checks would let everybody in."""
    with pytest.raises(UsageProblem) as caught:
        Door(load({}, **wrong))

    assert caught.value.code == "console-proxy-wrong"


def test_a_cookie_counts_where_no_proxy_speaks():
    """Tokens and proxies may be used side by side."""
    door = proxied(console_tokens=f"operator:{LONG}")
    cookie = door.seal.close(door.seal.welcome("Ada", "operator", NOW))

    assert door.visitor(ask("192.0.2.7", Cookie=f"{COOKIE}={cookie}"), NOW).role == "operator"


def today(*kinds):
    return Today(
        now=NOW,
        orders=0,
        events_today=0,
        mails_today=0,
        open_cases=0,
        reviews=0,
        held=0,
        dead_letters=0,
        parked=0,
        in_doubt=0,
        kinds=kinds,
    )


def test_a_storm_is_far_more_than_usual_and_never_a_handful():
    """Five times the usual, and at least ten; the worst first."""
    kinds = [
        KindCount(kind="busy", open=0, last_hour=49, usual_hour=10.0),
        KindCount(kind="storm", open=0, last_hour=50, usual_hour=10.0),
        KindCount(kind="handful", open=0, last_hour=9, usual_hour=0.0),
        KindCount(kind="new", open=0, last_hour=70, usual_hour=0.0),
    ]

    assert [kind.kind for kind in storms(today(*kinds))] == ["new", "storm"]


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_bars_stay_inside_their_drawing(numbers):
    """As wide as it is, never higher than it is, and one that stands for something can be seen."""
    bars = draw(numbers)

    assert [bar.number for bar in bars] == numbers
    for bar in bars:
        assert 0 <= bar.x <= bar.x + bar.width <= 100.01
        assert abs(bar.y + bar.height - 20) < 0.02
        assert 0 < bar.height <= 20
        assert (bar.height > 1) == (bar.number > 0)
