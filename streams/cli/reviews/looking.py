"""A history opened to look at its reviews, and to see what would follow from a word about one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from streams.assets import templates_dir
from streams.cli.folder import LEDGER
from streams.clock import wall_now
from streams.embedded.engine import READ_UNTIL
from streams.ops.foresight import Foresight, Standpoint, foresee, stand, world_of
from streams.ops.history import History
from streams.ops.log_file import JournalFile
from streams.ops.opening import open_history
from streams.ops.read_model.mails import Mails
from streams.ops.reviews import Review, find_review, read_reviews
from streams.ops.verdicts import on_their_way
from streams.pipeline.story import World
from streams.policies.loader import LoadedPolicy, load_policy
from streams.settings import Settings
from streams.templating.catalogue import load_catalogue
from streams.templating.renderer import CatalogueRenderer


class Look:
    """The reviews of a data folder or of the topics, as they were when this was made; nothing is changed."""

    def __init__(self, settings: Settings, *, kafka: bool) -> None:
        """Read every review.

        Raises:
            UsageProblem: ``data-not-found``, ``topics-missing``.
            WorldProblem: the history cannot be read.
        """
        self.settings = settings
        self.kafka = kafka
        self._history: History = open_history(
            data=None if kafka else settings.data, kafka=kafka, sources=(), settings=settings
        )
        self.name = self._history.name
        self.reviews = read_reviews(self._history)
        self._on_their_way = frozenset[str]() if kafka else on_their_way(settings.data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._history.close()

    def find(self, asked: str) -> Review:
        """Return the one review that is meant.

        Raises:
            UsageProblem: ``review-not-found``, ``review-ambiguous``.
        """
        return find_review(self.reviews, asked, self.name)

    def says(self, one: Review) -> str:
        """Return as a sentence how a review stands."""
        if one.standing == "waiting" and one.review_id in self._on_their_way:
            return "it is decided, and the process that works in the folder has not taken the word yet"
        return one.says()

    def waits(self, one: Review) -> bool:
        """True while nobody has said a word about it."""
        return one.standing == "waiting" and one.review_id not in self._on_their_way

    def ahead(self, one: Review) -> Ahead:
        """Return the order as it stands, ready to be asked what would follow.

        Raises:
            streams.problems.Problem: the policy or the words are wrong, or the history cannot be read.
        """
        catalogue = load_catalogue(templates_dir(), self.settings.templates)
        policy = load_policy(self.settings.policy, templates=catalogue.messages)
        at = stand(self._history, one, policy, wall_now(), stays=self._stays())
        return Ahead(
            at,
            policy,
            CatalogueRenderer(catalogue),
            world_of(self.settings),
            self._first_subject(one.case_id),
        )

    def _stays(self) -> bool:
        """True for a history that was loaded: its time is its own, and stands where it ended."""
        if isinstance(self._history, JournalFile):
            return READ_UNTIL in self._history.counters()
        return self.settings.clock == "history"

    def _first_subject(self, case_id: str) -> str:
        database = self.settings.database
        shared = database.reveal() if self.kafka and database is not None else None
        mails = Mails(shared or str(self.settings.data / LEDGER))
        try:
            return mails.first_subject(case_id)
        finally:
            mails.close()


class Ahead:
    """One review and what would follow from a yes, a narrowed yes, and a no."""

    def __init__(
        self, at: Standpoint, policy: LoadedPolicy, renderer: CatalogueRenderer, world: World, subject: str
    ) -> None:
        self.at = at
        self._policy = policy
        self._world = world
        self._renderer = renderer
        self._subject = subject

    def yes(self, remedies: Sequence[str] | None = None) -> Foresight:
        """Return what follows from a yes, to ``remedies`` alone when they are named."""
        return self._follows(approved=True, remedies=remedies)

    def no(self) -> Foresight:
        """Return what follows from a no."""
        return self._follows(approved=False, remedies=None)

    def _follows(self, *, approved: bool, remedies: Sequence[str] | None) -> Foresight:
        return foresee(
            self.at,
            self._policy,
            self._renderer,
            approved=approved,
            remedies=remedies,
            first_subject=self._subject,
            world=self._world,
        )
