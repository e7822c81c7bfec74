"""Events reach their subscribers: all kinds, in order, again after failures, none in another's way."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest, UpdateFlowRequest
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.segment_pb2 import ExternalUrl, NewSegment
from tams.metadata.v1.segment_service_pb2 import CreateSegmentsRequest, DeleteSegmentsRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.metadata.domain.event import EVENT_TYPES
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from tests.support import official
from tests.support.flows import flow_id, source_id
from tests.support.polling import until
from tests.support.sink import running_sink

ALL = sorted(EVENT_TYPES)


def a_segment(start: int, **members) -> NewSegment:
    urls = [ExternalUrl(url="http://elsewhere/object", label="elsewhere")]
    timerange = TimeRange(start_ns=start, end_ns=start + 10)
    return NewSegment(object_id=f"o{start}", timerange=timerange, external_urls=urls, **members)


async def register(store, number, *starts) -> None:
    segments = [a_segment(start) for start in starts]
    reply = await call(
        store.segments.CreateSegments, CreateSegmentsRequest(flow_id=flow_id(number), segments=segments)
    )
    assert list(reply.failures) == []


async def live_and_die(store) -> None:
    """A change of each kind that flows and their sources know."""
    await store.put(1)
    change = PropertyChange(member="label", value=b'"x"')
    await call(store.flows.UpdateFlow, UpdateFlowRequest(id=flow_id(1), changes=[change]))
    await register(store, 1, 0, 10, 100)
    await call(
        store.segments.DeleteSegments,
        DeleteSegmentsRequest(flow_id=flow_id(1), timerange=TimeRange(end_ns=105)),
    )
    await call(store.flows.DeleteFlow, DeleteFlowRequest(id=flow_id(1)))


async def test_a_flow_tells_of_its_life_in_order(store):
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL, key="secret")
        await live_and_die(store)
        await store.deliver()
        await until(lambda: len(sink.events) == 7)
    # Events of one flow keep their order, and so do those of one source.
    flows = [event["event_type"] for event in sink.events if event["event_type"].startswith("flows/")]
    assert flows == [
        "flows/created",
        "flows/updated",
        "flows/segments_added",
        "flows/segments_deleted",
        "flows/deleted",
    ]
    assert [kind for kind in sink.types if kind.startswith("sources/")] == [
        "sources/created",
        "sources/deleted",
    ]
    told = {event["event_type"]: event["event"] for event in sink.events}
    assert told["flows/updated"]["flow"]["label"] == "x"
    assert [one["timerange"] for one in told["flows/segments_added"]["segments"]] == [
        "[0:0_0:10)",
        "[0:10_0:20)",
        "[0:100_0:110)",
    ]
    assert told["flows/segments_added"]["segments"][0]["get_urls"] == []
    assert told["flows/segments_deleted"] == {"flow_id": flow_id(1), "timerange": "[0:0_0:20)"}
    assert told["flows/deleted"] == {"flow_id": flow_id(1)}
    assert told["sources/deleted"] == {"source_id": source_id(1)}
    assert {headers["x-key"] for headers in sink.headers} == {"secret"}
    assert len({headers["tams-event-id"] for headers in sink.headers}) == 7


@official.needed
async def test_what_events_carry_is_what_the_official_schemas_say(store):
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL)
        await live_and_die(store)
        await store.deliver()
        await until(lambda: len(sink.events) == 7)
    for event in sink.events:
        for member, schema in (("flow", "flow.json"), ("source", "source.json")):
            if member in event["event"]:
                official.validator(schema).validate(event["event"][member])
        for segment in event["event"].get("segments", ()):
            official.validator("flow-segment.json").validate(segment)


async def test_nothing_is_written_for_nobody_and_a_subscriber_gets_what_follows(store, tmp_path):
    await store.put(1)
    with closing(sqlite3.connect(tmp_path / "tams.db")) as tables:
        assert tables.execute("SELECT count(*) FROM events").fetchone() == (0,)
    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created"])
        await store.deliver()
        await store.put(2)
        await until(lambda: sink.events)
    assert [event["event"]["flow"]["id"] for event in sink.events] == [flow_id(2)]


async def test_a_refused_change_tells_nobody(store):
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL)
        await store.put(1)
        with pytest.raises(InvalidArgument):
            await store.put(2, flow_collection=[{"id": flow_id(9), "role": "x"}])
        await store.put(3)
        await store.deliver()
        await until(lambda: len(sink.events) == 4)
    told = [event["event"] for event in sink.events]
    assert {one.get("flow", one.get("source"))["id"] for one in told} == {
        flow_id(1),
        source_id(1),
        flow_id(3),
        source_id(3),
    }


async def test_filters_let_through_what_they_name(store):
    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created", "flows/updated"], flow_ids=[flow_id(2)])
        for number in (1, 2, 3):
            await store.put(number)
        await store.put(2, label="again")
        await store.deliver()
        await until(lambda: len(sink.events) == 2)
    assert {event["event"]["flow"]["id"] for event in sink.events} == {flow_id(2)}


async def test_urls_are_put_in_as_asked_for(store):
    async with running_sink() as sink:
        await store.put(1)
        # Media is away here, so this also shows that nobody asks it for URLs that are not wanted.
        await store.subscribe(sink.url, ["flows/segments_added"], accept_get_urls=[])
        await register(store, 1, 0)
        await store.deliver()
        await until(lambda: sink.events)
    assert sink.events[0]["event"]["segments"][0]["get_urls"] == []


async def test_a_message_is_sent_again_until_it_is_taken_and_later_ones_wait(store):
    refused = ["503 Service Unavailable", "500 Internal Server Error"]

    async def answer(_event):
        return refused.pop() if refused else "204 No Content"

    async with running_sink(answer) as sink:
        await store.subscribe(sink.url, ["flows/created", "flows/updated"])
        await store.put(1)
        await store.put(1, label="again")
        await store.deliver()
        await until(lambda: len(sink.events) == 2)
    assert refused == []
    assert sink.types == ["flows/created", "flows/updated"]


async def test_a_message_too_old_becomes_a_dead_letter_and_later_ones_go(store, tmp_path):
    async def answer(event):
        return "204 No Content" if event["event_type"] == "flows/updated" else "500 Internal Server Error"

    async with running_sink(answer) as sink:
        hook = await store.subscribe(sink.url, ["flows/created", "flows/updated"])
        await store.put(1)
        await store.put(1, label="again")
        await store.deliver(give_up_seconds=1)
        await until(lambda: sink.events)

        def letters():
            with closing(sqlite3.connect(tmp_path / "tams.db")) as tables:
                return tables.execute("SELECT webhook_id, error FROM dead_letters").fetchall()

        await until(letters)
        assert letters() == [(hook, "answered 500")]
    assert sink.types == ["flows/updated"]


async def test_a_silent_subscriber_delays_no_other(store):
    released = asyncio.Event()

    async def answer(_event):
        await released.wait()
        return "204 No Content"

    async with running_sink(answer) as silent, running_sink() as quick:
        await store.subscribe(silent.url, ["flows/created"])
        await store.subscribe(quick.url, ["flows/created"])
        await store.deliver()
        for number in range(1, 6):
            await store.put(number)
        await until(lambda: len(quick.events) == 5)
        assert silent.events == []
        released.set()
        await until(lambda: len(silent.events) == 5)


async def test_addresses_inside_are_refused_unless_allowed(store):
    with pytest.raises(InvalidArgument, match="not an address"):
        await store.subscribe("http://169.254.169.254/latest", ["flows/created"])
    async with running_sink() as sink:
        # Registered while it was allowed; whoever delivers decides for itself.
        await store.subscribe(sink.url, ["flows/created"])
        await store.put(1)
        guarded = await store.deliver(webhook_networks="", lease_seconds=1)
        await asyncio.sleep(1)
        assert sink.events == []
        await guarded.aclose()
        await store.deliver()
        await until(lambda: sink.events)


async def test_another_deliverer_takes_over(store):
    def told():
        # Whoever takes over from one that was slow may tell again what that one told.
        return list(dict.fromkeys(event["event"]["flow"]["id"] for event in sink.events))

    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created"])
        first = await store.deliver(lease_seconds=300)
        await store.put(1)
        await until(lambda: told() == [flow_id(1)])
        await first.aclose()
        await store.deliver()
        await store.put(2)
        await until(lambda: told() == [flow_id(1), flow_id(2)])


async def test_a_removed_subscriber_hears_no_more(store):
    async with running_sink() as gone, running_sink() as stays:
        await store.subscribe(gone.url, ["flows/created"])
        await store.subscribe(stays.url, ["flows/created"])
        await store.deliver()
        await store.put(1)
        await until(lambda: gone.events and stays.events)
        assert await store.subscribe(gone.url, []) == ""
        await store.put(2)
        await until(lambda: len(stays.events) == 2)
        assert len(gone.events) == 1
