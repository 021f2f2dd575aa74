"""Every metric of the workers, declared once: the name that a worker counts under, and its sentence."""

from __future__ import annotations

from typing import Literal

import msgspec

PREFIX = "firstword_"


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric; ``label`` names what it is told apart by, besides the role of the worker.

    A ``count`` only grows. A ``gauge`` is as it is now. A ``moment`` is a gauge that holds a stopwatch reading, and is
    told as the seconds since then. ``told_as`` is its name in ``/metrics`` where another kind has the same.
    """

    name: str
    kind: Literal["count", "gauge", "moment"]
    sentence: str
    label: str = ""
    roles: tuple[str, ...]
    told_as: str = ""

    @property
    def exposed(self) -> str:
        """Return the name in ``/metrics``, after the naming rules of Prometheus."""
        ending = {"count": "_total", "gauge": "", "moment": "_age_seconds"}[self.kind]
        return f"{PREFIX}{self.told_as or self.name}{ending}"


_ALL = ("ingest", "fold", "effects")


def _count(name: str, sentence: str, *roles: str, label: str = "") -> Metric:
    return Metric(name=name, kind="count", sentence=sentence, label=label, roles=roles)


def _gauge(name: str, sentence: str, *roles: str, label: str = "", told_as: str = "") -> Metric:
    return Metric(name=name, kind="gauge", sentence=sentence, label=label, roles=roles, told_as=told_as)


def _moment(name: str, sentence: str, *roles: str, label: str = "") -> Metric:
    return Metric(name=name, kind="moment", sentence=sentence, label=label, roles=roles)


DECLARED = (
    # ------------------------------------------------------------------------ how far behind
    _gauge(
        "lag", "Records that the brokers have and this worker has not read yet.", *_ALL, label="partition"
    ),
    _gauge(
        "watermark_delay_seconds",
        "How far recorded time in a journal partition lies behind the clock.",
        "fold",
        label="partition",
    ),
    _gauge("blocks_under_way", "Blocks whose outputs the brokers have not all acknowledged.", "fold"),
    _gauge("partitions", "Partitions that this worker has been given.", *_ALL),
    _gauge("position", "The last journal offset that was folded.", "fold", label="partition"),
    # ------------------------------------------------------------------------ coming in
    _count(
        "events_in", "Events that came in, those that could not be read included.", "ingest", label="source"
    ),
    _count("events_journaled", "Events that are in the journal.", "ingest"),
    _count("ignored", "Records that say nothing for us, and are meant to.", "ingest", label="source"),
    _count("duplicates", "Events that came again within a moment, and were not written again.", "ingest"),
    _count("parked", "Scans that came before their order was known.", "ingest"),
    _gauge("parked", "Scans that wait for their order now.", "ingest", told_as="parked_now"),
    _count("commits_too_late", "Commits that came after a partition had gone to another worker.", "ingest"),
    _count(
        "dead_letters", "Records that were set aside because nobody could read them.", *_ALL, label="code"
    ),
    # ------------------------------------------------------------------------ deciding
    _count("blocks", "Journal blocks that were folded, and whose outputs are acknowledged.", "fold"),
    _count("ticks", "Ticks that were written into the journal.", "ingest", "fold"),
    _count("decisions", "Decisions and outcomes that were published.", "fold", label="type"),
    _gauge("orders", "Orders in the memory of this worker.", "fold"),
    _count("snapshots", "Snapshots that were written.", "fold"),
    _gauge("snapshot_seconds", "How long the newest snapshot took to write.", "fold", label="partition"),
    _moment(
        "snapshot", "How old the newest snapshot is that this worker has written.", "fold", label="partition"
    ),
    # ------------------------------------------------------------------------ making true
    _count("effects", "Decisions out of the outbox that were made true.", "effects", label="type"),
    _gauge("effects_under_way", "Decisions that are being made true at this moment.", "effects"),
    _count("mails", "Mails that reached a state of the ledger.", "effects", label="state"),
    _count("outcomes_reported", "Outcomes that the ledger held until the brokers had them.", "effects"),
    _gauge(
        "ledger_oldest_seconds",
        "How long the oldest mail in a state of the ledger has been waiting.",
        "effects",
        label="state",
    ),
)

# What the monitor knows without being told.
OWN = {
    "firstword_ready": "1 when the worker does its work, 0 while it starts or stops.",
    "firstword_stuck_seconds": "For how long there has been work and no progress; at 60 the process ends.",
    "firstword_loop_delay_seconds": "For how long the event loop has not turned; at 60 the process ends.",
    "firstword_lines_total": "Log lines that were written, by their name and level.",
}
