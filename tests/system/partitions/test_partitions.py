"""Hosts of a store are cut off from the others, and connected again."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.network.spread_store import SpreadStore, running_sqlite_store, running_vast_store
from tests.support.processes.polling import until
from tests.support.processes.programs import needed
from tests.support.scaling.checking import check, subscribed
from tests.support.scaling.load import load_on, more
from tests.support.services.gateway import a_flow, a_segment

pytestmark = [pytest.mark.slow, pytest.mark.alone, needed("ip")]

# Longer than the gateway waits for a service.
TIMEOUT_SECONDS = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpreadStore]:
    with running_vast_store(tmp_path_factory.mktemp("spread")) as running:
        yield running


def api(store: SpreadStore) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=store.url, timeout=TIMEOUT_SECONDS, trust_env=False)


def is_clear(reply: httpx.Response) -> bool:
    """Whether a reply says that a part does not answer, and that the request may be sent again."""
    return reply.status_code in {503, 504} and bool(reply.json()["type"])


async def test_without_one_metadata_process_the_store_goes_on(store: SpreadStore) -> None:
    fronts = {"gateway": store.url}
    async with subscribed(fronts, store.address) as sink:
        async with load_on(fronts, analytics=False) as outcome:
            store.hosts["metadata-1"].cut()
            await more(outcome, 12)
            store.hosts["metadata-1"].heal()
            await asyncio.to_thread(store.replicas["metadata-1"].await_ready)
            await more(outcome, 12)
        await check(fronts, outcome, sink)


async def test_without_media_the_rest_works_and_events_come_later(store: SpreadStore) -> None:
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    async with subscribed({"gateway": store.url}, store.address) as sink, api(store) as client:
        assert (await client.put(path, json=flow)).status_code == 201
        store.hosts["media"].cut()
        try:
            assert is_clear(await client.post(f"{path}/storage", json={"limit": 1}))
            for second in range(3):
                segment = a_segment(second, second + 1, object_id=f"{flow['id']}-{second}")
                assert (await client.post(f"{path}/segments", json=segment)).status_code == 201
            page = await client.get(f"{path}/segments", params={"accept_get_urls": ""})
            assert len(page.json()) == 3
        finally:
            store.hosts["media"].heal()
        await until(lambda: len(segments_of(sink.events)) >= 3)

        async def allocates() -> bool:
            """The gateway connects again in its own time."""
            return (await client.post(f"{path}/storage", json={"limit": 1})).status_code == 201

        await until(allocates, pause=0.2)
    assert sorted(segments_of(sink.events)) == [f"{flow['id']}-{second}" for second in range(3)]


def segments_of(events: list[dict[str, dict[str, list[dict[str, str]]]]]) -> list[str]:
    return [segment["object_id"] for event in events for segment in event["event"].get("segments", ())]


async def test_a_gateway_that_loses_metadata_says_so_until_it_is_back(tmp_path: Path) -> None:
    with running_sqlite_store(tmp_path) as store:
        flow = a_flow()
        path = f"/flows/{flow['id']}"
        async with api(store) as client:
            assert (await client.put(path, json=flow)).status_code == 201
            store.hosts["metadata"].cut()
            assert is_clear(await client.get(path))
            assert is_clear(await client.post(f"{path}/segments", json=a_segment(0, 1)))
            assert (await client.get("/ready")).status_code == 503
            store.hosts["metadata"].heal()
            await asyncio.to_thread(store.replicas["gateway"].await_ready)
            assert (await client.get(path)).json()["id"] == flow["id"]
            # It may have been carried out when the connection came back.
            again = await client.post(f"{path}/segments", json=a_segment(0, 1))
            assert again.status_code in {201, 400}
            page = await client.get(f"{path}/segments", params={"accept_get_urls": ""})
            assert len(page.json()) == 1
