"""Every log line and metric, declared once: the function's name is the line's, its docstring the sentence.

A line is one JSON object on standard error: time, level, name, sentence, then the fields. WARN means that
nothing is lost; ERROR means that somebody must act. Calling a function writes its line and adds one (or its
``count``) to the counter of its name, and to one per value of the field it is counted by.

No personal data stands above DEBUG: a field that is named like a person's is refused when it is declared,
and what looks like a mail address inside any value is blotted out.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import ParamSpec, TextIO

import msgspec

DEBUG, INFO, WARN, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR
_LEVEL_NAMES = {DEBUG: "DEBUG", INFO: "INFO", WARN: "WARN", ERROR: "ERROR"}

_RESERVED = frozenset({"time", "level", "name", "sentence"})

# Words that would name a person, or a way to reach one, in a field such as `to_address`.
_PERSONAL = frozenset(
    [
        "address",
        "addresses",
        "body",
        "city",
        "customer",
        "email",
        "from",
        "ip",
        "letter",
        "mail",
        "mailbox",
        "name",
        "phone",
        "postal",
        "recipient",
        "secret",
        "sender",
        "street",
        "subject",
        "text",
        "to",
        "token",
        "url",
    ]
)
# A hash of an address may leave the house (contract, section 2).
_IMPERSONAL = frozenset({"to_hash"})

# user@host, where the host has a letter: `orders[0]@1234`, a Kafka place, stays readable.
_MAIL_ADDRESS = re.compile(r"[^\s<>@\"']+@[^\s<>@\"']*[A-Za-z][^\s<>@\"']*")
_BLOT = "[address]"

_logger = logging.getLogger("firstword")
_counts: Counter[str] = Counter()
_counting = threading.Lock()

Arguments = ParamSpec("Arguments")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A declared log line."""

    name: str
    level: int
    sentence: str
    fields: tuple[str, ...]
    counted_by: str | None = None


LINES: dict[str, Line] = {}


