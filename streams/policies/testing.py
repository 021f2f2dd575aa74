"""Runs the tests inside policy files and beside plug-ins: stories, what must follow from them, and what must not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import msgspec

from streams.core.events import Decision, Event, Kind
from streams.core.policy import Policy
from streams.pipeline.story import tell
from streams.policies import readers
from streams.policies.document import Document, read_document
from streams.policies.expected import Pattern, Seen, describe, read_pattern
from streams.policies.given import build_event, read_sentence
from streams.policies.loader import LoadedPolicy, load_policy
from streams.policies.moments import CODE, read_moment
from streams.policies.refusal import Refusal, nearest
from streams.problems import PolicyProblem

_KEYS = ("name", "zone", "set", "given", "until", "expect", "never")
_KINDS: tuple[str, ...] = get_args(Kind)
_Read = TypeVar("_Read")
PolicyWith = Callable[[Mapping[str, Any]], LoadedPolicy]


class TestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one test; ``seen`` is everything that was decided, in the words of a test."""

    __test__: ClassVar[bool] = False  # not a test class, whatever pytest thinks of its name

    name: str
    where: str
    failures: tuple[str, ...]
    seen: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when everything expected was seen, and nothing else that must never be."""
        return not self.failures

    def __str__(self) -> str:
        if self.passed:
            return f"ok    {self.name}"
        lines = [f"FAIL  {self.name}", f"      where: {self.where}"]
        lines += [f"      {failure}" for failure in self.failures]
        lines += ["      seen instead:", *(f"        {one}" for one in self.seen or ("nothing",))]
        return "\n".join(lines)


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One test as written, and where."""

    name: str
    where: str
    index: int
    table: dict[str, Any]
    document: Document
    label: str

    def place(self, key: str, index: int | None = None) -> str:
        """Return ``file:line`` of a part of the test."""
        path = (self.label, self.index, key) if index is None else (self.label, self.index, key, index)
        return self.document.where(path)


def run_tests(
    path: str | Path | None = None, overrides: Mapping[str, Any] = {}, *, only: str = ""
) -> list[TestResult]:
    """Run the tests inside a policy file under that policy (None: the standard policy and its tests).

    ``only`` picks tests whose name contains it.

    Raises:
        PolicyProblem: the file cannot be, or a test cannot be understood; with ``file:line``.
    """
    stories = read_stories(read_document(path), "test")
    policy_with = policies(path, overrides)
    policy_with({})  # a policy that cannot be is refused even when it brings no tests
    return [run_story(story, policy_with) for story in stories if only in story.name]


def policies(path: str | Path | None = None, overrides: Mapping[str, Any] = {}) -> PolicyWith:
    """Return who gives a test its policy: the file's, with the test's own ``set`` over it, each loaded once."""
    loaded: dict[tuple[tuple[str, Any], ...], LoadedPolicy] = {}

    def policy_with(settings: Mapping[str, Any]) -> LoadedPolicy:
        key = tuple(settings.items())
        if key not in loaded:
            loaded[key] = load_policy(path, {**overrides, **settings})
        return loaded[key]

    return policy_with


def run_cases(path: str | Path, *, only: str = "") -> list[TestResult]:
    """Run the ``[[case]]`` tables of a plug-in's ``cases.toml`` under the standard policy.

    Raises:
        PolicyProblem: a case cannot be understood; with ``file:line``.
    """
    stories = read_stories(read_document(path), "case")
    policy_with = policies()
    return [run_story(story, policy_with) for story in stories if only in story.name]


def read_stories(document: Document, label: str) -> list[Story]:
    """Return the tests of a document: its ``[[test]]`` or ``[[case]]`` tables.

    Raises:
        PolicyProblem: a test has no name, an unknown key, or a name that another one has.
    """
    stories: list[Story] = []
    for index, table in enumerate(document.tree.get(label, [])):
        where = document.where((label, index))
        unknown = next((key for key in table if key not in _KEYS), None)
        if unknown is not None:
            at = document.where((label, index, unknown))
            raise _unclear(Refusal(CODE, f"there is no key `{unknown}`", nearest(unknown, _KEYS)), at)
        name = table.get("name")
        if not isinstance(name, str) or not name:
            raise _unclear(Refusal(CODE, "it has no name", 'begin it with name = "what it shows"'), where)
        if any(story.name == name for story in stories):
            raise _unclear(Refusal(CODE, f"another one is called `{name}`", "say how they differ"), where)
        stories.append(
            Story(name=name, where=where, index=index, table=table, document=document, label=label)
        )
    return stories


