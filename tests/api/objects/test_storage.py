from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import new_id


@pytest.fixture
def storage(flow: dict[str, Any]) -> str:
    """The path at which objects of the flow are allocated."""
    return f"/flows/{flow['id']}/storage"


async def test_objects_are_allocated_with_urls_for_their_upload(
    tams: httpx.AsyncClient, storage: str
) -> None:
    response = await tams.post(storage, json={"limit": 3})
    assert response.status_code == 201
    objects = response.json()["media_objects"]
    assert len({item["object_id"] for item in objects}) == 3
    for item in objects:
        assert item.keys() == {"object_id", "put_url"}
        assert item["put_url"].keys() == {"url", "content-type", "headers"}
        assert item["put_url"]["content-type"] == "video/mp2t"
        assert item["put_url"]["headers"] == {"If-None-Match": "*"}


async def test_the_limit_may_be_written_as_a_decimal(tams: httpx.AsyncClient, storage: str) -> None:
    response = await tams.post(storage, json={"limit": 2.0})
    assert len(response.json()["media_objects"]) == 2


@pytest.mark.parametrize("body", [{}, None])
async def test_the_body_may_be_empty_or_missing(
    tams: httpx.AsyncClient, storage: str, body: dict[str, Any] | None
) -> None:
    response = await (tams.post(storage) if body is None else tams.post(storage, json=body))
    assert response.status_code == 201
    assert len(response.json()["media_objects"]) == 10


async def test_clients_may_choose_the_ids_of_objects(tams: httpx.AsyncClient, storage: str) -> None:
    ids = [f"clips/{new_id()}.ts", new_id()]
    response = await tams.post(storage, json={"object_ids": ids})
    assert [item["object_id"] for item in response.json()["media_objects"]] == ids
    again = await tams.post(storage, json={"object_ids": [new_id(), ids[0]]})
    assert (again.status_code, again.json()["type"]) == (400, "OBJECT_EXISTS")
    assert (await tams.post(storage, json={"object_ids": []})).json() == {"media_objects": []}


async def test_an_allocated_object_is_not_found_before_it_is_registered(
    tams: httpx.AsyncClient, storage: str
) -> None:
    allocated = (await tams.post(storage, json={"limit": 1})).json()["media_objects"][0]["object_id"]
    assert (await tams.get(f"/objects/{allocated}")).status_code == 404


async def test_clients_may_choose_the_storage_backend(tams: httpx.AsyncClient, storage: str) -> None:
    backend = (await tams.get("/service/storage-backends")).json()[0]["id"]
    assert (await tams.post(storage, json={"storage_id": backend, "limit": 1})).status_code == 201
    unknown = await tams.post(storage, json={"storage_id": new_id()})
    assert (unknown.status_code, unknown.json()["type"]) == (400, "UNKNOWN_STORAGE")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"{", "$"),
        (b"[]", "$"),
        (b'{"limit": "1"}', "$.limit"),
        (b'{"limit": 1.5}', "$.limit"),
        (b'{"limit": null}', "$.limit"),
        (b'{"limit": -1}', None),
        (b'{"limit": -99999999999999999999}', None),
        (b'{"limit": 1, "object_ids": ["a"]}', None),
        (b'{"object_ids": [""]}', "$.object_ids[0]"),
        (b'{"object_ids": ["a", "%s"]}' % (b"x" * 1025), "$.object_ids[1]"),
        (b'{"object_ids": [1]}', "$.object_ids[0]"),
        (b'{"object_ids": ["a", "a"]}', None),
        (b'{"storage_id": "x"}', "$.storage_id"),
    ],
)
async def test_an_invalid_body_is_refused(
    tams: httpx.AsyncClient, storage: str, body: bytes, path: str | None
) -> None:
    response = await tams.post(storage, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json().get("path") == path


async def test_a_large_limit_is_reduced(tams: httpx.AsyncClient, storage: str) -> None:
    response = await tams.post(storage, json={"limit": 10**30})
    assert len(response.json()["media_objects"]) == 1000


async def test_objects_are_allocated_only_for_writable_flows_with_a_container(
    tams: httpx.AsyncClient, make_flow: MakeFlow, read_only_flow: dict[str, Any]
) -> None:
    without_container = await make_flow(container=None)
    for flow_id, status in (
        (new_id(), 404),
        ("x", 404),
        (read_only_flow["id"], 403),
        (without_container["id"], 400),
    ):
        assert (await tams.post(f"/flows/{flow_id}/storage", json={})).status_code == status
