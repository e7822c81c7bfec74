"""The store works with access control: media in and out, webhooks, analytics, deletion."""

from typing import Any

import httpx
import pytest

from tests.support.access.secured_store import SecuredStore
from tests.support.events.sink import running_sink
from tests.support.metadata.flows import a_flow
from tests.support.processes.polling import until

pytestmark = pytest.mark.slow

MEDIA = b"some media" * 100


async def uploaded(client: httpx.AsyncClient, flow_id: str) -> str:
    """The id of a new object with its bytes. Object storage gets none of the caller's credentials."""
    allocated = await client.post(f"/flows/{flow_id}/storage", json={"limit": 1})
    assert allocated.status_code == 201, allocated.text
    (media_object,) = allocated.json()["media_objects"]
    put_url = media_object["put_url"]
    headers = {"content-type": put_url["content-type"], **put_url["headers"]}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        assert (await storage.put(put_url["url"], content=MEDIA, headers=headers)).status_code == 200
    return str(media_object["object_id"])


async def segments(client: httpx.AsyncClient, flow_id: str) -> list[dict[str, Any]]:
    listed = await client.get(f"/flows/{flow_id}/segments")
    assert listed.status_code == 200, listed.text
    found: list[dict[str, Any]] = listed.json()
    return found


async def test_media_goes_in_and_out_and_is_announced_counted_and_deleted(secured: SecuredStore) -> None:
    flow = a_flow(901)
    async with (
        secured.client("read") as reader,
        secured.client("write") as writer,
        secured.client("delete") as deleter,
        running_sink() as sink,
    ):
        events = ["flows/created", "flows/segments_added", "flows/segments_deleted", "flows/deleted"]
        webhook = {"url": sink.url, "events": events}
        assert (await writer.post("/service/webhooks", json=webhook)).status_code == 201

        assert (await writer.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        object_id = await uploaded(writer, flow["id"])
        segment = {"object_id": object_id, "timerange": "[0:0_1:0)"}
        registered = await writer.post(f"/flows/{flow['id']}/segments", json=segment)
        assert registered.status_code == 201, registered.text

        (listed,) = await segments(reader, flow["id"])
        async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
            assert (await storage.get(listed["get_urls"][0]["url"])).content == MEDIA
        coverage = await reader.get(f"/x/analytics/flows/{flow['id']}/coverage")
        assert (coverage.status_code, coverage.json()["timerange"]) == (200, "[0:0_1:0)")
        assert (await reader.get("/x/analytics/storage-usage")).status_code == 200
        assert (await reader.get("/health/details")).status_code == 200

        assert (await deleter.delete(f"/flows/{flow['id']}")).status_code in {202, 204}

        async def gone() -> bool:
            return (await reader.get(f"/flows/{flow['id']}")).status_code == 404

        await until(gone)
        await until(lambda: set(events) <= set(sink.types))
        announced = next(e for e in sink.events if e["event_type"] == "flows/segments_added")
        assert announced["event"]["segments"][0]["object_id"] == object_id
        assert all("authorization" not in {name.lower() for name in headers} for headers in sink.headers)
        assert (await writer.post("/service/webhooks", json=webhook | {"events": []})).status_code == 204


async def test_sizes_are_measured_by_the_store_itself(secured: SecuredStore) -> None:
    """Work that no request asks for carries a token of the store."""
    flow = a_flow(902)
    async with secured.client("read", "write") as client:
        assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
        object_id = await uploaded(client, flow["id"])
        segment = {"object_id": object_id, "timerange": "[0:0_1:0)"}
        assert (await client.post(f"/flows/{flow['id']}/segments", json=segment)).status_code == 201

        async def measured() -> bool:
            usage = (await client.get("/x/analytics/storage-usage")).json()
            own = [backend for backend in usage["backends"] if backend["storage_id"]]
            return any(backend["bytes"] >= len(MEDIA) for backend in own)

        await until(measured, pause=0.2)


async def test_the_parts_trust_each_other(secured: SecuredStore) -> None:
    async with secured.client("read") as client:
        health = await client.get("/health")
        assert (health.status_code, set(health.json()["services"].values())) == (200, {"SERVING"})
    for part in secured.processes:
        assert "refuses the calls of this process" not in secured.log(part), part
