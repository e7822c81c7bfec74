import json
from typing import Any

import pytest

from services.metadata.application.flows.flows import GetFlow
from services.shared.errors import InvalidArgument, NotFound, PermissionDenied, TamsError
from services.shared.timerange import ETERNITY, NEVER, TimeRange
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import FORMATS, a_flow, encoded, every_member, flow_id, source_id
from tests.support.metadata.rules import Metadata, a_segment, an_object

SECOND = 1_000_000_000


async def put(metadata: Metadata, **members: Any) -> dict[str, Any]:
    return await metadata.put(a_flow(**members))


async def refusal(metadata: Metadata, document: dict[str, Any]) -> TamsError:
    with pytest.raises(TamsError) as caught:
        await metadata.put(document)
    return caught.value


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_flow_is_served_as_sent_with_its_managed_members(metadata: Metadata, kind: str) -> None:
    await metadata.put(a_flow(2))
    sent = every_member(kind)
    served = await metadata.put(sent)
    now = "2026-01-01T00:00:00.000000Z"
    assert served == sent | {"created": now, "metadata_updated": now}
    assert await metadata.flow(1) == served
    assert [flow for flow in await metadata.all_flows() if flow["id"] == flow_id(1)] == [served]


async def test_a_replaced_flow_loses_absent_members_and_keeps_managed_ones(metadata: Metadata) -> None:
    await put(metadata, label="a", tags={"x": "1"}, vendor=[1], created_by="first")
    await metadata.register(1, a_segment(0, 10))
    metadata.pass_time()
    served = await put(metadata, description="b", created_by="second", updated_by="second")
    assert served.pop("metadata_version")
    assert served == a_flow(description="b", updated_by="second") | {
        "created_by": "first",
        "created": "2026-01-01T00:00:00.000000Z",
        "metadata_updated": "2026-01-01T00:00:01.000000Z",
        "segments_updated": "2026-01-01T00:00:00.000000Z",
    }


async def test_a_flow_created_without_a_creator_does_not_get_one_later(metadata: Metadata) -> None:
    await put(metadata)
    assert "created_by" not in await put(metadata, created_by="later")


async def test_managed_members_from_clients_are_ignored(metadata: Metadata) -> None:
    managed = {
        "created": "x",
        "metadata_updated": 5,
        "segments_updated": None,
        "collected_by": [],
        "timerange": "_",
    }
    served = await metadata.put(a_flow() | managed)
    assert not {"segments_updated", "collected_by", "timerange"} & served.keys()
    assert served["created"] == served["metadata_updated"] == "2026-01-01T00:00:00.000000Z"


async def test_a_repeated_put_changes_only_the_time(metadata: Metadata) -> None:
    first = await put(metadata, tags={"a": "1"})
    metadata.pass_time()
    second = await put(metadata, tags={"a": "1"})
    assert second == first | {"metadata_updated": second["metadata_updated"]}


async def test_the_version_changes_with_the_metadata_unless_the_client_sets_it(metadata: Metadata) -> None:
    assert (await put(metadata, metadata_version="1"))["metadata_version"] == "1"
    assert (await put(metadata))["metadata_version"] == "1"
    changed = (await put(metadata, label="x"))["metadata_version"]
    assert changed not in ("", "1")
    assert (await put(metadata, label="x", metadata_version=changed))["metadata_version"] == changed
    assert (await put(metadata, label="y", metadata_version=changed))["metadata_version"] != changed
    assert (await put(metadata, label="y", metadata_version="2"))["metadata_version"] == "2"
    await metadata.register(1, a_segment(0, 10))
    assert (await metadata.flow(1))["metadata_version"] == "2"


