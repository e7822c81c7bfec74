import json
import uuid

import pytest

from services.metadata.application.bulk_load import Batch, BulkLoads
from services.metadata.domain.load import Kind, State
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.support.flows import a_flow, flow_id, source_id


@pytest.fixture
def loads(store, metadata):
    return BulkLoads(store, lambda: metadata.now)


def segment(number, start, end, **changes):
    new = {
        "flow_id": flow_id(number),
        "object_id": f"o-{number}-{start}",
        "timerange": f"[{start}:0_{end}:0)",
        "get_urls": [{"url": "https://example.com/o"}],
    } | changes
    return {name: value for name, value in new.items() if value is not None}


def segments(number, first, last):
    return [segment(number, at, at + 1) for at in range(first, last)]


async def start(loads, kind=Kind.SEGMENTS):
    return (await loads.start(str(uuid.uuid4()), kind)).id


def encoded(rows):
    return json.dumps(rows).encode()


async def load(loads, load_id, first_row, rows, **more):
    return await loads.load(Batch(load_id, first_row, encoded(rows), **more))


def reasons(report):
    return [(one.index, one.error.reason) for one in report.failed]


async def roll_back(loads, load_id):
    removed = kept = 0
    while True:
        step = await loads.roll_back(load_id)
        removed, kept = removed + step.removed, kept + step.kept
        if step.done:
            return removed, kept


async def test_batches_are_counted_and_stored(loads, metadata, engine):
    await metadata.put_flows([1, 2])
    load_id = await start(loads)
    one = await load(loads, load_id, 0, segments(1, 0, 10) + segments(2, 5, 10))
    assert (one.committed, one.load.rows, one.load.inserted) == (True, 15, 15)
    two = await load(loads, load_id, 15, segments(1, 20, 25))
    assert (two.load.rows, two.load.inserted, two.load.skipped) == (20, 20, 0)
    assert len(await metadata.all_segments(1)) == 15
    assert (await loads.finish(load_id)).state is State.DONE
    assert engine.rows("load_keys") == []
    assert len(engine.rows("objects")) == 20


async def test_integers_of_rows_may_be_written_as_decimals(loads, metadata):
    flows = await start(loads, Kind.FLOWS)
    rows = [a_flow(1) | {"generation": 1.0}, a_flow(2) | {"generation": 1.5}]
    assert reasons(await load(loads, flows, 0, rows, skip_bad=True)) == [(1, "BAD_FLOW")]
    assert repr((await metadata.flow(1))["generation"]) == "1"
    load_id = await start(loads)
    rows = [segment(1, 0, 1, sample_offset=1.0), segment(1, 1, 2, key_frame_count=1.5), segment(1, 2, 3)]
    assert reasons(await load(loads, load_id, 0, rows, skip_bad=True)) == [(1, "BAD_ROW")]
    first, _ = await metadata.all_segments(1)
    assert repr(json.loads(first.document)["sample_offset"]) == "1"


async def test_every_kind_can_be_loaded(loads, metadata):
    sources, flows = await start(loads, Kind.SOURCES), await start(loads, Kind.FLOWS)
    objects, rows = await start(loads, Kind.OBJECTS), await start(loads)
    document = a_flow(1)
    source = {"id": document["source_id"], "format": document["format"], "label": "l", "tags": {"a": "b"}}
    place = {"storage_id": str(uuid.uuid4()), "storage_path": "p/o-1"}
    for load_id, row in (
        (sources, source),
        (flows, document),
        (objects, {"id": "o-1", "flow_id": flow_id(1), **place}),
        (rows, segment(1, 0, 1, object_id="o-1", get_urls=None, ts_offset="-1:5", sample_count=3)),
    ):
        report = await load(loads, load_id, 0, [row])
        assert (report.failed, report.load.inserted) == ([], 1)
    stored = await metadata.source(1)
    assert (stored["label"], stored["tags"]) == ("l", {"a": "b"})
    (found,) = await metadata.all_segments(1)
    told = json.loads(found.document)
    assert (told["ts_offset"], told["sample_count"]) == ("-1:5", 3)
    assert found.storage_id == place["storage_id"]


