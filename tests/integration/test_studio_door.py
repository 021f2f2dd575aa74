"""Who gets into the studio, and what its answers allow a browser to do."""

import http.client
import signal

import pytest

from tests.command_line import firstword
from tests.studio_rig import PATIENCE, WRITES, children_of, eventually, studio

TOKEN = "a-token-for-tests-only-24"
CALLS = [
    ("GET", "/"),
    ("GET", "/messages/lost"),
    ("GET", "/api/messages"),
    ("GET", "/api/files/lost/en.md"),
    ("PUT", "/api/files/lost/en.md"),
    ("POST", "/api/check"),
    ("POST", "/api/preview"),
    ("GET", "/preview/0123/light"),
    ("GET", "/api/names/lost"),
    ("GET", "/api/compare/lost"),
    ("POST", "/api/accept/lost"),
    ("GET", "/api/history/lost/en.md"),
    ("POST", "/api/send-test"),
    ("GET", "/api/cases"),
    ("GET", "/events"),
    ("GET", "/no-such-page"),
]


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio") / "words"
    folder.mkdir()
    with studio(folder, FIRSTWORD_STUDIO_TOKEN=TOKEN) as visit:
        yield visit


def test_the_first_address_lets_in_and_takes_the_token_out_of_sight(room):
    """The token becomes a cookie that no script reads and no other site sends; the page's address is without it."""
    given = room.raw("GET", f"/messages/lost?token={TOKEN}&locale=de", Cookie="")
    cookie = given.headers["Set-Cookie"]

    assert (given.status, given.headers["Location"]) == (303, "/messages/lost")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert cookie.startswith(f"firstword_studio_{room.port}=")


