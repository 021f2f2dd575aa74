"""The console shows a mail in the words it was sent in, and what became of each wording."""

import pytest

from streams.assets import templates_dir
from tests import web_shop
from tests.command_line import firstword, ndjson, wrong_item
from tests.web_rig import Client

SHIPPED = (templates_dir() / "wrong_item" / "en.md").read_text("utf-8")
CARD = (templates_dir() / "wrong_item" / "message.toml").read_text("utf-8")
UNTIL = "2026-11-25T00:00:00Z"


@pytest.fixture
def shop(tmp_path):
    """A shop that told one customer, in its second wording, and has edited both since."""
    words = tmp_path / "words" / "wrong_item"
    words.mkdir(parents=True)
    (words / "message.toml").write_text(f"{CARD}\n[variants]\nb = 100\n")
    (words / "en.md").write_text(f"{SHIPPED}\nThe first wording.\n")
    (words / "en@b.md").write_text(f"{SHIPPED}\nThe second wording, as it was sent.\n")
    (tmp_path / "events.ndjson").write_text(ndjson(wrong_item()))
    source = f"native={tmp_path / 'events.ndjson'}"
    given = ("--clock", "history", "--until", UNTIL, "--templates", words.parent)
    done = firstword("run", "--data", tmp_path / "shop", "--source", source, *given)
    assert done.returncode == 0, done.stderr
    (words / "en.md").write_text(f"{SHIPPED}\nEdited since.\n")
    (words / "en@b.md").write_text(f"{SHIPPED}\nEdited since.\n")
    return tmp_path


def test_a_mail_is_shown_as_it_was_sent_and_its_wording_is_counted(shop):
    """After an edit, by a process that has never seen those words; the frame beside the plain text."""
    options = ("--templates", shop / "words")
    with web_shop.console(shop / "shop", *options, wait_for="") as base:
        client = Client(base)
        client.sign_in("reader")
        page = web_shop.eventually(lambda: _of(client, "/order?id=CRUNCHY-ARMCHAIR", "As plain text"))
        letter = (
            page.text.partition("<iframe")[2].partition('src="')[2].partition('"')[0].replace("&amp;", "&")
        )
        framed = client.get(letter)
        variants = client.get("/variants")

    assert "The second wording, as it was sent." in page.text
    assert "wording b" in page.text
    assert "Edited since." not in page.text + framed.text
    assert "The second wording, as it was sent." in framed.text
    assert '<article class="card" id="wrong_item">' in variants.text
    assert "Only one wording has reached anybody so far." in variants.text


def _of(client, path, text):
    """Return a page once it says something."""
    page = client.get(path)
    return page if text in page.text else None
