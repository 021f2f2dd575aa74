"""Mails that the command sent come back, to a Maildir or over HTTP, and the command learns whose they were."""

import json
import signal
import urllib.request
from datetime import UTC, datetime
from email import message_from_bytes

import pytest

from streams.core.events import MessageBounced
from streams.embedded.journal import Journal
from streams.pipeline.processor import Processor
from streams.policies.loader import load_policy
from tests.command_line import document, firstword, ndjson, start, wrong_item

UNTIL = "2026-11-23"
CAME_BACK = "2026-11-20T20:00:04"


@pytest.fixture
def sent(tmp_path):
    """A shop that has told its customer of a mix-up; yields its folder and the head of the mail as it was sent."""
    story = tmp_path / "events.ndjson"
    story.write_text(ndjson(wrong_item()))
    data = tmp_path / "shop"
    run(data, f"native={story}")
    (mail,) = (data / "mail" / "new").glob("*")
    return data, mail.read_bytes().partition(b"\r\n\r\n")[0].replace(b"\r\n", b"\n")


def run(data, *sources):
    places = [part for source in sources for part in ("--source", source)]
    done = firstword("run", "--data", data, *places, "--clock", "history", "--until", UNTIL, "--json")
    assert done.returncode == 0, done.stderr
    return document(done)["events"]


def report(head, *, token, action="failed", status="5.1.1"):
    """Return a report as Postfix writes it, about the mail with this head."""
    return (
        b"Return-Path: <>\nDelivered-To: bounces+%(token)s@shop.example\n"
        b"Received: by mail.shop.example (Postfix) id 4G7xk21;\n\tFri, 20 Nov 2026 20:00:04 +0000 (UTC)\n"
        b"From: MAILER-DAEMON@mail.shop.example (Mail Delivery System)\nTo: bounces+%(token)s@shop.example\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        b"--b\nContent-Type: text/plain\n\nI'm sorry.\n\n"
        b"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.shop.example\n\n"
        b"Final-Recipient: rfc822; ines@example.com\nAction: %(action)s\nStatus: %(status)s\n"
        b"Diagnostic-Code: smtp; 550 5.1.1 <ines@example.com>: User unknown\n\n"
        b"--b\nContent-Type: text/rfc822-headers\n\n%(head)s\n\n--b--\n"
    ) % {b"token": token.encode(), b"action": action.encode(), b"status": status.encode(), b"head": head}


def message_of(head):
    return message_from_bytes(head)["X-Firstword-Message"]


def journal_of(data):
    """Return the bounces in the journal, what the orders say of their mails, and the codes of the dead letters."""
    journal = Journal(data / "journal.sqlite")
    events = [event for _, block in journal.blocks() for event in block]
    dead = [(letter.source, letter.code) for letter in journal.dead_letters()]
    journal.close()
    fold = Processor(load_policy(None))
    for event in events:
        fold.fold(event)
    standing = {
        order_id: [mail.status for mail in order.case.messages]
        for order_id, order in fold.orders.items()
        if order.case is not None
    }
    return [event for event in events if isinstance(event.fact, MessageBounced)], standing, dead


def test_a_mail_that_came_back_to_a_maildir_is_the_orders_own(tmp_path, sent):
    """Told once, however often the Maildir is read; a delay says nothing, and a forged report is set aside."""
    data, head = sent
    message_id = message_of(head)
    box = tmp_path / "Maildir"
    (box / "new").mkdir(parents=True)
    (box / ".INBOX.bounces" / "cur").mkdir(parents=True)
    (box / "new" / "1.M1.host").write_bytes(report(head, token=message_id, action="delayed", status="4.4.1"))
    (box / "new" / "2.M1.host").write_bytes(report(head, token="msg_0123456789abcdef"))
    before = journal_of(data)[1]
    (box / ".INBOX.bounces" / "cur" / "3.M1.host:2,S").write_bytes(report(head, token=message_id))
    first = run(data, f"bounces={box}")
    again = run(data, f"bounces={box}")
    bounced, standing, dead = journal_of(data)

    assert before == {"CRUNCHY-ARMCHAIR": ["accepted"]}
    assert standing == {"CRUNCHY-ARMCHAIR": ["bounced"]}
    (event,) = bounced
    assert event.fact.message_id == message_id
    assert event.fact.reply == "5.1.1 <address>: User unknown"
    assert event.occurred_at.isoformat() == f"{CAME_BACK}+00:00"
    assert dead == [("bounces", "bounce-contradicts")]
    assert again == first


