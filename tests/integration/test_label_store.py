"""The label store: whole files, below its directory, the first one stays."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from streams.labels.store import LabelStore
from streams.problems import InputProblem, WorldProblem


def test_what_was_put_is_had_again_by_another_process_run(tmp_path):
    """The store is the directory: a second one finds what the first one kept."""
    LabelStore(tmp_path / "new" / "labels").put("label_a", b"%PDF-1")

    assert LabelStore(tmp_path / "new" / "labels").get("label_a") == b"%PDF-1"
    assert LabelStore(tmp_path / "new" / "labels").get("label_b") is None
    assert [file.name for file in (tmp_path / "new" / "labels").iterdir()] == ["label_a.pdf"]


def test_the_first_label_stays(tmp_path):
    """It may be in a customer's hands already."""
    store = LabelStore(tmp_path)

    store.put("label_a", b"first")
    store.put("label_a", b"second")

    assert store.get("label_a") == b"first"


@pytest.mark.parametrize(
    "label_id",
    ["", "../label", "a/b", "a\\b", "/etc/passwd", ".draft", "a.pdf", "a\0b", "ä", "-rf", "a\n", "x" * 129],
)
def test_an_id_cannot_leave_the_directory(label_id, tmp_path):
    """Ids come from events; one that could name another file is refused before the disk is touched."""
    store = LabelStore(tmp_path / "labels")

    with pytest.raises(InputProblem) as put:
        store.put(label_id, b"%PDF")
    with pytest.raises(InputProblem) as got:
        store.get(label_id)

    assert put.value.code == got.value.code == "label-id-invalid"
    assert list(tmp_path.iterdir()) == []


def test_a_process_killed_while_writing_leaves_no_half_label(tmp_path):
    """The file appears whole or not at all: here the process dies between writing and naming."""
    program = (
        "import os, sys\n"
        "from streams.labels.store import LabelStore\n"
        "sys.addaudithook(lambda event, _: os._exit(9) if event == 'os.rename' else None)\n"
        "LabelStore(sys.argv[1]).put('label_a', b'%PDF' * 100_000)\n"
    )

    killed = subprocess.run(
        [sys.executable, "-c", program, tmp_path],
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert killed.returncode == 9
    assert LabelStore(tmp_path).get("label_a") is None
    LabelStore(tmp_path).put("label_a", b"whole")
    assert LabelStore(tmp_path).get("label_a") == b"whole"


def test_writers_at_the_same_time_leave_one_whole_label(tmp_path):
    """Two workers may hold the same decision for a moment."""
    store = LabelStore(tmp_path)
    pages = [bytes([65 + n]) * 200_000 for n in range(8)]
    start = threading.Barrier(len(pages))

    def put(page):
        start.wait()
        store.put("label_a", page)

    threads = [threading.Thread(target=put, args=(page,)) for page in pages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert store.get("label_a") in pages
    assert [file.name for file in tmp_path.iterdir()] == ["label_a.pdf"]


def test_a_disk_that_says_no_is_a_problem_worth_another_try(tmp_path):
    """Here the directory is a file."""
    (tmp_path / "labels").write_text("not a directory")
    store = LabelStore(tmp_path / "labels")

    with pytest.raises(WorldProblem) as put:
        store.put("label_a", b"%PDF")
    with pytest.raises(WorldProblem) as got:
        store.get("label_a")

    assert (put.value.code, put.value.retriable) == ("label-store-unwritable", True)
    assert (got.value.code, got.value.retriable) == ("label-store-unreadable", True)