async def test_a_path_with_another_id_is_not_found(metadata: Metadata) -> None:
    for path in (flow_id(2), "", "x" * 5000, flow_id(1).upper(), flow_id(1) + "\n"):
        with pytest.raises(NotFound) as caught:
            await metadata.flows.put(path, encoded(a_flow(1)))
        assert caught.value.reason == "FLOW_NOT_FOUND"
        assert len(caught.value.summary) < 200
    assert await metadata.all_flows() == await metadata.all_sources() == []


async def test_an_invalid_document_is_not_stored(metadata: Metadata) -> None:
    error = await refusal(metadata, a_flow(label=5))
    assert (error.reason, error.metadata) == ("BAD_FLOW", {"path": "$.label"})
    assert await metadata.all_flows() == await metadata.all_sources() == []


async def test_another_format_than_that_of_the_flow_or_source_is_refused(metadata: Metadata) -> None:
    await put(metadata)
    for document in (a_flow(1, "audio"), a_flow(1, "audio", source=2), a_flow(2, "audio", source=1)):
        error = await refusal(metadata, document)
        assert (error.reason, error.metadata) == ("FORMAT_CONFLICT", {"path": "$.format"})
    assert len(await metadata.all_flows()) == len(await metadata.all_sources()) == 1


async def test_the_codec_and_container_may_change(metadata: Metadata) -> None:
    await put(metadata)
    served = await put(metadata, codec="video/h265", container="video/mp4")
    assert (served["codec"], served["container"]) == ("video/h265", "video/mp4")


async def test_read_only_flows_refuse_changes(metadata: Metadata) -> None:
    await put(metadata, read_only=True)
    metadata.pass_time()
    before = await metadata.flow(1)
    attempts = [
        metadata.put(a_flow(read_only=False)),
        metadata.flows.delete(flow_id(1)),
        metadata.register(1, a_segment(0, 10)),
        metadata.unregister(1),
        metadata.objects.reserve(flow_id(1), []),
    ]
    for attempt in attempts:
        with pytest.raises(PermissionDenied) as caught:
            await attempt
        assert caught.value.reason == "FLOW_READ_ONLY"
    assert await metadata.flow(1) == before


async def test_an_invalid_document_is_reported_before_a_read_only_flow(metadata: Metadata) -> None:
    await put(metadata, read_only=True)
    assert isinstance(await refusal(metadata, a_flow(label=5)), InvalidArgument)


async def test_a_deleted_flow_leaves_no_rows(metadata: Metadata, engine: Engine) -> None:
    await put(metadata, tags={"a": "1"})
    await metadata.objects.reserve(flow_id(1), [an_object("inside")])
    await metadata.register(1, a_segment(0, 10, "inside"), a_segment(10, 20, "outside"))
    await metadata.flows.delete(flow_id(1))
    tables = ["flows", "sources", "segments", "flow_stats", "tags", "collections"]
    assert {table: engine.rows(table) for table in tables} == {table: [] for table in tables}
    assert [(row["id"], row["state"]) for row in engine.rows("objects")] == [("inside", "unreferenced")]
    for call in (metadata.flow(1), metadata.flows.delete(flow_id(1)), metadata.references("inside")):
        with pytest.raises(NotFound):
            await call
    assert await metadata.all_segments(1) == []


async def test_a_recreated_flow_has_no_members_of_its_predecessor(metadata: Metadata) -> None:
    await put(metadata, created_by="first", metadata_version="1")
    await metadata.register(1, a_segment(0, 10))
    await metadata.flows.delete(flow_id(1))
    metadata.pass_time()
    served = await put(metadata)
    assert served["created"] == "2026-01-01T00:00:01.000000Z"
    assert not {"created_by", "segments_updated"} & served.keys()
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "()"


