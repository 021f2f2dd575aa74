"""The only reader of the environment: everything that can be set, each with its sentence."""

from __future__ import annotations

import difflib
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal

import msgspec

from streams.core.events import Address
from streams.problems import UsageProblem

PREFIX = "FIRSTWORD_"
FILE_SUFFIX = "_FILE"


class Secret:
    """A text that appears in no log, traceback or ``repr``; only :meth:`reveal` says it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, for the one who must use it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError("a secret is not written down: it cannot be pickled")


def _says(sentence: str, **limits: Any) -> msgspec.Meta:
    return msgspec.Meta(description=sentence, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set; each sentence is what ``firstword explain settings`` prints."""

    mail_url: Annotated[
        Secret | None,
        _says(
            "Where mails go: maildir:DIR or smtp://user:pass@host:port?tls=starttls|implicit|none; without it, the folder mail in the data directory."
        ),
    ] = None
    policy: Annotated[
        Path | None, _says("The policy file; without it, the standard policy that comes with the program.")
    ] = None
    templates: Annotated[
        Path | None,
        _says(
            "The folder of the shop's own words: each file in it stands for the one of its name that comes with the program."
        ),
    ] = None
    data: Annotated[Path, _says("The folder that holds everything the program writes.")] = Path(
        "firstword-data"
    )
    http: Annotated[
        str | None,
        _says(
            "Where webhooks are taken, host:port; :8080 listens on this machine only; without it, no port is opened."
        ),
    ] = None
    shopify_secret: Annotated[
        Secret | None,
        _says("What Shopify signs its webhooks with; without it, its webhooks are answered 503."),
    ] = None
    easypost_secret: Annotated[
        Secret | None,
        _says("What EasyPost signs its webhooks with; without it, its webhooks are answered 503."),
    ] = None
    # 5 connections: the default pool of nodemailer, and what our relay measurements were taken with.
    smtp_connections: Annotated[
        int, _says("How many connections to the relay may be open at once.", ge=1, le=100)
    ] = 5
    smtp_rate: Annotated[
        float,
        _says("How many mails per second the relay is given at most; 0 sets no limit.", ge=0, le=10_000),
    ] = 0.0
    locale: Annotated[
        str,
        _says(
            "The language of a mail when the customer's is not known, such as en or pt-BR.",
            pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*$",
        ),
    ] = "en"
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARN", "ERROR"],
        _says("The lowest level that is logged; DEBUG may show personal data."),
    ] = "INFO"
    label_provider: Annotated[
        str, _says("Who sells return labels: a folder below streams/labels.", pattern=r"^[a-z][a-z0-9_]*$")
    ] = "sandbox"
    label_url: Annotated[
        str,
        _says(
            "The address of the label seller's API, where it is not its usual one: https://api.easypost.com/v2 for easypost."
        ),
    ] = ""
    label_key: Annotated[Secret | None, _says("The key that the label seller gave us; it pays with it.")] = (
        None
    )
    label_carrier: Annotated[
        str, _says("The only carrier whose return labels are bought, as the seller spells it, such as USPS.")
    ] = ""
    label_service: Annotated[
        str,
        _says("The only service that return labels are bought for, as the seller spells it, such as Ground."),
    ] = ""
    # 70 kg: a little above the 150 lb that UPS and FedEx take at most.
    label_weight_g: Annotated[
        int, _says("How heavy a returned parcel is taken to be, in grams.", ge=1, le=70_000)
    ] = 1000
    desk: Annotated[
        str, _says("Who ships a replacement: a folder below streams/desks.", pattern=r"^[a-z][a-z0-9_]*$")
    ] = "topic"
    desk_url: Annotated[
        Secret | None,
        _says(
            "The address that the desk asks: an order system for webhook, https://SHOP.myshopify.com for shopify; it may hold a token."
        ),
    ] = None
    desk_secret: Annotated[
        Secret | None,
        _says(
            "What the desk proves itself with: whsec_ and base64, 24 bytes at least, for webhook; CLIENT_ID:CLIENT_SECRET or an access token for shopify."
        ),
    ] = None
    return_name: Annotated[str, _says("Return address: the first line, such as the shop's name.")] = ""
    return_street: Annotated[str, _says("Return address: street and number.")] = ""
    return_city: Annotated[str, _says("Return address: town.")] = ""
    return_region: Annotated[str, _says("Return address: state or province, where the post wants one.")] = ""
    return_postal_code: Annotated[str, _says("Return address: postal code.")] = ""
    return_country: Annotated[
        str, _says("Return address: country, ISO 3166 alpha-2, such as US.", pattern=r"^([A-Z]{2})?$")
    ] = ""

    # ------------------------------------------------------------------------ the service on Kafka

    kafka: Annotated[str, _says("The Kafka brokers to begin with, host:port, several with commas.")] = (
        "localhost:9092"
    )
    kafka_security: Annotated[
        Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"],
        _says("How connections to Kafka are protected."),
    ] = "plaintext"
    kafka_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
        _says("How we prove to Kafka who we are, where kafka_security begins with sasl."),
    ] = "SCRAM-SHA-512"
    kafka_username: Annotated[str, _says("Our name at the Kafka brokers.")] = ""
    kafka_password: Annotated[Secret | None, _says("Our password at the Kafka brokers.")] = None
    kafka_ca: Annotated[
        Path | None, _says("The file of certificates that vouch for the brokers; without it, the system's.")
    ] = None
    kafka_certificate: Annotated[
        Path | None, _says("Our own certificate and key in one PEM file, where brokers ask for one.")
    ] = None
    client_id: Annotated[
        str, _says("What the brokers' logs call us.", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    ] = "firstword"
    # Kafka's own limit of a topic name is 249 characters; ours must leave room for the longest suffix.
    topic_prefix: Annotated[
        str,
        _says("What the names of our own topics and groups begin with.", pattern=r"^[A-Za-z0-9._-]{1,100}$"),
    ] = "firstword"
    topics: Annotated[
        str,
        _says(
            "The topics to read and the source that understands each: NAME=SOURCE, several with commas.",
            pattern=r"^[A-Za-z0-9._-]+=[a-z0-9_]+(,[A-Za-z0-9._-]+=[a-z0-9_]+)*$",
        ),
    ] = "orders=native,shipments=native"
    partitions: Annotated[
        int,
        _says("Into how many partitions the journal is cut; it can never be changed later.", ge=1, le=1000),
    ] = 12
    replicas: Annotated[
        int, _says("On how many brokers each of our topics is kept; 3 in production.", ge=1, le=9)
    ] = 1
    clock: Annotated[
        Literal["wall", "history"],
        _says("Whose time counts: the wall clock's, or that of the records (to load a history)."),
    ] = "wall"
    # A block is closed when one of three limits is reached; measured in tests/benchmarks.
    block_milliseconds: Annotated[
        int, _says("How long ingest collects events for one journal block.", ge=1, le=5000)
    ] = 20
    tick_seconds: Annotated[
        float, _says("How often deadlines are looked at; silence is no finer than this.", ge=0.05, le=60)
    ] = 1.0
    snapshot_seconds: Annotated[
        float,
        _says("How often the state is written down; a restart folds what came since.", ge=0.5, le=86_400),
    ] = 300.0
    hot_orders: Annotated[
        int,
        _says(
            "How many orders a worker keeps unpacked; all others lie packed, at a fifth of the memory.",
            ge=100,
        ),
    ] = 100_000
    database: Annotated[
        Secret | None,
        _says(
            "Where the ledger is: postgresql+psycopg://user:pass@host/name; without it, SQLite in the data directory."
        ),
    ] = None
    monitor: Annotated[
        str | None,
        _says("Where /metrics, /health/live and /health/ready are served, host:port; without it, nowhere."),
    ] = None

    # ------------------------------------------------------------------------ the console

    console: Annotated[
        str, _says("Where the console is served, host:port; :8100 listens on this machine only.")
    ] = ":8100"
    console_tokens: Annotated[
        Secret | None,
        _says(
            "Who may sign in to the console: a line ROLE:TOKEN for each of reader, operator, approver; best kept in a file."
        ),
    ] = None
    console_user_header: Annotated[
        str,
        _says(
            "The header in which a proxy in front of the console says who somebody is; without it, only tokens sign in.",
            pattern=r"^[A-Za-z0-9-]{0,100}$",
        ),
    ] = ""
    console_role_header: Annotated[
        str,
        _says(
            "The header in which that proxy says what they may do: reader, operator or approver, among other groups.",
            pattern=r"^[A-Za-z0-9-]{0,100}$",
        ),
    ] = ""
    console_proxies: Annotated[
        str,
        _says("The addresses and networks from which these two headers are believed, several with commas."),
    ] = "127.0.0.1,::1"

    # ------------------------------------------------------------------------ links in mails

    # http only on this machine, to try it: mail programs distrust it, and a link would travel in the open.
    public_url: Annotated[
        str,
        _says(
            "Where customers reach the answers page, such as https://answers.example.com; without it, mails ask for a reply instead.",
            pattern=r"^(https://[^\s<>\"'?#]+|http://(localhost|127\.0\.0\.1)(:\d+)?/?)?$",
        ),
    ] = ""
    link_secret: Annotated[
        Secret | None,
        _says(
            "What links in mails are signed with: 32 characters at least; several with commas, of which the first signs."
        ),
    ] = None
    answers: Annotated[
        str, _says("Where the answers page is served, host:port; :8300 listens on this machine only.")
    ] = ":8300"

    # ------------------------------------------------------------------------ the studio

    studio: Annotated[
        str, _says("Where the studio is served, host:port; without a host it listens on this machine only.")
    ] = "127.0.0.1:8200"
    studio_token: Annotated[
        Secret | None,
        _says("What opens the studio; without it, every start makes its own and prints it in the address."),
    ] = None
    studio_hosts: Annotated[
        str,
        _says(
            "The names under which browsers may ask for the studio besides its own address, several with commas."
        ),
    ] = ""
    test_recipients: Annotated[
        str,
        _says("Who may be sent test mails: addresses and @domains, several with commas; without it, nobody."),
    ] = ""

    def return_address(self) -> Address | None:
        """Return where returned parcels go, or None when nothing of it is set."""
        parts = {
            "name": self.return_name,
            "street": self.return_street,
            "city": self.return_city,
            "region": self.return_region,
            "postal_code": self.return_postal_code,
            "country": self.return_country,
        }
        given = {part: text for part, text in parts.items() if text}
        return Address(**given) if given else None


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``firstword explain settings``."""

    variable: str
    sentence: str
    default: str
    secret: bool


_TYPES: dict[str, tuple[Any, msgspec.Meta]] = {}  # field -> type without None, and its sentence and limits
for _name, _hint in typing.get_type_hints(Settings, include_extras=True).items():
    _bare, _meta = typing.get_args(_hint)
    _kinds = [kind for kind in typing.get_args(_bare) if kind is not NoneType]
    _TYPES[_name] = (_kinds[0] if NoneType in typing.get_args(_bare) else _bare, _meta)

FIELDS: dict[str, Field] = {
    name: Field(
        variable=PREFIX + name.upper(),
        sentence=meta.description or "",
        default="" if getattr(Settings(), name) is None else str(getattr(Settings(), name)),
        secret=kind is Secret,
    )
    for name, (kind, meta) in _TYPES.items()
}

_BY_VARIABLE = {field.variable: name for name, field in FIELDS.items()}
_FILE_VARIABLES = {field.variable + FILE_SUFFIX: name for name, field in FIELDS.items() if field.secret}


def load(environ: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Return the settings: an override (a flag) wins over a variable, a variable over the default.

    An override of None is a flag that was not given; an empty variable is one that is not set. Secrets may
    stand in a file that ``..._FILE`` names, without the line end at its end.

    Raises:
        UsageProblem: a variable is unknown, set twice or wrong, or a file cannot be read.
    """
    given = os.environ if environ is None else environ  # noqa: TID251 - this is the door
    texts = {name: text for name, text in given.items() if name.startswith(PREFIX) and text}
    values: dict[str, object] = {}
    for variable, text in texts.items():
        if variable in _BY_VARIABLE:
            values[_BY_VARIABLE[variable]] = _parse(_BY_VARIABLE[variable], text, variable)
        elif variable in _FILE_VARIABLES:
            name = _FILE_VARIABLES[variable]
            _refuse_twice(variable, texts)
            values[name] = Secret(_read(variable, text))
        else:
            raise _unknown(variable)
    for name, value in overrides.items():
        if name not in FIELDS:
            raise TypeError(f"there is no setting {name!r}")
        if value is not None:
            values[name] = _parse(name, value, f"--{name.replace('_', '-')}")
    return Settings(**values)  # type: ignore[arg-type] # _parse() gave each value its field's type


def _parse(name: str, value: object, where: str) -> object:
    kind, meta = _TYPES[name]
    if kind is Secret:
        return value if isinstance(value, Secret) else Secret(str(value))
    if kind is Path:
        return Path(str(value)).expanduser()
    try:
        return msgspec.convert(value, Annotated[kind, meta], strict=False)
    except msgspec.ValidationError as error:
        allowed = typing.get_args(kind)
        raise UsageProblem(
            "setting-wrong",
            f"{where} cannot be {str(value)!r}.",
            where=where,
            why=f"It is one of {', '.join(allowed)}." if allowed else f"{error}.",
            hint=FIELDS[name].sentence,
        ) from error


def _read(variable: str, path: str) -> str:
    try:
        text = Path(path).expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        why = str(error)
    else:
        if text:
            return text
        why = "The file is empty."
    raise UsageProblem(
        "secret-file-unreadable",
        f"The secret in {path} cannot be read.",
        where=variable,
        why=why,
        hint=f"Name a readable text file, or set {variable.removesuffix(FILE_SUFFIX)} itself.",
    )


def _refuse_twice(variable: str, texts: Mapping[str, str]) -> None:
    other = variable.removesuffix(FILE_SUFFIX)
    if other in texts:
        raise UsageProblem(
            "setting-twice",
            f"{other} and {variable} are both set.",
            where=variable,
            why="Nobody could tell which one counts.",
            hint=f"Unset {other}, or unset {variable}.",
        )


def _unknown(variable: str) -> UsageProblem:
    known = [*_BY_VARIABLE, *_FILE_VARIABLES]
    (nearest,) = difflib.get_close_matches(variable, known, n=1, cutoff=0)
    return UsageProblem(
        "setting-unknown",
        f"There is no setting {variable}.",
        where=variable,
        why=f"The nearest one is {nearest}.",
        hint=f"Set {nearest}, or unset {variable}; `firstword explain settings` lists all.",
    )
