"""`firstword demo`: a week with planted faults, every one of them told, and mails that can be looked at."""

import json
import re
from html import unescape

import pytest

from tests.command_line import document, firstword


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "week"
    done = firstword("demo", "--dir", folder, "--json")
    return folder, done


def test_the_standard_week_is_perfect(demo):
    """Every planted fault is told once, in time, and made good; nobody else is written to."""
    _, done = demo

    assert done.returncode == 0, done.stdout
    assert document(done)["score"]["perfect"] is True
    assert document(done)["score"]["planted"] == document(done)["score"]["told"] > 30


def test_it_takes_well_under_a_minute(demo):
    """Including two cores that somebody else is using."""
    assert document(demo[1])["seconds"] < 45


def test_every_mail_went_over_smtp_and_is_in_the_inbox(demo):
    """The relay's count, the ledger's and the files agree."""
    folder, done = demo
    said = document(done)
    files = sorted((folder / "inbox").glob("*.eml"))

    assert said["summary"]["messages"]["accepted"] == len(files) == said["inbox"]["mails"] > 30
    assert all(b"\r\nX-Firstword-Message: " in file.read_bytes() for file in files)


def test_the_page_leads_to_every_part_of_every_mail(demo):
    """HTML, text, source and the return label, each behind a link that works."""
    folder, done = demo
    page = (folder / "inbox" / "index.html").read_text("utf-8")
    links = [unescape(link) for link in re.findall(r'href="([^"]+)"', page)]

    assert str(folder / "inbox" / "index.html") == document(done)["inbox"]["index"]
    assert [link for link in links if not (folder / "inbox" / link).is_file()] == []
    labels = [link for link in links if link.endswith(".pdf")]
    assert document(done)["summary"]["remedies"]["return_label"] <= len(labels)
    assert (folder / "inbox" / labels[0]).read_bytes().startswith(b"%PDF-")


def test_the_decisions_lie_beside_it(demo):
    """The public log, as other systems would read it."""
    lines = (demo[0] / "decisions.ndjson").read_text().splitlines()

    assert {"firstword"} == {json.loads(line)["source"] for line in lines}


def test_an_order_of_the_demo_has_a_timeline(demo):
    """Where to look afterwards is said, and works."""
    folder, _ = demo
    truth = json.loads((folder / "shop" / "truth.json").read_text())
    order_id = truth["orders"][0]["order_id"]

    assert firstword("timeline", order_id, "--data", folder / "data").returncode == 0


def test_a_former_demo_is_replaced_and_a_stranger_is_not(tmp_path):
    """Only what a demo wrote is ever removed."""
    folder = tmp_path / "week"
    first = firstword("demo", "--dir", folder, "--orders", "20", "--json")
    (folder / "notes.txt").write_text("mine")
    again = firstword("demo", "--dir", folder, "--orders", "20", "--json")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine too")
    refused = firstword("demo", "--dir", tmp_path / "other", "--json")

    assert document(first)["score"] == document(again)["score"]
    assert (folder / "notes.txt").read_text() == "mine"
    assert document(refused)["problem"]["code"] == "demo-folder-taken"
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


def test_settings_from_outside_do_not_reach_it(tmp_path):
    """A demo is the same on every machine, whatever relay and policy its environment names."""
    done = firstword(
        *("demo", "--dir", tmp_path / "week", "--orders", "20", "--json"),
        FIRSTWORD_MAIL_URL="smtp://127.0.0.1:9",
        FIRSTWORD_POLICY=str(tmp_path / "nowhere.toml"),
    )

    assert done.returncode == 0, done.stdout
    assert document(done)["summary"]["messages"].get("deferred", 0) == 0
