"""Settings: what can be set, by which name, and what a wrong name or value is told."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import settings
from streams.core.events import Address
from streams.problems import UsageProblem
from streams.settings import FIELDS, Secret, Settings, load


def test_nothing_needs_to_be_set():
    """The sixty-second run works in an empty environment."""
    assert load({}) == Settings()


def test_the_process_environment_is_read_when_none_is_given(monkeypatch):
    """That is the only place in the program where it is."""
    monkeypatch.setenv("FIRSTWORD_LOCALE", "pt-BR")

    assert load().locale == "pt-BR"


def test_every_setting_has_a_variable_and_a_sentence():
    """`firstword explain settings` prints this table: no row may be empty, none may be missing."""
    assert set(FIELDS) == set(Settings.__struct_fields__)
    for name, field in FIELDS.items():
        assert field.variable == f"FIRSTWORD_{name.upper()}"
        assert re.fullmatch(r"[A-Z].{15,}\.", field.sentence)
    assert len({field.sentence for field in FIELDS.values()}) == len(FIELDS)


def test_a_default_is_shown_as_it_would_be_written():
    """What the table shows can be pasted into the environment and changes nothing."""
    shown = {field.variable: field.default for field in FIELDS.values()}

    assert load(shown) == load({})
    assert shown["FIRSTWORD_SMTP_CONNECTIONS"] == "5"


def test_every_setting_can_be_set_by_its_variable(tmp_path):
    """Texts of the environment become what the program works with."""
    found = load(
        {
            "PATH": "/bin",
            "FIRSTWORD_MAIL_URL": "smtp://crunchy:armchair@mail.example.com:587?tls=starttls",
            "FIRSTWORD_POLICY": "shop.toml",
            "FIRSTWORD_TEMPLATES": "~/templates",
            "FIRSTWORD_DATA": str(tmp_path),
            "FIRSTWORD_HTTP": ":8080",
            "FIRSTWORD_SHOPIFY_SECRET": "null",
            "FIRSTWORD_EASYPOST_SECRET": "easy",
            "FIRSTWORD_SMTP_CONNECTIONS": "2",
            "FIRSTWORD_SMTP_RATE": "12.5",
            "FIRSTWORD_LOCALE": "pt_BR",
            "FIRSTWORD_LOG_LEVEL": "WARN",
            "FIRSTWORD_LABEL_PROVIDER": "pigeon",
            "FIRSTWORD_LABEL_URL": "https://labels.example.com/v2",
            "FIRSTWORD_LABEL_KEY": "crunchy-key",
            "FIRSTWORD_LABEL_CARRIER": "USPS",
            "FIRSTWORD_LABEL_SERVICE": "Ground",
            "FIRSTWORD_LABEL_WEIGHT_G": "800",
            "FIRSTWORD_DESK": "webhook",
            "FIRSTWORD_DESK_URL": "https://orders.example.com/replacements?token=lamp",
            "FIRSTWORD_DESK_SECRET": "whsec_bGFtcA==",
            "FIRSTWORD_RETURN_NAME": "Crunchy Armchairs",
            "FIRSTWORD_RETURN_STREET": "1 Example Way",
            "FIRSTWORD_RETURN_CITY": "Portland",
            "FIRSTWORD_RETURN_REGION": "OR",
            "FIRSTWORD_RETURN_POSTAL_CODE": "97205",
            "FIRSTWORD_RETURN_COUNTRY": "US",
            "FIRSTWORD_KAFKA": "a:9092,b:9092",
            "FIRSTWORD_KAFKA_SECURITY": "sasl_ssl",
            "FIRSTWORD_KAFKA_MECHANISM": "PLAIN",
            "FIRSTWORD_KAFKA_USERNAME": "crunchy",
            "FIRSTWORD_KAFKA_PASSWORD": "armchair",
            "FIRSTWORD_KAFKA_CA": "ca.pem",
            "FIRSTWORD_KAFKA_CERTIFICATE": "us.pem",
            "FIRSTWORD_CLIENT_ID": "lamp",
            "FIRSTWORD_TOPIC_PREFIX": "lamp",
            "FIRSTWORD_TOPICS": "hooks=shopify",
            "FIRSTWORD_PARTITIONS": "6",
            "FIRSTWORD_REPLICAS": "3",
            "FIRSTWORD_CLOCK": "history",
            "FIRSTWORD_BLOCK_MILLISECONDS": "5",
            "FIRSTWORD_TICK_SECONDS": "0.5",
            "FIRSTWORD_SNAPSHOT_SECONDS": "30",
            "FIRSTWORD_HOT_ORDERS": "1000",
            "FIRSTWORD_DATABASE": "postgresql://crunchy@db/lamp",
            "FIRSTWORD_MONITOR": ":9100",
            "FIRSTWORD_CONSOLE": ":8200",
            "FIRSTWORD_CONSOLE_TOKENS": "reader:crunchy",
            "FIRSTWORD_CONSOLE_USER_HEADER": "X-Forwarded-User",
            "FIRSTWORD_CONSOLE_ROLE_HEADER": "X-Forwarded-Groups",
            "FIRSTWORD_CONSOLE_PROXIES": "10.0.0.0/8",
            "FIRSTWORD_PUBLIC_URL": "https://answers.example.com",
            "FIRSTWORD_LINK_SECRET": "crunchy armchairs are comfortable",
            "FIRSTWORD_ANSWERS": ":8400",
            "FIRSTWORD_STUDIO": ":8300",
            "FIRSTWORD_STUDIO_TOKEN": "crunchy-armchair",
            "FIRSTWORD_STUDIO_HOSTS": "words.example.com",
            "FIRSTWORD_TEST_RECIPIENTS": "@example.com",
        }
    )

    assert found == Settings(
        mail_url=Secret("smtp://crunchy:armchair@mail.example.com:587?tls=starttls"),
        policy=Path("shop.toml"),
        templates=Path("~/templates").expanduser(),
        data=tmp_path,
        http=":8080",
        shopify_secret=Secret("null"),
        easypost_secret=Secret("easy"),
        smtp_connections=2,
        smtp_rate=12.5,
        locale="pt_BR",
        log_level="WARN",
        label_provider="pigeon",
        label_url="https://labels.example.com/v2",
        label_key=Secret("crunchy-key"),
        label_carrier="USPS",
        label_service="Ground",
        label_weight_g=800,
        desk="webhook",
        desk_url=Secret("https://orders.example.com/replacements?token=lamp"),
        desk_secret=Secret("whsec_bGFtcA=="),
        return_name="Crunchy Armchairs",
        return_street="1 Example Way",
        return_city="Portland",
        return_region="OR",
        return_postal_code="97205",
        return_country="US",
        kafka="a:9092,b:9092",
        kafka_security="sasl_ssl",
        kafka_mechanism="PLAIN",
        kafka_username="crunchy",
        kafka_password=Secret("armchair"),
        kafka_ca=Path("ca.pem"),
        kafka_certificate=Path("us.pem"),
        client_id="lamp",
        topic_prefix="lamp",
        topics="hooks=shopify",
        partitions=6,
        replicas=3,
        clock="history",
        block_milliseconds=5,
        tick_seconds=0.5,
        snapshot_seconds=30.0,
        hot_orders=1000,
        database=Secret("postgresql://crunchy@db/lamp"),
        monitor=":9100",
        console=":8200",
        console_tokens=Secret("reader:crunchy"),
        console_user_header="X-Forwarded-User",
        console_role_header="X-Forwarded-Groups",
        console_proxies="10.0.0.0/8",
        public_url="https://answers.example.com",
        link_secret=Secret("crunchy armchairs are comfortable"),
        answers=":8400",
        studio=":8300",
        studio_token=Secret("crunchy-armchair"),
        studio_hosts="words.example.com",
        test_recipients="@example.com",
    )
    changed = {name for name in FIELDS if getattr(found, name) != getattr(Settings(), name)}
    assert changed == set(FIELDS)
    assert found.return_address() == Address(
        name="Crunchy Armchairs",
        street="1 Example Way",
        city="Portland",
        region="OR",
        postal_code="97205",
        country="US",
    )


def test_without_any_part_there_is_no_return_address():
    """Who reads it can tell "not set" from "set to nothing"."""
    assert load({}).return_address() is None
    assert load({"FIRSTWORD_RETURN_CITY": "Portland"}).return_address() == Address(city="Portland")


def test_a_flag_wins_over_a_variable_and_a_missing_flag_does_not():
    """Flags that were not given are None and change nothing."""
    environ = {"FIRSTWORD_LOCALE": "de", "FIRSTWORD_SMTP_CONNECTIONS": "2"}

    found = load(environ, locale="fr", smtp_connections=None, data="elsewhere", mail_url="maildir:out")

    assert (found.locale, found.smtp_connections) == ("fr", 2)
    assert (found.data, found.mail_url) == (Path("elsewhere"), Secret("maildir:out"))


def test_an_empty_variable_is_not_set():
    """Compose files pass empty variables through."""
    assert load({"FIRSTWORD_HTTP": "", "FIRSTWORD_SMTP_RATE": ""}) == Settings()


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("FIRSTWORD_MIAL_URL", "FIRSTWORD_MAIL_URL"),
        ("FIRSTWORD_SHOPIFY_SECRTE_FILE", "FIRSTWORD_SHOPIFY_SECRET_FILE"),
        ("FIRSTWORD_LABELS_PROVIDER", "FIRSTWORD_LABEL_PROVIDER"),
        ("FIRSTWORD_RETURN_ZIP_CODE", "FIRSTWORD_RETURN_POSTAL_CODE"),
        ("FIRSTWORD_LOCALE_FILE", "FIRSTWORD_LOCALE"),
    ],
)
def test_a_misspelled_variable_names_the_nearest_one(wrong, nearest):
    """A setting that silently does nothing is found out at three in the morning."""
    with pytest.raises(UsageProblem) as caught:
        load({wrong: "x"})

    assert (caught.value.code, caught.value.exit_code) == ("setting-unknown", 2)
    assert wrong in caught.value.what
    assert caught.value.why == f"The nearest one is {nearest}."


def test_an_unknown_flag_is_a_mistake_of_the_program():
    """Nobody who uses the program can cause or mend it."""
    with pytest.raises(TypeError, match="there is no setting 'colour'"):
        load({}, colour="red")


@pytest.mark.parametrize(
    ("variable", "text", "why"),
    [
        ("FIRSTWORD_SMTP_CONNECTIONS", "0", "Expected `int` >= 1."),
        ("FIRSTWORD_SMTP_CONNECTIONS", "many", "Expected `int`, got `str`."),
        ("FIRSTWORD_SMTP_RATE", "-1", "Expected `float` >= 0.0."),
        ("FIRSTWORD_SMTP_RATE", "nan", "Expected `float` >= 0.0."),
        ("FIRSTWORD_LOG_LEVEL", "LOUD", "It is one of DEBUG, INFO, WARN, ERROR."),
        ("FIRSTWORD_RETURN_COUNTRY", "Germany", None),
        ("FIRSTWORD_LOCALE", "English, please", None),
        ("FIRSTWORD_LABEL_PROVIDER", "../../etc", None),
        ("FIRSTWORD_PUBLIC_URL", "http://answers.example.com", None),
    ],
)
def test_a_wrong_value_is_told_what_is_right(variable, text, why):
    """Where, what, why, and the setting's own sentence as the hint."""
    with pytest.raises(UsageProblem) as caught:
        load({variable: text})

    problem = caught.value
    assert (problem.code, problem.where) == ("setting-wrong", variable)
    assert problem.what == f"{variable} cannot be {text!r}."
    assert problem.hint in {field.sentence for field in FIELDS.values()}
    assert why is None or problem.why == why


