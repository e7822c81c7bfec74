"""Webhooks of the whole system: what they are sent, and what of it survives kills in the middle."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.support.flows import a_flow, flow_id, source_id
from tests.support.polling import until
from tests.support.sink import Answer, Sink, running_sink, take
from tests.support.system import System, running_system

pytestmark = pytest.mark.slow

FLOWS = range(1, 5)
UPDATES = 30
MEDIA = b"some media" * 100


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose webhooks may lead to this host."""
    env = {"TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8", "TAMS_EVENTS_LEASE_SECONDS": "3"}
    with running_system(tmp_path_factory.mktemp("webhooks") / "data", env) as running:
        yield running


class Store:
    """The API, and subscribers that end with the test."""

    def __init__(self, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        self.http = http
        self._stack = stack

    async def subscriber(self, events: list[str], answer: Answer = take, **filters: Any) -> Sink:
        """A sink that gets what passes the filters."""
        sink = await self._stack.enter_async_context(running_sink(answer))
        webhook = {"url": sink.url, "events": events, **filters}
        assert (await self.http.post("/service/webhooks", json=webhook)).status_code == 201
        self._stack.push_async_callback(self.http.post, "/service/webhooks", json=webhook | {"events": []})
        return sink

    async def put_flow(self, number: int, **members: Any) -> None:
        document = a_flow(number, **members)
        reply = await self.http.put(f"/flows/{document['id']}", json=document)
        assert reply.status_code in {201, 204}, reply.text

    async def label(self, number: int, label: int) -> None:
        """Name a flow, as often as it takes."""
        await until(lambda: self._labelled(number, label), pause=0.1)

    async def _labelled(self, number: int, label: int) -> bool:
        try:
            reply = await self.http.put(f"/flows/{flow_id(number)}/label", json=str(label))
        except httpx.TransportError:
            return False
        return reply.status_code == httpx.codes.NO_CONTENT

    async def add_segment(self, number: int, second: int) -> None:
        """Upload an object and register it for a second of a flow."""
        asked = await self.http.post(f"/flows/{flow_id(number)}/storage", json={"limit": 1})
        (place,) = asked.json()["media_objects"]
        headers = {"content-type": place["put_url"].get("content-type", "video/mp2t")}
        put = await self.http.put(place["put_url"]["url"], content=MEDIA, headers=headers)
        assert put.status_code == httpx.codes.OK
        timerange = f"[{second}:0_{second + 1}:0)"
        segment = {"object_id": place["object_id"], "timerange": timerange}
        reply = await self.http.post(f"/flows/{flow_id(number)}/segments", json=segment)
        assert reply.status_code == httpx.codes.CREATED, reply.text


@pytest.fixture
async def store(system: System) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=system.url, timeout=120))
        yield Store(http, stack)


def labels(sink: Sink, number: int) -> list[int]:
    """The labels that a subscriber was told of a flow, in the order told."""
    flows = [event["event"]["flow"] for event in sink.events]
    return [int(flow["label"]) for flow in flows if flow["id"] == flow_id(number)]


def assert_in_order(told: list[int]) -> None:
    """Nothing was left out, though some may have been told again."""
    assert told[0] == 0
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(told)), told


async def restart(system: System, part: str) -> None:
    """Kill a part with -9, and wait until it is back."""
    await asyncio.to_thread(system.kill, part)
    await asyncio.to_thread(system.healthy)


@pytest.mark.parametrize("part", ["events", "metadata"])
async def test_every_event_arrives_in_order_although_a_part_is_killed(
    store: Store, system: System, part: str
) -> None:
    async def slowly(_event: dict[str, Any]) -> str:
        await asyncio.sleep(0.02)
        return "204 No Content"

    async def changes(number: int) -> None:
        for label in range(UPDATES):
            await store.label(number, label)

    for number in FLOWS:
        await store.put_flow(number)
    sink = await store.subscriber(["flows/updated"], slowly)
    changing = asyncio.gather(*(changes(number) for number in FLOWS))
    await until(lambda: len(sink.events) > UPDATES)
    await restart(system, part)
    await changing
    await until(lambda: all(labels(sink, number)[-1:] == [UPDATES - 1] for number in FLOWS))
    for number in FLOWS:
        assert set(labels(sink, number)) == set(range(UPDATES))
        assert_in_order(labels(sink, number))


