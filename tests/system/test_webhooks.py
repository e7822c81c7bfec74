"""Webhooks of the whole system: their events, filters and URLs, and deliveries after kills."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from simulators.vast.http.listening import stop_listening
from tests.support.events.sink import Answer, Sink, running_sink, take
from tests.support.metadata.flows import a_flow, flow_id, source_id
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.processes.system import System, running_system

pytestmark = pytest.mark.slow

FLOWS = range(1, 5)
UPDATES = 30
MEDIA = b"some media" * 100


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose webhooks may lead to this host."""
    env = {"TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8"}
    with running_system(tmp_path_factory.mktemp("webhooks") / "data", env) as running:
        yield running


class Store:
    """The API of a store, and subscribers that end with the test."""

    def __init__(self, http: httpx.AsyncClient, stack: AsyncExitStack) -> None:
        self.http = http
        self._stack = stack

    async def subscriber(self, events: list[str], answer: Answer = take, **filters: Any) -> Sink:
        """A sink that receives the events that pass the filters."""
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
        """Set the label of a flow, and repeat until it succeeds."""
        await until(lambda: self._labelled(number, label), pause=0.1)

    async def _labelled(self, number: int, label: int) -> bool:
        try:
            reply = await self.http.put(f"/flows/{flow_id(number)}/label", json=str(label))
        except httpx.TransportError:
            return False
        return reply.status_code == httpx.codes.NO_CONTENT

    async def add_segment(self, number: int, second: int) -> None:
        """Upload an object and register it for a second of a flow."""
        allocated = await self.http.post(f"/flows/{flow_id(number)}/storage", json={"limit": 1})
        (media_object,) = allocated.json()["media_objects"]
        put_url = media_object["put_url"]
        headers = {"content-type": put_url["content-type"], **put_url["headers"]}
        put = await self.http.put(put_url["url"], content=MEDIA, headers=headers)
        assert put.status_code == httpx.codes.OK
        timerange = f"[{second}:0_{second + 1}:0)"
        segment = {"object_id": media_object["object_id"], "timerange": timerange}
        reply = await self.http.post(f"/flows/{flow_id(number)}/segments", json=segment)
        assert reply.status_code == httpx.codes.CREATED, reply.text


@pytest.fixture
async def store(system: System) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=system.url, timeout=120))
        yield Store(http, stack)


def labels(sink: Sink, number: int) -> list[int]:
    """The labels of a flow in the events of a subscriber, in order."""
    flows = [event["event"]["flow"] for event in sink.events]
    return [int(flow["label"]) for flow in flows if flow["id"] == flow_id(number)]


def assert_in_order(received: list[int]) -> None:
    """Check that no label was skipped. Labels may be repeated."""
    assert received[0] == 0
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(received)), received


async def restart(system: System, part: str) -> None:
    """Kill a part with SIGKILL, and wait until the system is healthy."""
    await asyncio.to_thread(system.kill, part)
    await asyncio.to_thread(system.healthy)


