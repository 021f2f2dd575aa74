"""`firstword templates` as somebody who writes for a living uses it: new, lint, accept, gallery, send-test."""

from email import message_from_bytes, policy

import pytest

from tests.command_line import document, firstword
from tests.mail_receiver import MailReceiver

BAD = "We apologize for any inconvenience caused by the weather."
HOUSE = "@shop.example"


@pytest.fixture
def words(tmp_path):
    """A folder of one's own with one file, and the file."""
    firstword("templates", "new", "late_delivery", "--templates", tmp_path / "words")
    return tmp_path / "words" / "late_delivery" / "en.md"


def templates(*arguments, words, **settings):
    return firstword("templates", *arguments, "--templates", words.parent.parent, **settings)


def change(words, old, new):
    text = words.read_text("utf-8")
    assert old in text
    words.write_text(text.replace(old, new), "utf-8")


def test_words_of_ones_own_begin_with_those_that_are_sent(words):
    """One file; whatever else the message needs is inherited, and the mail is the same."""
    ours = firstword("templates", "render", "late_delivery")
    theirs = templates("render", "late_delivery", words=words)

    assert [path.name for path in words.parent.rglob("*")] == ["en.md"]
    assert (theirs.returncode, theirs.stdout) == (0, ours.stdout)


def test_nobodys_words_are_overwritten(words):
    done = templates("new", "late_delivery", "--json", words=words)

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "words-there-already")


def test_a_language_without_words_begins_with_the_english_ones(words):
    done = templates("new", "lost", "--locale", "nl", "--json", words=words)
    listed = templates("lint", "lost", "--json", words=words)

    assert document(done)["from"] == "en.md"
    assert document(listed)["not_checked"] == ["nl"]


def test_new_words_need_a_folder_of_ones_own(tmp_path):
    done = firstword("templates", "new", "lost", "--json", cwd=tmp_path)

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "templates-not-named")


def test_a_finding_says_where_why_and_what_would_be_better(words):
    """As a good colleague would."""
    change(words, "We are watching it every day.", BAD)

    done = templates("lint", "late_delivery", words=words)
    said = done.stdout.split("\n\n")

    assert done.returncode == 1
    (blame,) = [one for one in said if " no_blame\n" in one]
    line = next(
        number for number, text in enumerate(words.read_text("utf-8").splitlines(), start=1) if BAD in text
    )
    assert blame.startswith(f"words/late_delivery/en.md:{line}  error no_blame\n")
    assert "caused by the weather" in blame
    assert "\n  why:    " in blame
    assert "\n  better: " in blame


def test_words_with_an_error_are_not_accepted(words):
    """Nothing is written, and the reason is said."""
    change(words, "We are watching it every day.", BAD)

    done = templates("accept", "late_delivery", words=words)

    assert done.returncode == 1
    assert "caused by the weather" in done.stdout
    assert not (words.parent / "expected").exists()


def test_what_changed_is_shown_and_then_accepted(words):
    """A dry run writes nothing; accepted once, nothing is left to accept."""
    change(words, "We are watching it every day.", "We are following it every day.")

    dry = templates("accept", "late_delivery", "--dry-run", words=words)
    written_by_dry = (words.parent / "expected").exists()
    wet = templates("accept", "late_delivery", "--json", words=words)
    again = templates("accept", "late_delivery", "--json", words=words)

    assert not written_by_dry
    assert "+We are following it every day." in dry.stdout
    (first,), (second,) = document(wet)["messages"], document(again)["messages"]
    assert "typical.en.txt" in first["written"]
    assert (second["changed"], second["written"]) == ([], [])


def test_a_gallery_shows_every_mail_that_was_asked_for(tmp_path):
    done = firstword(
        "templates", "render", "lost", "--locale", "pt-BR", "--gallery", "--out", tmp_path / "wall", "--json"
    )
    shown = document(done)["mails"]
    page = (tmp_path / "wall" / "index.html").read_text("utf-8")

    assert {one["locale"] for one in shown} == {"pt_BR"}
    assert {"typical", "worst"} <= {one["sample"] for one in shown}
    for one in shown:
        for view in ("light", "dark"):
            assert (tmp_path / "wall" / "mails" / f"lost.pt_BR.{one['sample']}.{view}.html").is_file()
        assert f"mails/lost.pt_BR.{one['sample']}.light.html" in page


def test_a_gallery_of_nothing_is_a_slip(tmp_path):
    done = firstword("templates", "render", "--gallery", "--locale", "xx", "--json", cwd=tmp_path)

    assert (done.returncode, document(done)["problem"]["code"]) == (2, "gallery-empty")


def test_a_broken_message_hangs_there_with_its_problem(words, tmp_path):
    """All others are shown; the exit code says that one is not."""
    change(words, "{{ greeting }}", "{{ greting }}")

    done = templates("render", "late_delivery", "--gallery", "--out", tmp_path / "wall", words=words)

    assert done.returncode == 1
    assert "greting is not a name that words can use" in (tmp_path / "wall" / "index.html").read_text("utf-8")


def test_a_test_mail_arrives_and_harms_nobody(words):
    """Over real SMTP: marked, without a link that leads anywhere, with a label that says VOID."""
    with MailReceiver() as server:
        done = templates(
            "send-test",
            "wrong_item",
            "--to",
            f"marina{HOUSE}",
            "--mail",
            f"smtp://127.0.0.1:{server.port}?tls=none",
            "--json",
            words=words,
            FIRSTWORD_TEST_RECIPIENTS=HOUSE,
        )
        (content,) = server.mailbox
    mail = message_from_bytes(content, policy=policy.default)

    assert done.returncode == 0, done.stderr
    assert document(done)["sent"]["message_id"] == mail["Message-ID"]
    assert mail["Subject"].startswith("[TEST] We packed the wrong item")
    assert (mail["To"], mail["X-Firstword-Test"]) == (f"marina{HOUSE}", "1")
    html = mail.get_body(("html",)).get_content()
    assert "https://" not in html
    assert "mailto:" not in html
    assert [part.get_filename() for part in mail.iter_attachments()] == ["return-label-VOID.pdf"]


def test_nobody_else_can_be_sent_a_test():
    done = firstword(
        "templates",
        "send-test",
        "lost",
        "--to",
        "ada@elsewhere.example",
        "--json",
        FIRSTWORD_TEST_RECIPIENTS=HOUSE,
    )

    assert (done.returncode, document(done)["problem"]["code"]) == (1, "test-recipient-not-allowed")
