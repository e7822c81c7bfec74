"""Inconsistent rows, written without the rules of the store, are found, and mended beside writers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import msgspec
import pytest

from services.metadata.adapters.vast.administration.administration import VastAdministration
from services.metadata.adapters.vast.examination.examination import VastExamination
from services.metadata.adapters.vast.store import VastStore
from services.metadata.application.administration.consistency import CheckResult, Consistency, Scope
from services.metadata.domain.deletion_request import Deletion, Status
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.segments.segment import documents
from services.metadata.domain.webhooks.event import Event
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.errors import DataDamaged, FailedPrecondition, InvalidArgument
from services.shared.timerange import NEVER, TimeRange
from services.vast_client.cluster import Cluster
from services.vast_client.filters.filters import EVERYTHING, Above, And, Below, Equal, Filter
from tests.support.metadata.flows import a_flow, flow_id, source_id, uuid_of
from tests.support.metadata.rules import Metadata, a_segment
from tests.support.vast.clusters import (
    add_rows,
    change_rows,
    remove_rows,
    store_on_open_tables,
    vast_cluster,
    vast_rows,
)

pytestmark = pytest.mark.slow

MEMBER = {"id": flow_id(2), "role": "video"}
NOBODY = uuid_of("nobody", 1)
SCHEMA = "vastdb/tams"
FLOW_1 = Equal("id", flow_id(1))

Plant = Callable[[Cluster], None]


@pytest.fixture
async def store() -> AsyncIterator[VastStore]:
    with vast_cluster(with_store=True) as cluster:
        async with store_on_open_tables(cluster, cache_seconds=5.0) as opened:
            yield opened


@pytest.fixture
async def metadata(store: VastStore) -> Metadata:
    metadata = Metadata(store)
    await metadata.put(a_flow(2, tags={"x": "y"}))
    await metadata.put(a_flow(1, "multi", label="one", tags={"a": "b", "c": "d"}))
    await metadata.put(a_flow(3, "multi", flow_collection=[MEMBER]))
    segments = [a_segment(start, start + 10, f"o{start}") for start in (0, 10, 20, 30)]
    assert await metadata.register(2, *segments) == []
    return metadata


@pytest.fixture
def consistency(store: VastStore) -> Consistency:
    return Consistency(store, VastAdministration(store), VastExamination(store))


def change_values(table: str, where: Filter, **values: Any) -> Plant:
    """The change of values in rows of a table."""
    return lambda cluster: change_rows(cluster, table, where, **values)


def add_row(table: str, **row: Any) -> Plant:
    return lambda cluster: add_rows(cluster, table, row)


def double_row(table: str, where: Filter, **values: Any) -> Plant:
    def plant(cluster: Cluster) -> None:
        column, value = (where.column, where.value) if isinstance(where, Equal) else ("", "")
        (row,) = [row for row in vast_rows(cluster, table) if row[column] == value]
        add_rows(cluster, table, row | values)

    return plant


FLOW_2 = Equal("id", flow_id(2))


def segment_row(cluster: Cluster, start: int) -> dict[str, Any]:
    (row,) = [row for row in vast_rows(cluster, "segments") if row["start_ns"] == start]
    return row


def double_segment(start: int, **values: Any) -> Plant:
    """Add a second row of a segment, and change values in its first row."""

    def plant(cluster: Cluster) -> None:
        row = segment_row(cluster, start)
        if values:
            change_rows(cluster, "segments", Equal("start_ns", start), **values)
        add_rows(cluster, "segments", row)

    return plant


def add_row_twice(table: str, **row: Any) -> Plant:
    return lambda cluster: add_rows(cluster, table, row, row)


def replace_without_value(table: str, column: str, where: Equal) -> Plant:
    """Replace a row by one without a value in a column, which no update can do."""

    def plant(cluster: Cluster) -> None:
        (row,) = [row for row in vast_rows(cluster, table) if row[where.column] == where.value]
        remove_rows(cluster, table, where)
        add_rows(cluster, table, row | {column: None})

    return plant


def keep_timeline(cluster: Cluster) -> None:
    (flow,) = [row for row in vast_rows(cluster, "flows") if row["id"] == flow_id(2)]
    add_rows(cluster, "timelines", {"timeline": flow["timeline"], "segments": 4})


WEBHOOK = msgspec.msgpack.encode(Webhook(id="w", url="http://x", events=["flows/created"]))
EVENT = msgspec.msgpack.encode(Event(type="flows/created", time_ns=1, source_id=source_id(1)))
ACCOUNT = {"scopes": "read", "suspended": False, "created_ms": 1}
DELETION = msgspec.msgpack.encode(
    Deletion("d", flow_id(1), 1, NEVER, NEVER, None, False, Status.DONE, 1, 1, 1)
)
MENDABLE: dict[str, tuple[str, Plant]] = {
    "a longest segment that is too short": ("LONGEST_SEGMENT", change_values("flows", FLOW_2, longest_ns=3)),
    "a count that is too high": ("SEGMENT_COUNT", change_values("flows", FLOW_2, segments=9)),
    "a count that is too low": ("SEGMENT_COUNT", change_values("flows", FLOW_2, segments=1)),
    "an extent": ("FLOW_EXTENT", change_values("flows", FLOW_2, start_ns=5, end_ns=15)),
    "a class of another flow": (
        "CLASSES", add_row("tags", owner="flow-class", name="c", value="", id=flow_id(2)),
    ),
    "a class of another source": (
        "CLASSES", add_row("tags", owner="source-class", name="c", value="", id=source_id(2)),
    ),
    "a class of no entry of the trash": (
        "TAGS_OF_NOBODY", add_row("tags", owner="trash-class", name="c", value="", id=NOBODY),
    ),
    "segments of no flow": (
        "SEGMENTS_OF_NOBODY",
        add_row("segments", flow=77, start_ns=0, end_ns=5, object_id="lost", doc=b"{}"),
    ),
    "a doubled segment": ("DOUBLED_SEGMENT", double_segment(10)),
    "a doubled segment, the first row damaged": ("DOUBLED_SEGMENT", double_segment(10, doc=b"{")),
    "a doubled segment, the first row with another end": ("DOUBLED_SEGMENT", double_segment(10, end_ns=12)),
    "a segment of another object than its document has": (
        "SEGMENT_COLUMNS", change_values("segments", Equal("start_ns", 10), object_id="other"),
    ),
    "a segment with another end": (
        "SEGMENT_COLUMNS", change_values("segments", Equal("start_ns", 20), end_ns=3),
    ),
    "a segment without an end": (
        "SEGMENT_COLUMNS", change_values("segments", Equal("start_ns", 30), end_ns=None),
    ),
    "a segment's document that is no JSON": (
        "DAMAGED_SEGMENT", change_values("segments", Equal("start_ns", 0), doc=b'{"object_id":\xff}'),
    ),
    "a segment without a document": (
        "DAMAGED_SEGMENT", change_values("segments", Equal("start_ns", 0), doc=None),
    ),
    "a missing object": (
        "MISSING_OBJECT", lambda cluster: remove_rows(cluster, "objects", Equal("id", "o0")),
    ),
    "an object without references": (
        "UNUSED_OBJECT",
        add_row("objects", id="unused", state="registered", created_ms=1, changed_ms=1, measure_attempts=0),
    ),
    "an object that is used and yet not registered": (
        "OBJECT_STATE", change_values("objects", Equal("id", "o20"), state="unreferenced"),
    ),
    "an object that more segments use than were counted": (
        "OBJECT_SEGMENTS", change_values("objects", Equal("id", "o30"), segments=0),
    ),
    "an object that fewer segments use than were counted": (
        "OBJECT_SEGMENTS", change_values("objects", Equal("id", "o30"), segments=2),
    ),
    "a doubled object": ("DOUBLED_ROW", double_row("objects", Equal("id", "o10"), state="allocated")),
    "a doubled flow": ("DOUBLED_ROW", double_row("flows", FLOW_1)),
    "a doubled flow with another timeline": (
        "DOUBLED_ROW", double_row("flows", FLOW_2, timeline=5, segments=0, start_ns=None, end_ns=None),
    ),
    "a doubled source": ("DOUBLED_ROW", double_row("sources", Equal("id", source_id(1)), label="other")),
    "tags of nobody": ("TAGS_OF_NOBODY", add_row("tags", owner="flow", name="n", value="v", id=NOBODY)),
    "tags of an unknown kind": ("TAGS_OF_NOBODY", add_row("tags", owner="x", name="n", value="v", id=NOBODY)),
    "a tag too many": ("TAGS", add_row("tags", owner="flow", name="n", value="v", id=flow_id(1))),
    "a tag too few": ("TAGS", lambda cluster: remove_rows(cluster, "tags", Equal("name", "a"))),
    "a doubled tag": ("TAGS", add_row("tags", owner="flow", name="a", value="b", id=flow_id(1))),
    "a tag of a source": ("TAGS", add_row("tags", owner="source", name="n", value="v", id=source_id(1))),
    "a collection of nobody": (
        "COLLECTION_OF_NOBODY",
        add_row("collections", flow_id=NOBODY, position=0, member=flow_id(1), role="r"),
    ),
    "a collection that is gone": (
        "COLLECTION", lambda cluster: remove_rows(cluster, "collections", EVERYTHING),
    ),
    "a wrong collected_by": ("COLLECTED_BY", change_values("flows", FLOW_2, collected_by=None)),
    "a collected_by too many": (
        "COLLECTED_BY", change_values("flows", FLOW_1, collected_by=json.dumps([flow_id(3)]).encode()),
    ),
    "a wrong collected_by of a source": (
        "SOURCE_COLLECTION", change_values("sources", Equal("id", source_id(2)), collected_by=None),
    ),
    "lists that are no JSON": (
        "SOURCE_COLLECTION", change_values("sources", Equal("id", source_id(1)), source_collection=b"["),
    ),
    "a label": ("COLUMNS", change_values("flows", FLOW_1, label="other")),
    "a read_only": ("COLUMNS", change_values("flows", FLOW_1, read_only=True)),
    "a label of a source": ("COLUMNS", change_values("sources", Equal("id", source_id(1)), label="other")),
    "an orphan timeline": ("ORPHAN_TIMELINE", add_row("timelines", timeline=99, segments=0, longest_ns=0)),
    "emptied locks": ("LOCKS", lambda cluster: remove_rows(cluster, "locks", Below("stripe", 1000))),
    "a source without flows": (
        "SOURCE_OF_NOBODY", add_row("sources", id=NOBODY, format="urn:x-nmos:format:video", doc=b"{}"),
    ),
    "statistics of a timeline whose flow is there": ("ORPHAN_TIMELINE", keep_timeline),
    "no read_only": ("MISSING_VALUES", change_values("flows", EVERYTHING, read_only=None)),
    "no statistics": ("MISSING_VALUES", change_values("flows", FLOW_2, segments=None, longest_ns=None)),
    "no timeline": ("MISSING_VALUES", change_values("flows", FLOW_1, timeline=None)),
}  # fmt: skip


def kinds(seen: CheckResult) -> set[str]:
    return {finding.kind for finding in seen.found}


async def plant_rows(store: VastStore, plant: Plant) -> None:
    await asyncio.to_thread(plant, store.cluster)
    store.cache.clear()


def groups() -> list[dict[str, tuple[str, Plant]]]:
    """The cases in groups of different kinds, each for one check, because a check takes a while."""
    grouped: list[dict[str, tuple[str, Plant]]] = [{}]
    for name, (kind, plant) in MENDABLE.items():
        free = (
            group
            for group in grouped[GROUP_OF.get(name, 0) :]
            if kind not in {other for other, _ in group.values()}
        )
        group = next(free, None)
        if group is None:
            grouped.append(group := {})
        group[name] = kind, plant
    return grouped


# The groups of cases that would hide others in the first group.
GROUP_OF = {"a missing object": 2, "a collection that is gone": 1, "no timeline": 1, "no statistics": 1}


@pytest.mark.parametrize("group", groups(), ids=lambda group: f"{len(group)} kinds")
async def test_inconsistent_rows_are_found_and_mended(
    store: VastStore, metadata: Metadata, consistency: Consistency, group: dict[str, tuple[str, Plant]]
) -> None:
    before = {number: await metadata.flow(number) for number in (1, 2, 3)}
    for _, plant in group.values():
        await plant_rows(store, plant)
    expected = {kind for kind, _ in group.values()}
    found = await consistency.repair(Scope(), confirm="", dry_run=True)
    assert expected <= kinds(found)
    assert not any(finding.mended for finding in found.found)
    mended = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert expected <= {finding.kind for finding in mended.found if finding.mended}
    remaining = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (await consistency.check(Scope())).found == [], remaining.found
    assert {number: await metadata.flow(number) for number in (1, 2, 3)} == before
    assert len(await metadata.all_segments(2)) == 4
    assert len(await metadata.all_segments(2, TimeRange(35, 36))) == 1


KEYLESS: dict[str, Plant] = {
    "a flow without an id": replace_without_value("flows", "id", FLOW_1),
    "a source without an id": replace_without_value("sources", "id", Equal("id", source_id(2))),
    "a segment without a start": replace_without_value("segments", "start_ns", Equal("start_ns", 10)),
    "a segment of no timeline at all": add_row("segments", start_ns=0, doc=b"{}"),
    "an object without an id": add_row("objects", state="registered"),
    "a tag without an owner": add_row("tags", name="a", value="b", id=flow_id(1)),
    "a tag without an id": add_row("tags", owner="flow", name="a", value="b"),
    "a tag without a value": add_row("tags", owner="flow", name="x", id=flow_id(1)),
    "a collection without a flow": add_row("collections", position=0, member=flow_id(1), role="r"),
    "a timeline without a number": add_row("timelines", segments=0),
    "a lock without a stripe": add_row("locks", stamp=0),
    "a counter without a value": add_row("counters", name="events"),
}  # fmt: skip


async def test_rows_without_keys_are_completed_or_removed(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    before = [await metadata.flow(1), await metadata.flow(2), await metadata.source(2)]
    for plant in KEYLESS.values():
        await plant_rows(store, plant)
    findings = (await consistency.check(Scope())).found
    tables = {finding.table for finding in findings if finding.kind == "ROW_WITHOUT_KEY"}
    assert tables == {
        "flows", "sources", "segments", "objects", "tags", "collections", "timelines", "locks", "counters",
    }  # fmt: skip
    for _ in range(2):
        await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (await consistency.check(Scope())).found == []
    assert [await metadata.flow(1), await metadata.flow(2), await metadata.source(2)] == before
    assert len(await metadata.all_segments(2)) == 4


WORK_ROWS: dict[str, tuple[str, Plant]] = {
    "a webhook that cannot be read": (
        "DAMAGED_BODY", add_row("webhooks", id="w", url="http://x", body=b"{", settled=0),
    ),
    "a doubled webhook": ("DOUBLED_ROW",
        add_row_twice("webhooks", id="w", url="http://x", body=WEBHOOK, settled=0),
    ),
    "an event that cannot be read": ("DAMAGED_BODY", add_row("events", id=7, body=b"{")),
    "an event beyond the counter": ("EVENT_COUNTER", add_row("events", id=70, body=EVENT)),
    "an entry of the audit log beyond the counter": ("AUDIT_COUNTER", add_row("audit", number=70, time_ns=1)),
    "a doubled counter of the audit log": ("DOUBLED_ROW", add_row_twice("counters", name="audit", value=9)),
    "a doubled event": ("DOUBLED_ROW", add_row_twice("events", id=8, body=EVENT)),
    "a doubled counter": ("DOUBLED_ROW", add_row_twice("counters", name="events", value=100)),
    "a deletion that cannot be read": ("DAMAGED_BODY", add_row("deletion_requests", id="d", body=b"{")),
    "a doubled deletion": ("DOUBLED_ROW",
        add_row_twice("deletion_requests", id="d", body=DELETION, expiry_ms=1),
    ),
    "an entry of the trash that cannot be read": ("DAMAGED_BODY", add_row("trash", id="t", body=b"{")),
    "a load that cannot be read": ("DAMAGED_BODY", add_row("loads", id="l", changed_ms=1, body=b"{")),
    "places of no entry": ("ROWS_OF_NOBODY", add_row("trash_places", entry="t", number=0, body=b"{")),
    "keys of no load": ("ROWS_OF_NOBODY", add_row("load_keys", load="l", number=0, body=b"{")),
    "dead letters of no webhook": ("ROWS_OF_NOBODY", add_row("dead_letters", webhook_id="w", event_id=1)),
    "a doubled backend": ("DOUBLED_ROW", add_row_twice("storage_backends", id="s", label="one")),
    "a doubled user": ("DOUBLED_ROW", add_row_twice("users", name="alice", **ACCOUNT)),
    "a doubled API key": ("DOUBLED_ROW", add_row_twice("api_keys", id="k", name="ingest", **ACCOUNT)),
    "two names of the store": ("DOUBLED_ROW", add_row_twice("service_info", name="mine")),
}  # fmt: skip


@pytest.mark.parametrize("name", WORK_ROWS)
async def test_unreadable_and_doubled_rows_of_work_are_mended(
    store: VastStore, metadata: Metadata, consistency: Consistency, name: str
) -> None:
    kind, plant = WORK_ROWS[name]
    await plant_rows(store, plant)
    done = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (kind, True) in [(finding.kind, finding.mended) for finding in done.found]
    assert (await consistency.check(Scope())).found == []
    assert await metadata.put(a_flow(8))


UNMENDABLE: dict[str, tuple[str, Plant]] = {
    "a state that is none": ("OBJECT_STATE", change_values("objects", Equal("id", "o0"), state="reclaimed")),
    "a doubled flow, both with segments": ("DOUBLED_ROW", double_row("flows", FLOW_2, timeline=5)),
    "two segments at one time": (
        "OVERLAP",
        lambda cluster: add_rows(
            cluster,
            "segments",
            segment_row(cluster, 10) | {"object_id": "o20", "doc": documents([a_segment(10, 15, "o20")])[0]},
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in UNMENDABLE.values()}))
async def test_unmendable_rows_are_named_with_advice(
    store: VastStore, metadata: Metadata, consistency: Consistency, kind: str
) -> None:
    assert metadata
    plants = [plant for planted_kind, plant in UNMENDABLE.values() if planted_kind == kind]
    for plant in plants:
        await plant_rows(store, plant)
    others = change_values("flows", FLOW_2, segments=9)
    await plant_rows(store, others)
    found = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert all(finding.advice and not finding.mended for finding in found.found if finding.kind == kind)
    assert kind in kinds(found)
    assert [
        finding.mended
        for finding in found.found
        if finding.kind == "SEGMENT_COUNT" and finding.id == flow_id(2)
    ]


SOURCE = Equal("id", source_id(1))
LOST_DOCUMENTS: dict[str, tuple[str, Plant]] = {
    "a flow's document that is no JSON": ("flows", change_values("flows", FLOW_1, doc=b"{")),
    "a flow's document that is no text": ("flows", change_values("flows", FLOW_1, doc=b'{"id":"\xff"}')),
    "a flow without a document": ("flows", change_values("flows", FLOW_1, doc=None)),
    "a document that is no flow": ("flows", change_values("flows", FLOW_1, doc=b"{}")),
    "a document of another flow": (
        "flows",
        change_values("flows", FLOW_1, doc=json.dumps(a_flow(9)).encode()),
    ),
    "a flow's document that is a number": ("flows", change_values("flows", FLOW_1, doc=b"1")),
    "a source's document that is no JSON": ("sources", change_values("sources", SOURCE, doc=b"\x00")),
    "a source without a document": ("sources", change_values("sources", SOURCE, doc=None)),
    "a document that is no source": ("sources", change_values("sources", SOURCE, doc=b"{}")),
}


def lasting_members(document: dict[str, Any]) -> dict[str, Any]:
    """The members that do not change when a document is written again."""
    times = {"created", "updated", "metadata_updated", "metadata_version"}
    return {name: value for name, value in document.items() if name not in times}


@pytest.mark.parametrize("name", LOST_DOCUMENTS)
async def test_a_lost_document_is_written_from_columns_tags_and_collections(
    store: VastStore, metadata: Metadata, consistency: Consistency, name: str
) -> None:
    table, plant = LOST_DOCUMENTS[name]
    await metadata.put(a_flow(1, "multi", label="one", tags={"a": "b", "c": "d"}, flow_collection=[MEMBER]))
    change = [PropertyChange("label", None, b'"mine"'), PropertyChange(None, "e", b'"f"')]
    await metadata.sources.update(source_id(1), change)
    before = await metadata.flow(1), await metadata.source(1)
    await plant_rows(store, plant)
    mended = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert ("DAMAGED_DOCUMENT", table, True) in [
        (finding.kind, finding.table, finding.mended) for finding in mended.found
    ]
    await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (await consistency.check(Scope())).found == []
    after = await metadata.flow(1), await metadata.source(1)
    assert list(map(lasting_members, after)) == list(map(lasting_members, before))


async def test_an_incomplete_document_can_be_put_again(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    before = await metadata.put(a_flow(5, "audio", tags={"a": "b"}))
    await plant_rows(store, change_values("flows", Equal("id", flow_id(5)), doc=b"{"))
    with pytest.raises(DataDamaged):
        await metadata.put(a_flow(5, "audio"))
    await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    (finding,) = (await consistency.check(Scope())).found
    assert (finding.kind, finding.id, finding.mendable) == ("DAMAGED_DOCUMENT", flow_id(5), False)
    assert finding.advice
    assert (await metadata.flow(5))["tags"] == {"a": "b"}
    assert lasting_members(await metadata.put(a_flow(5, "audio", tags={"a": "b"}))) == lasting_members(before)
    assert (await consistency.check(Scope())).found == []


async def test_a_flow_with_a_damaged_document_can_be_deleted(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await plant_rows(store, change_values("flows", Equal("id", flow_id(3)), doc=b"{"))
    await metadata.flows.delete(flow_id(3))
    assert (await consistency.check(Scope())).found == []
    assert "collected_by" not in await metadata.flow(2)


async def test_a_missing_source_is_restored_with_its_tags_and_lists(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await metadata.sources.update(source_id(2), [PropertyChange(None, "e", b'"f"')])
    before = await metadata.source(2)
    await plant_rows(store, lambda cluster: remove_rows(cluster, "sources", Equal("id", source_id(2))))
    mended = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert ("MISSING_SOURCE", True) in [(finding.kind, finding.mended) for finding in mended.found]
    assert (await consistency.check(Scope())).found == []
    assert lasting_members(await metadata.source(2)) == lasting_members(before)
    await metadata.flows.delete(flow_id(3))
    await metadata.flows.delete(flow_id(2))


async def test_missing_members_are_removed_from_a_collection(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await plant_rows(store, lambda cluster: remove_rows(cluster, "flows", FLOW_2))
    before = await metadata.flow(3)
    mended = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert ("MISSING_MEMBER", True) in [(finding.kind, finding.mended) for finding in mended.found]
    await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (await consistency.check(Scope())).found == []
    after = await metadata.flow(3)
    assert (after["flow_collection"], after["source_id"]) == ([], before["source_id"])
    assert after["metadata_version"] != before["metadata_version"]


async def test_all_segments_of_a_long_flow_are_mended(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await metadata.put_flows([4])
    starts = range(-600, 600)
    for first in starts[::400]:
        new = (a_segment(start, start + 1, f"n{start}") for start in range(first, first + 400))
        assert await metadata.register(4, *new) == []
    timeline = Equal(
        "flow", next(row["timeline"] for row in vast_rows(store.cluster, "flows") if row["id"] == flow_id(4))
    )
    rows = [row for row in vast_rows(store.cluster, "segments") if row["flow"] == timeline.value]
    await plant_rows(store, lambda cluster: add_rows(cluster, "segments", *rows, *rows))
    await plant_rows(store, change_values("segments", And((timeline, Above("start_ns", 300))), doc=b"{"))
    await plant_rows(store, lambda cluster: remove_rows(cluster, "objects", EVERYTHING))
    for _ in range(2):
        after = ""
        while after := (await consistency.repair(Scope(after=after), confirm=SCHEMA, dry_run=False)).after:
            pass
    assert (await consistency.check(Scope())).found == []
    remaining = [row for row in vast_rows(store.cluster, "segments") if row["flow"] == timeline.value]
    assert sorted(row["start_ns"] for row in remaining) == list(starts)
    assert {row["id"]: row["segments"] for row in vast_rows(store.cluster, "objects")} == {
        row["object_id"]: 1 for row in vast_rows(store.cluster, "segments")
    }


async def test_segments_are_kept_while_a_flow_without_a_timeline_may_own_them(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await plant_rows(store, change_values("flows", FLOW_2, timeline=None))
    seen = await VastExamination(store).look("segments", "", 100)
    assert [(finding.kind, finding.mendable) for finding in seen.found] == [("SEGMENTS_OF_NOBODY", False)]
    assert metadata
    assert consistency


async def test_a_deletion_under_way_is_not_an_inconsistency(
    store: VastStore, consistency: Consistency
) -> None:
    metadata = Metadata(store, deletion_seconds=0)
    await metadata.put_flows([1])
    for first in range(0, 1200, 400):
        await metadata.register(1, *(a_segment(start, start + 1) for start in range(first, first + 400)))
    deletion = await metadata.flows.delete(flow_id(1))
    assert deletion is not None
    assert kinds(await consistency.check(Scope())) == set()


class PartlyFailingExamination(VastExamination):
    """An examination that fails to mend flow 1."""

    async def mend(self, table: str, row_id: str, kinds: Collection[str]) -> frozenset[str]:
        if row_id == flow_id(1):
            raise TypeError(row_id)
        return await super().mend(table, row_id, kinds)


async def test_a_row_that_fails_to_be_mended_does_not_keep_others_from_it(
    store: VastStore, metadata: Metadata
) -> None:
    assert metadata
    for where in (FLOW_1, FLOW_2):
        await plant_rows(store, change_values("flows", where, label="other"))
    consistency = Consistency(store, VastAdministration(store), PartlyFailingExamination(store))
    done = await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert {finding.id: finding.mended for finding in done.found} == {flow_id(1): False, flow_id(2): True}


async def test_a_check_continues_where_the_call_before_ended(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await metadata.put_flows(range(10, 20))
    await plant_rows(store, add_row("tags", owner="flow", name="n", value="v", id=NOBODY))
    after, found, flows, calls = "", set(), 0, 0
    while calls < 200:
        seen = await consistency.check(Scope(5, 10, after))
        found |= kinds(seen)
        flows, calls, after = flows + seen.flows, calls + 1, seen.after
        if not after:
            break
    assert (found, flows) == ({"TAGS_OF_NOBODY"}, 13)
    assert calls > 5
    for invalid in ("x", "x:1", "segments:y", "walk" * 5000):
        with pytest.raises(InvalidArgument) as caught:
            await consistency.check(Scope(after=invalid))
        assert caught.value.reason == "BAD_PLACE"


async def test_a_repair_without_the_name_of_the_schema_is_refused(
    store: VastStore, consistency: Consistency
) -> None:
    await plant_rows(store, add_row("tags", owner="flow", name="n", value="v", id=NOBODY))
    with pytest.raises(FailedPrecondition):
        await consistency.repair(Scope(), confirm="yes", dry_run=False)
    assert kinds(await consistency.check(Scope())) == {"TAGS_OF_NOBODY"}


async def test_a_repair_beside_writers_loses_nothing(
    store: VastStore, metadata: Metadata, consistency: Consistency
) -> None:
    await plant_rows(store, change_values("flows", FLOW_2, segments=99, longest_ns=1))

    async def write() -> None:
        for start in range(100, 130):
            assert await metadata.register(2, a_segment(start, start + 1)) == []

    await asyncio.gather(
        write(), *(consistency.repair(Scope(), confirm=SCHEMA, dry_run=False) for _ in range(3))
    )
    await consistency.repair(Scope(), confirm=SCHEMA, dry_run=False)
    assert (await consistency.check(Scope())).found == []
    assert len(await metadata.all_segments(2)) == 34