def test_a_wrong_token_opens_nothing(room):
    """A token of another start is told, and brings no cookie."""
    answer = room.raw("GET", "/?token=another-token", Cookie="")

    assert answer.status == 403
    assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_without_the_cookie_nothing_is_answered(room, method, path):
    """Every page and every call asks at the door, those that are not there too."""
    for cookie in ("", f"firstword_studio_{room.port}=", f"firstword_studio_{room.port}=aGVsbG8=", "other=1"):
        answer = room.raw(method, path, "{}" if method != "GET" else None, **(WRITES | {"Cookie": cookie}))

        assert answer.status == 403
        assert b"firstword studio" in answer.body


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if call[0] != "GET"])
def test_a_write_without_our_header_is_refused(room, method, path):
    """A form of another page can bring the cookie at most, never a header."""
    answer = room.raw(method, path, "{}", **{"Content-Type": "application/json"})

    assert (answer.status, answer.code) == (403, "studio-not-ours")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:{port}"},
        {"Host": "127.0.0.1.evil.example:{port}"},
        {"Host": "127.0.0.1:1"},
        {"Host": "localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://evil.example:{port}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_what_another_place_asks_is_refused(room, headers):
    """Another name for our address, or a page of another origin, gets nothing done with a cookie of ours."""
    sent = {name: value.format(port=room.port) for name, value in headers.items()}
    answer = room.raw("POST", "/api/check", "{}", **(WRITES | sent))

    assert (answer.status, answer.code) == (403, "studio-not-ours")


def test_a_foreign_host_does_not_even_get_the_token_checked(room):
    """A page whose name was bent to this machine cannot ask for a cookie."""
    answer = room.raw("GET", f"/?token={TOKEN}", Host=f"evil.example:{room.port}")

    assert answer.status == 403
    assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
def test_this_machine_has_several_names(room, host):
    """Whoever types localhost is at home, too."""
    name = host.format(port=room.port)
    answer = room.raw("GET", "/api/files/lost/en.md", Host=name, Origin=f"http://{name}")

    assert answer.status == 200


def test_a_proxys_name_must_be_named(tmp_path):
    """Behind a proxy browsers ask for another name; it is believed when a setting says so, and no other."""
    tmp_path.joinpath("words").mkdir()
    with studio(tmp_path / "words", FIRSTWORD_STUDIO_HOSTS="words.shop.example, other.example") as room:
        named = room.raw(
            "GET", "/api/files/lost/en.md", Host="words.shop.example", Origin="https://words.shop.example"
        )
        unnamed = room.raw("GET", "/api/files/lost/en.md", Host="evil.example")

    assert named.status == 200
    assert unnamed.status == 403


def test_pages_may_run_our_scripts_and_nothing_else(room):
    """No inline script, no foreign request; the editor's one style has a nonce of its own each time."""
    policies = [room.get("/").headers["Content-Security-Policy"] for _ in range(2)]

    assert "default-src 'none'" in policies[0]
    assert "script-src 'self';" in policies[0]
    assert "unsafe" not in policies[0]
    assert "frame-ancestors 'none'" in policies[0]
    assert policies[0] != policies[1]


@pytest.mark.parametrize("view", ["light", "dark", "forced_dark", "images_off"])
def test_a_mail_in_its_frame_can_do_nothing(room, view):
    """No script, no form, no request to anywhere, whatever stands in it; and only our pages may frame it."""
    mail = room.preview().json
    answer = room.get(f"/preview/{mail['id']}/{view}")
    policy = answer.headers["Content-Security-Policy"]

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert {
        "default-src 'none'",
        "script-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'self'",
        "img-src data: cid:",
    } <= set(policy.split("; "))
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


@pytest.mark.parametrize("place", ["0123456789ab/light", "{id}/upside_down", "{id}/..%2flight", "../light"])
def test_a_preview_that_is_none_is_not_there(room, place):
    """Only mails that were asked for, in the views that there are."""
    path = place.format(id=room.preview().json["id"])

    assert room.get(f"/preview/{path}").status == 404


@pytest.mark.parametrize(
    "name", ["..%2fapp.py", "frame.html", "list.html", "no.css", "..%2f..%2fpages%2fstyle.css", ".gitignore"]
)
def test_only_what_pages_are_made_of_is_served(room, name):
    """Styles, scripts and pictures; no template, no code, nothing above the folder."""
    assert room.get(f"/static/0/{name}").status == 404


def test_styles_are_kept_for_ever_and_pages_never(room):
    """Another content is another address; a page with a mail in it stays nowhere."""
    page = room.get("/")
    address = page.body.decode().partition('rel="stylesheet" href="')[2].partition('"')[0]
    style = room.get(address)

    assert page.headers["Cache-Control"] == "no-store"
    assert style.status == 200
    assert "immutable" in style.headers["Cache-Control"]


def test_two_studios_leave_each_others_cookies_alone(tmp_path):
    """Cookies do not know ports: the names of ours do."""
    tmp_path.joinpath("words").mkdir()
    with studio(tmp_path / "words") as one, studio(tmp_path / "words") as other:
        strange = other.raw("GET", "/api/cases", Cookie=one.cookie)
        both = other.raw("GET", "/api/cases", Cookie=f"{one.cookie}; {other.cookie}")

    assert strange.status == 403
    assert both.status == 200


def test_it_ends_when_it_is_told_to_though_pages_listen(tmp_path):
    """An open page does not hold a stop up, and no child stays behind."""
    tmp_path.joinpath("words").mkdir()
    with studio(tmp_path / "words") as room:
        children = children_of(room.process.pid)
        connection = http.client.HTTPConnection(room.host, room.port, timeout=PATIENCE)
        connection.request("GET", "/events", headers={"Cookie": room.cookie})
        connection.getresponse()
        room.process.send_signal(signal.SIGTERM)
        code = room.process.wait(timeout=5)
        connection.close()
        left = eventually(lambda: not set(children) & set(children_of(1)) and "none")

    assert len(children) == 3
    assert code == 0
    assert left == "none"


def test_the_token_is_in_no_log(tmp_path):
    """It stands in the printed address and nowhere else."""
    tmp_path.joinpath("words").mkdir()
    with studio(tmp_path / "words", FIRSTWORD_STUDIO_TOKEN=TOKEN, FIRSTWORD_LOG_LEVEL="DEBUG") as room:
        room.get("/?token=wrong-one")
        room.process.send_signal(signal.SIGTERM)
        printed, logged = room.process.communicate(timeout=PATIENCE)

    assert "studio_opened" in logged
    assert TOKEN not in logged + printed


def test_a_port_that_is_taken_is_told(room):
    """Somebody else is there: the command says so and how to go elsewhere."""
    done = firstword("studio", "--studio", f"127.0.0.1:{room.port}")

    assert done.returncode == 3
    assert "studio-address-unavailable" in done.stderr


def test_a_folder_that_is_none_is_told(tmp_path):
    """A slip in the name of the folder is no empty studio."""
    done = firstword("studio", "--templates", tmp_path / "nowhere", "--studio", "127.0.0.1:0")

    assert done.returncode == 2
    assert "templates-not-a-folder" in done.stderr
