"""How the tables come to be: from nothing, from what older programs left, by several processes at once."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from streams.mail import ledger as rules
from streams.mail.ledger_sql import open_ledger
from streams.problems import Problem
from streams.storage import migrate
from streams.storage.engine import open_engine
from streams.storage.tables import METADATA
from tests.mail_builders import FRIDAY, queued

ROOT = Path(__file__).parents[2]
ONLY_POSTGRESQL = {"mail_ledger_unfinished"}  # see tables.py
RACER = """
import sys
import alembic.command  # imported before the start, so that they are close together
from streams.storage.migrate import upgrade

print("ready", flush=True)
sys.stdin.readline()
upgrade(sys.argv[1])
"""
# What the program created before there were migrations, word for word.
BEFORE_MIGRATIONS = """
CREATE TABLE mail_ledger (
    message_id VARCHAR(256) NOT NULL, order_id VARCHAR(256) NOT NULL, case_id VARCHAR(256) NOT NULL,
    template VARCHAR(256) NOT NULL, locale VARCHAR(64) NOT NULL, to_hash VARCHAR(64) NOT NULL,
    thread_place INTEGER NOT NULL, subject TEXT NOT NULL, state VARCHAR(16) NOT NULL,
    attempt INTEGER NOT NULL, doubts INTEGER NOT NULL, queued_at VARCHAR(27) NOT NULL,
    next_attempt_at VARCHAR(27), claimed_by VARCHAR(256) NOT NULL, generation BIGINT NOT NULL,
    letter BLOB, reply TEXT NOT NULL, updated_at VARCHAR(27) NOT NULL, PRIMARY KEY (message_id)
);
CREATE INDEX mail_ledger_waiting ON mail_ledger (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_mail_ledger_case_id ON mail_ledger (case_id);
CREATE TABLE mail_barred (
    to_hash VARCHAR(64) NOT NULL, why TEXT NOT NULL, since VARCHAR(27) NOT NULL, PRIMARY KEY (to_hash)
);
CREATE TABLE mail_owners (owner VARCHAR(256) NOT NULL, generation BIGINT NOT NULL, PRIMARY KEY (owner));
"""
ONE_MAIL = """
INSERT INTO mail_ledger VALUES (
    'msg_armchair', 'ORD-1', 'case_1', 'late', 'en', 'h', 0, 'Late', 'accepted', 1, 0,
    '2026-11-20T10:15:00.000000Z', NULL, 'embedded', 1, NULL, '250 ok', '2026-11-20T10:15:00.000000Z'
);
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request):
    """A database with nothing in it."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return str(request.getfixturevalue("tmp_path") / "ledger.db")


def differences(url):
    """Return what would have to be done to the database to make it as today's program wants it."""
    engine = open_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, METADATA)
        absent = ONLY_POSTGRESQL if engine.dialect.name == "sqlite" else set()
    engine.dispose()
    return [one for one in found if not (one[0] == "add_index" and one[1].name in absent)]


def run(url, *statements):
    engine = open_engine(url)
    with engine.begin() as connection:
        found = [connection.exec_driver_sql(statement) for statement in statements][-1]
        rows = found.all() if found.returns_rows else None
    engine.dispose()
    return rows


def problem_of(function, url):
    with pytest.raises(Problem) as caught:
        function(url)
    return caught.value


def test_a_fresh_database_is_what_the_program_wants(url):
    """All steps from nothing lead to the tables of today; done twice, the second time does nothing."""
    migrate.upgrade(url)
    migrate.upgrade(url)
    migrate.check(url)

    assert differences(url) == []


@pytest.mark.parametrize("step", migrate._STEPS)
def test_every_step_leads_to_today(url, step):
    """A database that any released program has left is brought up to date, from wherever it stands."""
    engine = open_engine(url)
    with engine.begin() as connection:
        migrate._step_up(connection, step)
    engine.dispose()
    migrate.upgrade(url)

    assert run(url, "SELECT version_num FROM alembic_version") == [(migrate._STEPS[-1],)]
    assert differences(url) == []


