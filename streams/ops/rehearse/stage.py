"""Tells a story to the product: what it decides, what customers read, and where that differs from what was written."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime

import msgspec

from streams.core import events as facts
from streams.core.events import Decision, Event, MessageQueued
from streams.core.policy import Policy
from streams.core.zones import local
from streams.ops.rehearse.comparing import line_up
from streams.ops.rehearse.letters import Sent
from streams.ops.rehearse.reading import unclear
from streams.ops.rehearse.saying import Names, Saying, decided, heard
from streams.ops.rehearse.story import Story
from streams.pipeline.ports import Renderer
from streams.pipeline.story import Told, tell
from streams.policies.expected import describe
from streams.policies.given import build_event, read_sentence
from streams.policies.loader import LoadedPolicy
from streams.policies.moments import CODE
from streams.policies.refusal import Refusal
from streams.problems import TemplateProblem

PolicyWith = Callable[[Mapping[str, str]], LoadedPolicy]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened or was decided, on the customer's clock; ``letter`` counts from 0.

    ``who`` is ``heard`` for what others did, ``decided`` for what we did.
    """

    at: datetime
    day: int | None
    who: str
    says: str
    because: tuple[str, ...] = ()
    letter: int | None = None


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a story; ``policy`` is the version of the policy that judged."""

    story: Story
    policy: str
    moments: tuple[Moment, ...]
    letters: tuple[Sent, ...]
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when every letter went out as written, and nothing else did."""
        return not self.failures


def rehearse(story: Story, policy_with: PolicyWith, renderer: Renderer) -> Rehearsal:
    """Tell one story under ``policy_with`` its own settings, and render every letter.

    The world says yes at once: labels are issued, replacements and mails accepted. Nothing leaves the process.

    Raises:
        InputProblem: ``story-unclear``: a sentence cannot be; with ``file:line``.
        PolicyProblem: a setting of the story cannot be.
    """
    policy = policy_with(story.settings)
    events, unasked = _events(story, policy)
    told = tell(events, policy, until=story.until)
    sent, failures = line_up(story, _letters(story, told, renderer))
    return Rehearsal(
        story=story,
        policy=policy.version,
        moments=tuple(_moments(story, events, told)),
        letters=sent,
        failures=(*unasked, *failures, *_patterns(story, told)),
    )


# ---------------------------------------------------------------------------- what is given


def _events(story: Story, policy: Policy) -> tuple[list[Event], list[str]]:
    """Return the events, and the answers to what this policy never asked: those are differences, not slips."""
    events: list[Event] = []
    unasked: list[str] = []
    for index, written in enumerate(story.given):
        try:
            sentence = read_sentence(written.text, story.zone)
            if "order" not in sentence.clauses:
                sentence = msgspec.structs.replace(sentence, order_id=story.order_id)
            heard_after = events[-1].recorded_at if events else sentence.at
            event = build_event(sentence, index, heard_after, _Asked(events, policy, sentence.at))
        except _Unasked as refusal:
            unasked.append(f"{refusal.why} ({written.where})")
            continue
        except Refusal as refusal:
            raise unclear(refusal, written.where) from refusal
        events.append(_introduced(story, event, named="email" in sentence.clauses))
    return events, unasked


class _Unasked(Refusal):
    """An answer to a question that was not asked."""


class _Asked:
    """Finds what was asked for before a sentence: its answer needs the identity that we gave it."""

    def __init__(self, before: list[Event], policy: Policy, at: datetime) -> None:
        self._before = before
        self._policy = policy
        self._at = at

    def __call__(self, wanted: type[Decision], field: str) -> str:
        told = tell(self._before, self._policy, until=self._at)
        found = [getattr(one.decision, field) for one in told if isinstance(one.decision, wanted)]
        if not found:
            asked = wanted.TYPE.removesuffix(".v1")
            raise _Unasked(CODE, f"an answer to what nobody asked: there was no {asked} before")
        return str(found[-1])