async def test_a_repeated_batch_changes_nothing(loads, metadata):
    await metadata.put_flows([1])
    load_id = await start(loads)
    await load(loads, load_id, 0, segments(1, 0, 5))
    again = await load(loads, load_id, 0, segments(1, 0, 5))
    assert (again.committed, again.repeated, again.load.rows) == (True, True, 5)
    assert len(await metadata.all_segments(1)) == 5


async def test_a_gap_is_refused_and_says_where_to_go_on(loads, metadata):
    await metadata.put_flows([1])
    load_id = await start(loads)
    await load(loads, load_id, 0, segments(1, 0, 5))
    for first_row in (6, 4):
        with pytest.raises(FailedPrecondition) as gap:
            await load(loads, load_id, first_row, segments(1, 6, 8))
        assert (gap.value.reason, gap.value.metadata["rows"]) == ("LOAD_GAP", "5")
    assert len(await metadata.all_segments(1)) == 5


async def test_one_bad_row_keeps_the_whole_batch_out(loads, metadata, engine):
    await metadata.put_flows([1])
    load_id = await start(loads)
    bad = [segment(1, 0, 1), segment(1, 5, 9), segment(1, 8, 10), segment(3, 0, 1), {"flow_id": flow_id(1)}]
    report = await load(loads, load_id, 0, bad)
    assert (report.committed, report.load.rows) == (False, 0)
    assert reasons(report) == [(2, "SEGMENT_OVERLAP"), (3, "FLOW_NOT_FOUND"), (4, "BAD_ROW")]
    for table in ("segments", "objects", "load_keys"):
        assert engine.rows(table) == []
    assert (await loads.get(load_id)).rows == 0


async def test_bad_rows_can_be_skipped(loads, metadata):
    await metadata.put_flows([1])
    await metadata.put_flows([2], read_only=True)
    load_id = await start(loads)
    rows = [
        segment(1, 0, 1),
        segment(2, 0, 1),
        segment(1, 0, 1),
        segment(1, 2, 2),
        segment(1, 3, 4, get_urls=None),
        segment(1, 4, 5, timerange="nonsense"),
        segment(1, 6, 7),
    ]
    report = await load(loads, load_id, 0, rows, skip_bad=True)
    assert [index for index, _ in reasons(report)] == [1, 2, 3, 4, 5]
    assert {reason for _, reason in reasons(report)} == {
        "FLOW_READ_ONLY", "SEGMENT_OVERLAP", "BAD_SEGMENT", "UNKNOWN_OBJECT", "BAD_TIMERANGE",
    }  # fmt: skip
    assert (report.load.rows, report.load.inserted, report.load.skipped) == (7, 2, 5)
    assert len(await metadata.all_segments(1)) == 2


async def test_what_is_there_is_not_replaced(loads, metadata):
    await metadata.put_flows([1], label="mine")
    flows, sources = await start(loads, Kind.FLOWS), await start(loads, Kind.SOURCES)
    report = await load(loads, flows, 0, [a_flow(1, label="other"), a_flow(2), a_flow(2)], skip_bad=True)
    assert reasons(report) == [(0, "ROW_EXISTS"), (2, "ROW_EXISTS")]
    source = {"id": source_id(1), "format": a_flow(1)["format"]}
    assert reasons(await load(loads, sources, 0, [source])) == [(0, "ROW_EXISTS")]
    assert (await metadata.flow(1))["label"] == "mine"


