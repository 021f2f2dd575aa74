"""`firstword doctor`: what is in order, what is not, and what to do."""

import asyncio
import sqlite3
import threading
from contextlib import closing, contextmanager

import pytest

from tests.command_line import document, firstword, ndjson, scan, wrong_item
from tests.smtp_server import scripted_server


@pytest.fixture
def data(tmp_path):
    (tmp_path / "events.ndjson").write_text(ndjson([*wrong_item(), scan("STRANGER-1")]))
    firstword(
        *("run", "--data", tmp_path / "shop", "--source", tmp_path / "events.ndjson", "--clock", "history")
    )
    return tmp_path / "shop"


def checks(done):
    return {check["what"]: check for check in document(done)["checks"]}


@contextmanager
def relay(**script):
    """A relay on this machine, in a thread of its own."""
    ready = threading.Event()
    known = []

    async def serve():
        done = asyncio.Event()
        async with scripted_server(**script) as server:
            known.extend((server.port, asyncio.get_running_loop(), done))
            ready.set()
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    port, loop, done = known
    try:
        yield f"smtp://127.0.0.1:{port}?tls=none"
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


def test_a_fresh_folder_is_in_order(tmp_path):
    """Before the first run everything can be made, and nothing is."""
    done = firstword("doctor", "--data", tmp_path / "shop", "--json")

    assert done.returncode == 0
    assert document(done)["healthy"] is True
    assert {"python", "msgspec", "mrml", "time zones", "templates", "policy", "data", "mail"} <= set(
        checks(done)
    )
    assert not (tmp_path / "shop").exists()


def test_what_a_run_left_is_counted(data):
    """Position, events, mails by state, and records that were set aside."""
    found = checks(firstword("doctor", "--data", data, "--json"))

    assert found["journal"]["says"].startswith("sound, position ")
    assert "1 accepted" in found["ledger"]["says"]
    assert (
        found["dead letters"]["state"],
        found["dead letters"]["says"],
    ) == ("look", "1 records were not understood: 1 tracking-number-unclaimed")


def test_a_damaged_journal_is_found(data):
    """Bytes in the middle that are not what was written."""
    path = data / "journal.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 : len(content) // 2] = b"\xff" * (len(content) // 2 - 4096)
    path.write_bytes(content)
    done = firstword("doctor", "--data", data, "--json")

    assert (done.returncode, checks(done)["journal"]["state"]) == (1, "act")


def test_mails_in_doubt_are_named(data):
    """Somebody must find out whether they arrived."""
    with closing(sqlite3.connect(data / "ledger.sqlite")) as db, db:
        db.execute("UPDATE mail_ledger SET state = 'in_doubt'")
    done = firstword("doctor", "--data", data, "--json")

    assert done.returncode == 1
    assert "(order CRUNCHY-ARMCHAIR)" in checks(done)["in doubt"]["says"]


def test_a_relay_that_greets_is_in_order(tmp_path):
    """Greeted, and nothing sent."""
    with relay() as url:
        done = firstword("doctor", "--data", tmp_path, "--mail", url, "--json")

    assert (done.returncode, checks(done)["mail"]["state"]) == (0, "ok")
    assert checks(done)["mail"]["says"].endswith("greets")


def test_a_relay_that_is_not_there_is_found_and_its_password_is_not_told(tmp_path):
    """The advice names host and port; the password stays in the URL."""
    url = "smtp://dana:crunchy-secret@127.0.0.1:9?tls=none"
    done = firstword("doctor", "--data", tmp_path, "--mail", url, "--json")

    assert (done.returncode, checks(done)["mail"]["state"]) == (1, "act")
    assert "port 9" in checks(done)["mail"]["do"]
    assert "crunchy-secret" not in done.stdout + done.stderr


def test_a_relay_without_encryption_is_found(tmp_path):
    """Asked for STARTTLS, it does not know it."""
    with relay() as url:
        done = firstword(
            "doctor", "--data", tmp_path, "--mail", url.replace("tls=none", "tls=starttls"), "--json"
        )

    assert "does not offer what the URL asks for" in checks(done)["mail"]["do"]


def test_a_broken_policy_is_one_line_among_the_others(tmp_path):
    """One thing that is wrong does not hide the rest."""
    rules = tmp_path / "shop.toml"
    rules.write_text("[quiet]\nstart = 'late'\n")
    done = firstword("doctor", "--data", tmp_path, "--policy", rules, "--json")

    assert done.returncode == 1
    assert {name: checks(done)[name]["state"] for name in ("policy", "mail")} == {
        "policy": "act",
        "mail": "ok",
    }
    assert "shop.toml:2" in checks(done)["policy"]["says"]