async def test_segments_updated_follows_registration_and_deletion(metadata: Metadata) -> None:
    await put(metadata)
    assert "segments_updated" not in await metadata.flow(1)
    await metadata.register(1, a_segment(0, 10))
    metadata.pass_time()
    assert await metadata.register(1, a_segment(5, 15)), "overlaps"
    await metadata.unregister(1, TimeRange(0, 5))
    assert (await metadata.flow(1))["segments_updated"] == "2026-01-01T00:00:00.000000Z"
    await metadata.unregister(1)
    flow = await metadata.flow(1)
    assert flow["segments_updated"] == "2026-01-01T00:00:01.000000Z"
    assert flow["metadata_updated"] == "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        (ETERNITY, "[1:0_9:0]"),
        (TimeRange(0, 10 * SECOND), "[1:0_9:0]"),
        (NEVER, "()"),
        (TimeRange(5, 4), "()"),
        (TimeRange(0, SECOND), "()"),
        (TimeRange(0, SECOND + 1, end_inclusive=True), "[1:0]"),
        (TimeRange(2 * SECOND, None), "[2:0_9:0]"),
        (TimeRange(None, 2 * SECOND), "[1:0_2:0)"),
        (TimeRange(2 * SECOND, 8 * SECOND), "[2:0_8:0)"),
        # Within the gap from 3 s to 6 s, at its edges, and beyond it.
        (TimeRange(4 * SECOND, 5 * SECOND), "()"),
        (TimeRange(3 * SECOND, 6 * SECOND), "()"),
        (TimeRange(4 * SECOND, 7 * SECOND), "[6:0_7:0)"),
        (TimeRange(2 * SECOND, 5 * SECOND), "[2:0_3:0)"),
        (TimeRange(3 * SECOND, None), "[6:0_9:0]"),
        (TimeRange(9 * SECOND, None), "[9:0]"),
        (TimeRange(9 * SECOND + 1, None), "()"),
    ],
)
async def test_the_timerange_is_the_clipped_extent_of_overlapping_segments(
    metadata: Metadata, within: TimeRange, expected: str
) -> None:
    await put(metadata)
    assert (await metadata.flow(1, within))["timerange"] == "()"
    last = a_segment(8 * SECOND, 9 * SECOND + 1, inclusive=True)
    await metadata.register(1, a_segment(SECOND, 3 * SECOND), a_segment(6 * SECOND, 8 * SECOND), last)
    assert (await metadata.flow(1, within))["timerange"] == expected
    assert "timerange" not in await metadata.flow(1)
    assert all("timerange" not in flow for flow in await metadata.all_flows())


async def test_a_batch_of_flows_has_a_result_for_each_request(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2))
    requests = [
        GetFlow(flow_id(2)),
        GetFlow(flow_id(3)),
        GetFlow("x"),
        GetFlow(flow_id(1), ETERNITY),
        GetFlow(flow_id(2)),
    ]
    results = await metadata.flows.get_many(requests)
    failed = [number for number, result in enumerate(results) if isinstance(result, NotFound)]
    assert failed == [1, 2]
    documents = [json.loads(result) for result in results if not isinstance(result, TamsError)]
    assert [document["id"] for document in documents] == [flow_id(2), flow_id(1), flow_id(2)]
    assert [document.get("timerange") for document in documents] == [None, "()", None]


async def test_the_number_of_flows_in_a_batch_is_bounded(metadata: Metadata) -> None:
    assert len(await metadata.flows.get_many([GetFlow("x")] * 256)) == 256
    with pytest.raises(InvalidArgument) as caught:
        await metadata.flows.get_many([GetFlow("x")] * 257)
    assert caught.value.reason == "TOO_MANY_ITEMS"


async def test_a_source_is_removed_when_its_last_flow_moves_to_another(metadata: Metadata) -> None:
    await metadata.put_flows((1, 2), source=1)
    await put(metadata, number=1, source=2)
    assert [source["id"] for source in await metadata.all_sources()] == [source_id(1), source_id(2)]
    await put(metadata, number=2, source=2)
    assert [source["id"] for source in await metadata.all_sources()] == [source_id(2)]
    assert [flow["source_id"] for flow in await metadata.all_flows()] == [source_id(2)] * 2