def test_a_secret_may_stand_in_a_file(tmp_path):
    """Orchestrators mount secrets as files, mostly with a line end that is not part of them."""
    (tmp_path / "shopify").write_text(" crunchy armchair \r\n")

    found = load({"FIRSTWORD_SHOPIFY_SECRET_FILE": str(tmp_path / "shopify")})

    assert found.shopify_secret == Secret(" crunchy armchair ")


def test_every_secret_has_its_file_variable(tmp_path):
    """Relay passwords and webhook secrets alike; nothing else is read from files."""
    (tmp_path / "secret").write_text("crunchy")

    secret = {name for name, field in FIELDS.items() if field.secret}

    assert secret == {
        "mail_url",
        "shopify_secret",
        "easypost_secret",
        "kafka_password",
        "database",
        "console_tokens",
        "studio_token",
        "link_secret",
        "desk_url",
        "desk_secret",
        "label_key",
    }
    for name in secret:
        found = load({FIELDS[name].variable + "_FILE": str(tmp_path / "secret")})
        assert getattr(found, name) == Secret("crunchy")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_secret_file_that_cannot_be_read_is_named(content, tmp_path):
    """Missing, empty or not text: the program does not start without a secret it was promised."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageProblem) as caught:
        load({"FIRSTWORD_EASYPOST_SECRET_FILE": str(path)})

    assert (caught.value.code, caught.value.where) == (
        "secret-file-unreadable",
        "FIRSTWORD_EASYPOST_SECRET_FILE",
    )
    assert str(path) in caught.value.what


def test_a_secret_set_twice_is_refused(tmp_path):
    """Nobody could tell which one counts."""
    (tmp_path / "secret").write_text("one")

    with pytest.raises(UsageProblem) as caught:
        load(
            {
                "FIRSTWORD_EASYPOST_SECRET": "other",
                "FIRSTWORD_EASYPOST_SECRET_FILE": str(tmp_path / "secret"),
            }
        )

    assert caught.value.code == "setting-twice"


@given(st.text(alphabet="bcdfghjkl0123456789", min_size=8, max_size=20))
def test_no_secret_is_ever_shown(text):
    """Not in a repr, not in a format, not as JSON, not in a pickle."""
    found = load({"FIRSTWORD_SHOPIFY_SECRET": text, "FIRSTWORD_MAIL_URL": f"smtp://u:{text}@example.com"})

    shown = f"{found!r} {found} {found.shopify_secret} {found.mail_url!s:>40} {settings.FIELDS}"
    assert text not in shown
    assert shown.count("Secret(***)") >= 4
    with pytest.raises(TypeError):
        msgspec.json.encode(found)
    with pytest.raises(TypeError):
        pickle.dumps(found.shopify_secret)
    assert found.shopify_secret.reveal() == text
