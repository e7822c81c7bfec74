"""Copies of objects on further storage backends, an extension."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from tests.conformance.conftest import checked
from tests.conformance.reaching import Client, reaches
from tests.support.services.gateway import a_flow, a_segment, new_id, running_services
from tests.support.storage.backends import BACKEND_ID, OTHER_BACKEND_ID
from tests.support.storage.seaweedfs import SeaweedFS

_COPIES = "/x/admin/object-copies"
_LISTING = "/x/objects/{objectId}/copies"


@pytest_asyncio.fixture(loop_scope="package")
async def tams(tmp_path: Path, seaweedfs: SeaweedFS) -> AsyncIterator[Client]:
    """A checking client of a system with two storage backends."""
    other = seaweedfs.backend(
        f"tams-{secrets.token_hex(6)}", id=OTHER_BACKEND_ID, label="other", default_storage=False, prefix="p/"
    )
    async with running_services(tmp_path, seaweedfs, other) as addresses, checked(**addresses) as client:
        yield client


async def registered(tams: Client) -> tuple[str, str]:
    """The ids of a flow, and of an object with the bytes "all" that a segment uses."""
    flow = a_flow()
    assert (await tams.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    (stored,) = (await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})).json()["media_objects"]
    put = stored["put_url"]
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        headers = {"Content-Type": put["content-type"], **put.get("headers", {})}
        assert (await storage.put(put["url"], content=b"all", headers=headers)).status_code == 200
    segment = a_segment(object_id=stored["object_id"])
    del segment["get_urls"]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segment)).status_code == 201
    return flow["id"], stored["object_id"]


async def urls(tams: Client, flow_id: str, query: str = "") -> list[dict[str, Any]]:
    (segment,) = (await tams.get(f"/flows/{flow_id}/segments?{query}")).json()
    found: list[dict[str, Any]] = segment["get_urls"]
    return found


async def downloads(found: list[dict[str, Any]]) -> list[bytes]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        return [(await storage.get(url["url"])).content for url in found]


@reaches(f"POST {_COPIES}", 200)
@reaches(f"GET {_LISTING}", 200)
async def test_an_object_has_urls_of_its_copies(tams: Client) -> None:
    flow_id, object_id = await registered(tams)
    other = {"object_ids": [object_id], "storage_id": OTHER_BACKEND_ID}
    listing = f"/x/objects/{object_id}/copies"
    unknown = {**other, "object_ids": [object_id, new_id()]}
    stored, failed = (await tams.post(_COPIES, json=unknown)).json()["results"]
    assert stored == {"object_id": object_id, "state": "stored", "bytes": 3}
    assert (failed["state"], failed["status"], failed["error"]["type"]) == ("failed", 404, "OBJECT_NOT_FOUND")
    found = await urls(tams, flow_id, "verbose_storage=true")
    assert [(url["storage_id"], url["label"], url["controlled"], url["presigned"]) for url in found] == [
        (BACKEND_ID, "local", True, True),
        (OTHER_BACKEND_ID, "other", True, True),
    ]
    assert await downloads(found) == [b"all", b"all"]
    only = await urls(tams, flow_id, f"accept_storage_ids={OTHER_BACKEND_ID}")
    assert only == [{key: found[1][key] for key in ("url", "presigned", "label")}]
    assert [url["label"] for url in await urls(tams, flow_id, "accept_get_urls=other")] == ["other"]
    listed = (await tams.get(listing)).json()
    assert [(one["storage_id"], one["state"]) for one in listed] == [
        (BACKEND_ID, "stored"),
        (OTHER_BACKEND_ID, "stored"),
    ]


@reaches(f"POST {_COPIES}", 200, 400)
@reaches(f"DELETE {_COPIES}", 204, 400, 404)
@reaches(f"GET {_LISTING}", 200, 404)
async def test_an_object_moves_and_keeps_its_last_copy(tams: Client) -> None:
    flow_id, object_id = await registered(tams)
    other = {"object_ids": [object_id], "storage_id": OTHER_BACKEND_ID}
    assert (await tams.post(_COPIES, json={**other, "move": True})).json()["results"][0]["state"] == "stored"
    assert await downloads(await urls(tams, flow_id)) == [b"all"]
    listed = (await tams.get(f"/x/objects/{object_id}/copies")).json()
    assert [(one["storage_id"], one["state"]) for one in listed] == [
        (OTHER_BACKEND_ID, "stored"),
        (BACKEND_ID, "retired"),
    ]
    back = {**other, "storage_id": BACKEND_ID}
    assert (await tams.post(_COPIES, json=back)).json()["results"][0]["state"] == "stored"
    usage = (await tams.get("/x/analytics/storage-usage")).json()
    assert all(storage_id in str(usage) for storage_id in (BACKEND_ID, OTHER_BACKEND_ID))
    copy = f"{_COPIES}?object_id={object_id}&storage_id="
    assert (await tams.delete(f"{copy}{OTHER_BACKEND_ID}")).status_code == 204
    assert [url["label"] for url in await urls(tams, flow_id)] == ["local"]
    last = await tams.delete(f"{copy}{BACKEND_ID}")
    assert (last.status_code, last.json()["type"]) == (400, "LAST_COPY")
    assert (await tams.get(f"/x/objects/{new_id()}/copies")).status_code == 404
    assert (await tams.delete(f"{copy}{new_id()}")).status_code == 404
    assert (await tams.delete(_COPIES)).status_code == 400
    assert (await tams.post(_COPIES, json={**other, "storage_id": new_id()})).status_code == 400
    assert (await tams.post(_COPIES, json={**other, "object_ids": []})).status_code == 400
