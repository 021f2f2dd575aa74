"""What the pipeline asks of the world, as small protocols; each has an in-memory twin in the product."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Protocol

import msgspec

from streams.core.events import (
    AllowanceGranted,
    AllowanceHeld,
    AllowanceRefused,
    AllowanceRequested,
    AnyFact,
    MessageOutcome,
    MessageQueued,
    MixUpFound,
    MixUpSuspected,
    ReplacementAccepted,
    ReplacementRefused,
    ReplacementRequested,
    ReturnLabelIssued,
    ReturnLabelRefused,
    ReturnLabelRequested,
    Status,
)
from streams.core.money import Money

# ---------------------------------------------------------------------------- coming in


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing read from a source, before it is understood.

    ``place`` says where a person finds it again (``orders.ndjson:17``, ``POST /in/shopify #3``);
    ``position`` counts records of this source from 0 and is what a restart resumes from.
    ``parsed`` may carry what the source has at hand already, for sources that read tables.
    """

    source: str
    place: str
    position: int
    raw: bytes
    parsed: Any = None


class Incoming(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fact translated out of a record; ``order_id`` is None while only a tracking number is known.

    ``data`` is the JSON that is written to the journal (unknown fields included); None lets the codec
    encode ``fact`` instead.
    """

    id: str
    source: str
    occurred_at: datetime
    order_id: str | None
    fact: AnyFact
    data: bytes | None = None


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A record that could not be understood: becomes a dead letter. ``code`` is kebab-case."""

    code: str
    why: str
    hint: str = ""


class Ignored(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was understood and says nothing about an order (a webhook's ping, say)."""

    why: str


Translation = tuple[Incoming, ...] | Rejected | Ignored


class Source(Protocol):
    """A way in: a folder below ``streams/sources``. Never raises on any bytes (law 10)."""

    name: str

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield the records of a file, a folder or ``-`` (standard input) behind position ``after``."""
        ...

    def translate(self, record: Record) -> Translation:
        """Return the facts in a record, or why there are none."""
        ...


# ---------------------------------------------------------------------------- going out


class LabelProvider(Protocol):
    """Who sells return labels; ``is_remote`` is true when asking may wait for somebody else.

    ``refund_days``: for how many days after buying an unused label can be given back; None where there is no
    such day: it is paid when it is used, costs nothing, or is never taken back.
    """

    name: str
    is_remote: bool
    refund_days: int | None

    def quote(self, request: ReturnLabelRequested) -> Money | None:
        """Return what the label would cost, and buy nothing; None when the seller has no price for it.

        Raises:
            streams.problems.WorldProblem: the seller does not say now; retriable.
        """
        ...

    def buy(self, request: ReturnLabelRequested) -> ReturnLabelIssued | ReturnLabelRefused:
        """Buy the label once: the same request returns the same label for ever.

        A remote seller is asked first what it has under ``reference = request.return_id``, and sold one only when
        there is none.

        Raises:
            streams.problems.WorldProblem: ``label-in-doubt`` or ``label-seller-unreachable``, retriable: nobody
                knows now whether it was bought, or it cannot be now; the same request is made again.
        """
        ...

    def document(self, issued: ReturnLabelIssued) -> bytes:
        """Return the label as a PDF.

        Raises:
            streams.problems.Problem: it is not this provider's, or cannot be had (now, when retriable).
        """
        ...

    def void(self, issued: ReturnLabelIssued) -> bool:
        """Give an unused label back: True when the money comes back, False when it is refused (used already, say).

        Raises:
            streams.problems.WorldProblem: nobody knows now; retriable, and asked again it is the same refund.
        """
        ...

    def track(self, tracking_number: str) -> Status | None:
        """Return how far the parcel has come, or None when the seller knows nothing of it.

        Raises:
            streams.problems.WorldProblem: the seller does not say now; retriable.
        """
        ...


class LabelShelf(Protocol):
    """Where bought labels are kept for the mails that carry them."""

    def put(self, label_id: str, pdf: bytes) -> None:
        """Keep a label's PDF; the first one under an id stays."""
        ...


class Desk(Protocol):
    """Who ships a replacement; ``is_remote`` is true when asking may wait for somebody else."""

    name: str
    is_remote: bool

    def order(self, request: ReplacementRequested) -> ReplacementAccepted | ReplacementRefused:
        """Order the replacement once: the same request never ships twice.

        Raises:
            streams.problems.WorldProblem: nobody knows now whether it was ordered, or it cannot be now; the same
                request is made again until there is an answer.
        """
        ...


class Judge(Protocol):
    """Who answers for all orders what may be spent and said; the same request has the same answer for ever."""

    def judge(
        self, request: AllowanceRequested, now: datetime
    ) -> AllowanceGranted | AllowanceHeld | AllowanceRefused:
        """Book what is asked for, hold it in a storm, or name the limit that it would break.

        Raises:
            streams.problems.WorldProblem: the database does not answer; nothing was booked, or it is found again.
        """
        ...

    def due(self, now: datetime) -> tuple[AllowanceGranted | AllowanceRefused, ...]:
        """Return answers to what a storm held and people have looked at, of which nobody has been told."""
        ...

    def told(self, allowance_ids: Iterable[str]) -> None:
        """Note that these answers are written down."""
        ...


class Matcher(Protocol):
    """Who looks for the other box of a mix-up, across orders."""

    def suspect(self, suspicion: MixUpSuspected, now: datetime) -> tuple[MixUpFound, ...]:
        """Remember a box that holds something else, and return a finding for each of two that fit each other."""
        ...


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A picture inside a mail; its HTML shows it as ``cid:`` and this ``content_id`` (RFC 2392)."""

    content_id: str
    media_type: str
    content: bytes


class RenderedMail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words and frame, filled in for one customer; ``opt_out`` is where their mail program says that they want no more."""

    subject: str
    preheader: str
    text: str
    html: str
    template_version: str
    images: tuple[Image, ...] = ()
    opt_out: str = ""
    own_subject: bool = False

    @property
    def page(self) -> str:
        """Return the HTML with its pictures in it, for a browser, which knows no ``cid:``."""
        html = self.html
        for image in self.images:
            content = b64encode(image.content).decode("ascii")
            html = html.replace(f"cid:{image.content_id}", f"data:{image.media_type};base64,{content}")
        return html


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that travels with a mail."""

    filename: str
    media_type: str
    content: bytes


class Renderer(Protocol):
    """Turns a queued message into words."""

    def render(self, message: MessageQueued) -> RenderedMail:
        """Render the message's template in its locale from its letter.

        Raises:
            streams.problems.TemplateProblem: the template is missing or broken.
        """
        ...


class Pin(msgspec.Struct, frozen=True):
    """The words of one mail, for ever: everything they are made of, and which of several wordings.

    ``version`` is empty while nobody has chosen; ``variant`` is empty where there is only one wording. ``at`` is
    when the mail was queued, for links that end; without it, a mail is shown and not sent, and has none.
    """

    version: str = ""
    variant: str = ""
    at: datetime | None = None


class PinningRenderer(Renderer, Protocol):
    """A renderer whose words may change while mails are under way, and that can go back to those of before."""

    def pin(self, message: MessageQueued) -> Pin:
        """Return the words that a message gets now.

        Raises:
            streams.problems.TemplateProblem: there is no template of that name.
        """
        ...

    def sources(self, template: str, version: str) -> bytes:
        """Return all that a version is made of, to be kept.

        Raises:
            streams.problems.TemplateProblem: the version is not at hand.
        """
        ...

    def knows(self, template: str, version: str) -> bool:
        """Return whether a version is at hand."""
        ...

    def learn(self, template: str, version: str, sources: bytes) -> None:
        """Take a version that was kept.

        Raises:
            streams.problems.TemplateProblem: these are not its sources.
        """
        ...

    def render(self, message: MessageQueued, pin: Pin | None = None) -> RenderedMail:
        """Render a message in the words of ``pin``, or in today's.

        Raises:
            streams.problems.TemplateProblem: the template is missing or broken.
        """
        ...


class Sender(Protocol):
    """Makes a queued message true, once."""

    async def send(self, message: MessageQueued, now: datetime) -> tuple[MessageOutcome, ...]:
        """Claim, send and settle; return what became of it. A message already settled says so again."""
        ...

    async def retry_due(self, now: datetime) -> tuple[MessageOutcome, ...]:
        """Try deferred messages whose time has come."""
        ...

    def next_retry(self) -> datetime | None:
        """Return when the next deferred message wants another try."""
        ...

    def bar(self, to_hash: str, why: str, now: datetime) -> None:
        """Send nothing more to an address, of whatever order: mail came back from it."""
        ...

    def withdraw(self, message_id: str, now: datetime) -> bool:
        """Forget a message that has not been sent; False when it is too late."""
        ...
