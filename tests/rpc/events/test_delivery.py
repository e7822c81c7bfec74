"""Deliveries of events to subscribers: all types, in order, repeated after failures.

One subscriber does not delay the others.
"""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tams.event.v1 import delivery_service_pb2
from tams.event.v1.delivery_service_pb2 import DESCRIPTOR, GetDeliveryStatusRequest
from tams.event.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from tams.metadata.v1.flow_service_pb2 import DeleteFlowRequest, UpdateFlowRequest
from tams.metadata.v1.property_pb2 import PropertyChange
from tams.metadata.v1.segment_pb2 import ExternalUrl
from tams.metadata.v1.segment_service_pb2 import DeleteSegmentsRequest
from tams.type.v1.timerange_pb2 import TimeRange

from services.metadata.domain.webhooks.event import EVENT_TYPES
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call, open_channel
from tests.rpc.events.conftest import Store
from tests.support.events.sink import running_sink
from tests.support.metadata.flows import flow_id, source_id
from tests.support.openapi import official
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.messages import create, new_segment

ALL = sorted(EVENT_TYPES)


async def register(store: Store, number: int, *starts: int) -> None:
    urls = [ExternalUrl(url="http://elsewhere/object", label="elsewhere")]
    segments = [new_segment(start, start + 10, f"o{start}", urls=urls) for start in starts]
    reply = await call(store.segments.CreateSegments, create(number, *segments))
    assert list(reply.failures) == []


async def change_a_flow_in_every_way(store: Store) -> None:
    """Create, change and delete a flow, with an event of each type for it and its source."""
    await store.put(1)
    change = PropertyChange(member="label", value=b'"x"')
    await call(store.flows.UpdateFlow, UpdateFlowRequest(id=flow_id(1), changes=[change]))
    await register(store, 1, 0, 10, 100)
    await call(
        store.segments.DeleteSegments,
        DeleteSegmentsRequest(flow_id=flow_id(1), timerange=TimeRange(end_ns=105)),
    )
    await call(store.flows.DeleteFlow, DeleteFlowRequest(id=flow_id(1)))


async def test_events_of_a_flow_are_delivered_in_order(store: Store) -> None:
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL, key="secret")
        await change_a_flow_in_every_way(store)
        await store.deliver()
        await until(lambda: len(sink.events) == 8)
    # Events of one flow keep their order, and so do those of one source.
    flows = [event["event_type"] for event in sink.events if event["event_type"].startswith("flows/")]
    assert flows == [
        "flows/created",
        "flows/updated",
        "flows/segments_added",
        "flows/segments_deleted",
        "flows/segments_deleted",
        "flows/deleted",
    ]
    assert [event_type for event_type in sink.types if event_type.startswith("sources/")] == [
        "sources/created",
        "sources/deleted",
    ]
    last_of_type = {event["event_type"]: event["event"] for event in sink.events}
    assert last_of_type["flows/updated"]["flow"]["label"] == "x"
    assert [segment["timerange"] for segment in last_of_type["flows/segments_added"]["segments"]] == [
        "[0:0_0:10)",
        "[0:10_0:20)",
        "[0:100_0:110)",
    ]
    assert last_of_type["flows/segments_added"]["segments"][0]["get_urls"] == []
    deleted = [event["event"] for event in sink.events if event["event_type"] == "flows/segments_deleted"]
    assert deleted == [
        {"flow_id": flow_id(1), "timerange": "[0:0_0:20)"},
        {"flow_id": flow_id(1), "timerange": "[0:100_0:110)"},
    ]
    assert last_of_type["flows/deleted"] == {"flow_id": flow_id(1)}
    assert last_of_type["sources/deleted"] == {"source_id": source_id(1)}
    assert {headers["x-key"] for headers in sink.headers} == {"secret"}
    assert len({headers["tams-event-id"] for headers in sink.headers}) == 8


@official.needed
async def test_resources_in_events_follow_the_official_schemas(store: Store) -> None:
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL)
        await change_a_flow_in_every_way(store)
        await store.deliver()
        await until(lambda: len(sink.events) == 8)
    for event in sink.events:
        for member, schema in (("flow", "flow.json"), ("source", "source.json")):
            if member in event["event"]:
                official.validator(schema).validate(event["event"][member])
        for segment in event["event"].get("segments", ()):
            official.validator("flow-segment.json").validate(segment)