class DeadHooks:
    """Subscribers that close, reset, refuse, stay silent, or answer with errors or without end."""

    def __init__(self) -> None:
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            target = (await reader.readuntil(b"\r\n")).split(b" ")[1]
            if target.startswith(b"/silent"):
                await reader.read(-1)
            elif target.startswith(b"/500"):
                writer.write(b"HTTP/1.1 500 x\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
            elif target.startswith(b"/endless"):
                writer.write(b"HTTP/1.1 200 x\r\ncontent-length: 999999999\r\n\r\n" + b"x" * 100_000)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def dead_hooks(count: int) -> AsyncIterator[tuple[DeadHooks, list[str]]]:
    """Dead subscribers, and their URLs."""
    dead = DeadHooks()
    server = await asyncio.start_server(dead.serve, "127.0.0.1", 0)
    alive = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    (closed,) = free_ports(1)
    urls = [f"{alive}/close", f"{alive}/silent", f"{alive}/500", f"{alive}/endless"]
    urls += [f"http://127.0.0.1:{closed}", alive.replace("http:", "https:"), "http://no-such-name.invalid"]
    try:
        yield dead, [f"{urls[number % len(urls)]}/{number}" for number in range(count)]
    finally:
        await stop_listening(server)


async def test_dead_subscribers_delay_no_others_and_get_no_requests_after_removal(store: Store) -> None:
    async def register(*urls: str, events: list[str]) -> None:
        for url in urls:
            reply = await store.http.post("/service/webhooks", json={"url": url, "events": events})
            assert reply.is_success

    numbers = range(1000, 1030)
    async with dead_hooks(100) as (dead, urls):
        await register(*urls, events=["flows/created"])
        healthy = [await store.subscriber(["flows/created"]) for _ in range(2)]
        for number in numbers:
            await store.put_flow(number)
        await until(lambda: all(len(sink.events) == len(numbers) for sink in healthy))
        assert dead.connections > 0
        await register(*urls, events=[])
        last = await store.subscriber(["flows/created"])
        await store.put_flow(1030)
        # The lease that serves this subscriber no longer has the removed ones.
        await until(lambda: last.events)
        before = dead.connections
        await asyncio.sleep(2)
        assert dead.connections == before


async def test_deliveries_continue_soon_after_a_kill(store: Store, system: System) -> None:
    sink = await store.subscriber(["flows/created"])
    await store.put_flow(1100)
    await until(lambda: len(sink.events) == 1)
    await asyncio.to_thread(system.kill, "events")
    killed = time.monotonic()
    await store.put_flow(1101)
    await until(lambda: sink.events[-1]["event"]["flow"]["id"] == flow_id(1101))
    # The lease takes a few seconds; the rest is for a busy machine. Leases once lasted for half a minute.
    assert time.monotonic() - killed < 15


@pytest.mark.parametrize("part", ["events", "metadata"])
async def test_every_event_arrives_in_order_despite_a_killed_part(
    store: Store, system: System, part: str
) -> None:
    async def answer_slowly(_event: dict[str, Any]) -> str:
        await asyncio.sleep(0.02)
        return "204 No Content"

    async def relabel(number: int) -> None:
        for label in range(UPDATES):
            await store.label(number, label)

    for number in FLOWS:
        await store.put_flow(number)
    sink = await store.subscriber(["flows/updated"], answer_slowly)
    changing = asyncio.gather(*(relabel(number) for number in FLOWS))
    await until(lambda: len(sink.events) > UPDATES)
    await restart(system, part)
    await changing
    await until(lambda: all(labels(sink, number)[-1:] == [UPDATES - 1] for number in FLOWS))
    for number in FLOWS:
        assert set(labels(sink, number)) == set(range(UPDATES))
        assert_in_order(labels(sink, number))


async def test_a_refused_flow_delays_no_others_before_and_after_a_kill(store: Store, system: System) -> None:
    refused_id, accepting = flow_id(1), asyncio.Event()

    async def answer(event: dict[str, Any]) -> str:
        refusing = event["event"]["flow"]["id"] == refused_id and not accepting.is_set()
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
    accepting.set()
    await until(lambda: set(labels(sink, 1)) == set(range(10)))
    for number in (1, 2):
        assert_in_order(labels(sink, number))


async def test_a_subscriber_receives_only_events_that_pass_its_filters(store: Store) -> None:
    for number in (11, 12):
        await store.put_flow(number)
    await store.put_flow(13, kind="multi", flow_collection=[{"id": flow_id(11), "role": "video"}])
    events = ["flows/updated", "sources/updated"]
    unfiltered = await store.subscriber(events)
    by_flow = await store.subscriber(events, flow_ids=[flow_id(11)])
    by_source = await store.subscriber(events, source_ids=[source_id(12)])
    in_flow = await store.subscriber(["flows/updated"], flow_collected_by_ids=[flow_id(13)])
    in_source = await store.subscriber(events, source_collected_by_ids=[source_id(13)])
    both = await store.subscriber(events, flow_ids=[flow_id(11)], source_ids=[source_id(12)])
    excluded = await store.subscriber(events, source_ids=[])
    for number in (11, 12, 13):
        for path in (f"/flows/{flow_id(number)}/label", f"/sources/{source_id(number)}/label"):
            assert (await store.http.put(path, json="new")).is_success
    flow, source = flow_id, source_id
    expected: dict[str, list[str]] = {
        "unfiltered": [flow(11), flow(12), flow(13), source(11), source(12), source(13)],
        "by_flow": [flow(11), source(11), source(12), source(13)],
        "by_source": [flow(12), source(12)],
        "in_flow": [flow(11)],
        "in_source": [flow(11), source(11)],
        "both": [source(12)],
    }
    sinks = {
        "unfiltered": unfiltered, "by_flow": by_flow, "by_source": by_source,
        "in_flow": in_flow, "in_source": in_source, "both": both,
    }  # fmt: skip
    await until(lambda: all(len(sink.events) >= len(expected[name]) for name, sink in sinks.items()))
    assert {name: sorted(map(_subject, sink.events)) for name, sink in sinks.items()} == {
        name: sorted(ids) for name, ids in expected.items()
    }
    assert excluded.events == []


async def test_segment_events_have_the_requested_urls_and_the_urls_lead_to_the_media(store: Store) -> None:
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
    assert [len(listed) > 0 for listed in urls] == [True, False, True, False, True, False]
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