async def test_a_flow_that_is_refused_holds_up_no_other_before_and_after_a_kill(
    store: Store, system: System
) -> None:
    refused, taken = flow_id(1), asyncio.Event()

    async def answer(event: dict[str, Any]) -> str:
        refusing = event["event"]["flow"]["id"] == refused and not taken.is_set()
        return "500 Internal Server Error" if refusing else "204 No Content"

    for number in (1, 2):
        await store.put_flow(number)
    sink = await store.subscriber(["flows/updated"], answer)
    for label in range(5):
        await store.label(1, label)
        await store.label(2, label)
    await until(lambda: set(labels(sink, 2)) == set(range(5)))
    await restart(system, "events")
    for label in range(5, 10):
        await store.label(1, label)
        await store.label(2, label)
    await until(lambda: set(labels(sink, 2)) == set(range(10)))
    assert labels(sink, 1) == []
    taken.set()
    await until(lambda: set(labels(sink, 1)) == set(range(10)))
    for number in (1, 2):
        assert_in_order(labels(sink, number))


async def test_filters_let_through_what_they_name(store: Store) -> None:
    for number in (11, 12):
        await store.put_flow(number)
    await store.put_flow(13, kind="multi", flow_collection=[{"id": flow_id(11), "role": "video"}])
    events = ["flows/updated", "sources/updated"]
    every = await store.subscriber(events)
    by_flow = await store.subscriber(events, flow_ids=[flow_id(11)])
    by_source = await store.subscriber(events, source_ids=[source_id(12)])
    in_flow = await store.subscriber(["flows/updated"], flow_collected_by_ids=[flow_id(13)])
    in_source = await store.subscriber(events, source_collected_by_ids=[source_id(13)])
    both = await store.subscriber(events, flow_ids=[flow_id(11)], source_ids=[source_id(12)])
    none = await store.subscriber(events, source_ids=[])
    for number in (11, 12, 13):
        for path in (f"/flows/{flow_id(number)}/label", f"/sources/{source_id(number)}/label"):
            assert (await store.http.put(path, json="new")).is_success
    flow, source = flow_id, source_id
    expected = {
        "every": [flow(11), flow(12), flow(13), source(11), source(12), source(13)],
        "by_flow": [flow(11), source(11), source(12), source(13)],
        "by_source": [flow(12), source(12)],
        "in_flow": [flow(11)],
        "in_source": [flow(11), source(11)],
        "both": [source(12)],
    }
    sinks = {
        "every": every, "by_flow": by_flow, "by_source": by_source,
        "in_flow": in_flow, "in_source": in_source, "both": both,
    }  # fmt: skip
    await until(lambda: all(len(sink.events) >= len(expected[name]) for name, sink in sinks.items()))
    assert {name: sorted(map(_subject, sink.events)) for name, sink in sinks.items()} == {
        name: sorted(ids) for name, ids in expected.items()
    }
    assert none.events == []


async def test_segments_come_with_the_urls_asked_for_and_their_media_can_be_fetched(store: Store) -> None:
    await store.put_flow(21)
    storages = (await store.http.get("/service/storage-backends")).json()
    added = ["flows/segments_added"]
    plain = await store.subscriber(added)
    bare = await store.subscriber(added, accept_get_urls=[])
    verbose = await store.subscriber(added, presigned=True, verbose_storage=True)
    public = await store.subscriber(added, presigned=False)
    here = await store.subscriber(added, accept_storage_ids=[storages[0]["id"]])
    elsewhere = await store.subscriber(added, accept_storage_ids=[flow_id(99)])
    await store.add_segment(21, 0)
    sinks = [plain, bare, verbose, public, here, elsewhere]
    await until(lambda: all(sink.events for sink in sinks))
    urls = [_urls(sink) for sink in sinks]
    assert [len(some) > 0 for some in urls] == [True, False, True, False, True, False]
    for (url,) in (urls[0], urls[2], urls[4]):
        assert (await store.http.get(url["url"])).content == MEDIA
    assert urls[2][0]["presigned"] is True
    assert urls[2][0]["storage_id"] == storages[0]["id"]
    assert "storage_id" not in urls[0][0]
    labelled = await store.subscriber(added, accept_get_urls=[urls[0][0]["label"]])
    mislabelled = await store.subscriber(added, accept_get_urls=["no such label"])
    await store.add_segment(21, 1)
    await until(lambda: labelled.events and mislabelled.events)
    assert (await store.http.get(_urls(labelled)[0]["url"])).content == MEDIA
    assert _urls(mislabelled) == []


def _subject(event: dict[str, Any]) -> str:
    return str(event["event"].get("flow", event["event"].get("source"))["id"])


def _urls(sink: Sink) -> list[dict[str, Any]]:
    (segment,) = sink.events[0]["event"]["segments"]
    return list(segment["get_urls"])
