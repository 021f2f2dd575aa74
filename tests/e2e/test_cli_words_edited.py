"""Words are edited while `firstword run` is at work: the next mail has them, and what is not fit is never sent."""

import json
import signal
import threading
import urllib.request
from email import message_from_bytes, policy

from streams.assets import templates_dir
from streams.clock import wall_now
from tests.command_line import document, firstword, ndjson, start, wrong_item

AT_ONCE = '[quiet]\nstart = "00:00"\nend = "00:00"\n[respond.wrong_item]\nsettle = "0s"\n'
SHIPPED = (templates_dir() / "wrong_item" / "en.md").read_text("utf-8")
WITHIN = 60.0  # seconds


class Log:
    """What a process says on standard error, line by line, while it works."""

    def __init__(self, process):
        self._lines = []
        self._came = threading.Condition()
        threading.Thread(target=self._read, args=(process.stderr,), daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self._came:
                self._lines.append(json.loads(line))
                self._came.notify_all()

    def wait(self, name, **fields):
        """Return the first line of this name with these fields, whenever it comes."""

        def found():
            return [one for one in self._lines if one["name"] == name and fields.items() <= one.items()]

        with self._came:
            assert self._came.wait_for(found, WITHIN), (name, fields, self._lines)
            return found()[0]


def bodies(data):
    """The mails that were delivered, as text, by order."""
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (data / "mail" / "new").glob("*")
    ]
    return {mail["X-Firstword-Order"]: mail.get_body(("plain",)).get_content() for mail in mails}


def order(url, log, order_id):
    """Let a box be packed wrong, and wait until its customer has been told."""
    body = ndjson(wrong_item(order_id, at=wall_now())).replace("F-1", f"F-{order_id}")
    body = body.replace("BOX-1", f"BOX-{order_id}").replace("ines@", f"{order_id.lower()}@")
    request = urllib.request.Request(url + "/in/native", data=body.encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 202
    log.wait("message_settled", order_id=order_id, state="accepted")


def test_a_running_process_takes_edited_words_and_refuses_broken_ones(tmp_path):
    """Old, new, then twice not fit: the customer of each order reads the newest words that were fit for them."""
    words, data = tmp_path / "words", tmp_path / "shop"
    file = words / "wrong_item" / "en.md"
    file.parent.mkdir(parents=True)
    file.write_text(f"{SHIPPED}\nThe first words.\n", "utf-8")
    (tmp_path / "policy.toml").write_text(AT_ONCE)
    given = ("--http", "127.0.0.1:0", "--policy", tmp_path / "policy.toml", "--templates", words)
    with start("run", "--data", data, *given, "--json") as process:
        log = Log(process)
        url = f"http://127.0.0.1:{log.wait('intake_opened')['port']}"
        order(url, log, "ORD-1")
        file.write_text(f"{SHIPPED}\nThe second words.\n", "utf-8")
        taken = log.wait("words_taken")
        order(url, log, "ORD-2")
        file.write_text(f"{SHIPPED}\nThe third {{{{ wrods }}}}.\n", "utf-8")
        broken = log.wait("words_refused")
        order(url, log, "ORD-3")
        file.write_text(f"{SHIPPED}\nWe apologize for any inconvenience.\n", "utf-8")
        ruled = log.wait("words_refused", code="no_inconvenience")
        examined = firstword("doctor", "--json", FIRSTWORD_TEMPLATES=str(words), FIRSTWORD_DATA=str(data))
        order(url, log, "ORD-4")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    said = bodies(data)

    assert taken["templates"] == "wrong_item"
    assert (broken["code"], broken["place"][:22]) == ("template-unknown-name", "words/wrong_item/en.md")
    assert ruled["place"].startswith("words/wrong_item/en.md")
    assert "The first words." in said["ORD-1"]
    assert all("The second words." in said[one] for one in ("ORD-2", "ORD-3", "ORD-4"))
    (found,) = [one for one in document(examined)["checks"] if one["what"] == "templates"]
    assert found["state"] == "look"
    assert "no_inconvenience" in found["says"]
