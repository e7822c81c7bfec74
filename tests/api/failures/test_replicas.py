"""Several metadata services of one database behave like one service through a gateway."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import a_flow, a_segment, running_gateway
from tests.support.services.replicas import address_of_all, running_replicas
from tests.support.vast.clusters import vast_server

ROUNDS = 6


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sequence[int]]:
    """The ports of two services that keep rows in their caches for 30 s."""
    folder = tmp_path_factory.mktemp("replicas")
    with vast_server() as server:
        async with running_replicas(server, folder, vast_cache_seconds=30.0) as ports:
            yield ports


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def tams(replicas: Sequence[int]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway to both services."""
    async with running_gateway(metadata_address=address_of_all(replicas)) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def other_tams(replicas: Sequence[int]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of another gateway to both services."""
    async with running_gateway(metadata_address=address_of_all(replicas)) as client:
        yield client


async def put_flow(client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    flow = a_flow(**changes)
    assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    return flow


async def get_twice(client: httpx.AsyncClient, path: str, **params: str) -> list[httpx.Response]:
    """Two answers of a path. The services take turns, so that they come from both."""
    return [await client.get(path, params=params) for _ in range(2)]


@pytest.mark.parametrize(("resource", "id_member"), [("flows", "id"), ("sources", "source_id")])
async def test_a_label_is_read_as_it_was_put(tams: httpx.AsyncClient, resource: str, id_member: str) -> None:
    flow = await put_flow(tams)
    path = f"/{resource}/{flow[id_member]}"
    for number in range(ROUNDS):
        assert (await tams.put(f"{path}/label", json=f"{number}")).status_code == 204
        for answer in await get_twice(tams, path):
            assert answer.json()["label"] == f"{number}"


async def test_a_deleted_flow_is_not_found_and_a_recreated_flow_is_found(tams: httpx.AsyncClient) -> None:
    flow = await put_flow(tams)
    path = f"/flows/{flow['id']}"
    for _ in range(ROUNDS):
        await get_twice(tams, path)
        assert (await tams.delete(path)).status_code == 204
        assert [answer.status_code for answer in await get_twice(tams, path)] == [404, 404]
        assert (await tams.put(path, json=flow)).status_code == 201
        assert [answer.status_code for answer in await get_twice(tams, path)] == [200, 200]


async def test_a_registered_segment_shows_in_lists_and_in_the_timerange_of_its_flow(
    tams: httpx.AsyncClient,
) -> None:
    flow = await put_flow(tams)
    path = f"/flows/{flow['id']}"
    for number in range(1, ROUNDS):
        start = number * number * 10
        last_segment = a_segment(start, start + 2 * number)
        assert (await tams.post(f"{path}/segments", json=last_segment)).status_code == 201
        last = f"[{start + 2 * number - 1}:0_{start + 2 * number}:0)"
        for answer in await get_twice(tams, f"{path}/segments", timerange=last, accept_get_urls=""):
            assert [segment["object_id"] for segment in answer.json()] == [last_segment["object_id"]]
        for answer in await get_twice(tams, path, include_timerange="true"):
            assert answer.json()["timerange"] == f"[10:0_{start + 2 * number}:0)"


async def test_a_new_collection_shows_in_its_members_and_their_sources(tams: httpx.AsyncClient) -> None:
    member = await put_flow(tams)
    for _ in range(ROUNDS // 2):
        await get_twice(tams, f"/flows/{member['id']}")
        await get_twice(tams, f"/sources/{member['source_id']}")
        collector = await put_flow(
            tams,
            format="urn:x-nmos:format:multi",
            codec=None,
            container=None,
            essence_parameters=None,
            flow_collection=[{"id": member["id"], "role": "video"}],
        )
        for answer in await get_twice(tams, f"/flows/{member['id']}"):
            assert collector["id"] in answer.json()["collected_by"]
        for answer in await get_twice(tams, f"/sources/{member['source_id']}"):
            assert collector["source_id"] in answer.json()["collected_by"]


async def test_a_gateway_does_not_show_an_earlier_state_again(
    tams: httpx.AsyncClient, other_tams: httpx.AsyncClient
) -> None:
    """Changes by another gateway show late, but once they show, no older state does."""
    flow = await put_flow(tams, label="0")
    path = f"/flows/{flow['id']}"
    await get_twice(tams, path)
    shown = 0

    async def read() -> None:
        nonlocal shown
        now = int((await tams.get(path)).json()["label"])
        assert now >= shown
        shown = now

    for number in range(1, ROUNDS):
        await other_tams.put(f"{path}/label", json=f"{number}")
        for _ in range(4):
            await read()


async def test_a_flow_read_after_a_list_is_as_new_as_in_the_list(
    tams: httpx.AsyncClient, other_tams: httpx.AsyncClient
) -> None:
    flow = await put_flow(tams, label="0")
    path = f"/flows/{flow['id']}"
    for number in range(1, ROUNDS):
        await get_twice(tams, path)
        await other_tams.put(f"{path}/label", json=f"{number}")
        for answer in await get_twice(tams, "/flows", source_id=flow["source_id"]):
            (listed,) = answer.json()
            assert listed["label"] == f"{number}"
        for answer in await get_twice(tams, path):
            assert answer.json()["label"] == f"{number}"


async def test_simultaneous_reads_return_the_last_change(tams: httpx.AsyncClient) -> None:
    flow = await put_flow(tams, label="0")
    path = f"/flows/{flow['id']}"
    for number in range(ROUNDS):
        await tams.put(f"{path}/label", json=f"{number}")
        answers = await asyncio.gather(*(tams.get(path) for _ in range(20)))
        assert {answer.json()["label"] for answer in answers} == {f"{number}"}