def test_a_table_that_nobody_made_is_noticed(url):
    """The comparison bites: a column that no step has made is a difference."""
    migrate.upgrade(url)
    run(url, "ALTER TABLE mail_ledger DROP COLUMN doubts")

    assert [kind for kind, *_ in differences(url)] == ["add_column"]


@pytest.mark.parametrize("left", [BEFORE_MIGRATIONS, BEFORE_MIGRATIONS.partition("CREATE INDEX")[0]])
def test_a_ledger_from_before_migrations_is_taken_over(tmp_path, left):
    """Its mails stay, whole or half-made; from then on it knows where it stands."""
    path = str(tmp_path / "ledger.db")
    old = sqlite3.connect(path)
    old.executescript(left + ONE_MAIL)
    old.close()
    ledger = open_ledger(path)
    row = ledger.find("msg_armchair")
    again = ledger.write([rules.claimed(queued(), FRIDAY, "a", 1)]).claims[0]
    ledger.close()
    migrate.check(path)

    assert (row.state, row.subject, again.fresh, again.row) == ("accepted", "Late", False, row)
    assert differences(path) == []


@pytest.mark.parametrize("function", [migrate.upgrade, migrate.check, open_ledger])
def test_a_newer_database_is_left_alone(url, function):
    """Said clearly, before anything is written: which steps are there, and which are known."""
    migrate.upgrade(url)
    run(url, "UPDATE alembic_version SET version_num = '9999'")
    problem = problem_of(function, url)

    assert (problem.code, problem.retriable) == ("storage-newer", False)
    assert "9999" in problem.why
    assert run(url, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_a_check_changes_nothing(url):
    """An empty database is older than the program, and still empty afterwards."""
    problem = problem_of(migrate.check, url)

    assert problem.code == "storage-older"
    assert not Path(url).exists() or "://" in url
    assert differences(url) != []


def test_a_database_that_is_not_there(tmp_path, own_postgres):
    """A server that is down, and a folder that is a file: somebody must act, and trying again may help."""
    (tmp_path / "file").write_text("in the way")
    own_postgres.stop()
    problems = [
        problem_of(function, url)
        for function in (migrate.upgrade, migrate.check)
        for url in (
            own_postgres.url.replace("postgres@", "postgres:secret@"),
            str(tmp_path / "file" / "x.db"),
        )
    ]

    assert [problem.code for problem in problems[:3]] == ["storage-unusable"] * 3
    assert "secret" not in "".join(map(str, problems))


@pytest.mark.parametrize(
    "wrong",
    ["mysql://u:secret@host/db", "postgresql+asyncpg://u:secret@host/db", "://secret", "x://u:secret@["],
)
def test_a_database_that_we_do_not_speak_to(wrong):
    """Used wrongly: the hint shows the right form, and the password is shown nowhere."""
    problem = problem_of(migrate.upgrade, wrong)

    assert (problem.code, problem.exit_code) == ("storage-url", 2)
    assert "secret" not in str(problem)


def test_processes_that_start_at_once_do_not_race(url):
    """Every one of them comes through, and the tables are made once."""
    command = [sys.executable, "-c", RACER, url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    racers = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(4)]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    errors = [racer.communicate(timeout=60)[1] for racer in racers]

    assert ([racer.returncode for racer in racers], errors) == ([0] * 4, [""] * 4)
    assert differences(url) == []


def test_a_slow_upgrade_is_waited_for(postgres):
    """Who comes second waits, whatever the server's patience with a statement, and finds it done."""
    engine = open_engine(postgres)
    run(
        postgres,
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET statement_timeout = 300'; END $$",
    )
    with engine.begin() as connection:
        migrate._take_turn(connection)
        second = subprocess.Popen([sys.executable, "-c", RACER, postgres], cwd=ROOT, stdin=subprocess.PIPE)
        second.stdin.write(b"go\n")
        second.stdin.flush()
        waiting = "SELECT pg_sleep(0.01), count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while connection.exec_driver_sql(waiting).one()[1] == 0:
            assert second.poll() is None
        connection.exec_driver_sql("SELECT pg_sleep(0.4)")  # longer than the patience above
        still_waits = second.poll() is None
    engine.dispose()
    second.communicate(timeout=60)

    assert (still_waits, second.returncode, differences(postgres)) == (True, 0, [])
