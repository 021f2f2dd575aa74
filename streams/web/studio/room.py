"""What every call to the studio stands on: the folder, the children that do the work, and what is known by now."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from streams.pipeline.ports import RenderedMail
from streams.problems import TemplateProblem
from streams.settings import Settings
from streams.templating import dialogue, typesetter
from streams.templating.apart import Apart, Limits
from streams.templating.dialogue import (
    Check,
    Checked,
    Described,
    Draft,
    Judge,
    Judged,
    Preview,
    Previewed,
    Prove,
    Proven,
    Question,
    Set,
    Shop,
    Standing,
)
from streams.web.studio.cases import Cases
from streams.web.studio.door import Door
from streams.web.studio.events import Events
from streams.web.studio.folder import Folder

PREVIEW_LETTERS: Final = 30_000_000  # of all of them: hostile ones are a megabyte each
JUDGING: Final = 10.0  # seconds for all samples of a message in all its languages; a fifth of one is usual
PREVIEWS: Final = 200  # kept, for frames that ask for them; at 30 KB each a few megabytes
_T = TypeVar("_T")


class Room:
    """One studio. Drafts and files are worked on by different children: a long look at all files holds up no writer."""

    def __init__(
        self, settings: Settings, folder: Folder, door: Door, cases: Cases, clock: Callable[[], datetime]
    ) -> None:
        self.settings = settings
        self.folder = folder
        self.door = door
        self.cases = cases
        self.clock = clock
        self.events = Events()
        self.writing = asyncio.Lock()
        # Three children: a letter on the screen waits neither for a sentence on it nor for a look at all files.
        self._drafts = Apart(typesetter.WORK)
        self._reader = Apart(typesetter.WORK)
        self._files = Apart(typesetter.WORK, Limits(seconds=JUDGING))
        self._stamps: dict[str, tuple[int, int]] = {}
        self._judged: dict[str, tuple[str, Judged]] = {}
        self._judging: dict[tuple[str, str], asyncio.Task[Judged]] = {}
        self._described: tuple[str, Described] | None = None
        self._previews: OrderedDict[str, str] = OrderedDict()

    async def open(self) -> None:
        """Look at the files, and have a child ready for the first mail; the others come while it is looked at."""
        self._stamps = await asyncio.to_thread(self.folder.stamps)
        await self._drafts.begin()

    async def furnish(self) -> None:
        """Have all children ready."""
        await asyncio.gather(*(child.begin() for child in self._children))

    async def close(self) -> None:
        """Let everybody go."""
        self.events.close()
        await asyncio.gather(*(child.close() for child in self._children))

    @property
    def _children(self) -> tuple[Apart, ...]:
        return (self._drafts, self._reader, self._files)

    # -- files ------------------------------------------------------------------------------------

    @property
    def shop(self) -> Shop:
        """Return the folders as they are now."""
        own = self.folder.own
        return Shop(
            templates=str(self.folder.shipped),
            override=None if own is None else str(own),
            stamp=_stamp(self._stamps),
        )

    async def look(self) -> set[str]:
        """Look at the files again, and return the names of those that are others now (``lost/de.md``)."""
        before, self._stamps = self._stamps, await asyncio.to_thread(self.folder.stamps)
        names = before.keys() | self._stamps.keys()
        return {name for name in names if before.get(name) != self._stamps.get(name)}

    # -- what the children are asked --------------------------------------------------------------

    async def preview(
        self, message: str, locale: str, *, sample: str = "", case: str = "", draft: Draft | None = None
    ) -> Previewed:
        """Fill words in for a sample, or for a case whose customer cannot be recognized any more.

        Raises:
            Problem: what the words, the sample or the case lack.
        """
        letter, order_id = None, ""
        if case:
            queued = await self.cases.masked(case)
            letter, order_id = queued.letter, queued.order_id
        question = Preview(
            shop=self.shop,
            message=message,
            locale=locale,
            sample=sample,
            letter=letter,
            order_id=order_id,
            draft=draft,
        )
        return await _ask(self._drafts, question, Previewed)

    async def check(self, message: str, draft: Draft) -> Checked:
        """Have a draft read by the rules."""
        return await _ask(self._reader, Check(shop=self.shop, message=message, draft=draft), Checked)

    async def prove(self, message: str, draft: Draft) -> None:
        """Make sure that a message can still be sent with this draft in it.

        Raises:
            Problem: it cannot.
        """
        await _ask(self._drafts, Prove(shop=self.shop, message=message, draft=draft), Proven)

    async def renderings(self, message: str, locale: str) -> Set:
        """Return what the accepted files of a locale hold, and what they should hold now."""
        question = dialogue.Renderings(shop=self.shop, message=message, locale=locale)
        return await _ask(self._files, question, Set)

    async def described(self) -> Described:
        """Return which messages there are."""
        shop = self.shop
        if self._described is None or self._described[0] != shop.stamp:
            told = await _ask(self._drafts, dialogue.Describe(shop=shop), Described)
            self._described = (shop.stamp, told)
        return self._described[1]

    async def judged(self, message: str) -> Judged:
        """Return how a message stands; what has not changed is not read again, and nothing is read twice at once."""
        known = self.known(message)
        if known is not None:
            return known
        key = (message, self._stamp_of(message))
        if key not in self._judging:
            self._judging[key] = asyncio.create_task(self._judge(*key))
            self._judging[key].add_done_callback(_heard)
        return await asyncio.shield(self._judging[key])

    async def _judge(self, message: str, stamp: str) -> Judged:
        try:
            judged = await _ask(self._files, Judge(shop=self.shop, message=message), Judged)
        except TemplateProblem as problem:
            judged = await self._all_broken(message)
            if (
                problem.code == "studio-stopped"
            ):  # a busy machine, perhaps: whoever asks next has it tried again
                return judged
        finally:
            del self._judging[message, stamp]
        self._judged[message] = (stamp, judged)
        self.events.tell("lint", message=message)
        return judged

    def known(self, message: str) -> Judged | None:
        """Return how a message stands, where that is known already."""
        known = self._judged.get(message)
        return known[1] if known is not None and known[0] == self._stamp_of(message) else None

    async def _all_broken(self, message: str) -> Judged:
        told = next((one for one in (await self.described()).messages if one.name == message), None)
        locales = told.locales if told is not None else {}
        return Judged(
            locales=tuple(Standing(locale=locale, state="broken", errors=1) for locale in sorted(locales))
        )

    def _stamp_of(self, message: str) -> str:
        theirs = (f"{message}/", "_")
        return _stamp(
            {
                name: stamp
                for name, stamp in self._stamps.items()
                if "/" not in name or name.startswith(theirs)
            }
        )

    # -- previews ---------------------------------------------------------------------------------

    def keep(self, mail: RenderedMail) -> str:
        """Keep a mail's HTML for the frame that will ask for it; the same mail has the same id."""
        name = hashlib.blake2b(mail.html.encode(), digest_size=12).hexdigest()
        self._previews[name] = mail.page
        self._previews.move_to_end(name)
        while len(self._previews) > PREVIEWS or sum(map(len, self._previews.values())) > PREVIEW_LETTERS:
            self._previews.popitem(last=False)
        return name

    def kept(self, name: str) -> str | None:
        """Return the HTML of a preview."""
        return self._previews.get(name)


ROOM: Final = web.AppKey("studio", Room)


def room_of(request: web.Request) -> Room:
    """Return the studio that a request came to."""
    return request.app[ROOM]


def _heard(task: asyncio.Task[Judged]) -> None:
    """Take note of what went wrong, where nobody waits for it any more."""
    if not task.cancelled():
        task.exception()


async def _ask(child: Apart, question: Question, answer: type[_T]) -> _T:
    return msgspec.json.decode(await child.ask(msgspec.json.encode(question)), type=answer)


def _stamp(stamps: dict[str, tuple[int, int]]) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for name, (changed, size) in sorted(stamps.items()):
        digest.update(f"{name}\0{changed}\0{size}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