def run_story(story: Story, policy_with: PolicyWith) -> TestResult:
    """Run one test; ``policy_with`` returns the policy with the test's own ``set`` over it.

    Raises:
        PolicyProblem: the test cannot be understood.
    """
    policy = policy_with(_settings(story))
    zone = _zone(story, policy)
    until = _reading(lambda: read_moment(_text(story, "until"), zone), story.place("until"))
    expect = [_pattern(story, "expect", index, zone, policy) for index in range(len(_list(story, "expect")))]
    never = [_pattern(story, "never", index, zone, policy) for index in range(len(_list(story, "never")))]
    if not (expect or never):
        raise _unclear(Refusal(CODE, "it expects nothing", "add `expect` or `never`"), story.where)
    events = _events(story, zone, policy)
    seen = [describe(told.decision, told.now, zone) for told in tell(events, policy, until=until)]
    return TestResult(
        name=story.name,
        where=story.where,
        failures=(*_missed(expect, seen), *_unwanted(never, seen)),
        seen=tuple(one.text for one in seen),
    )


def _missed(expect: list[Pattern], seen: list[Seen]) -> tuple[str, ...]:
    failures = []
    for pattern in expect:
        count = sum(1 for one in seen if pattern.matches(one))
        if count == 0:
            failures.append(f"expected, never seen: {pattern.text}")
        elif pattern.count is not None and count != pattern.count:
            failures.append(f"expected {pattern.count} times, seen {count} times: {pattern.text}")
    return tuple(failures)


def _unwanted(never: list[Pattern], seen: list[Seen]) -> tuple[str, ...]:
    return tuple(
        f"should never be, but was: {pattern.text}"
        for pattern in never
        if any(pattern.matches(one) for one in seen)
    )


# ---------------------------------------------------------------------------- reading


def _events(story: Story, zone: str, policy: Policy) -> list[Event]:
    events: list[Event] = []
    for index, text in enumerate(_list(story, "given")):
        where = story.place("given", index)
        try:
            sentence = read_sentence(text, zone)
            ask = _Ask(tuple(events), policy, sentence.at)
            heard = events[-1].recorded_at if events else sentence.at
            events.append(build_event(sentence, index, heard, ask))
        except Refusal as refusal:
            raise _unclear(refusal, where) from refusal
    if not events:
        raise _unclear(Refusal(CODE, "nothing is given", "add `given`"), story.where)
    return events


class _Ask:
    """Looks up what was asked for before a sentence: its answer needs the identity that we gave it."""

    def __init__(self, before: tuple[Event, ...], policy: Policy, at: datetime) -> None:
        self._before = before
        self._policy = policy
        self._at = at

    def __call__(self, wanted: type[Decision], field: str) -> str:
        told = tell(self._before, self._policy, until=self._at)
        found = [getattr(one.decision, field) for one in told if isinstance(one.decision, wanted)]
        if not found:
            raise Refusal(CODE, f"nobody asked for it: there was no {wanted.TYPE.removesuffix('.v1')} before")
        return str(found[-1])


def _settings(story: Story) -> dict[str, str]:
    settings = {}
    for index, text in enumerate(_list(story, "set")):
        name, equals, value = text.partition("=")
        if not equals:
            raise _unclear(
                Refusal(CODE, f"`{text}` sets nothing", "such as notify.window=12h"),
                story.place("set", index),
            )
        settings[name.strip()] = value.strip()
    return settings


def _zone(story: Story, policy: Policy) -> str:
    zone = story.table.get("zone", policy.shop.time_zone)
    return _reading(lambda: readers.time_zone(zone), story.place("zone"))


def _pattern(story: Story, key: str, index: int, zone: str, policy: LoadedPolicy) -> Pattern:
    text = _list(story, key)[index]
    return _reading(lambda: read_pattern(text, zone, _KINDS, policy.templates), story.place(key, index))


def _text(story: Story, key: str) -> str:
    value = story.table.get(key)
    if isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, str):
        raise Refusal(CODE, f"`{key}` is missing", f'such as {key} = "Fri 2026-11-27 12:00"')
    return value


def _list(story: Story, key: str) -> list[str]:
    value = story.table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _unclear(Refusal(CODE, f'`{key}` is a list of "sentences"'), story.place(key))
    return value


def _reading(read: Callable[[], _Read], where: str) -> _Read:
    try:
        return read()
    except Refusal as refusal:
        raise _unclear(refusal, where) from refusal


def _unclear(refusal: Refusal, where: str) -> PolicyProblem:
    return PolicyProblem(
        refusal.code,
        "This test cannot be understood",
        where=where,
        why=refusal.why,
        hint=refusal.hint,
    )
