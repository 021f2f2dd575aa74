"""The return labels themselves, in the database that all hosts of a deployment share."""

from __future__ import annotations

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from streams.problems import WorldProblem
from streams.storage.tables import LABELS


class LabelTable:
    """PDFs by label id."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, label_id: str, pdf: bytes) -> None:
        """Keep a document; the first one under an id stays.

        Raises:
            WorldProblem: ``label-store-unwritable``.
        """
        try:
            if self._find(label_id) is None:
                with self._engine.begin() as connection:
                    connection.execute(LABELS.insert(), {"label_id": label_id, "pdf": pdf})
        except IntegrityError:
            return  # another worker kept the same label at the same moment, and was first
        except SQLAlchemyError as error:
            raise _problem(
                "label-store-unwritable", "A return label cannot be kept.", label_id, error
            ) from error

    def find(self, label_id: str) -> bytes | None:
        """Return a document, or None where there is none.

        Raises:
            WorldProblem: ``label-store-unreadable``.
        """
        try:
            return self._find(label_id)
        except SQLAlchemyError as error:
            raise _problem(
                "label-store-unreadable", "A return label cannot be read.", label_id, error
            ) from error

    def _find(self, label_id: str) -> bytes | None:
        with self._engine.connect() as connection:
            pdf = connection.execute(select(LABELS.c.pdf).where(LABELS.c.label_id == label_id)).scalar()
        return None if pdf is None else bytes(pdf)


def _problem(code: str, what: str, label_id: str, error: SQLAlchemyError) -> WorldProblem:
    cause = getattr(error, "orig", None) or error  # SQLAlchemy's own text would repeat the whole document
    return WorldProblem(
        code,
        what,
        where=f"label_documents {label_id}",
        why=f"{type(cause).__name__}: {str(cause).partition(chr(10))[0]}",
        hint="Bring the database back; everything goes on where it stopped.",
        retriable=True,
    )
