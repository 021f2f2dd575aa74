"""`firstword timeline`: one order as a story, and why nothing was sent where nothing was."""

import pytest

from tests.command_line import FRIDAY, document, firstword, ndjson, scan, wrong_item


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A run with one mix-up, one order without an address, one without a fault, and scans of strangers."""
    folder = tmp_path_factory.mktemp("timeline")
    silent = wrong_item("NO-ADDRESS", FRIDAY)
    del silent[0]["data"]["customer"]["email"]
    quiet = wrong_item("ALL-IS-WELL", FRIDAY)[:1]
    broken = {**quiet[0], "id": "broken", "subject": "OTHER"}
    events = [
        *wrong_item("CRUNCHY-ARMCHAIR", FRIDAY),
        scan("TRACK-CRUNCHY-ARMCHAIR"),
        *silent,
        *quiet,
        broken,
        scan("STRANGER-1"),
    ]
    (folder / "events.ndjson").write_text(ndjson(events))
    done = firstword(
        *("run", "--data", folder / "shop", "--source", folder / "events.ndjson"),
        *("--clock", "history", "--until", "2026-11-21T00:00:00Z"),
    )
    assert done.returncode == 0, done.stderr
    return folder / "shop"


def story(data, asked):
    return document(firstword("timeline", asked, "--data", data, "--json"))


def test_the_story_of_a_mix_up(data):
    """What we heard, what we decided and why, and what became of it, in the order in which we knew."""
    told = story(data, "CRUNCHY-ARMCHAIR")

    said = [(entry["who"], entry["type"]) for entry in told["entries"]]
    assert said[0] == ("heard", "order.placed.v1")
    assert [entry["at"] for entry in told["entries"]] == sorted(entry["at"] for entry in told["entries"])
    assert said.index(("heard", "shipment.packed.v1")) < said.index(("decided", "exception.opened.v1"))
    assert said.index(("decided", "message.queued.v1")) < said.index(("done", "message.accepted.v1"))
    (opened,) = [entry for entry in told["entries"] if entry["type"] == "exception.opened.v1"]
    assert "CRUNCHY-ARMCHAIR-2" in opened["because"][0]
    assert "wrong_item about BOX-1 is open; the customer was told at Fri 2026-11-20 12:12" in told["standing"]


def test_times_are_the_customers_own(data):
    """15:00 in UTC is noon in São Paulo."""
    told = story(data, "CRUNCHY-ARMCHAIR")

    assert told["time_zone"] == "America/Sao_Paulo"
    assert (
        told["entries"][0]["at"],
        told["entries"][0]["local"],
    ) == ("2026-11-20T15:00:00Z", "Fri 2026-11-20 12:00")


def test_the_ledger_has_the_last_word(data):
    """A mail's state is what the ledger says, with the relay's own words."""
    (mail,) = story(data, "CRUNCHY-ARMCHAIR")["mails"]

    assert (mail["state"], mail["attempt"]) == ("accepted", 1)
    assert mail["reply"].startswith("250 2.0.0")


def test_an_order_is_found_by_its_tracking_number_and_by_its_message(data):
    """Whatever name somebody holds, it leads to the same story."""
    by_order = story(data, "CRUNCHY-ARMCHAIR")
    message = by_order["mails"][0]["message_id"]

    assert by_order["entries"] == story(data, "track crunchy-armchair")["entries"]
    assert by_order["entries"] == story(data, message)["entries"]


def test_why_nothing_was_sent_for_want_of_an_address(data):
    """An order in trouble whose customer cannot be written to says so."""
    standing = " ".join(story(data, "NO-ADDRESS")["standing"])

    assert "the customer was not told" in standing
    assert "no usable address" in standing


def test_why_nothing_was_sent_when_nothing_is_wrong(data):
    """Silence is explained as well; a record that was not understood stands in the story."""
    told = story(data, "ALL-IS-WELL")

    assert "nothing was ever wrong with it, so nothing was sent" in told["standing"]
    (aside,) = [entry for entry in told["entries"] if entry["who"] == "set aside"]
    assert "subject-mismatch" in aside["says"]


def test_a_parcel_of_a_stranger_waits(data):
    """A tracking number that no order has announced tells where its scans are."""
    told = story(data, "STRANGER-1")

    assert [entry["who"] for entry in told["entries"]] == ["waits"]
    assert "no order has announced this tracking number" in told["standing"][0]


def test_a_story_for_people_has_no_address(data):
    """It can be shown to a colleague."""
    done = firstword("timeline", "CRUNCHY-ARMCHAIR", "--data", data)

    assert done.returncode == 0
    assert "scanned into the box: 1 LAMP" in done.stdout
    assert "ines@example.com" not in done.stdout
    assert "\x1b" not in done.stdout


def test_an_unknown_order_names_the_nearest(data):
    """Half an id is the commonest mistake."""
    done = firstword("timeline", "CRUNCHY-ARMCHIAR", "--data", data, "--json")

    problem = document(done)["problem"]
    assert (done.returncode, problem["code"]) == (2, "order-not-found")
    assert "CRUNCHY-ARMCHAIR" in problem["hint"]


def test_looking_makes_nothing(tmp_path):
    """A folder without a journal stays without one."""
    done = firstword("timeline", "X", "--data", tmp_path, "--json")

    assert document(done)["problem"]["code"] == "data-not-found"
    assert list(tmp_path.iterdir()) == []
