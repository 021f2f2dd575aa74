"""`firstword reviews`: what waits for a person is listed, shown with its mail, and decided by a name; the mail that goes is the one shown."""

import email
import email.policy
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from streams.core.events import ReviewResolved
from streams.embedded.inbox import look
from streams.embedded.journal import Journal
from streams.ops.verdicts import FolderVerdicts, resolved
from tests.command_line import FRIDAY, document, firstword, ndjson, start, wrong_item
from tests.kafka_rig import free_ports
from tests.worker_processes import wait_until

PIANO, ORDER = "GRAND-PIANO", "ORD-PIANO"
TIMES = " \N{MULTIPLICATION SIGN} "
AN_HOUR_LATER = "2026-11-20T16:00:00Z"  # early afternoon where the customer is
EVENING = "2026-11-20T22:00:00Z"


def dear(order_id=ORDER, at=FRIDAY):
    """Return the events of a grand piano, far above what one order may cost, in whose box a lamp was packed."""
    events = wrong_item(order_id, at)
    line = {
        "sku": PIANO,
        "quantity": 1,
        "title": "Grand piano",
        "unit_price": {"minor": 899900, "currency": "USD"},
    }
    events[0]["data"]["lines"] = [line]
    events[1]["data"]["lines"] = [{"sku": PIANO, "quantity": 1}]
    return events


@pytest.fixture
def shop(tmp_path):
    """A data folder with one review that waits."""
    (tmp_path / "events.ndjson").write_text(ndjson(dear()))
    run(tmp_path / "shop", "--source", tmp_path / "events.ndjson", "--until", AN_HOUR_LATER)
    return tmp_path / "shop"


def run(shop, *arguments):
    done = firstword("run", "--data", shop, "--clock", "history", "--json", *arguments)
    assert done.returncode == 0, done.stderr + done.stdout


def reviews(shop, *arguments):
    return firstword("reviews", *arguments, "--data", shop)


def decided(shop, kind):
    """Return the decisions and outcomes of one type."""
    journal = Journal(shop / "journal.sqlite")
    found = [one.fact for one in journal.decisions() if one.type == kind]
    journal.close()
    return found


def resolutions(shop):
    """Return what people decided, as the journal has it."""
    journal = Journal(shop / "journal.sqlite")
    found = [one.fact for _, events in journal.blocks() for one in events]
    journal.close()
    return [one for one in found if isinstance(one, ReviewResolved)]


def mails(shop):
    """Return what was delivered into the Maildir."""
    paths = sorted((shop / "mail" / "new").glob("*"))
    return [email.message_from_bytes(one.read_bytes(), policy=email.policy.default) for one in paths]


def text_of(mail):
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n").strip()


def test_what_waits_is_listed_with_its_reason_its_cost_and_its_deadline(shop):
    """For a person, and for a program."""
    text = reviews(shop, "list").stdout
    (one,) = document(reviews(shop, "list", "--json"))["reviews"]

    for part in ("ORD-PIANO", "$9,023.50", "2026-11-20T15:12:00Z", "more than may be spent", "1 review;"):
        assert part in text
    assert (one["reason"], one["cost"]) == ("budget", {"minor": 902350, "currency": "USD"})
    assert (one["standing"], one["decide_by"]) == ("waiting", "2026-11-22T15:12:00Z")


def test_a_review_is_shown_with_evidence_costs_and_both_words(shop):
    """By its id, by how that begins, or by its order."""
    (listed,) = document(reviews(shop, "list", "--json"))["reviews"]

    shown = {reviews(shop, "show", name).stdout for name in (listed["id"], listed["id"][:12], ORDER)}
    plain = document(reviews(shop, "show", ORDER, "--json"))

    (text,) = shown
    for part in (
        "the packing scan shows 1 x LAMP",
        f"We send 1{TIMES}Grand piano by express, and wait for nothing to come back. ($9,017.00)",
        f"We pay for a return label for 1{TIMES}LAMP",
        "Subject: We packed the wrong item in your order ORD-PIANO",
        "Nothing is sent, and nothing is set in motion.",
    ):
        assert part in text
    assert {one["remedy"]: one["cost"]["minor"] for one in plain["yes"]["remedies"]} == {
        "return_label": 650,
        "expedited_replacement": 901700,
    }
    assert plain["no"] == {"remedies": [], "mail": None}
    assert plain["yes"]["mail"]["to"] == "ines@example.com"


