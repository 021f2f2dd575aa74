"""Keeps bought labels as PDF, so that a mail tried again tomorrow carries the same sticker.

In files on one machine; in the database where several hosts send the mails.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from streams.problems import InputProblem, WorldProblem
from streams.storage.labels import LabelTable

# No dots and no separators: an id can name a file below the directory and nothing else. 128 characters and
# ".pdf" stay below the 255 bytes that file systems allow a name.
_LABEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class LabelStore:
    """A directory of labels, one file each, named by label id."""

    def __init__(self, directory: Path | str) -> None:
        self._directory = Path(directory)

    def put(self, label_id: str, pdf: bytes) -> None:
        """Keep a label; after this returns it survives a power cut. The first one stays.

        A label that was kept already may be in a customer's hands: a second one is not written over it.

        Raises:
            InputProblem: the id cannot be a file name.
            WorldProblem: the disk will not take it.
        """
        path = self._path(label_id)
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                self._write(path, pdf)
        except OSError as error:
            raise WorldProblem(
                "label-store-unwritable",
                "A return label cannot be kept.",
                where=str(path),
                why=str(error),
                hint="Check the disk and the rights of the data directory.",
                retriable=True,
            ) from error

    def get(self, label_id: str) -> bytes | None:
        """Return the PDF, or None when no such label was kept.

        Raises:
            InputProblem: the id cannot be a file name.
            WorldProblem: the file is there and cannot be read.
        """
        path = self._path(label_id)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WorldProblem(
                "label-store-unreadable",
                "A return label cannot be read.",
                where=str(path),
                why=str(error),
                hint="Check the disk and the rights of the data directory.",
                retriable=True,
            ) from error

    def _path(self, label_id: str) -> Path:
        return self._directory / f"{_checked(label_id)}.pdf"

    def _write(self, path: Path, pdf: bytes) -> None:
        # A crash leaves the dotted file behind, whose name no label id can have, and never half a label.
        handle, draft = tempfile.mkstemp(dir=self._directory, prefix=".", suffix=".draft")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(pdf)
                file.flush()
                os.fsync(file.fileno())
            Path(draft).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(draft).unlink()
            raise
        self._sync_directory()

    def _sync_directory(self) -> None:
        # The file is on disk; its name is only when the directory is, too.
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


class SharedLabelStore:
    """The labels of all hosts of a deployment, in their database; safe to share between threads."""

    def __init__(self, table: LabelTable) -> None:
        self._table = table

    def put(self, label_id: str, pdf: bytes) -> None:
        """Keep a label; after this returns every host finds it. The first one stays.

        Raises:
            InputProblem: the id could not be a file name, so the other shelf would not take it either.
            WorldProblem: the database will not take it.
        """
        self._table.keep(_checked(label_id), pdf)

    def get(self, label_id: str) -> bytes | None:
        """Return the PDF, or None when no such label was kept.

        Raises:
            InputProblem: the id could not be a file name.
            WorldProblem: the database does not answer.
        """
        return self._table.find(_checked(label_id))


def _checked(label_id: str) -> str:
    if not _LABEL_ID.fullmatch(label_id):
        raise InputProblem(
            "label-id-invalid",
            f"{label_id[:140]!r} cannot be a label id.",
            why="A label id has 1 to 128 letters of a-z, A-Z, 0-9, - and _, and begins with none of the last two.",
            hint="The provider's folder decides how its label ids look.",
        )
    return label_id
