"""The composition root: what is chosen by name, where things lie, and how durable the ledger is."""

import sqlite3

import pytest
from sqlalchemy import text

from streams import wiring
from streams.assets import templates_dir
from streams.problems import UsageProblem, WorldProblem
from streams.settings import load
from streams.sources import discover
from streams.sources.bounces.whose import token
from streams.sources.feeds import parse_feed
from streams.templating.brand import read_brand

SOURCES = discover()


def test_a_path_alone_is_read_as_native(tmp_path):
    """The commonest thing needs no name."""
    source, location = parse_feed(str(tmp_path), SOURCES)

    assert (source.name, location) == ("native", str(tmp_path))


def test_a_source_is_chosen_by_name(tmp_path):
    """And a dash is standard input, which always exists."""
    named, location = parse_feed(f"shopify={tmp_path}", SOURCES)
    piped, dash = parse_feed("easypost=-", SOURCES)

    assert (named.name, location) == ("shopify", str(tmp_path))
    assert (piped.name, dash) == ("easypost", "-")


@pytest.mark.parametrize(
    ("asked", "code"),
    [("pigeon=post.ndjson", "plugin-unknown"), ("native=nowhere.ndjson", "source-not-found")],
)
def test_what_does_not_exist_is_named(asked, code):
    """With the ones that do, or with the way to say it."""
    with pytest.raises(UsageProblem) as caught:
        parse_feed(asked, SOURCES)

    assert caught.value.code == code
    assert caught.value.hint


@pytest.mark.parametrize("setting", ["label_provider", "desk"])
def test_a_plug_in_that_is_not_there_is_told_the_known_ones(tmp_path, setting):
    """Said once, at the start, not when the first label is needed."""
    with pytest.raises(UsageProblem, match="plugin-unknown") as caught:
        wiring.build(load({}, data=tmp_path, **{setting: "pigeon"}))

    assert "known: " in caught.value.hint


def test_a_folder_that_cannot_be_made_is_a_problem_of_the_world(tmp_path):
    """Exit code 3, with the way out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldProblem, match="data-folder"):
        wiring.build(load({}, data=tmp_path / "file" / "data"))


def test_mails_go_to_a_maildir_in_the_data_folder_unless_told_otherwise(tmp_path):
    """Trying it out sends nothing to anybody."""
    assert wiring.mail_url(load({}, data=tmp_path)) == f"maildir:{tmp_path / 'mail'}"
    assert wiring.mail_url(load({}, data=tmp_path, mail_url="smtp://relay.example.com?connections=3")) == (
        "smtp://relay.example.com?connections=3"
    )


@pytest.mark.parametrize(
    ("mail", "synchronous"), [(None, 1), ("smtp://relay.example.com?tls=none", 2)], ids=["maildir", "relay"]
)
def test_the_ledger_waits_for_the_disk_when_nobody_else_knows_what_was_sent(tmp_path, mail, synchronous):
    """SQLite's NORMAL (1) for a Maildir, which shows what arrived; FULL (2) for a relay, which does not tell."""
    kit = wiring.build(load({}, data=tmp_path, mail_url=mail))
    with kit.ledger._engine.connect() as connection:
        found = connection.execute(text("PRAGMA synchronous")).scalar()
    kit.ledger.close()

    assert sqlite3.sqlite_version_info >= (3, 7)
    assert found == synchronous


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://relay?tls=none", "smtp://relay?tls=none&connections=2&rate=12.5"),
        ("smtp://relay", "smtp://relay?connections=2&rate=12.5"),
        ("smtp://relay?connections=9", "smtp://relay?connections=9&rate=12.5"),
        ("smtp://relay?rate=1&connections=9", "smtp://relay?rate=1&connections=9"),
        ("maildir:mail", "maildir:mail"),
    ],
)
def test_a_relay_gets_what_the_settings_say_where_its_url_says_nothing(url, expected):
    settings = load({}, mail_url=url, smtp_connections=2, smtp_rate=12.5)
    assert wiring.mail_url(settings) == expected
    assert wiring.mail_url(load({}, mail_url="smtp://relay")) == "smtp://relay?connections=5"


def test_mails_come_back_to_where_the_brand_says(tmp_path):
    """Under a tag that names the message, which the source `bounces` knows; without the setting, to the sender."""
    text = (templates_dir() / "brand.toml").read_text("utf-8")
    own = tmp_path / "brand.toml"
    own.write_text(
        text.replace("# bounce_to =", "bounce_to =").replace("# relay_renames =", "relay_renames =")
    )
    silent = wiring.identity_of(read_brand(templates_dir() / "brand.toml"))

    told = wiring.identity_of(read_brand(own))

    assert silent.return_path("msg_7") == silent.from_address
    assert told.return_path("msg_7") == f"bounces+{token('msg_7')}@mail.example.com"
    assert (silent.relay_renames, told.relay_renames) == (False, True)


@pytest.mark.parametrize(("provider", "days"), [("sandbox", 45), ("easypost", 29), ("karrio", 45)])
def test_a_label_ends_while_its_seller_still_gives_the_money_back(tmp_path, provider, days):
    """The day named in the mail lies within the seller's window, so that an unused label costs nothing."""
    settings = load(
        {}, data=tmp_path, label_provider=provider, label_key="secret", label_url="https://k.example.com"
    )

    assert wiring.policy_of(settings).returns.keep_days == days


def test_nobody_is_asked_across_orders_where_nothing_is_limited(tmp_path):
    """The standard policy limits nothing, a policy with a sum does: only then is there anybody to ask."""
    limited = tmp_path / "limited.toml"
    limited.write_text("[budgets.day]\nUSD = 5000\n", encoding="utf-8")
    free = wiring.build(load({}, data=tmp_path / "free"))
    bound = wiring.build(load({}, data=tmp_path / "bound", policy=limited))
    free.ledger.close()
    bound.ledger.close()

    assert free.effects.judge is None
    assert bound.effects.judge is not None
