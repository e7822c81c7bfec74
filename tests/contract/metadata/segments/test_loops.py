"""Loops: flows with the tag `loop_recorder_duration` keep the last part of their timelines."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.clock import Moment, authored_moment
from services.metadata.application.delete_options import DeleteOptions, TrashRules
from services.metadata.application.deletion_requests import SLICE
from services.metadata.application.ports import Store, Tables
from services.metadata.application.segments import loops as module
from services.metadata.application.segments.loops import Loops, Outcome, delete_expired
from services.metadata.application.service.upkeep import Upkeep
from services.metadata.domain.audit import EntryFilter
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import parse_flow
from services.metadata.domain.flows.loop import TAG
from services.metadata.domain.ids import FlowId
from services.metadata.domain.objects.object import State
from services.metadata.domain.property import PropertyChange
from services.metadata.domain.webhooks.webhook import Webhook
from services.shared.access import caller
from services.shared.access.principal import Principal, Scope
from services.shared.errors import DataDamaged, InvalidArgument, PermissionDenied
from services.shared.timerange import ETERNITY, NS, TimeRange
from tests.support.metadata.flows import a_flow, encoded, flow_id
from tests.support.metadata.rules import Metadata, Subscribers, a_segment, an_object

HOUR = 3600 * NS


@contextmanager
def calls_with(*scopes: Scope) -> Iterator[None]:
    token = caller.principal.set(Principal.of("user:alice", scopes))
    try:
        yield
    finally:
        caller.principal.reset(token)


def set_tag(value: str) -> PropertyChange:
    return PropertyChange(None, TAG, encoded(value))


async def put_loop(metadata: Metadata, number: int, hours: str = "2", **members: Any) -> None:
    await metadata.put(a_flow(number, tags={TAG: str(3600 * int(hours))}, **members))


async def record(metadata: Metadata, number: int, hours: range) -> None:
    """Register a segment of an hour for each number."""
    segments = [a_segment(hour * HOUR, (hour + 1) * HOUR, f"o{hour}") for hour in hours]
    assert await metadata.register(number, *segments) == []


async def hours_of(metadata: Metadata, number: int) -> list[int]:
    return [segment.start_ns // HOUR for segment in await metadata.all_segments(number)]


async def run_round(loops: Loops) -> int:
    """Run a whole round; returns the number of its steps."""
    steps = 1
    while await loops.step():
        steps += 1
    return steps


@pytest.fixture
def loops(metadata: Metadata) -> Loops:
    return Loops(metadata.store, metadata.clock, 0)


async def test_a_loop_keeps_its_last_hours_and_other_flows_keep_all(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    await metadata.put(a_flow(2, tags={"other": "2"}))
    for number in (1, 2):
        await record(metadata, number, range(5))
    await run_round(loops)
    assert await hours_of(metadata, 1) == [3, 4]
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "[10800:0_18000:0)"
    assert await hours_of(metadata, 2) == [0, 1, 2, 3, 4]
    await record(metadata, 1, range(5, 6))
    await run_round(loops)
    assert await hours_of(metadata, 1) == [4, 5]


async def test_a_recording_that_stopped_keeps_its_last_hours(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    await record(metadata, 1, range(2))
    metadata.pass_time(365 * 24 * 3600)
    await run_round(loops)
    assert await hours_of(metadata, 1) == [0, 1]


async def test_segments_across_the_bound_stay_whole(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    assert await metadata.register(1, a_segment(0, 1, "a"), a_segment(1, HOUR + 1, "b")) == []
    assert await metadata.register(1, a_segment(HOUR + 1, 3 * HOUR, "c")) == []
    await run_round(loops)
    assert [segment.start_ns for segment in await metadata.all_segments(1)] == [1, HOUR + 1]
    await run_round(loops)
    # The last round deleted nothing, and nothing changed since, so there is no slice: only the two looks.
    assert await run_round(loops) == 2


async def test_a_gap_longer_than_the_loop_leaves_what_follows_it(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    await record(metadata, 1, range(3))
    await record(metadata, 1, range(100, 101))
    await run_round(loops)
    assert await hours_of(metadata, 1) == [100]


async def test_a_read_only_loop_stays_as_it_is(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    await record(metadata, 1, range(5))
    await metadata.flows.update(flow_id(1), [PropertyChange("read_only", None, b"true")])
    await run_round(loops)
    assert await hours_of(metadata, 1) == [0, 1, 2, 3, 4]
    await metadata.flows.update(flow_id(1), [PropertyChange("read_only", None, b"false")])
    await run_round(loops)
    assert await hours_of(metadata, 1) == [3, 4]


async def test_the_tag_counts_as_it_is_at_each_slice(metadata: Metadata, store: Store) -> None:
    def expire(tables: Tables) -> Outcome:
        return delete_expired(tables, flow_id(1), authored_moment(metadata.clock))

    await put_loop(metadata, 1)
    await record(metadata, 1, range(5))
    await metadata.flows.update(flow_id(1), [PropertyChange(None, TAG, None)])
    assert await store.write(expire) is Outcome.DONE
    assert await hours_of(metadata, 1) == [0, 1, 2, 3, 4]
    await metadata.flows.update(flow_id(1), [set_tag("10800")])
    assert await store.write(expire) is Outcome.DONE
    assert await hours_of(metadata, 1) == [2, 3, 4]
    assert await store.write(expire) is Outcome.SETTLED
    await metadata.flows.delete(flow_id(1))
    assert await store.write(expire) is Outcome.DONE


async def test_long_loops_go_in_slices_and_take_turns(metadata: Metadata, loops: Loops) -> None:
    for number in (1, 2):
        await put_loop(metadata, number, "1")
        segments = [a_segment(t * NS, (t + 1) * NS) for t in range(2 * SLICE)]
        assert await metadata.register(number, *segments) == []
        await record(metadata, number, range(2, 3))
    counts = []
    while await loops.step():
        counts.append([len(await metadata.all_segments(number)) for number in (1, 2)])
    most = 1000  # of a page
    assert counts[0] == [most, most], "the first step only looks"
    assert (await metadata.flow(1, ETERNITY))["timerange"] == "[7200:0_10800:0)"
    left = [number for number in (1, 2) if await hours_of(metadata, number) != [2]]
    assert (left, len(counts)) == ([], 5)


async def test_each_slice_is_an_event_and_an_entry_of_the_audit_log(store: Store) -> None:
    metadata = Metadata(store, audited=True)
    await Subscribers(store, metadata.clock).webhooks.register(
        Webhook(id="", url="https://93.184.216.34/", events=["flows/segments_deleted"])
    )
    await put_loop(metadata, 1, "1")
    segments = [a_segment(t, t + 1) for t in range(SLICE + 5)]
    assert await metadata.register(1, *segments) == []
    await record(metadata, 1, range(2, 3))
    await run_round(Loops(store, metadata.clock, 0))
    events = await store.read(lambda tables: tables.events.after(0, 100))
    spans = [event.span for event in events if event.type == "flows/segments_deleted"]
    assert spans == [(0, SLICE, False), (SLICE, SLICE + 5, False)]
    expired = EntryFilter(action="segments.expire")
    await Numbering(store).finish()
    entries = await store.scan(lambda tables: tables.audit.page(expired, None, 100, newest_first=False))
    assert {(entry.principal, entry.resource) for entry in entries} == {("system", f"flow:{flow_id(1)}")}
    assert [json.loads(entry.facts)["count"] for entry in entries] == [SLICE, 5]


async def test_objects_that_only_the_loop_used_are_released(metadata: Metadata, loops: Loops) -> None:
    for number in (1, 2):
        await put_loop(metadata, number, "1")
    await metadata.objects.reserve(flow_id(1), [an_object("own"), an_object("shared")])
    own = a_segment(0, 1, "own", external_urls=())
    shared = a_segment(1, 2, "shared", external_urls=())
    assert await metadata.register(1, own, shared) == []
    await record(metadata, 1, range(2, 3))
    assert await metadata.register(2, shared) == []
    await run_round(loops)
    idle = await metadata.store.read(lambda tables: tables.objects.idle(State.UNREFERENCED, 0, 10))
    assert [item.id for item in idle] == ["own"]
    assert await metadata.references("shared") == [flow_id(2)]


async def test_a_loop_does_not_fill_the_trash(metadata: Metadata, loops: Loops) -> None:
    metadata.deletions.trash = TrashRules(soft_by_default=True)
    await put_loop(metadata, 1)
    await record(metadata, 1, range(5))
    await run_round(loops)
    assert await hours_of(metadata, 1) == [3, 4]
    assert (await metadata.trash.page(None, None, 10, "")).items == []


async def test_segments_that_a_deletion_moves_into_the_trash_are_left_to_it(store: Store) -> None:
    metadata = Metadata(store, deletion_seconds=0)
    await put_loop(metadata, 1, "1")
    segments = [a_segment(t, t + 1) for t in range(SLICE + 5)]
    assert await metadata.register(1, *segments) == []
    await record(metadata, 1, range(2, 3))
    soft = DeleteOptions(soft=True)
    begun = await metadata.segments.delete(flow_id(1), TimeRange(0, HOUR), None, soft)
    assert begun.deletion is not None
    loops = Loops(store, metadata.clock, 0)
    await run_round(loops)
    assert len(await metadata.all_segments(1)) == 6
    while await metadata.upkeep.once():
        pass
    (entry,) = (await metadata.trash.page(None, None, 10, "")).items
    await metadata.trash.restore(entry.id)
    assert len(await metadata.all_segments(1)) == 1000  # a page
    await run_round(loops)
    assert await hours_of(metadata, 1) == [2]


@pytest.mark.parametrize("value", ["0", "PT24H", "", "24h"])
async def test_a_bad_value_is_refused_and_changes_nothing(metadata: Metadata, value: str) -> None:
    before = await metadata.put(a_flow(1, tags={TAG: "24"}))
    with pytest.raises(InvalidArgument) as of_put:
        await metadata.put(a_flow(1, tags={TAG: value}, label="new"))
    with pytest.raises(InvalidArgument) as of_tag:
        await metadata.flows.update(flow_id(1), [set_tag(value)])
    all_tags = PropertyChange("tags", None, encoded({TAG: value}))
    with pytest.raises(InvalidArgument) as of_tags:
        await metadata.flows.update(flow_id(1), [all_tags])
    for caught in (of_put, of_tag, of_tags):
        assert caught.value.reason == "BAD_LOOP_DURATION"
        assert caught.value.metadata == {"path": "$.tags.loop_recorder_duration"}
    assert await metadata.flow(1) == before


async def test_setting_the_tag_takes_the_scope_delete(metadata: Metadata) -> None:
    await metadata.put(a_flow(1))
    changes = [set_tag("1"), PropertyChange("tags", None, encoded({TAG: "1"}))]
    with calls_with(Scope.WRITE):
        for change in changes:
            with pytest.raises(PermissionDenied) as caught:
                await metadata.flows.update(flow_id(1), [change])
            assert caught.value.reason == "MISSING_SCOPE"
        for number in (1, 2):
            with pytest.raises(PermissionDenied):
                await metadata.put(a_flow(number, tags={TAG: "1"}))
    assert [flow.get("tags") for flow in await metadata.all_flows()] == [None]
    with calls_with(Scope.WRITE, Scope.DELETE):
        await metadata.flows.update(flow_id(1), [set_tag("1")])


async def test_who_may_only_write_can_keep_and_remove_the_tag(metadata: Metadata) -> None:
    await put_loop(metadata, 1)
    with calls_with(Scope.WRITE):
        await put_loop(metadata, 1, label="new")
        with pytest.raises(PermissionDenied):
            await put_loop(metadata, 1, "3")
        await metadata.put(a_flow(1))
    assert "tags" not in await metadata.flow(1)


async def test_a_stored_bad_value_is_ignored_and_logged_once(
    metadata: Metadata, loops: Loops, caplog: pytest.LogCaptureFixture
) -> None:
    def put(tables: Tables) -> None:
        """Store a value as a version without the tag would have accepted it."""
        flow = parse_flow(encoded(a_flow(1, tags={TAG: "forever"})))
        tables.flows.put(flow, encoded(flow.members), tag_changes({}, flow.tags))

    await metadata.put(a_flow(1))
    await record(metadata, 1, range(5))
    await metadata.store.write(put)
    await put_loop(metadata, 2)
    await record(metadata, 2, range(5))
    with caplog.at_level(logging.WARNING, module.__name__):
        await run_round(loops)
        await run_round(loops)
    assert await hours_of(metadata, 1) == [0, 1, 2, 3, 4]
    assert await hours_of(metadata, 2) == [3, 4]
    assert [record.message for record in caplog.records] == ["a loop is ignored"]


async def test_all_pages_of_loops_are_looked_at(
    metadata: Metadata, loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    for number, hours in enumerate(("1", "2", "1", "2", "1"), 1):
        await put_loop(metadata, number, hours)
        await record(metadata, number, range(4))
    await run_round(loops)
    assert [await hours_of(metadata, number) for number in range(1, 6)] == [[3], [2, 3], [3], [2, 3], [3]]


async def test_rounds_have_a_pause_between_them(metadata: Metadata) -> None:
    ticks = 0.0
    loops = Loops(metadata.store, metadata.clock, 30, lambda: ticks)
    await put_loop(metadata, 1)
    await record(metadata, 1, range(5))
    ticks = 30.0
    await run_round(loops)
    await record(metadata, 1, range(5, 6))
    ticks = 59.0
    assert await run_round(loops) == 1
    assert await hours_of(metadata, 1) == [3, 4, 5]
    ticks = 60.0
    await run_round(loops)
    assert await hours_of(metadata, 1) == [4, 5]


async def test_a_failing_change_ends_no_round(
    metadata: Metadata, loops: Loops, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        await put_loop(metadata, number)
        await record(metadata, number, range(5))
    broken = flow_id(1)

    def delete(tables: Tables, flow_id: FlowId, now: Moment) -> Outcome:
        if flow_id == broken:
            raise DataDamaged("planted")
        return delete_expired(tables, flow_id, now)

    monkeypatch.setattr(module, "delete_expired", delete)
    await run_round(loops)
    assert [await hours_of(metadata, number) for number in (1, 2)] == [[0, 1, 2, 3, 4], [3, 4]]


async def test_the_upkeep_shortens_loops(metadata: Metadata, loops: Loops) -> None:
    await put_loop(metadata, 1)
    await record(metadata, 1, range(5))
    upkeep = Upkeep(metadata.store, metadata.clock, metadata.deletions, loops.step)
    while await upkeep.once():
        pass
    assert await hours_of(metadata, 1) == [3, 4]
