"""The fold's state at rest: packed orders, the table of a partition, its snapshots in memory, Faust's originals."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from streams.codec.blocks import encode_block, tick, to_entry
from streams.core.detectors.stalled_in_transit.detector import StalledInTransit
from streams.core.order import Order, new_order
from streams.policies.loader import load_policy
from streams.problems import WorldProblem
from streams.service import faust_overrides
from streams.service.order_table import OrderTable, bucket_of, read_bucket, state_hash
from streams.service.partition import murmur2, partition_of
from streams.service.partition_state import empty_state
from streams.service.resting import pack_order, unpack_order, wake_of
from tests import builders as b

NOON = datetime(2026, 11, 20, 12, 0, 0, 123457, tzinfo=UTC)


def order(number: int, wake: datetime | None = NOON) -> Order:
    one = new_order(f"ORD-{number}")
    one.zone = f"zone {number}"
    one.wake_at = wake
    return one


def filled(count: int) -> OrderTable:
    table = OrderTable()
    for number in range(count):
        table.hot[f"ORD-{number}"] = order(number, NOON + timedelta(seconds=number) if number % 2 else None)
    return table


def read_buckets(records):
    return {bucket: read_bucket(record) for bucket, record in records}


def test_an_order_comes_back_as_it_was_packed():
    one = order(7)
    assert unpack_order(pack_order(one)) == one
    assert wake_of(pack_order(one)) == NOON
    assert wake_of(pack_order(order(7, None))) is None


def test_a_damaged_order_is_noticed():
    packed = pack_order(order(7))
    with pytest.raises((msgspec.DecodeError, ValueError)):
        unpack_order(packed[:-3])


@pytest.mark.parametrize("year", [1990, 2026, 2099])
def test_the_alarm_survives_to_the_microsecond(year):
    wake = datetime(year, 3, 4, 5, 6, 7, 999_999, tzinfo=UTC)
    assert wake_of(pack_order(order(1, wake))) == wake


def test_what_cools_is_still_there():
    table = filled(300)
    before = state_hash(table.values())
    for _ in table.pack(table.freeze(list(table.hot))):
        pass
    table.cool(20, set())
    assert len(table.hot) == 10
    assert len(table) == 300
    assert state_hash(table.values()) == before
    assert table.get("ORD-299") == order(299, NOON + timedelta(seconds=299))
    assert "ORD-5" in table
    assert table.get("ORD-300") is None


def test_what_changed_cools_into_the_next_snapshot():
    """An order that was packed to save memory before any snapshot saw it is in the next one all the same."""
    table = filled(50)
    touched = set(table.hot)
    table.cool(20, touched)
    assert (len(table.hot), len(touched), len(table)) == (10, 10, 50)
    read = OrderTable()
    read.load(read_buckets(table.pack(table.freeze(touched))))
    assert state_hash(read.values()) == state_hash(filled(50).values())


def test_nothing_cools_while_a_snapshot_is_packed():
    """It would get into the snapshot, which is of an earlier moment."""
    table = filled(50)
    packing = table.pack(table.freeze(list(table.hot)))
    next(packing)
    table.cool(0, set())
    assert len(table.hot) == 50
    for _ in packing:
        pass
    table.cool(0, set())
    assert (len(table.hot), len(table)) == (0, 50)


def test_a_snapshot_holds_the_moment_at_which_it_was_frozen():
    """The fold goes on while a snapshot is packed: the snapshot must not hear of it."""
    table = filled(40)
    then = state_hash(table.values())
    frozen = table.freeze(list(table.hot))
    changed = order(3)
    changed.zone = "changed"
    table.hot["ORD-3"] = changed
    buckets = read_buckets(table.pack(frozen))
    read = OrderTable()
    alarms = read.load(buckets)
    assert state_hash(read.values()) == then
    assert sorted(alarms) == sorted((o.wake_at, o.order_id) for o in filled(40).values() if o.wake_at)
    assert table.hot["ORD-3"].zone == "changed"


def test_only_changed_buckets_are_written_and_owed_ones_again():
    table = filled(200)
    everything = dict(table.pack(table.freeze(list(table.hot))))
    table.hot["ORD-7"] = order(7, None)
    assert set(dict(table.pack(table.freeze(["ORD-7"])))) == {bucket_of("ORD-7")}
    assert dict(table.pack(table.freeze([]))) == {}
    table.owe([bucket_of("ORD-8")])
    again = dict(table.pack(table.freeze([])))
    assert set(again) == {bucket_of("ORD-8")} <= set(everything)


def test_partitions_are_those_of_kafkas_own_clients():
    """Java's DefaultPartitioner: murmur2, positive, modulo (values of Kafka's own UtilsTest: "21", "foobar")."""
    from aiokafka.partitioner import murmur2 as theirs

    keys = [bytes(range(250, 250 - length, -1)) for length in range(20)]
    assert [murmur2(key) for key in keys] == [theirs(key) for key in keys]
    assert murmur2(b"21") == -973932308 & 0xFFFFFFFF
    assert partition_of("21", 1000) == (-973932308 & 0x7FFFFFFF) % 1000
    assert partition_of("foobar", 1000) == (-790332482 & 0x7FFFFFFF) % 1000


KNOWN = {
    "Consumer.on_partitions_revoked": "d04b7ae72c6fc206",
    "Consumer._commit_offsets": "1a69799041188441",
    "Producer._settings_extra": "a4c7bc41b6382223",
    "App.crash": "14980000465df0af",
}


def test_faust_is_the_one_we_replaced_methods_of():
    """An upgrade that changes an original must be read by a person before it is believed."""
    assert faust_overrides.fingerprints() == KNOWN
    faust_overrides.check_faust()


def test_another_faust_is_refused(monkeypatch):
    monkeypatch.setattr(faust_overrides.faust, "__version__", "0.16.0")
    with pytest.raises(WorldProblem, match=r"0\.16\.0"):
        faust_overrides.check_faust()


def test_faust_without_its_compiled_stream_is_refused(monkeypatch):
    monkeypatch.setattr(faust_overrides.faust.streams, "_CStreamIterator", None)
    with pytest.raises(WorldProblem, match="compiled"):
        faust_overrides.check_faust()


class Fragile(StalledInTransit, frozen=True, kw_only=True):
    """Fails where the real one would find something."""

    def detect(self, order, now, policy):
        found, again = super().detect(order, now, policy)
        if found:
            raise ZeroDivisionError("a mistake of ours")
        return found, again


def test_a_look_that_fails_is_set_aside_and_the_others_go_on():
    """A tick wakes two orders; the look at the first one raises: a letter for it, a decision for the other."""
    standard = load_policy()
    others = (one for one in standard.detectors if one.kind != "stalled_in_transit")
    state = empty_state(0, msgspec.structs.replace(standard, detectors=(Fragile(), *others)))
    silent = [
        b.placed("SILENT", promise="2027-03-01"),
        b.labelled(order_id="SILENT"),
        b.scanned("in_transit", order_id="SILENT"),
    ]
    events = [*silent, b.placed("LATE", promise="2026-11-24")]
    block = encode_block([to_entry(b.event(fact)) for fact in events])
    output = state.fold(0, block)
    assert output.letters == []
    output = state.fold(1, encode_block([tick(b.FRIDAY + 10 * b.DAY)]))
    assert [(letter.code, letter.place) for letter in output.letters] == [
        ("event-not-folded", "journal[0]@1")
    ]
    assert "SILENT" in output.letters[0].raw.decode()
    assert {fact.order_id for _, fact, _ in output.public} == {"LATE"}
