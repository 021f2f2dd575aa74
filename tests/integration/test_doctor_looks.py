"""What the doctor looks at beside the journal: database, ledger, letters, inbox, parts, stories and the shop's name."""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import metadata

import pytest

from streams.assets import templates_dir
from streams.cli.doctor import database, examine, storage
from streams.cli.doctor.brokers import spell_age
from streams.ops.letters import open_letters
from streams.problems import WorldProblem
from streams.settings import load
from streams.storage.engine import open_engine
from streams.storage.migrate import upgrade
from tests.command_line import firstword, ndjson, scan, wrong_item

NOW = datetime.now(UTC)
ROW = (
    "INSERT INTO mail_ledger (message_id, order_id, case_id, template, locale, to_hash, thread_place, subject, state,"
    " attempt, doubts, queued_at, claimed_by, generation, reply, updated_at) VALUES ('{id}', 'CRUNCHY-ARMCHAIR', 'c',"
    " 'lost', 'en', 'h', 0, 's', '{state}', 1, 0, '{at}', 'w', 1, '', '{at}')"
)


def told(look, settings):
    return {check.what: check for check in look(settings)}


def stamp(moment):
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder that was worked in: one mail, and one scan that nobody claimed."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "events.ndjson").write_text(ndjson([*wrong_item(), scan("STRANGER-1")]))
    shop = folder / "shop"
    firstword("run", "--data", shop, "--source", folder / "events.ndjson", "--clock", "history")
    return shop


@pytest.fixture
def shop(ran, tmp_path):
    return shutil.copytree(ran, tmp_path / "shop")


