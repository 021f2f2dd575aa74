"""A backtest over the topics of a service: the same figures as over the journal of one machine, and no trace."""

import msgspec
import pytest

from tests.backtest_rig import STANDARD, judged, policy
from tests.history_rig import InFile, InTopics

HASTY = policy(respond__late_delivery__tell_after="1h", detect__stalled_in_transit__domestic_workdays="2")


@pytest.mark.parametrize("jobs", [1, 2])
def test_topics_and_a_journal_file_are_measured_alike(kafka, topic_prefix, tmp_path, jobs):
    """Orders in several partitions, read by several processes, each with a consumer of its own."""
    lived_in = tmp_path / "lived"
    file, topics = InFile(lived_in, tmp_path), InTopics(lived_in, kafka, topic_prefix, tmp_path)
    before = topics.traces()
    found = []
    for history in (file.open(), topics.open()):
        figures = judged(history, STANDARD, HASTY, jobs=jobs)
        history.close()
        found.append(msgspec.json.encode(msgspec.structs.replace(figures, history="")))

    assert len(topics.open().extents()) > 1
    assert found[0] == found[1]
    assert topics.traces() == before
