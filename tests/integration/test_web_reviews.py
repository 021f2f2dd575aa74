"""The console's reviews: the mail that follows from a yes, framed, the same that the command shows."""

import re

import pytest

from tests.command_line import FRIDAY, document, firstword, ndjson, wrong_item
from tests.web_rig import HOSTILE, Client, NotedDeeds, SmallReading, make_room, serving
from tests.web_shop import console, eventually

ORDER = "ORD-PIANO"


def piano():
    """Return the events of an order far above what it may cost, with a lamp in its box."""
    events = wrong_item(ORDER, FRIDAY)
    events[0]["data"]["lines"][0]["unit_price"]["minor"] = 899900
    return events


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A data folder with one review that waits."""
    folder = tmp_path_factory.mktemp("reviews")
    (folder / "events.ndjson").write_text(ndjson(piano()), "utf-8")
    done = firstword(
        *("run", "--data", folder / "shop", "--source", folder / "events.ndjson"),
        *("--clock", "history", "--until", "2026-11-20T16:00:00Z"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "shop"


def test_the_page_frames_the_mail_that_the_command_shows(shop):
    """Every line that a customer reads in the text stands in the frame; the frame can run nothing."""
    shown = document(firstword("reviews", "show", ORDER, "--data", shop, "--json"))
    with console(shop, wait_for="") as base:
        client = Client(base).sign_in("reader")
        eventually(lambda: ORDER in client.get("/reviews").text)
        page = client.get("/reviews").text
        frame = client.get(f"/reviews/letter?id={shown['id']}")
        nobody = client.get("/reviews/letter?id=rev_nobody")

    assert re.search(rf'<iframe sandbox [^>]*src="/reviews/letter\?id={shown["id"]}"', page)
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", frame.text))
    for line in ("Hello Inês,", "It does not wait for anything to come back", "Crunchy armchair", "SBX"):
        assert line in words
        assert line in shown["yes"]["mail"]["text"]
    assert "Nobody can say" in nobody.text


def test_a_customer_cannot_write_into_the_frame():
    """A name that is a script is a name."""
    with serving(make_room(SmallReading(HOSTILE))) as base:
        client = Client(base).sign_in("reader")
        frame = client.get("/reviews/letter?id=rev_0")

    assert frame.status == 200
    assert "<script" not in frame.text


def test_nobody_looks_without_signing_in():
    """The mail holds a name."""
    with serving(make_room()) as base:
        answer = Client(base).get("/reviews/letter?id=rev_0")

    assert answer.status in {302, 303, 401}
    assert "Hello" not in answer.text


@pytest.mark.parametrize(
    ("ticked", "verdict", "said"),
    [
        (slice(0), "approve", [()]),
        (slice(1), "approve", ["the first"]),
        (slice(None), "approve", []),
        (slice(1), "refuse", []),
    ],
)
def test_a_yes_is_to_what_is_ticked(ticked, verdict, said):
    """To nothing but the mail, to some, or to all, which narrows nothing; and a no is a no."""
    deeds, reading = NotedDeeds(), SmallReading()
    review = reading.reviews(0).rows[0]
    kept = review.remedies[ticked]
    with serving(make_room(reading, deeds)) as base:
        client = Client(base).sign_in("approver")
        page = client.get("/reviews").text
        boxes = {f"keep:{one}": "on" for one in kept}
        client.post("/reviews", review_id=review.review_id, verdict=verdict, note="so", boxes="1", **boxes)

    assert all(f'name="keep:{one}" checked' in page for one in review.remedies)
    ((*_, approved, by, note), narrowed) = deeds.asked[0][:5], list(deeds.asked[0][5:])
    assert (approved, by, note) == (verdict == "approve", "Ada", "so")
    assert narrowed == [review.remedies[:1] if one == "the first" else one for one in said]
