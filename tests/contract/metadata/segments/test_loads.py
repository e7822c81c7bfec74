import json
import uuid
from typing import Any

import pytest

from gateway.codecs.segments.new_segments import new_segments
from gateway.codecs.segments.segment import decode_post
from services.metadata.application.flows import collections
from services.metadata.application.loads import loads as bulk_load
from services.metadata.application.loads.batches import Batch, Report
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.application.ports import Store
from services.metadata.domain.load import Kind, State
from services.metadata.servicers.new_segments import new_segments as read
from services.shared.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.metadata.rules import STORAGE, Metadata


@pytest.fixture
def loads(store: Store, metadata: Metadata) -> BulkLoads:
    return BulkLoads(store, lambda: metadata.now)


def segment(number: int, start: int, end: int, **changes: Any) -> dict[str, Any]:
    """The row of a segment. A change to None leaves a member out."""
    new = {
        "flow_id": flow_id(number),
        "object_id": f"o-{number}-{start}",
        "timerange": f"[{start}:0_{end}:0)",
        "get_urls": [{"url": "https://example.com/o"}],
    } | changes
    return {name: value for name, value in new.items() if value is not None}


def segments(number: int, first: int, last: int) -> list[dict[str, Any]]:
    return [segment(number, start, start + 1) for start in range(first, last)]


async def start_load(loads: BulkLoads, kind: Kind = Kind.SEGMENTS) -> str:
    return (await loads.start(str(uuid.uuid4()), kind)).id


def encoded(rows: object) -> bytes:
    return json.dumps(rows).encode()


async def load(
    loads: BulkLoads, load_id: str, first_row: int, rows: object, *, skip_bad: bool = False
) -> Report:
    return await loads.load(Batch(load_id, first_row, encoded(rows), skip_bad))


def reasons(report: Report) -> list[tuple[int, str]]:
    return [(failure.index, failure.error.reason) for failure in report.failures]


async def roll_back(loads: BulkLoads, load_id: str) -> tuple[int, int]:
    """Roll back all of a load. Returns the numbers of removed and kept rows."""
    removed = kept = 0
    while True:
        step = await loads.roll_back(load_id)
        removed, kept = removed + step.removed, kept + step.kept
        if step.done:
            return removed, kept


async def test_batches_are_counted_and_stored(loads: BulkLoads, metadata: Metadata, engine: Engine) -> None:
    await metadata.put_flows([1, 2])
    load_id = await start_load(loads)
    first = await load(loads, load_id, 0, segments(1, 0, 10) + segments(2, 5, 10))
    assert (first.committed, first.load.rows, first.load.inserted) == (True, 15, 15)
    second = await load(loads, load_id, 15, segments(1, 20, 25))
    assert (second.load.rows, second.load.inserted, second.load.skipped) == (20, 20, 0)
    assert len(await metadata.all_segments(1)) == 15
    assert (await loads.finish(load_id)).state is State.DONE
    assert engine.rows("load_keys") == []
    assert len(engine.rows("objects")) == 20


async def test_integers_of_rows_may_be_written_as_decimals(loads: BulkLoads, metadata: Metadata) -> None:
    flows = await start_load(loads, Kind.FLOWS)
    rows = [a_flow(1) | {"generation": 1.0}, a_flow(2) | {"generation": 1.5}]
    assert reasons(await load(loads, flows, 0, rows, skip_bad=True)) == [(1, "BAD_FLOW")]
    assert repr((await metadata.flow(1))["generation"]) == "1"
    load_id = await start_load(loads)
    rows = [segment(1, 0, 1, sample_offset=1.0), segment(1, 1, 2, key_frame_count=1.5), segment(1, 2, 3)]
    assert reasons(await load(loads, load_id, 0, rows, skip_bad=True)) == [(1, "BAD_ROW")]
    first, _ = await metadata.all_segments(1)
    assert repr(json.loads(first.document)["sample_offset"]) == "1"


async def test_rows_of_each_kind_can_be_loaded(loads: BulkLoads, metadata: Metadata) -> None:
    sources, flows = await start_load(loads, Kind.SOURCES), await start_load(loads, Kind.FLOWS)
    objects, rows = await start_load(loads, Kind.OBJECTS), await start_load(loads)
    document = a_flow(1)
    source = {"id": document["source_id"], "format": document["format"], "label": "l", "tags": {"a": "b"}}
    location = {"storage_id": str(uuid.uuid4()), "storage_path": "p/o-1"}
    for load_id, row in (
        (sources, source),
        (flows, document),
        (objects, {"id": "o-1", "flow_id": flow_id(1), **location}),
        (rows, segment(1, 0, 1, object_id="o-1", get_urls=None, ts_offset="-1:5", sample_count=3)),
    ):
        report = await load(loads, load_id, 0, [row])
        assert (report.failures, report.load.inserted) == ([], 1)
    stored = await metadata.source(1)
    assert (stored["label"], stored["tags"]) == ("l", {"a": "b"})
    (found,) = await metadata.all_segments(1)
    stored_segment = json.loads(found.document)
    assert (stored_segment["ts_offset"], stored_segment["sample_count"]) == ("-1:5", 3)
    assert found.storage_id == location["storage_id"]


