"""`/x/api-keys` without access control: administration on this machine."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import running_gateway

UNKNOWN = "0" * 16


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def admin(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that offers administration."""
    async with running_gateway(**services, admin=True) as client:
        yield client


def a_key(name: str, changes: dict[str, object] | None = None) -> dict[str, object]:
    return {"name": name, "scopes": ["read"], **(changes or {})}


async def test_the_text_of_a_key_is_shown_once(admin: httpx.AsyncClient) -> None:
    created = await admin.post(
        "/x/api-keys", json=a_key("ingest-1", {"expires": "2099-01-01T00:00:00+01:00"})
    )
    assert (created.status_code, created.headers["cache-control"]) == (201, "no-store")
    key = created.json()
    assert re.fullmatch(rf"tams_{key['id']}_[0-9a-f]{{64}}", key.pop("key"))
    assert key.keys() == {"id", "name", "scopes", "classes", "suspended", "created", "expires"}
    assert key["expires"] == "2098-12-31T23:00:00Z"
    assert (await admin.get(f"/x/api-keys/{key['id']}")).json() == key
    assert key in (await admin.get("/x/api-keys")).json()["api_keys"]


async def test_a_key_is_rotated_suspended_activated_and_removed(admin: httpx.AsyncClient) -> None:
    key = (await admin.post("/x/api-keys", json=a_key("ingest-2"))).json()
    path = f"/x/api-keys/{key['id']}"
    rotated = await admin.put(path, json={"rotate": True})
    assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
    assert rotated.json()["key"] != key["key"]
    suspended = await admin.put(path, json={"suspended": True})
    assert suspended.json()["suspended"]
    assert "key" not in suspended.json()
    assert not (await admin.put(path, json={"suspended": False})).json()["suspended"]
    assert (await admin.delete(path)).status_code == 204
    for method, body in (("GET", None), ("PUT", {"rotate": True}), ("DELETE", None)):
        unknown = await admin.request(method, path, json=body)
        assert (unknown.status_code, unknown.json()["type"]) == (404, "KEY_NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"name": "a b"}, "BAD_KEY", "$.name"),
        ({"expires": "2020-01-01T00:00:00Z"}, "BAD_KEY", "$.expires"),
        ({"expires": "2099-01-01T00:00:00"}, "BAD_BODY", "$.expires"),
        ({"scopes": ["all"]}, "BAD_BODY", "$.scopes[0]"),
        ({"key": "tams_mine"}, "BAD_BODY", "$"),
    ],
)
async def test_a_bad_key_is_refused(
    admin: httpx.AsyncClient, changes: dict[str, object], reason: str, path: str
) -> None:
    refused = await admin.post("/x/api-keys", json=a_key("ingest-3", changes))
    assert (refused.status_code, refused.json()["type"]) == (400, reason)
    assert refused.json().get("path", "$") == path


async def test_a_key_of_the_same_name_is_refused(admin: httpx.AsyncClient) -> None:
    await admin.post("/x/api-keys", json=a_key("ingest-4"))
    refused = await admin.post("/x/api-keys", json=a_key("ingest-4"))
    assert (refused.status_code, refused.json()["type"]) == (400, "KEY_EXISTS")


@pytest.mark.parametrize("body", [{}, {"rotate": True, "suspended": True}, {"rotate": False}])
async def test_a_change_of_a_key_is_exactly_one(admin: httpx.AsyncClient, body: dict[str, bool]) -> None:
    refused = await admin.put(f"/x/api-keys/{UNKNOWN}", json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, "BAD_BODY")


async def test_keys_are_listed_in_pages(admin: httpx.AsyncClient) -> None:
    made = [
        (await admin.post("/x/api-keys", json={"name": f"paged-{number}", "scopes": ["read"]})).json()
        for number in range(3)
    ]
    first = await admin.get("/x/api-keys", params={"limit": 1})
    assert len(first.json()["api_keys"]) == 1
    rest = await admin.get(first.links["next"]["url"].replace("limit=1", "limit=1000"))
    listed = [*first.json()["api_keys"], *rest.json()["api_keys"]]
    names = [key["name"] for key in listed]
    assert names == sorted(names)
    assert {key["name"] for key in made} <= set(names)
    for key in made:
        assert (await admin.delete(f"/x/api-keys/{key['id']}")).status_code == 204
