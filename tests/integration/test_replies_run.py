"""Customers answer mails that the command sent, into a Maildir or over HTTP, and the command learns whose they are."""

import json
import signal
import urllib.request
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from streams.core.events import ChoiceMade, CustomerReplied
from streams.embedded.journal import Journal
from tests.command_line import document, firstword, ndjson, start, wrong_item

UNTIL = "2026-11-23"
ORDER = "CRUNCHY-ARMCHAIR"


@pytest.fixture
def sent(tmp_path):
    """A shop that has told its customer of a mix-up; yields its folder and the mail as the customer has it."""
    story = tmp_path / "events.ndjson"
    story.write_text(ndjson(wrong_item()))
    data = tmp_path / "shop"
    run(data, f"native={story}")
    (mail,) = (data / "mail" / "new").glob("*")
    return data, message_from_bytes(mail.read_bytes(), policy=policy.default)


def run(data, *sources):
    places = [part for source in sources for part in ("--source", source)]
    done = firstword("run", "--data", data, *places, "--clock", "history", "--until", UNTIL, "--json")
    assert done.returncode == 0, done.stderr
    return document(done)["events"]


def answer(mail, text, *, to_reply=True, **fields):
    """Return a customer's answer as RFC 5322 3.6.4 has every mail program write it."""
    reply = EmailMessage(policy=policy.SMTP)
    reply["From"] = "Ines <ines@example.com>"
    reply["To"] = mail["Reply-To"]
    reply["Subject"] = f"Re: {mail['Subject']}"
    reply["Date"] = "Fri, 20 Nov 2026 20:00:04 +0000"
    reply["Message-ID"] = f"<{abs(hash(text))}@example.com>"
    if to_reply:
        reply["In-Reply-To"] = mail["Message-ID"]
        reply["References"] = " ".join(filter(None, [mail["References"], mail["Message-ID"]]))
    for name, value in fields.items():
        reply[name.replace("_", "-")] = value
    quoted = "".join(f"> {line}\n" for line in mail.get_body(("plain",)).get_content().splitlines())
    reply.set_content(f"{text}\n\nOn Fri, 20 Nov 2026 at 15:02, Ida wrote:\n{quoted}")
    return bytes(reply)


def journal_of(data):
    """Return what customers said, and the codes of the dead letters."""
    journal = Journal(data / "journal.sqlite")
    events = [event for _, block in journal.blocks() for event in block]
    dead = [(letter.source, letter.code) for letter in journal.dead_letters()]
    journal.close()
    return [event for event in events if isinstance(event.fact, CustomerReplied | ChoiceMade)], dead


def test_answers_in_a_maildir_are_the_orders_own(tmp_path, sent):
    """Told once, however often the Maildir is read; no machine's answer counts, and a stranger's is set aside."""
    data, mail = sent
    box = tmp_path / "Maildir" / "new"
    box.mkdir(parents=True)
    (box / "1.M1.host").write_bytes(answer(mail, "May I keep the armchair?"))
    (box / "2.M1.host").write_bytes(answer(mail, "I am away.", Auto_Submitted="auto-replied"))
    (box / "3.M1.host").write_bytes(answer(mail, "Do you sell lamps?", to_reply=False))
    (box / "4.M1.host").write_bytes(answer(mail, "STOP"))
    first = run(data, f"replies={box.parent}")
    again = run(data, f"replies={box.parent}")
    said, dead = journal_of(data)

    assert [event.order_id for event in said] == [ORDER, ORDER]
    assert said[0].fact == CustomerReplied(
        order_id=ORDER, message_id=mail["X-Firstword-Message"], text="May I keep the armchair?"
    )
    assert said[1].fact == ChoiceMade(order_id=ORDER, case_id=mail["X-Firstword-Case"], choice="stop")
    assert dead == [("replies", "reply-not-ours")]
    assert again == first


def test_a_mail_system_posts_an_answer(sent):
    """The raw mail is the body; rubbish is a dead letter and stops nothing. The log has no word of it."""
    data, mail = sent
    raw = answer(mail, "It is a present, please hurry.")
    with start("run", "--data", data, "--http", "127.0.0.1:0") as process:
        opened = next(one for one in map(json.loads, process.stderr) if one["name"] == "intake_opened")
        url = f"http://127.0.0.1:{opened['port']}/in/replies"
        answers = [post(url, body) for body in (raw, raw, b"ines@example.com")]
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    said, dead = journal_of(data)

    assert answers == [(202, {"accepted": 1})] * 3
    assert {event.fact.text for event in said} == {"It is a present, please hurry."}
    assert len({event.id for event in said}) == 1
    assert dead == [("replies", "reply-no-mail")]
    assert "present" not in log
    assert "ines@example.com" not in log


def post(url, body):
    request = urllib.request.Request(url, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)