async def test_a_repeated_batch_changes_nothing(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    await load(loads, load_id, 0, segments(1, 0, 5))
    again = await load(loads, load_id, 0, segments(1, 0, 5))
    assert (again.committed, again.repeated, again.load.rows) == (True, True, 5)
    assert len(await metadata.all_segments(1)) == 5


async def test_a_batch_with_a_gap_is_refused_with_the_next_row(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    await load(loads, load_id, 0, segments(1, 0, 5))
    for first_row in (6, 4):
        with pytest.raises(FailedPrecondition) as caught:
            await load(loads, load_id, first_row, segments(1, 6, 8))
        assert (caught.value.reason, caught.value.metadata["rows"]) == ("LOAD_GAP", "5")
    assert len(await metadata.all_segments(1)) == 5


async def test_an_invalid_row_keeps_the_whole_batch_from_being_stored(
    loads: BulkLoads, metadata: Metadata, engine: Engine
) -> None:
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    rows = [segment(1, 0, 1), segment(1, 5, 9), segment(1, 8, 10), segment(3, 0, 1), {"flow_id": flow_id(1)}]
    report = await load(loads, load_id, 0, rows)
    assert (report.committed, report.load.rows) == (False, 0)
    assert reasons(report) == [(2, "SEGMENT_OVERLAP"), (3, "FLOW_NOT_FOUND"), (4, "BAD_ROW")]
    for table in ("segments", "objects", "load_keys"):
        assert engine.rows(table) == []
    assert (await loads.get(load_id)).rows == 0


async def test_invalid_rows_can_be_skipped(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    await metadata.put_flows([2], read_only=True)
    load_id = await start_load(loads)
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


async def test_existing_rows_are_not_replaced(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1], label="mine")
    flows, sources = await start_load(loads, Kind.FLOWS), await start_load(loads, Kind.SOURCES)
    report = await load(loads, flows, 0, [a_flow(1, label="other"), a_flow(2), a_flow(2)], skip_bad=True)
    assert reasons(report) == [(0, "ROW_EXISTS"), (2, "ROW_EXISTS")]
    source = {"id": source_id(1), "format": a_flow(1)["format"]}
    assert reasons(await load(loads, sources, 0, [source])) == [(0, "ROW_EXISTS")]
    assert (await metadata.flow(1))["label"] == "mine"


async def test_a_rollback_removes_exactly_what_the_load_inserted(
    loads: BulkLoads, metadata: Metadata, engine: Engine
) -> None:
    await metadata.put_flows([1])
    other = await start_load(loads)
    await load(loads, other, 0, segments(1, 100, 110))
    load_id = await start_load(loads)
    await load(loads, load_id, 0, [*segments(1, 0, 50), *segments(1, 60, 70)])
    await load(loads, load_id, 60, segments(1, 200, 220))
    assert await roll_back(loads, load_id) == (80, 0)
    assert [segment.start_ns // 10**9 for segment in await metadata.all_segments(1)] == list(range(100, 110))
    assert len(engine.rows("objects")) == 10
    assert (await loads.get(load_id)).state is State.ROLLED_BACK
    with pytest.raises(FailedPrecondition):
        await load(loads, load_id, 80, segments(1, 0, 1))
    with pytest.raises(FailedPrecondition):
        await loads.finish(load_id)


async def test_a_rollback_of_several_slices_removes_all_rows(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    await load(loads, load_id, 0, segments(1, 0, 4500))
    assert await roll_back(loads, load_id) == (4500, 0)
    assert await metadata.all_segments(1) == []


async def test_a_rollback_keeps_rows_that_others_need(
    loads: BulkLoads, metadata: Metadata, engine: Engine
) -> None:
    flows, objects = await start_load(loads, Kind.FLOWS), await start_load(loads, Kind.OBJECTS)
    sources = await start_load(loads, Kind.SOURCES)
    await load(loads, sources, 0, [{"id": source_id(n), "format": a_flow(n)["format"]} for n in (1, 3)])
    await load(loads, flows, 0, [a_flow(1), a_flow(2)])
    location = {"flow_id": flow_id(1), "storage_id": str(uuid.uuid4()), "storage_path": "p"}
    await load(loads, objects, 0, [{"id": "used", **location}, {"id": "free", **location}])
    rows = await start_load(loads)
    await load(loads, rows, 0, [segment(1, 0, 1, object_id="used", get_urls=None)])
    assert await roll_back(loads, objects) == (1, 1)
    assert await roll_back(loads, flows) == (1, 1)
    assert await roll_back(loads, sources) == (1, 1)
    assert [row["id"] for row in engine.rows("flows")] == [flow_id(1)]
    assert [row["id"] for row in engine.rows("objects")] == ["used"]
    assert [row["id"] for row in engine.rows("sources")] == [source_id(1)]


async def test_an_invalid_load_is_refused(loads: BulkLoads, metadata: Metadata) -> None:
    with pytest.raises(InvalidArgument):
        await loads.start("x", Kind.FLOWS)
    load_id = await start_load(loads)
    assert (await loads.start(load_id, Kind.SEGMENTS)).rows == 0
    with pytest.raises(FailedPrecondition):
        await loads.start(load_id, Kind.FLOWS)
    for call in (loads.get, loads.finish, loads.roll_back):
        with pytest.raises(NotFound):
            await call(str(uuid.uuid4()))
    for body in (b"{}", b"[", b"\xff"):
        with pytest.raises(InvalidArgument):
            await loads.load(Batch(load_id, 0, body))
    await loads.finish(load_id)
    with pytest.raises(FailedPrecondition):
        await loads.roll_back(load_id)


async def test_unfinished_loads_are_forgotten_after_a_month(
    loads: BulkLoads, metadata: Metadata, engine: Engine
) -> None:
    await metadata.put_flows([1])
    old = await start_load(loads)
    await load(loads, old, 0, segments(1, 0, 5))
    metadata.pass_time(29 * 24 * 3600)
    await start_load(loads)
    assert (await loads.get(old)).rows == 5
    metadata.pass_time(2 * 24 * 3600)
    await start_load(loads)
    with pytest.raises(NotFound):
        await loads.get(old)
    assert engine.rows("load_keys") == []
    assert len(await metadata.all_segments(1)) == 5


async def test_a_flow_may_collect_earlier_flows_of_its_batch(loads: BulkLoads, metadata: Metadata) -> None:
    flows = await start_load(loads, Kind.FLOWS)
    multi = {
        "id": flow_id(9),
        "source_id": source_id(9),
        "format": "urn:x-nmos:format:multi",
        "flow_collection": [{"id": flow_id(1), "role": "a"}, {"id": flow_id(2), "role": "b"}],
    }
    report = await load(loads, flows, 0, [a_flow(1), a_flow(2), multi, multi | {"id": flow_id(8)}])
    assert report.failures == []
    assert (await metadata.flow(1))["collected_by"] == sorted([flow_id(8), flow_id(9)])
    assert {item["role"] for item in (await metadata.source(9))["source_collection"]} == {"a", "b"}
    assert await roll_back(loads, flows) == (4, 0)
    assert await metadata.all_flows() == []


@pytest.mark.parametrize(
    ("change", "reason", "path"),
    [
        ({"object_id": ""}, "BAD_SEGMENT", "$.object_id"),
        ({"object_id": "x" * 1025}, "BAD_SEGMENT", "$.object_id"),
        ({"get_urls": [{"url": "file:///x"}]}, "BAD_URL", "$.get_urls[0].url"),
        ({"get_urls": [{"url": "https://x"}] * 101}, "BAD_SEGMENT", "$.get_urls"),
        ({"get_urls": [{"url": "https://x", "label": "local"}]}, "RESERVED_LABEL", "$.get_urls[0].label"),
        ({"timerange": "(0:0_1:0)"}, "BAD_SEGMENT", "$.timerange"),
        ({"timerange": "(_1:0)"}, "BAD_SEGMENT", "$.timerange"),
        ({"note": 2**64}, "BAD_SEGMENT", "$.note"),
        ({"note": "x" * 4096}, "BAD_SEGMENT", "$"),
        ({"sample_count": 2**63}, "BAD_ROW", "$.sample_count"),
        ({"get_urls": [{"url": "https://x", "presigned": True}]}, "BAD_ROW", "$.get_urls[0]"),
    ],
)
async def test_rows_follow_the_rules_of_posted_segments(
    loads: BulkLoads, metadata: Metadata, change: dict[str, Any], reason: str, path: str
) -> None:
    await metadata.backends.register({STORAGE: "local"}, 1)
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    report = await load(loads, load_id, 0, [segment(1, 0, 1, **change), segment(1, 1, 2)], skip_bad=True)
    (failed,) = report.failures
    assert (failed.index, failed.error.reason, failed.error.metadata["path"]) == (0, reason, path)
    assert len(await metadata.all_segments(1)) == 1
    if reason != "BAD_ROW":
        posted = segment(1, 5, 6, **change)
        del posted["flow_id"]
        body = encoded(posted)
        (refused,) = await metadata.register(1, *read(new_segments(decode_post(body))))
        assert (refused.error.reason, refused.error.metadata["path"]) == (reason, path)


async def test_unknown_members_of_rows_are_kept(loads: BulkLoads, metadata: Metadata) -> None:
    await metadata.put_flows([1])
    load_id = await start_load(loads)
    rows = [segment(1, 0, 1), segment(1, 1, 2, init_object_id="i", x={"y": [1]})]
    assert (await load(loads, load_id, 0, rows)).load.inserted == 2
    plain, extended = [json.loads(stored.document) for stored in await metadata.all_segments(1)]
    assert plain.keys() == {"object_id", "timerange", "ts_offset"}
    assert extended.items() >= {"init_object_id": "i", "x": {"y": [1]}}.items()
    assert "flow_id" not in extended
    sources = await start_load(loads, Kind.SOURCES)
    row = {"id": source_id(7), "format": "urn:x-nmos:format:data", "vendor": [1], "created_by": "me"}
    managed = {"created": "1970-01-01T00:00:00Z", "collected_by": [source_id(1)]}
    assert (await load(loads, sources, 0, [row | managed])).load.inserted == 1
    stored = await metadata.source(7)
    assert stored.items() >= row.items()
    assert stored["created"] > "2000"
    assert "collected_by" not in stored


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"storage_id": "5d1f6a2e-0000-4000-8000-0000000000ff"}, "UNKNOWN_STORAGE"),
        ({"storage_path": "../../etc/x"}, "BAD_ROW"),
        ({"storage_path": "/x"}, "BAD_ROW"),
        ({"storage_path": "a//b"}, "BAD_ROW"),
        ({"storage_path": "a\0b"}, "BAD_ROW"),
        ({"storage_path": "x" * 1025}, "BAD_ROW"),
        ({"size": 5}, "BAD_ROW"),
    ],
)
async def test_an_object_with_an_invalid_location_is_refused(
    loads: BulkLoads, metadata: Metadata, change: dict[str, Any], reason: str
) -> None:
    await metadata.backends.register({STORAGE: "local"}, 1)
    await metadata.put_flows([1])
    load_id = await start_load(loads, Kind.OBJECTS)
    row = {"id": "a", "flow_id": flow_id(1), "storage_id": STORAGE, "storage_path": "p/a"}
    rows = [row | {"id": "b"} | change, row]
    assert reasons(await load(loads, load_id, 0, rows, skip_bad=True)) == [(0, reason)]