def _introduced(story: Story, event: Event, *, named: bool) -> Event:
    """Give the customer the story's name, the address that the sentence does not name, and the articles their titles."""
    fact = event.fact
    if not isinstance(fact, facts.OrderPlaced | facts.OrderChanged):
        return event
    customer, lines = fact.customer, fact.lines
    if customer is not None:
        customer = msgspec.structs.replace(
            customer,
            name=story.customer.name,
            email=customer.email if named else story.customer.email or _address(story.customer.name),
            locale=customer.locale or story.customer.locale,
            country=customer.country or story.customer.country,
        )
    if lines is not None:
        lines = tuple(msgspec.structs.replace(one, title=story.articles.get(one.sku)) for one in lines)
    return msgspec.structs.replace(event, fact=msgspec.structs.replace(fact, customer=customer, lines=lines))


def _address(name: str) -> str:
    """Return an address below a domain that nobody has (RFC 2606): ``ines.prado@example.com``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return f"{'.'.join(re.findall('[a-z0-9]+', plain)) or 'robin'}@example.com"


# ---------------------------------------------------------------------------- what follows


def _letters(story: Story, told: list[Told], renderer: Renderer) -> list[Sent]:
    """Render what goes out; all mails of a case are one thread, under the subject of its first."""
    subjects: dict[str, str] = {}
    sent = []
    for one in told:
        message = one.decision
        if not isinstance(message, MessageQueued):
            continue
        try:
            mail = renderer.render(message)
        except TemplateProblem as problem:
            sent.append(
                Sent(
                    message=message,
                    at=local(one.now, story.zone),
                    subject="",
                    mail=None,
                    problem=str(problem),
                )
            )
            continue
        subject = subjects.setdefault(message.case_id, mail.subject)
        sent.append(Sent(message=message, at=local(one.now, story.zone), subject=subject, mail=mail))
    return sent


def _patterns(story: Story, told: list[Told]) -> list[str]:
    seen = [describe(one.decision, one.now, story.zone) for one in told]
    failures = []
    for pattern in story.expect:
        count = sum(1 for one in seen if pattern.matches(one))
        if count == 0:
            failures.append(f"expected, never seen: {pattern.text}")
        elif pattern.count is not None and count != pattern.count:
            failures.append(f"expected {pattern.count} times, seen {count} times: {pattern.text}")
    failures += [
        f"should never be, but was: {pattern.text}"
        for pattern in story.never
        if any(pattern.matches(one) for one in seen)
    ]
    return failures


def _moments(story: Story, events: list[Event], told: list[Told]) -> list[Moment]:
    """Return everything in the order in which it came to be known; an event stands before what follows from it."""
    names = Names(story.articles, story.customer.name, story.zone)
    moments = [
        (one.recorded_at, _moment(story, one.recorded_at, "heard", _heard(story, one, names)))
        for one in events
    ]
    letter = 0
    for one in told:
        saying = decided(one.decision, names)
        is_letter = isinstance(one.decision, MessageQueued)
        moment = _moment(story, one.now, "decided", saying, letter if is_letter else None)
        letter += is_letter
        moments.append((one.now, moment))
    return [moment for _, moment in sorted(moments, key=lambda pair: pair[0])]


def _heard(story: Story, event: Event, names: Names) -> Saying:
    saying = heard(event, names)
    if event.order_id == story.order_id:
        return saying
    return Saying(saying.says, (f"order {event.order_id}", *saying.because))


def _moment(story: Story, at: datetime, who: str, saying: Saying, letter: int | None = None) -> Moment:
    clock = local(at, story.zone)
    return Moment(
        at=clock,
        day=day_of(story.begins, clock.date()),
        who=who,
        says=saying.says,
        because=saying.because,
        letter=letter,
    )


def day_of(begins: date | None, day: date) -> int | None:
    """Return which day of the story it is, from 1."""
    return None if begins is None else (day - begins).days + 1