async def test_events_are_stored_only_from_the_first_registration_on(store: Store, tmp_path: Path) -> None:
    await store.put(1)
    with closing(sqlite3.connect(tmp_path / "tams.db")) as tables:
        assert tables.execute("SELECT count(*) FROM events").fetchone() == (0,)
    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created"])
        await store.deliver()
        await store.put(2)
        await until(lambda: sink.events)
    assert [event["event"]["flow"]["id"] for event in sink.events] == [flow_id(2)]


async def test_a_refused_change_has_no_event(store: Store) -> None:
    async with running_sink() as sink:
        await store.subscribe(sink.url, ALL)
        await store.put(1)
        with pytest.raises(InvalidArgument):
            await store.put(2, flow_collection=[{"id": flow_id(9), "role": "x"}])
        await store.put(3)
        await store.deliver()
        await until(lambda: len(sink.events) == 4)
    events = [event["event"] for event in sink.events]
    assert {event.get("flow", event.get("source"))["id"] for event in events} == {
        flow_id(1),
        source_id(1),
        flow_id(3),
        source_id(3),
    }


async def test_a_filter_by_flow_ids_selects_the_events_of_these_flows(store: Store) -> None:
    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created", "flows/updated"], flow_ids=[flow_id(2)])
        for number in (1, 2, 3):
            await store.put(number)
        await store.put(2, label="again")
        await store.deliver()
        await until(lambda: len(sink.events) == 2)
    assert {event["event"]["flow"]["id"] for event in sink.events} == {flow_id(2)}


async def test_events_without_wanted_urls_are_delivered_without_media(store: Store) -> None:
    async with running_sink() as sink:
        await store.put(1)
        # Media is unreachable in these tests, so delivery does not ask it for URLs that are not wanted.
        await store.subscribe(sink.url, ["flows/segments_added"], accept_get_urls=[])
        await register(store, 1, 0)
        await store.deliver()
        await until(lambda: sink.events)
    assert sink.events[0]["event"]["segments"][0]["get_urls"] == []


async def test_a_refused_message_is_sent_again_before_later_ones(store: Store) -> None:
    refused = ["503 Service Unavailable", "500 Internal Server Error"]

    async def answer(_event: dict[str, Any]) -> str:
        return refused.pop() if refused else "204 No Content"

    async with running_sink(answer) as sink:
        await store.subscribe(sink.url, ["flows/created", "flows/updated"])
        await store.put(1)
        await store.put(1, label="again")
        await store.deliver()
        await until(lambda: len(sink.events) == 2)
    assert refused == []
    assert sink.types == ["flows/created", "flows/updated"]


async def test_an_old_message_becomes_a_dead_letter_and_later_ones_are_delivered(
    store: Store, tmp_path: Path
) -> None:
    async def answer(event: dict[str, Any]) -> str:
        return "204 No Content" if event["event_type"] == "flows/updated" else "500 Internal Server Error"

    async with running_sink(answer) as sink:
        webhook_id = await store.subscribe(sink.url, ["flows/created", "flows/updated"])
        await store.put(1)
        await store.put(1, label="again")
        await store.deliver(give_up_seconds=1)
        await until(lambda: sink.events)

        def dead_letters() -> list[tuple[str, str]]:
            with closing(sqlite3.connect(tmp_path / "tams.db")) as tables:
                return tables.execute("SELECT webhook_id, error FROM dead_letters").fetchall()

        await until(dead_letters)
        assert dead_letters() == [(webhook_id, "answered 500")]
    assert sink.types == ["flows/updated"]


async def test_a_subscriber_that_does_not_answer_delays_no_other(store: Store) -> None:
    released = asyncio.Event()

    async def answer(_event: dict[str, Any]) -> str:
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


async def test_addresses_inside_are_refused_unless_a_setting_allows_them(store: Store) -> None:
    with pytest.raises(InvalidArgument, match="not an address"):
        await store.subscribe("http://169.254.169.254/latest", ["flows/created"])
    async with running_sink() as sink:
        # The address was allowed at registration. Each deliverer checks it against its own setting.
        await store.subscribe(sink.url, ["flows/created"])
        await store.put(1)
        restricted = await store.deliver(webhook_networks="", lease_seconds=1)
        await asyncio.sleep(1)
        assert sink.events == []
        await restricted.aclose()
        await store.deliver()
        await until(lambda: sink.events)