async def test_a_rollback_leaves_the_members_of_read_only_collections(
    loads: BulkLoads, metadata: Metadata
) -> None:
    load_id = await start_load(loads, Kind.FLOWS)
    await load(loads, load_id, 0, [a_flow(1), a_flow(2)])
    items = [{"id": flow_id(1), "role": "r"}]
    await metadata.put(a_flow(3, "multi", flow_collection=items, read_only=True))
    assert await roll_back(loads, load_id) == (1, 1)
    assert (await metadata.flow(3))["flow_collection"] == items


async def test_a_rollback_of_flows_is_made_in_small_steps(
    loads: BulkLoads, metadata: Metadata, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_load, "_ROLLBACK_SECONDS", 0)
    monkeypatch.setattr(collections, "_SLICE", 2)
    load_id = await start_load(loads, Kind.FLOWS)
    await load(loads, load_id, 0, [a_flow(number) for number in range(1, 31)])
    items = [{"id": flow_id(30), "role": "r"}]
    for number in range(41, 46):
        await metadata.put(a_flow(number, "multi", flow_collection=items))
    for remaining in (3, 1):
        step = await loads.roll_back(load_id)
        assert (step.removed, step.kept, step.done) == (0, 0, False)
        assert len((await metadata.flow(30))["collected_by"]) == remaining
    assert (await loads.roll_back(load_id)).removed == 20
    assert await roll_back(loads, load_id) == (10, 0)
    assert len(await metadata.all_flows()) == 5