async def test_a_rollback_removes_exactly_what_the_load_inserted(loads, metadata, engine):
    await metadata.put_flows([1])
    mine = await start(loads)
    await load(loads, mine, 0, segments(1, 100, 110))
    load_id = await start(loads)
    await load(loads, load_id, 0, [*segments(1, 0, 50), *segments(1, 60, 70)])
    await load(loads, load_id, 60, segments(1, 200, 220))
    assert await roll_back(loads, load_id) == (80, 0)
    assert [one.start_ns // 10**9 for one in await metadata.all_segments(1)] == list(range(100, 110))
    assert len(engine.rows("objects")) == 10
    assert (await loads.get(load_id)).state is State.ROLLED_BACK
    with pytest.raises(FailedPrecondition):
        await load(loads, load_id, 80, segments(1, 0, 1))
    with pytest.raises(FailedPrecondition):
        await loads.finish(load_id)


async def test_a_rollback_of_more_than_one_slice(loads, metadata):
    await metadata.put_flows([1])
    load_id = await start(loads)
    await load(loads, load_id, 0, segments(1, 0, 4500))
    assert await roll_back(loads, load_id) == (4500, 0)
    assert await metadata.all_segments(1) == []


async def test_a_rollback_keeps_what_others_need(loads, metadata, engine):
    flows, objects = await start(loads, Kind.FLOWS), await start(loads, Kind.OBJECTS)
    sources = await start(loads, Kind.SOURCES)
    await load(loads, sources, 0, [{"id": source_id(n), "format": a_flow(n)["format"]} for n in (1, 3)])
    await load(loads, flows, 0, [a_flow(1), a_flow(2)])
    place = {"flow_id": flow_id(1), "storage_id": str(uuid.uuid4()), "storage_path": "p"}
    await load(loads, objects, 0, [{"id": "used", **place}, {"id": "free", **place}])
    rows = await start(loads)
    await load(loads, rows, 0, [segment(1, 0, 1, object_id="used", get_urls=None)])
    assert await roll_back(loads, objects) == (1, 1)
    assert await roll_back(loads, flows) == (1, 1)
    assert await roll_back(loads, sources) == (1, 1)
    assert [row["id"] for row in engine.rows("flows")] == [flow_id(1)]
    assert [row["id"] for row in engine.rows("objects")] == ["used"]
    assert [row["id"] for row in engine.rows("sources")] == [source_id(1)]


async def test_loads_that_cannot_be(loads, metadata):
    with pytest.raises(InvalidArgument):
        await loads.start("x", Kind.FLOWS)
    load_id = await start(loads)
    assert (await loads.start(load_id, Kind.SEGMENTS)).rows == 0
    with pytest.raises(FailedPrecondition):
        await loads.start(load_id, Kind.FLOWS)
    for unknown in (loads.get, loads.finish, loads.roll_back):
        with pytest.raises(NotFound):
            await unknown(str(uuid.uuid4()))
    for bad in (b"{}", b"[", b"\xff"):
        with pytest.raises(InvalidArgument):
            await loads.load(Batch(load_id, 0, bad))
    await loads.finish(load_id)
    with pytest.raises(FailedPrecondition):
        await loads.roll_back(load_id)


async def test_loads_that_nobody_finished_are_forgotten_in_time(loads, metadata, engine):
    await metadata.put_flows([1])
    old = await start(loads)
    await load(loads, old, 0, segments(1, 0, 5))
    metadata.pass_time(29 * 24 * 3600)
    await start(loads)
    assert (await loads.get(old)).rows == 5
    metadata.pass_time(2 * 24 * 3600)
    await start(loads)
    with pytest.raises(NotFound):
        await loads.get(old)
    assert engine.rows("load_keys") == []
    assert len(await metadata.all_segments(1)) == 5


async def test_a_flow_collects_those_before_it_in_one_batch(loads, metadata):
    flows = await start(loads, Kind.FLOWS)
    multi = {
        "id": flow_id(9),
        "source_id": source_id(9),
        "format": "urn:x-nmos:format:multi",
        "flow_collection": [{"id": flow_id(1), "role": "a"}, {"id": flow_id(2), "role": "b"}],
    }
    report = await load(loads, flows, 0, [a_flow(1), a_flow(2), multi, multi | {"id": flow_id(8)}])
    assert report.failed == []
    assert (await metadata.flow(1))["collected_by"] == sorted([flow_id(8), flow_id(9)])
    assert {one["role"] for one in (await metadata.source(9))["source_collection"]} == {"a", "b"}
    assert await roll_back(loads, flows) == (4, 0)
    assert await metadata.all_flows() == []