async def test_another_deliverer_takes_over_from_a_stopped_one(store: Store) -> None:
    def delivered_flows() -> list[str]:
        # A deliverer that takes over may repeat the last message of a slow one.
        return list(dict.fromkeys(event["event"]["flow"]["id"] for event in sink.events))

    async with running_sink() as sink:
        await store.subscribe(sink.url, ["flows/created"])
        first = await store.deliver(lease_seconds=300)
        await store.put(1)
        await until(lambda: delivered_flows() == [flow_id(1)])
        await first.aclose()
        await store.deliver()
        await store.put(2)
        await until(lambda: delivered_flows() == [flow_id(1), flow_id(2)])


async def test_a_removed_subscriber_that_does_not_answer_gets_no_more_requests(store: Store) -> None:
    connections, released = [], asyncio.Event()

    async def answer(_event: dict[str, Any]) -> str:
        connections.append(1)
        await released.wait()
        return "204 No Content"

    async with running_sink(answer) as removed, running_sink() as remaining:
        await store.subscribe(removed.url, ["flows/created"])
        await store.subscribe(remaining.url, ["flows/created"])
        await store.deliver(timeout_seconds=0.2)
        for number in range(5):
            await store.put(number)
        await until(lambda: len(connections) > 1)
        await store.subscribe(removed.url, [])
        await store.put(9)
        await until(lambda: len(remaining.events) == 6)
        # The deliverer read the removal and the event of flow 9 in the same reply, so it knows the removal.
        before = len(connections)
        await store.put(10)
        await until(lambda: len(remaining.events) == 7)
        assert len(connections) == before
        released.set()


async def test_the_status_names_failing_webhooks_without_their_secrets(store: Store) -> None:
    async def answer(_event: dict[str, Any]) -> str:
        return "500 Internal Server Error"

    async with running_sink(answer) as refusing, running_sink() as sink:
        webhook_id = await store.subscribe(refusing.url + "?token=hidden", ["flows/created"], key="secret")
        await store.subscribe(sink.url, ["flows/created"])
        (port,) = free_ports(1)
        deliverer = await store.deliver(port=port)
        for number in range(3):
            await store.put(number)
        channel = await deliverer.enter_async_context(
            open_channel(f"127.0.0.1:{port}", [DESCRIPTOR.services_by_name["DeliveryService"]])
        )

        async def status() -> delivery_service_pb2.DeliveryStatus:
            return await call(DeliveryServiceStub(channel).GetDeliveryStatus, GetDeliveryStatusRequest())

        async def one_webhook_fails() -> bool:
            return (await status()).failing == 1

        await until(lambda: len(sink.events) == 3)
        await until(one_webhook_fails)
        delivery_status = await status()
        (failing,) = delivery_status.failing_webhooks
        assert (delivery_status.webhooks, failing.id, failing.last_error) == (2, webhook_id, "answered 500")
        assert (failing.failed_attempts > 0, failing.backlog > 0) == (True, True)
        assert failing.oldest_event_age.ToNanoseconds() > 0
        assert not {"secret", "hidden"} & set(re.findall(r"\w+", str(delivery_status)))


async def test_a_removed_subscriber_gets_no_more_events(store: Store) -> None:
    async with running_sink() as removed, running_sink() as remaining:
        await store.subscribe(removed.url, ["flows/created"])
        await store.subscribe(remaining.url, ["flows/created"])
        await store.deliver()
        await store.put(1)
        await until(lambda: removed.events and remaining.events)
        assert await store.subscribe(removed.url, []) == ""
        await store.put(2)
        await until(lambda: len(remaining.events) == 2)
        assert len(removed.events) == 1


async def test_a_deliverer_that_stops_lets_attempts_end(store: Store) -> None:
    """The subscriber has taken the message, and its answer is on its way. It does not get it again."""
    taken, answer = asyncio.Event(), asyncio.Event()

    async def answer_late(_event: dict[str, Any]) -> str:
        taken.set()
        await answer.wait()
        return "204 No Content"

    async with running_sink(answer_late) as sink:
        await store.subscribe(sink.url, ["flows/created"])
        deliverer = await store.deliver()
        await store.put(1)
        await taken.wait()
        asyncio.get_running_loop().call_later(0.2, answer.set)
        await deliverer.aclose()
        await store.deliver()
        await store.put(2)
        await until(lambda: any(event["event"]["flow"]["id"] == flow_id(2) for event in sink.events))
    assert [event["event"]["flow"]["id"] for event in sink.events] == [flow_id(1), flow_id(2)]
