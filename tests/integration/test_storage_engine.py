"""What every connection to the SQL store is told, and what a restart of the server costs."""

import pytest

from streams.mail import ledger as rules
from streams.mail.ledger_sql import open_ledger
from streams.problems import WorldProblem
from streams.storage.engine import open_engine
from tests.mail_builders import FRIDAY, queued

CARE = (
    "synchronous_commit",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_isolation",
)


def settings_of(url):
    engine = open_engine(url)
    with engine.connect() as connection:
        found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in CARE]
    engine.dispose()
    return found


def set_for_all(url, setting):
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET {setting}'; END $$"
        )
    engine.dispose()


def test_a_careless_server_is_told_to_wait_for_the_disk(postgres):
    """A commit that was not waited for is a mail that goes out twice."""
    for setting in ("synchronous_commit = off", "default_transaction_isolation = serializable"):
        set_for_all(postgres, setting)

    assert settings_of(postgres) == ["on", "30s", "1min", "read committed"]


def test_what_a_careful_server_says_stands(postgres):
    """Stricter or better informed settings are not ours to change."""
    for setting in ("synchronous_commit = remote_apply", "statement_timeout = 5000"):
        set_for_all(postgres, setting)

    assert settings_of(postgres)[:2] == ["remote_apply", "5s"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_common_ways_to_write_it(postgres, scheme):
    """Hosts write one, SQLAlchemy another; all mean the same driver, and what the URL adds is heard."""
    url = postgres.replace("postgresql+psycopg", scheme) + "&application_name=porch"
    engine = open_engine(url)
    with engine.connect() as connection:
        name = connection.exec_driver_sql("SHOW application_name").scalar()
    engine.dispose()

    assert (engine.dialect.driver, name) == ("psycopg", "porch")


def test_a_restarted_server_costs_nobody_an_error(own_postgres):
    """Kept connections are looked at before they are used."""
    ledger = open_ledger(own_postgres.url)
    ledger.write([rules.claimed(queued(), FRIDAY, "a", 1)])
    own_postgres.restart()
    claim = ledger.write([rules.claimed(queued(), FRIDAY, "b", 1)]).claims[0]
    ledger.close()

    assert (claim.fresh, claim.row.claimed_by) == (False, "a")


def test_a_server_that_is_down_is_a_problem_that_passes(own_postgres):
    """Nothing hangs, everything says so, and nothing of a row or a password is in what it says."""
    ledger = open_ledger(own_postgres.url)
    own_postgres.kill()
    row = rules.claimed(queued(), FRIDAY, "a", 1)
    calls = (
        lambda: ledger.write([row]),
        lambda: ledger.enroll("a"),
        lambda: ledger.bar("hash", "why", FRIDAY),
        lambda: ledger.find("msg_armchair"),
        lambda: ledger.due(FRIDAY),
        ledger.next_due,
        ledger.unfinished,
        ledger.counts,
    )
    problems = []
    for call in calls:
        with pytest.raises(WorldProblem) as caught:
            call()
        problems.append(caught.value)
    own_postgres.start()
    claim = ledger.write([row]).claims[0]
    ledger.close()

    assert {(problem.code, problem.retriable) for problem in problems} == {("mail-ledger", True)}
    assert not [problem for problem in problems if "armchair" in str(problem)]
    assert claim.fresh
