"""`firstword dead-letters`: what was not understood is found, looked at, and given another try after a fix."""

import json
from datetime import timedelta

import pytest

from streams.embedded.inbox import look, put, waiting
from streams.embedded.journal import Journal
from tests.command_line import document, firstword, ndjson, start
from tests.kafka_rig import free_ports
from tests.ndjson import DAY, HOUR, MONDAY, event, placed, scan, shipped
from tests.worker_processes import wait_until

UNTIL = "2026-03-20T00:00:00Z"


def run(folder, *events):
    """Run events through the folder at their own time; return what was said."""
    number = len(list(folder.glob("*.ndjson")))
    path = folder / f"events-{number}.ndjson"
    path.write_text(ndjson(events), "utf-8")
    done = firstword(
        *("run", "--data", folder / "shop", "--source", path, "--clock", "history"),
        *("--until", UNTIL, "--json"),
    )
    assert done.returncode == 0, done.stderr
    return document(done)


def letters(folder, *arguments):
    return document(firstword("dead-letters", "list", "--data", folder / "shop", "--json", *arguments))


def redrive(folder, *arguments):
    return firstword("dead-letters", "redrive", "--data", folder / "shop", *arguments)


def events_of(folder, order_id):
    journal = Journal(folder / "shop" / "journal.sqlite")
    found = [one.id for _, events in journal.blocks() for one in events if one.order_id == order_id]
    journal.close()
    return found


@pytest.fixture
def folder(tmp_path):
    """A scan that nobody claimed in time, an event of a newer program, and a scan that still waits."""
    run(
        tmp_path,
        placed("ORD-1", MONDAY, by="2026-03-09"),
        scan("s1", "in_transit", MONDAY + HOUR, "1ZORD-1"),
        {**placed("ORD-2", MONDAY + 2 * HOUR), "type": "order.placed.v9"},
        scan("s9", "in_transit", MONDAY + 17 * DAY, "1ZNOBODY"),
    )
    return tmp_path


def test_letters_are_listed_by_reason_and_what_waits_with_its_end(folder):
    """How many, why, what to do; and the scans that become letters when nobody claims them."""
    found = letters(folder)

    assert {one["code"]: one["open"] for one in found["reasons"]} == {
        "tracking-number-unclaimed": 1,
        "type-newer": 1,
    }
    assert all(one["hint"] for one in found["reasons"])
    (waits,) = found["parked"]
    assert (waits["tracking_number"], waits["event"]["id"]) == ("1ZNOBODY", "s9")
    assert waits["expires"] == (MONDAY + 20 * DAY).isoformat().replace("+00:00", "Z")
    text = firstword("dead-letters", "list", "--data", folder / "shop").stdout
    assert "tracking-number-unclaimed" in text
    assert "1 scan waits for its order" in text


def test_a_filter_leaves_the_others_out(folder):
    """By reason, by time."""
    assert [one["code"] for one in letters(folder, "--code", "type-newer", "--each")["letters"]] == [
        "type-newer"
    ]
    assert letters(folder, "--since", "2026-03-04")["open"] == 1
    assert letters(folder, "--since", "2026-03-30")["open"] == 0


def test_one_letter_is_shown_whole(folder):
    """Its record, its place, its reason, the program's version, and what today's program makes of it."""
    (newer,) = letters(folder, "--code", "type-newer", "--each")["letters"]

    shown = firstword("dead-letters", "show", newer["id"][:20], "--data", folder / "shop")
    plain = document(firstword("dead-letters", "show", newer["id"], "--data", folder / "shop", "--json"))

    assert shown.returncode == 0
    for part in (
        "type-newer:",
        "events-0.ndjson:3",
        "by firstword ",
        '  "type": "order.placed.v9"',
        "the same",
    ):
        assert part in shown.stdout
    assert (plain["place"], plain["today"]["code"]) == ("events-0.ndjson:3", "type-newer")
    assert json.loads(plain["raw"])["type"] == "order.placed.v9"