def declare(
    level: int, *, by: str | None = None
) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """Make a log line of a function without a body: name, docstring and parameters are all it needs.

    Raises:
        ValueError: the name is taken, the sentence is missing, or a field is named like a person's.
    """

    def decorate(function: Callable[Arguments, None]) -> Callable[Arguments, None]:
        line = Line(
            name=function.__name__,
            level=level,
            sentence=(function.__doc__ or "").strip(),
            fields=tuple(inspect.signature(function).parameters),
            counted_by=by,
        )
        _check(line)
        LINES[line.name] = line

        @wraps(function)
        def write(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
            assert not args  # parameters are keyword-only: the call reads like the line
            _count(line, kwargs)
            if _logger.isEnabledFor(line.level):
                _logger.log(line.level, line.sentence, extra={"line": line, "fields": kwargs})

        return write

    return decorate


def configure(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Write lines from ``level`` on to ``stream`` (standard error); calling again replaces the last call.

    Raises:
        KeyError: the level is none of DEBUG, INFO, WARN, ERROR.
    """
    levels = {name: number for number, name in _LEVEL_NAMES.items()}
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_JsonLine())
    _logger.handlers[:] = [handler]
    _logger.setLevel(levels[level])
    _logger.propagate = False


def counters() -> dict[str, int]:
    """Return a copy of all counters of this process: ``message_settled`` and ``message_settled{state=accepted}``."""
    with _counting:
        return dict(_counts)


class _JsonLine(logging.Formatter):
    """Turns a record into one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: Line = record.__dict__["line"]
        fields: dict[str, object] = record.__dict__["fields"]
        head = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": _LEVEL_NAMES[line.level],
            "name": line.name,
            "sentence": line.sentence,
        }
        kept = fields if line.level == DEBUG else {name: _blot(value) for name, value in fields.items()}
        # ASCII only: whatever encoding the stream has, the line can be written and stays one line.
        return json.dumps(head | kept, default=str)


def _blot(value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    return _MAIL_ADDRESS.sub(_BLOT, str(value))


def _count(line: Line, fields: dict[str, object]) -> None:
    count = fields.get("count", 1)
    assert isinstance(count, int)
    with _counting:
        _counts[line.name] += count
        if line.counted_by is not None:
            _counts[f"{line.name}{{{line.counted_by}={fields[line.counted_by]}}}"] += count


def _check(line: Line) -> None:
    if line.name in LINES:
        raise ValueError(f"the line {line.name} is declared twice")
    if not line.sentence.endswith(".") or "\n" in line.sentence:
        raise ValueError(f"the line {line.name} needs one sentence as its docstring")
    if line.counted_by is not None and line.counted_by not in line.fields:
        raise ValueError(f"the line {line.name} is counted by {line.counted_by}, which it does not have")
    for field in line.fields:
        if field in _RESERVED or (line.level > DEBUG and is_personal(field)):
            raise ValueError(f"the line {line.name} cannot have a field {field}")


def is_personal(field: str) -> bool:
    """Return whether a field is named like something that tells who a person is."""
    return field not in _IMPERSONAL and not _PERSONAL.isdisjoint(field.split("_"))


# ---------------------------------------------------------------------------- the program


@declare(INFO)
def program_started(*, version: str, room: str) -> None:
    """The program started."""


@declare(INFO)
def program_stopped(*, reason: str, seconds: float) -> None:
    """The program stopped and everything it had accepted is written down."""


@declare(INFO)
def journal_recovered(*, place: str, events: int, orders: int, seconds: float) -> None:
    """The journal was read again from the last snapshot and the state is complete."""


@declare(INFO)
def snapshot_written(*, place: str, position: int, orders: int, seconds: float) -> None:
    """The state was written down; a restart reads the journal from here."""


@declare(WARN)
def snapshot_discarded(*, place: str, why: str) -> None:
    """A snapshot could not be used and the whole journal is read instead."""


@declare(ERROR)
def worker_cut_off(*, role: str, seconds: float) -> None:
    """A worker did not finish in time and was cut off; what it had begun is done again after the next start."""


@declare(ERROR)
def worker_crashed(*, role: str, why: str) -> None:
    """A worker met something that it must not go on with; it ends, and its work goes to another."""


@declare(INFO)
def partition_opened(*, partition: int, position: int, orders: int, seconds: float) -> None:
    """The state of a journal partition is complete and live."""


@declare(INFO)
def partition_forgotten(*, partition: int, position: int) -> None:
    """A journal partition went to another worker, and its state was forgotten here."""


@declare(INFO)
def snapshot_read(*, partition: int, position: int, bytes_: int, seconds: float) -> None:
    """The newest snapshot of a journal partition was read."""


@declare(WARN)
def snapshot_not_written(*, partition: int, why: str) -> None:
    """A snapshot could not be written; the journal is the truth, and the next one is tried on time."""


@declare(ERROR)
def journal_record_unreadable(*, partition: int, offset: int, code: str, why: str) -> None:
    """A record of the journal is not a block; it was set aside, whole, and the fold went on behind it."""


# ---------------------------------------------------------------------------- coming in


@declare(INFO)
def intake_opened(*, host: str, port: int, sources: str) -> None:
    """Webhooks are taken from now on."""


@declare(DEBUG, by="source")
def records_accepted(*, source: str, place: str, count: int) -> None:
    """Records are in the journal."""


@declare(WARN, by="code")
def webhook_refused(*, source: str, code: str, status: int) -> None:
    """A webhook was refused and its sender was told why."""


@declare(ERROR, by="source")
def webhook_secret_missing(*, source: str, hint: str) -> None:
    """A webhook cannot be verified because its secret is not set; its sender will try again."""


@declare(ERROR, by="code")
def intake_blocked(*, source: str, code: str, why: str) -> None:
    """A webhook could not be written down; its sender was asked to try again."""


@declare(INFO, by="source")
def source_finished(*, source: str, place: str, count: int) -> None:
    """A source was read to its end."""


@declare(WARN, by="code")
def dead_letter_written(*, source: str, place: str, code: str) -> None:
    """A record could not be understood and was set aside, whole and with the reason."""


@declare(INFO)
def dead_letters_redriven(*, count: int) -> None:
    """Dead letters were given another try under their old identity."""


@declare(ERROR)
def inbox_unreadable(*, place: str, why: str) -> None:
    """What other processes left here cannot be read; the run goes on without it until the next start."""


@declare(DEBUG, by="source")
def duplicate_dropped(*, source: str, event_id: str) -> None:
    """An event came a second time and decides nothing."""


@declare(DEBUG, by="source")
def scan_parked(*, source: str, event_id: str) -> None:
    """A scan came before its order and waits for it."""


# ---------------------------------------------------------------------------- decisions


@declare(DEBUG)
def deadline_fired(*, order_id: str, due: str) -> None:
    """The time came to look at an order again."""


@declare(INFO, by="kind")
def exception_opened(*, order_id: str, kind: str, exception_id: str) -> None:
    """Something is wrong with an order."""


@declare(INFO, by="kind")
def exception_cleared(*, order_id: str, kind: str, exception_id: str) -> None:
    """Something that was wrong with an order is no longer so."""


# ---------------------------------------------------------------------------- effects


@declare(INFO, by="provider")
def label_issued(*, order_id: str, return_id: str, provider: str) -> None:
    """A return label was bought."""


@declare(WARN, by="provider")
def label_refused(*, order_id: str, return_id: str, provider: str, why: str) -> None:
    """No return label could be had; the letter goes without it."""


@declare(WARN, by="provider")
def label_not_voided(*, order_id: str, return_id: str, provider: str, why: str) -> None:
    """A return label that nobody used stays paid."""


@declare(INFO, by="desk")
def replacement_accepted(*, order_id: str, replacement_id: str, desk: str) -> None:
    """A replacement was ordered."""


@declare(WARN, by="desk")
def replacement_refused(*, order_id: str, replacement_id: str, desk: str, why: str) -> None:
    """A replacement cannot be shipped; the order goes to a person."""


@declare(INFO, by="state")
def message_settled(*, order_id: str, message_id: str, template: str, state: str) -> None:
    """A mail has reached a state of the ledger."""


@declare(WARN)
def message_deferred(*, order_id: str, message_id: str, why: str, retry_at: str) -> None:
    """The relay did not take a mail yet; it is tried again."""


@declare(ERROR)
def message_in_doubt(*, order_id: str, message_id: str, template: str) -> None:
    """The connection died after a mail was handed over; somebody must find out whether it arrived."""


@declare(INFO)
def words_taken(*, templates: str, seconds: float) -> None:
    """Edited words were read and found fit; mails that begin from now on get them, those under way keep theirs."""


@declare(WARN, by="code")
def words_refused(*, code: str, place: str, why: str) -> None:
    """Edited words are not fit to be sent; mails go out in the words of before until somebody mends them."""


@declare(WARN, by="code")
def world_awaited(*, code: str, why: str) -> None:
    """Something outside is out of order for the moment; the worker waits for it, and nothing is lost."""


@declare(ERROR)
def relay_refuses_us(*, code: str, why: str) -> None:
    """The relay refuses this sender and not one recipient; sending rests until somebody has looked."""


# ---------------------------------------------------------------------------- the service and its brokers


@declare(WARN)
def brokers_awaited(*, brokers: str, why: str, seconds: float) -> None:
    """The Kafka brokers do not answer yet; they are asked again until the seconds are over."""


@declare(WARN)
def topic_differs(*, topic: str, says: str) -> None:
    """A topic is kept otherwise than it must be; `firstword topics check` says what to do."""


@declare(INFO)
def monitor_opened(*, role: str, host: str, port: int) -> None:
    """Metrics and health of a worker are served from now on."""


@declare(ERROR)
def worker_stuck(*, role: str, why: str, place: str) -> None:
    """A worker made no progress for too long; its process ends, and its work goes to another."""


@declare(WARN, by="library")
def library_warned(*, library: str, says: str) -> None:
    """A library that we stand on reported something; where it matters, a line of our own follows."""


@declare(INFO)
def console_opened(*, host: str, port: int) -> None:
    """The console is served from now on."""


@declare(INFO)
def studio_opened(*, host: str, port: int) -> None:
    """The studio is served from now on."""


@declare(INFO)
def answers_opened(*, host: str, port: int) -> None:
    """The page that links in mails lead to is served from now on."""


@declare(INFO, by="answer")
def answer_given(*, order_id: str, answer: str) -> None:
    """A customer said what they want, and it was handed over."""


@declare(WARN, by="code")
def answer_not_taken(*, code: str, why: str) -> None:
    """A customer's answer could not be handed over; they were asked to try again."""


@declare(INFO, by="code")
def link_refused(*, code: str) -> None:
    """A link was not believed, or is too old; whoever opened it was told what to do instead."""


@declare(INFO, by="deed")
def studio_used(*, deed: str, message: str) -> None:
    """Somebody saved words, accepted mails or sent a test from the studio."""


@declare(WARN)
def draft_stopped(*, call: str, why: str) -> None:
    """A draft in the studio took too long or too much, and was stopped; nothing was saved or sent."""


@declare(ERROR)
def studio_failed(*, call: str, why: str) -> None:
    """A call to the studio met a mistake of ours; whoever asked was told so, and nothing was changed."""


@declare(INFO, by="role")
def signed_in(*, role: str) -> None:
    """Somebody signed in to the console."""


@declare(WARN)
def sign_in_refused() -> None:
    """Somebody did not get into the console: the token was none of ours, or the name was missing."""


@declare(INFO, by="deed")
def console_used(*, deed: str, order_id: str) -> None:
    """Somebody had something done from the console; who it was stands in the journal or the ledger."""


@declare(ERROR)
def console_failed(*, page: str, why: str) -> None:
    """A page of the console met a mistake of ours; whoever asked was told so, and nothing was changed."""