def test_a_timeline_tells_that_it_came_back(tmp_path, sent):
    """A person who asks for the message sees it, with the mail system's words and without the address."""
    data, head = sent
    file = tmp_path / "bounce.eml"
    file.write_bytes(report(head, token=message_of(head)))
    run(data, f"bounces={file}")
    told = firstword("timeline", message_of(head), "--data", data)

    assert told.returncode == 0, told.stderr
    assert "the mail came back after it had been accepted" in told.stdout
    assert "User unknown" in told.stdout
    assert file.read_bytes().count(b"ines@example.com")  # it was there to be told


def test_a_mail_system_hands_it_over_on_standard_input(sent):
    """As a pipe of the mail system does."""
    data, head = sent
    raw = report(head, token=message_of(head)).decode()
    arguments = ("run", "--data", data, "--source", "bounces=-", "--clock", "history", "--until", UNTIL)
    done = firstword(*arguments, stdin=raw)

    assert done.returncode == 0, done.stderr
    assert journal_of(data)[1] == {"CRUNCHY-ARMCHAIR": ["bounced"]}


def test_a_mail_system_posts_it(sent):
    """The raw mail is the body; rubbish is a dead letter and stops nothing. The log has no address."""
    data, head = sent
    with start("run", "--data", data, "--http", "127.0.0.1:0") as process:
        said = next(one for one in map(json.loads, process.stderr) if one["name"] == "intake_opened")
        url = f"http://127.0.0.1:{said['port']}/in/bounces"
        answers = [post(url, body) for body in (report(head, token=message_of(head)), b"ines@example.com")]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)

    assert answers == [(202, {"accepted": 1})] * 2
    bounced, standing, dead = journal_of(data)
    assert len(bounced) == 1
    assert standing == {"CRUNCHY-ARMCHAIR": ["bounced"]}
    assert dead == [("bounces", "bounce-no-mail")]
    assert "bounce-no-mail" in log
    assert "ines@example.com" not in log


def post(url, body):
    request = urllib.request.Request(url, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)


def test_an_address_from_which_mail_came_back_hears_from_no_other_order(tmp_path, sent):
    """Neither by this process nor by the next; who has another address is written to."""
    data, head = sent
    box = tmp_path / "Maildir" / "new"
    box.mkdir(parents=True)
    (box / "1.M1.host").write_bytes(report(head, token=message_of(head)))
    run(data, f"bounces={box.parent}")
    later = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    other = [*wrong_item("SOFT-SOFA", later), *wrong_item("HARD-CHAIR", later)]
    more = tmp_path / "more.ndjson"
    more.write_text(ndjson(other).replace("ines@example.com", "eve@example.com", 1))
    done = firstword(
        *("run", "--data", data, "--source", f"native={more}", "--clock", "history", "--until", "2026-11-27")
    )
    assert done.returncode == 0, done.stderr
    _, standing, _ = journal_of(data)
    mails = [message_from_bytes(mail.read_bytes())["To"] for mail in (data / "mail" / "new").glob("*")]

    assert standing["CRUNCHY-ARMCHAIR"] == ["bounced"]
    assert standing["SOFT-SOFA"] == ["accepted"]
    assert standing["HARD-CHAIR"] == ["suppressed"]
    assert sorted("eve@example.com" in to for to in mails) == [False, True]
    told = firstword("doctor", "--data", data).stdout
    assert "1 address is written to no more" in told