def test_a_letter_cannot_write_on_the_terminal(tmp_path):
    """Its bytes are a stranger's: an escape sequence is shown, and obeyed by nobody."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b'{"id": "\x1b]0;owned\x07\xc2\x9b31m"\n')
    firstword("run", "--data", tmp_path / "shop", "--source", path, "--clock", "history")
    (one,) = letters(tmp_path, "--each")["letters"]

    shown = firstword("dead-letters", "show", one["id"], "--data", tmp_path / "shop").stdout

    assert "\\x1b]0;owned\\x07\\x9b31m" in shown
    assert not {"\x1b", "\x07", "\x9b"} & set(shown)


def test_without_yes_nothing_is_done(folder):
    """It says what would come of it, and what would stay."""
    done = redrive(folder, "--all")

    assert done.returncode == 1  # the event of a newer program stays
    assert "would put back 1; nothing was done" in done.stdout
    assert "type-newer" in done.stdout
    assert look(folder / "shop") == ()
    assert letters(folder)["open"] == 2


def test_after_the_fix_the_letter_is_folded_once(folder):
    """The shop sends the announcement late; the scan is redriven, here, for nobody runs. Twice changes nothing."""
    run(folder, shipped("ORD-1", MONDAY + 17 * DAY + HOUR))
    assert "s1" not in events_of(folder, "ORD-1")

    first = document(redrive(folder, "--code", "tracking-number-unclaimed", "--yes", "--json"))
    second = document(redrive(folder, "--code", "tracking-number-unclaimed", "--yes", "--json"))

    assert (first["put_back"], second["put_back"]) == (1, 0)
    assert first["taken"]["by"] == "us"
    assert first["taken"]["events"]["folded"] == 1
    assert second["before"] == first["ready"]
    assert events_of(folder, "ORD-1").count("s1") == 1
    counted = run(folder)["events"]
    assert counted["in"] == sum(counted[one] for one in ("folded", "duplicates", "parked", "dead_letters"))
    assert letters(folder)["redriven"] == 1


def test_a_history_keeps_its_time(folder):
    """What is folded here bears the time at which the history stands, not that of the wall."""
    run(folder, shipped("ORD-1", MONDAY + 17 * DAY + HOUR))
    redrive(folder, "--all", "--yes")

    journal = Journal(folder / "shop" / "journal.sqlite")
    recorded = {one.recorded_at for _, events in journal.blocks() for one in events if one.id == "s1"}
    journal.close()

    assert [one.isoformat() for one in recorded] == [UNTIL.replace("Z", "+00:00")]


def test_a_process_that_runs_takes_the_letter_within_a_moment(folder):
    """The command hands it over, and sees it taken; the journal has one writer throughout."""
    run(folder, shipped("ORD-1", MONDAY + 17 * DAY + HOUR))
    (port,) = free_ports(1)
    with start("run", "--data", folder / "shop", "--http", f"127.0.0.1:{port}") as process:
        wait_until(lambda: (folder / "shop" / "lock").read_text().strip() == str(process.pid), seconds=20)
        done = document(redrive(folder, "--code", "tracking-number-unclaimed", "--yes", "--json"))
        assert process.poll() is None

    assert done["taken"] == {
        "by": "the process that runs",
        "waiting": 0,
        "events": {},
        "to_do": 0,
        "policy": "",
    }
    assert events_of(folder, "ORD-1").count("s1") == 1


def test_what_others_left_is_something_to_read(folder):
    """A run without a source takes it and ends; without anything left it is refused, as before."""
    said = event(
        "order.canceled.v1",
        "cancel-1",
        MONDAY + 17 * DAY + HOUR,
        source="firstword/console",
        order_id="ORD-1",
    )
    put(folder / "shop", "native", json.dumps(said).encode(), place="console", key="cancel-1")

    done = firstword("run", "--data", folder / "shop", "--clock", "history", "--json")
    again = firstword("run", "--data", folder / "shop", "--clock", "history", "--json")

    assert done.returncode == 0, done.stderr
    assert "cancel-1" in events_of(folder, "ORD-1")
    assert waiting(folder / "shop") == 0
    assert (again.returncode, document(again)["problem"]["code"]) == (2, "nothing-to-read")


def test_what_others_left_comes_before_what_a_source_brings(folder):
    """It was there first: it bears the time at which the history stood, and not that of the news."""
    left = event("order.canceled.v1", "cancel-1", MONDAY + 17 * DAY, order_id="ORD-1")
    put(folder / "shop", "native", json.dumps(left).encode())
    path = folder / "later.ndjson"
    path.write_text(ndjson([placed("ORD-7", MONDAY + 40 * DAY)]))
    assert firstword("run", "--data", folder / "shop", "--source", path, "--clock", "history").returncode == 0

    journal = Journal(folder / "shop" / "journal.sqlite")
    recorded = [one.recorded_at for _, events in journal.blocks() for one in events if one.id == "cancel-1"]
    journal.close()
    assert [one.isoformat() for one in recorded] == [UNTIL.replace("Z", "+00:00")]


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (["redrive", "--yes"], 2, "letters-unnamed"),
        (["redrive", "ded_nobody", "--yes"], 2, "letter-not-found"),
        (["show", "ded_nobody"], 2, "letter-not-found"),
        (["list", "--since", "yesterday"], 2, "time-unclear"),
    ],
)
def test_a_slip_is_answered_in_the_house_shape(folder, arguments, code, problem):
    """Exit code 2, and the way out."""
    done = firstword("dead-letters", *arguments, "--data", folder / "shop", "--json")

    assert (done.returncode, document(done)["problem"]["code"]) == (code, problem)
    assert document(done)["problem"]["hint"]


def test_a_folder_without_a_journal_and_brokers_that_are_not_there(tmp_path):
    """What is broken, and where to look."""
    (port,) = free_ports(1)
    empty = firstword("dead-letters", "list", "--data", tmp_path, "--json")
    silent = firstword("dead-letters", "list", "--kafka", f"127.0.0.1:{port}", "--json")

    assert (empty.returncode, document(empty)["problem"]["code"]) == (2, "data-not-found")
    assert (silent.returncode, document(silent)["problem"]["code"]) == (3, "kafka-unreachable")


def test_the_letters_of_the_service_by_the_same_words(kafka, topic_prefix, tmp_path):
    """With --kafka; a letter that stays says why."""
    import asyncio

    from tests.ingest_rig import deploy, until, working
    from tests.ingest_rig import letters as letters_of
    from tests.ingest_rig import put as put_records

    deployment = deploy(kafka, topic_prefix, tmp_path)

    async def story():
        await put_records(deployment, "orders", [b"{", placed("ORD-1", MONDAY - timedelta(days=1))])
        async with working(deployment):

            async def count():
                return len(await letters_of(deployment))

            await until(1, count)

    asyncio.run(story())
    environ = {name: text for name, text in deployment.environ().items() if name.startswith("FIRSTWORD_")}
    found = document(firstword("dead-letters", "list", "--kafka", kafka.bootstrap, "--json", **environ))
    tried = firstword(
        "dead-letters", "redrive", "--all", "--kafka", kafka.bootstrap, "--json", "--yes", **environ
    )

    assert [(one["code"], one["open"]) for one in found["reasons"]] == [("json-truncated", 1)]
    assert (tried.returncode, document(tried)["put_back"], document(tried)["taken"]) == (1, 0, None)
    assert [one["code"] for one in document(tried)["refused"]] == ["json-truncated"]
