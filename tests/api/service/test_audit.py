"""The audit log of a running store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from services.access.attempts import SINGLE
from tests.support.processes.health import until_serving
from tests.support.processes.polling import until
from tests.support.services.gateway import a_flow, running_gateway
from tests.support.services.metadata import running_metadata
from tests.support.services.secured import ACCESS, bearer, caller, token_of


@pytest_asyncio.fixture(loop_scope="package")
async def audited(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store with an audit log."""
    async with running_metadata(tmp_path, audit="on") as metadata:
        await until_serving(metadata.port)
        address = f"127.0.0.1:{metadata.port}"
        async with running_gateway(metadata_address=address, admin=True, webhooks=False) as client:
            yield client


async def entries(tams: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    response = await tams.get("/x/audit", params=query)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["entries"]
    return found


async def test_a_change_is_listed_with_its_request_id(audited: httpx.AsyncClient) -> None:
    flow = a_flow()
    put = await audited.put(f"/flows/{flow['id']}", json=flow)
    newest, source = await entries(audited)
    assert newest["resource"] == f"flow:{flow['id']}"
    assert newest["request_id"] == put.headers["x-request-id"]
    assert (newest["principal"], newest["action"], newest["outcome"]) == ("system", "flows.put", "done")
    assert newest["facts"] == {"created": True}
    assert "before" not in newest
    assert source["action"] == "sources.create"
    assert source["number"] < newest["number"]


async def test_pages_and_filters(audited: httpx.AsyncClient) -> None:
    flow = a_flow()
    for number in range(3):
        await audited.put(f"/flows/{flow['id']}", json=flow | {"label": str(number)})
    everything = await entries(audited, first="oldest")
    walked: list[dict[str, Any]] = []
    url = "/x/audit?first=oldest&limit=2"
    while url:
        page = await audited.get(url)
        walked += page.json()["entries"]
        url = page.links.get("next", {}).get("url", "")
    assert walked == everything
    numbers = [entry["number"] for entry in everything]
    assert len(await entries(audited, action="flows.put")) == 3
    assert len(await entries(audited, resource=f"flow:{flow['id']}", principal="system")) == 3
    assert [entry["number"] for entry in await entries(audited, after=numbers[1])] == numbers[:1:-1]
    second = everything[1]["time"]
    assert all(entry["time"] >= second for entry in await entries(audited, since=second))
    assert all(entry["time"] < second for entry in await entries(audited, until=second))


async def test_a_store_without_an_audit_log_lists_nothing(services: dict[str, str]) -> None:
    async with running_gateway(**services, admin=True) as tams:
        assert await entries(tams) == []


@pytest_asyncio.fixture(loop_scope="package")
async def secured(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store with access control, which has an audit log by default."""
    async with running_metadata(tmp_path, **ACCESS) as metadata:
        await until_serving(metadata.port)
        address = f"127.0.0.1:{metadata.port}"
        async with running_gateway(metadata_address=address, webhooks=False, **ACCESS) as client:
            yield client


async def recorded(tams: httpx.AsyncClient, action: str, count: int) -> list[dict[str, Any]]:
    """The entries of an action, the oldest first, when there are `count` of them."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        query = {"action": action, "first": "oldest"}
        response = await tams.get("/x/audit", params=query, headers=caller("root", "admin"))
        found[:] = response.json()["entries"]
        return len(found) >= count

    await until(are_there)
    return found


async def test_the_audit_log_is_for_administrators(secured: httpx.AsyncClient) -> None:
    assert (await secured.get("/x/audit")).status_code == 401
    assert (await secured.get("/x/audit", headers=caller("alice"))).status_code == 403
    assert (await secured.get("/x/audit", headers=caller("root", "admin"))).status_code == 200
    (refused,) = await recorded(secured, "authorization.refused", 1)
    assert (refused["principal"], refused["outcome"]) == ("jwt:alice", "refused")
    assert refused["facts"] == {"reason": "MISSING_SCOPE", "address": "127.0.0.1"}


async def test_changes_have_their_caller(secured: httpx.AsyncClient) -> None:
    flow = a_flow(read_only=True)
    await secured.put(f"/flows/{flow['id']}", json=flow, headers=caller("alice"))
    assert [entry["principal"] for entry in await recorded(secured, "flows.put", 1)] == ["jwt:alice"]


async def test_refused_changes_are_recorded_as_refused(secured: httpx.AsyncClient) -> None:
    flow = a_flow(read_only=True)
    url = f"/flows/{flow['id']}"
    await secured.put(url, json=flow, headers=caller("alice"))
    put = await secured.put(url, json=flow | {"label": "new"}, headers=caller("bob"))
    segment = {"object_id": "o", "timerange": "[0:0_1:0)", "get_urls": [{"url": "https://example.com/o"}]}
    post = await secured.post(f"{url}/segments", json=segment, headers=caller("bob"))
    assert (put.status_code, post.status_code) == (403, 403)
    _, refused = await recorded(secured, "flows.put", 2)
    assert (refused["principal"], refused["outcome"]) == ("jwt:bob", "refused")
    assert (refused["resource"], refused["facts"]) == (f"flow:{flow['id']}", {"reason": "FLOW_READ_ONLY"})
    assert refused["request_id"] == put.headers["x-request-id"]
    (refused,) = await recorded(secured, "segments.put", 1)
    assert (refused["principal"], refused["outcome"]) == ("jwt:bob", "refused")


async def test_logins_are_recorded_without_credentials(secured: httpx.AsyncClient) -> None:
    wrong = token_of("mallory", "read", aud="planted-audience")
    for header in (bearer(wrong), {"authorization": "planted-scheme x"}):
        assert (await secured.get("/flows", headers=header)).status_code == 401
    basic = httpx.BasicAuth("eve", "planted-password")
    assert (await secured.get("/flows", auth=basic)).status_code == 401
    failed = await recorded(secured, "authentication.failed", 3)
    assert {entry["principal"] for entry in failed} == {"nobody"}
    assert "principal:eve" in [entry["resource"] for entry in failed]
    assert {entry["facts"]["address"] for entry in failed} == {"127.0.0.1"}
    await recorded(secured, "authentication.succeeded", 1)
    text = str(await recorded(secured, "*", 4))
    assert not any(secret in text for secret in ("planted", wrong))


async def test_an_attack_does_not_fill_the_log(secured: httpx.AsyncClient) -> None:
    for number in range(50):
        await secured.get("/flows", headers=bearer(f"wrong-{number}"))
    failed = await recorded(secured, "authentication.failed", 1)
    assert len(failed) <= 2 * SINGLE