def rows(shop):
    """Return all that stands in the databases of a folder."""
    found = {}
    for path in shop.rglob("*.sqlite"):
        with closing(sqlite3.connect(path)) as db:
            found[path.name] = list(db.iterdump())
    return found


def test_looking_changes_nothing(shop):
    """Not one row is another, no inbox is made, and nobody was written to."""
    before = rows(shop)

    for arguments in (["list"], ["show", ORDER], ["approve", ORDER, "--by", "mo", "--dry-run"]):
        assert reviews(shop, *arguments).returncode == 0

    assert rows(shop) == before
    assert {"journal.sqlite", "ledger.sqlite"} <= set(before)
    assert mails(shop) == []


def test_the_mail_that_goes_is_the_mail_that_was_shown(shop, tmp_path):
    """Subject and text, to the letter; and the replacement is requested."""
    page = tmp_path / "mail.html"
    shown = document(reviews(shop, "show", ORDER, "--json", "--html", page))["yes"]["mail"]

    done = reviews(shop, "approve", ORDER, "--by", "mo", "--note", "a good customer")
    run(shop, "--until", EVENING)

    assert done.returncode == 0, done.stderr
    assert "is approved by mo; folded here by the policy standard: 1 folded" in done.stdout
    (asked,) = decided(shop, "replacement.requested.v1")
    assert [(one.sku, one.quantity) for one in asked.lines] == [(PIANO, 1)]
    (mail,) = mails(shop)
    assert (mail["Subject"], text_of(mail)) == (shown["subject"], shown["text"].strip())
    sent = mail.get_body(("html",)).get_content()
    assert page.read_text("utf-8").count("Grand piano") == sent.count("Grand piano") > 0
    assert shown["return_label"]
    assert [one.get_content_type() for one in mail.iter_attachments()] == ["application/pdf"]


def test_the_word_is_an_event_of_the_order_with_a_name_on_it(shop):
    """Whoever reads the order's story next year finds who decided, when and why."""
    reviews(shop, "approve", ORDER, "--by", "mo", "--note", "a good customer")

    (one,) = document(reviews(shop, "list", "--all", "--json"))["reviews"]
    told = firstword("timeline", ORDER, "--data", shop).stdout

    assert (one["standing"], one["by"], one["note"]) == ("approved", "mo", "a good customer")
    assert one["decided_at"] == AN_HOUR_LATER
    assert "mo approved the review" in told
    assert "nothing waits for a person" in reviews(shop, "list").stdout


def test_a_no_sends_nothing_and_sets_nothing_in_motion(shop):
    """Now, and when time goes on."""
    done = reviews(shop, "refuse", ORDER, "--by", "mo", "--note", "told on the phone")
    (shop.parent / "more.ndjson").write_text(ndjson(wrong_item("ORD-OTHER", FRIDAY)[:1]))
    run(shop, "--source", shop.parent / "more.ndjson", "--until", EVENING)

    assert done.returncode == 0
    assert "Nothing is sent, and nothing is set in motion." in done.stdout
    assert (mails(shop), decided(shop, "replacement.requested.v1")) == ([], [])


def test_a_narrowed_yes_grants_what_was_named_and_says_what_is_so(shop):
    """The label without the piano: the mail offers a choice, as it was shown."""
    shown = document(reviews(shop, "show", ORDER, "--only", "return_label,apology", "--json"))["yes"]

    done = reviews(shop, "approve", ORDER, "--by", "mo", "--only", "return_label,apology")
    run(shop, "--until", EVENING)

    assert done.returncode == 0, done.stderr
    assert [one["remedy"] for one in shown["remedies"]] == ["return_label"]
    assert decided(shop, "replacement.requested.v1") == []
    assert len(decided(shop, "return_label.requested.v1")) == 1
    (mail,) = mails(shop)
    assert text_of(mail) == shown["mail"]["text"].strip()
    assert "already sending you what you ordered" not in text_of(mail)


