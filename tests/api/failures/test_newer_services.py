"""A gateway whose services are of a later version, as while they are upgraded before it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from tests.support.rpc.newer import newer_services, set_values
from tests.support.services.gateway import a_flow, a_segment, new_id, running_gateway


@pytest_asyncio.fixture(loop_scope="package")
async def newer(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose services add unknown fields to each message of their replies."""
    async with newer_services(services) as addresses, running_gateway(**addresses, admin=True) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="package")
async def with_later_values(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway whose services answer with unknown values of enums."""
    async with (
        newer_services(services, set_values) as addresses,
        running_gateway(**addresses, admin=True, check_uploads=True) as client,
    ):
        yield client


async def done(client: httpx.AsyncClient, method: str, path: str, json: Any = None) -> Any:
    """The JSON of the answer to a request, which must succeed."""
    response = await client.request(method, path, json=json)
    assert response.is_success, (method, path, response.text)
    return response.json() if response.content else None


async def test_fields_of_later_services_change_no_answer(
    newer: httpx.AsyncClient, services: dict[str, str]
) -> None:
    flow, collecting = a_flow(label="one"), a_flow(format="urn:x-nmos:format:multi")
    collecting = {name: collecting[name] for name in ("id", "source_id", "format")}
    path = f"/flows/{flow['id']}"
    await done(newer, "PUT", path, flow)
    await done(
        newer,
        "PUT",
        f"/flows/{collecting['id']}",
        collecting | {"flow_collection": [{"id": flow["id"], "role": "r"}]},
    )
    (stored,) = (await done(newer, "POST", f"{path}/storage", {"limit": 1}))["media_objects"]
    segments = [a_segment(0, 10), {"object_id": stored["object_id"], "timerange": "[10:0_20:0)"}]
    await done(newer, "POST", f"{path}/segments", segments)
    await done(newer, "PUT", f"{path}/tags/mood", "calm")
    await done(
        newer,
        "POST",
        "/service/webhooks",
        {"url": "https://subscriber.example/", "events": ["flows/created"]},
    )
    await done(newer, "DELETE", f"{path}/segments?timerange=[0:0_10:0)&soft_delete=true")
    paths = [
        "/service", "/service/storage-backends", "/service/webhooks", "/flows?limit=5", "/sources?limit=5",
        f"{path}?include_timerange=true", f"/flows/{collecting['id']}", f"/sources/{flow['source_id']}",
        f"{path}/segments?presigned=false", f"/objects/{stored['object_id']}?presigned=false",
        f"/x/trash?flow_id={flow['id']}", f"/x/analytics/flows/{flow['id']}/coverage", "/x/admin/loads",
        "/x/admin/consistency", "/x/users", "/x/api-keys",
    ]  # fmt: skip
    async with running_gateway(**services, admin=True) as plain:
        for read in paths:
            assert await done(newer, "GET", read) == await done(plain, "GET", read), read
    (segment,) = await done(newer, "GET", f"{path}/segments")
    assert "X-Amz-Signature" in segment["get_urls"][0]["url"]
    await done(newer, "DELETE", path)


async def test_values_of_later_services_are_a_clear_error(
    with_later_values: httpx.AsyncClient, tams: httpx.AsyncClient
) -> None:
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    await done(tams, "PUT", path, flow)
    await done(tams, "POST", f"{path}/segments", a_segment(0, 10))
    await done(tams, "DELETE", f"{path}/segments?soft_delete=true")
    (stored,) = (await done(tams, "POST", f"{path}/storage", {"limit": 1}))["media_objects"]
    segment = {"object_id": stored["object_id"], "timerange": "[10:0_20:0)"}
    load = {"id": new_id(), "kind": "flows"}
    for method, refused, body in (
        ("GET", f"/x/trash?flow_id={flow['id']}", None),
        ("POST", "/x/admin/loads", load),
        ("POST", f"{path}/segments", segment),
    ):
        response = await with_later_values.request(method, refused, json=body)
        assert (response.status_code, response.json()["type"]) == (503, "PARTS_DISAGREE"), response.text
        assert "later version" in response.json()["summary"]
    assert await done(tams, "GET", f"{path}/segments") == []
    user = {"name": f"u{new_id()[:8]}", "password": "correct horse battery", "scopes": ["read"]}
    assert (await done(with_later_values, "POST", "/x/users", user))["scopes"] == []
