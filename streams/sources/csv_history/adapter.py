"""Order history in CSV tables: the published Olist files, or any export described by a ``mapping.toml``.

What it sees: a folder with ``olist_orders_dataset.csv`` and, if they are there, ``..._order_items_...`` and
``..._customers_...`` (each also ``.gz``); or the tables and columns that ``mapping.toml`` names (see
``layout.py``). Times without an offset are local to one zone, America/Sao_Paulo unless told otherwise.

What comes out: ``order.placed``, ``payment.approved`` and two checkpoints per order, with ids made of the
order, in the order of time. Events of one moment come as placed, approved, handed over, delivered.

Known gaps: cancellations have no time in such tables, so none are reported; there are no scans between
hand-over and delivery.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfoNotFoundError

from streams.pipeline.ports import Incoming, Record, Rejected, Translation
from streams.problems import InputProblem
from streams.sources.csv_history.history import read_history
from streams.sources.csv_history.layout import MAPPING, layout_of

DEFAULT_ZONE = "America/Sao_Paulo"  # where the published data set was recorded


class CsvHistory:
    """A folder of tables; ``zone`` is where its clocks hang, unless ``mapping.toml`` says it."""

    name = "csv_history"

    def __init__(self, zone: str = DEFAULT_ZONE) -> None:
        self._zone = zone

    def read(self, location: str, *, after: int = -1) -> Iterator[Record]:
        """Yield the bad rows first, since nobody knows their time, then every fact in the order of time.

        Raises:
            InputProblem: ``source-not-found``, ``table-missing``, ``column-missing``, ``mapping-invalid``
                or ``zone-unknown``.
        """
        folder = _folder(location)
        layout = layout_of(folder)
        try:
            history = read_history(folder, layout, layout.zone or self._zone)
        except ZoneInfoNotFoundError as error:
            raise InputProblem(
                "zone-unknown",
                f"there is no time zone {self._zone!r}",
                why=str(error),
                hint="use an IANA name, such as America/Sao_Paulo",
            ) from error
        position = -1
        for position, bad in enumerate(history.bad):
            if position > after:
                yield Record(
                    source=self.name, place=bad.place, position=position, raw=bad.raw, parsed=bad.why
                )
        for position, (_, place, found) in enumerate(history.facts, start=position + 1):  # noqa: B020 - goes on counting
            if position > after:
                yield Record(
                    source=self.name, place=place, position=position, raw=found.data or b"", parsed=found
                )

    def translate(self, record: Record) -> Translation:
        """Return the fact that was read from the tables, or why its row is none."""
        if isinstance(record.parsed, Incoming):
            return (record.parsed,)
        if isinstance(record.parsed, Rejected):
            return record.parsed
        return Rejected(
            code="csv-row-alone",
            why="a row of a table means nothing without its header and its lines",
            hint="mend the row in its file and run the folder again: what is known already is dropped",
        )


def _folder(location: str) -> Path:
    path = Path(location)
    if path.name == MAPPING and path.is_file():
        return path.parent
    if path.is_dir():
        return path
    raise InputProblem(
        "source-not-found",
        f"there is no folder of tables at {location}",
        where=location,
        why="it is a file, standard input, or nothing",
        hint="name the folder that holds the tables: --source csv_history=FOLDER",
    )


SOURCE = CsvHistory()