def test_the_first_word_counts(shop):
    """A second one, of the other color, is told who was first, does nothing, and exits with 1."""
    reviews(shop, "approve", ORDER, "--by", "mo")

    second = reviews(shop, "refuse", ORDER, "--by", "kim")
    plain = document(reviews(shop, "approve", ORDER, "--by", "kim", "--json"))

    assert (second.returncode, "mo approved it at 2026-11-20T16:00:00Z" in second.stdout) == (1, True)
    assert (plain["done"], plain["review"]["by"]) == (False, "mo")
    assert len(look(shop)) == 1


def test_a_word_that_nobody_has_taken_yet_counts_already(shop):
    """It was left for a process that works in the folder; nobody decides over it."""
    (one,) = document(reviews(shop, "list", "--json"))["reviews"]
    word = resolved(ORDER, one["id"], FRIDAY + timedelta(hours=1), approved=True, by="kim", note="")
    assert FolderVerdicts(shop).leave(word)

    done = reviews(shop, "refuse", ORDER, "--by", "mo")

    assert (done.returncode, "has not taken the word yet" in done.stdout) == (1, True)
    assert document(reviews(shop, "list", "--json"))["waiting"] == 0
    run(shop, "--until", EVENING)
    assert [one.by for one in resolutions(shop)] == ["kim"]


def test_a_process_that_runs_takes_the_word(shop, tmp_path):
    """The command hands it over and sees it taken; the journal has one writer throughout."""
    (tmp_path / "patient.toml").write_text('[reviews]\nwithin = "0d"\n', "utf-8")
    patient = ("--policy", tmp_path / "patient.toml")
    run(tmp_path / "patient", "--source", tmp_path / "events.ndjson", "--until", AN_HOUR_LATER, *patient)
    shop, (port,) = tmp_path / "patient", free_ports(1)
    with start("run", "--data", shop, "--http", f"127.0.0.1:{port}", *patient) as process:
        wait_until(lambda: (shop / "lock").read_text().strip() == str(process.pid), seconds=20)
        done = document(reviews(shop, "approve", ORDER, "--by", "mo", "--json", *patient))
        assert process.poll() is None

    assert (done["done"], done["taken"]["by"], done["taken"]["waiting"]) == (
        True,
        "the process that runs",
        0,
    )
    assert [one.by for one in resolutions(shop)] == ["mo"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["show", "rev_nobody"], "review-not-found"),
        (["approve", ORDER, "--by", "mo", "--only", "goodwill_credit"], "remedy-not-proposed"),
        (["approve", ORDER, "--by", "  "], "decider-unclear"),
        (["refuse", ORDER, "--by", "m" * 257], "decider-unclear"),
        (["refuse", ORDER], "usage"),
    ],
)
def test_a_slip_is_answered_in_the_house_shape(shop, arguments, problem):
    """Exit code 2, the way out, and nothing is left for anybody."""
    done = reviews(shop, *arguments, "--json")

    assert (done.returncode, document(done)["problem"]["code"]) == (2, problem)
    assert document(done)["problem"]["hint"]
    assert look(shop) == ()


def test_a_page_of_no_mail_is_not_written(shop, tmp_path):
    """A decided review sends nothing more."""
    reviews(shop, "refuse", ORDER, "--by", "mo")

    done = reviews(shop, "show", ORDER, "--html", tmp_path / "mail.html", "--json")

    assert document(done)["problem"]["code"] == "review-without-mail"
    assert not (tmp_path / "mail.html").exists()


def test_another_policy_asks_nobody(shop, tmp_path):
    """Who raised the budget since is told that nobody can say what would follow, instead of a mail that never goes."""
    policy = tmp_path / "rich.toml"
    policy.write_text("[budgets.order]\nUSD = 2000000\n", "utf-8")

    shown = firstword("reviews", "show", ORDER, "--data", shop, "--policy", policy)

    assert shown.returncode == 0, shown.stderr
    assert "by today's policy the order does not wait for this" in shown.stdout
    assert "Subject:" not in shown.stdout