def test_a_database_is_looked_at_with_its_clock_and_its_ledger(postgres):
    """PostgreSQL: how fast it answers, whether its clock goes with ours, and the mails in it; no password is shown."""
    upgrade(postgres)
    engine = open_engine(postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql(ROW.format(id="m1", state="in_doubt", at=stamp(NOW)))
        connection.exec_driver_sql(ROW.format(id="m2", state="deferred", at=stamp(NOW - timedelta(hours=5))))
        barred = "INSERT INTO mail_barred (to_hash, why, since) VALUES ('{hash}', 'w', '{at}')"
        connection.exec_driver_sql(barred.format(hash="h1", at=stamp(NOW - timedelta(hours=7))))
        connection.exec_driver_sql(barred.format(hash="h2", at=stamp(NOW - timedelta(hours=3))))
    engine.dispose()
    found = told(database.look_at_database, load({}, database=postgres))

    assert found["barred addresses"].state == "ok"
    assert found["barred addresses"].says.startswith("2 addresses are written to no more")
    assert found["barred addresses"].says.endswith("the newest was added 3 h ago")
    assert found["database"].state == "ok"
    assert "answers in" in found["database"].says
    assert found["database clock"].state == "ok"
    assert found["ledger"].says == "1 deferred, 1 in_doubt"
    assert (found["in doubt"].state, "m1 (order CRUNCHY-ARMCHAIR)" in found["in doubt"].says) == ("act", True)
    assert (found["waiting mails"].state, "5 h ago" in found["waiting mails"].says) == ("look", True)


def test_a_database_whose_tables_are_old_is_told(postgres):
    """The step that is missing, and who takes it."""
    with pytest.raises(WorldProblem) as caught:
        told(database.look_at_database, load({}, database=postgres))

    assert caught.value.code == "storage-older"


def test_a_database_that_does_not_answer_is_one_line(tmp_path):
    """With a code, and without the password."""
    url = "postgresql://dana:crunchy-secret@127.0.0.1:9/shop"
    found = {check.what: check for check in examine.examine(load({}, data=tmp_path, database=url))}

    assert found["database"].state == "act"
    assert "storage-unusable" in found["database"].says
    assert "crunchy-secret" not in str(found)
    assert "ledger" not in found


@pytest.mark.parametrize(
    ("apart", "way"), [(timedelta(minutes=-5), "behind"), (timedelta(minutes=5), "ahead of")]
)
def test_a_database_clock_that_goes_wrong_is_told(apart, way):
    """Minutes apart, promises would be judged by two clocks."""
    check = database._clock(datetime.now(UTC) + apart)

    assert check.state == "act"
    assert check.says == f"it is 5 min {way} this one"


def test_letters_that_were_put_back_are_no_trouble_any_more(shop):
    """One record nobody understood; put back, it waits in the inbox; taken, it is done."""
    settings = load({}, data=shop)
    before = told(storage.look_at_letters, settings)
    letters = open_letters(settings, kafka=False)
    letters.put_back([one.dead for one in letters.letters()], NOW)
    waits = told(storage.look_at_letters, settings)
    with closing(sqlite3.connect(shop / "inbox.sqlite")) as db, db:
        db.execute("UPDATE inbox SET taken = at")
    after = told(storage.look_at_letters, settings)

    assert before["dead letters"].says == "1 records were not understood: 1 tracking-number-unclaimed"
    assert before["dead letters"].do == f"firstword dead-letters list --data {shop}"
    assert {name: check.state for name, check in waits.items()} == {"inbox": "look"}
    assert after == {}


def test_scans_that_wait_for_their_order_are_counted(shop):
    """They wait in the open, and need nobody yet."""
    with closing(sqlite3.connect(shop / "journal.sqlite")) as db, db:
        db.execute("INSERT INTO parked VALUES ('a', 'x'), ('b', 'x')")
    found = told(storage.look_at_journal, load({}, data=shop))

    assert (found["parked"].state, found["parked"].says.startswith("2 scans wait")) == ("ok", True)


def test_a_mail_that_waits_for_hours_is_told(shop):
    """The relay has a longer trouble, or nobody runs."""
    with closing(sqlite3.connect(shop / "ledger.sqlite")) as db, db:
        db.execute(
            "UPDATE mail_ledger SET state = 'deferred', queued_at = ?", (stamp(NOW - timedelta(days=3)),)
        )
    found = told(storage.look_at_ledger, load({}, data=shop))

    assert (found["waiting mails"].state, "3 d ago" in found["waiting mails"].says) == ("look", True)


def test_parts_that_are_pinned_must_be_those(monkeypatch, tmp_path):
    """A part in another version than the one that was measured is named; a clone without a list names what it has."""
    settings = load({}, data=tmp_path)
    free = told(examine._parts, settings)
    monkeypatch.setattr(examine, "requires", lambda _name: ["msgspec==0.0.1", "mrml>=0.1", "babel"])
    wrong = told(examine._parts, settings)

    assert f"msgspec {metadata.version('msgspec')}" in free["parts"].says
    assert (wrong["parts"].state, wrong["parts"].says) == (
        "act",
        f"msgspec {metadata.version('msgspec')}, not 0.0.1",
    )


def test_stories_that_go_otherwise_are_told(tmp_path):
    """A policy that writes later is noticed by the stories of the program; it may be meant."""
    rules = tmp_path / "shop.toml"
    rules.write_text('[quiet]\nend = "09:30"\n')
    (usual,) = examine._stories(load({}))
    (other,) = examine._stories(load({}, policy=rules))
    rules.write_text("[quiet]\nend = 'late'\n")

    assert usual.state == "ok"
    assert (other.state, "firstword rehearse" in other.do) == ("look", True)
    assert list(examine._stories(load({}, policy=rules))) == []


def test_an_invented_shop_is_told_before_mail_leaves(tmp_path):
    """The words come with a shop that nobody has; a Maildir may have it, a relay should not."""
    relay = "smtp://relay.example.com:587"
    ours = shutil.copytree(templates_dir(), tmp_path / "words")
    brand = ours / "brand.toml"
    brand.write_text(brand.read_text("utf-8").replace("@example.com", "@crunchy.shop"), "utf-8")

    assert [check.state for check in examine._brand(load({}))] == ["ok"]
    assert [check.state for check in examine._brand(load({}, mail_url=relay))] == ["look"]
    assert [check.state for check in examine._brand(load({}, mail_url=relay, templates=ours))] == ["ok"]


@pytest.mark.parametrize(
    ("seconds", "spelled"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
        (-5, "0 s"),
    ],
)
def test_a_length_of_time_is_said_in_one_unit(seconds, spelled):
    """The largest that says enough."""
    assert spelled == spell_age(timedelta(seconds=seconds))
