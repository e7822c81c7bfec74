"""`/x/users` without access control: administration on this machine."""

from collections.abc import AsyncIterator
from datetime import datetime

import httpx
import pytest
import pytest_asyncio

from tests.support.http.raw import get
from tests.support.services.gateway import running_gateway

PASSWORD = "correct horse"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def admin(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that offers administration."""
    async with running_gateway(**services, admin=True) as client:
        yield client


def a_user(name: str, changes: dict[str, object] | None = None) -> dict[str, object]:
    return {"name": name, "password": PASSWORD, "scopes": ["read", "write"], **(changes or {})}


async def test_a_user_is_created_read_changed_and_removed(admin: httpx.AsyncClient) -> None:
    created = await admin.post("/x/users", json=a_user("alice"))
    assert created.status_code == 201
    user = created.json()
    assert user.keys() == {"name", "scopes", "classes", "suspended", "created", "changed"}
    assert user["classes"] == ["*"]
    assert (user["name"], user["scopes"], user["suspended"]) == ("alice", ["read", "write"], False)
    assert datetime.fromisoformat(user["created"]).tzinfo is not None
    assert (await admin.get("/x/users/alice")).json() == user
    assert user in (await admin.get("/x/users")).json()["users"]
    changed = await admin.put("/x/users/alice", json={"suspended": True, "scopes": ["admin"]})
    assert (changed.json()["suspended"], changed.json()["scopes"]) == (True, ["admin"])
    assert (await admin.put("/x/users/alice", json={"password": "another one"})).json()["suspended"]
    assert (await admin.delete("/x/users/alice")).status_code == 204
    for method in ("GET", "PUT", "DELETE"):
        unknown = await admin.request(method, "/x/users/alice", json={} if method == "PUT" else None)
        assert (unknown.status_code, unknown.json()["type"]) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"name": "Alice"}, "BAD_USER", "$.name"),
        ({"password": "short"}, "BAD_PASSWORD", "$.password"),
        ({"password": 12345678}, "BAD_BODY", "$.password"),
        ({"scopes": []}, "BAD_BODY", "$.scopes"),
        ({"scopes": ["service"]}, "BAD_BODY", "$.scopes[0]"),
        ({"classes": "news"}, "BAD_BODY", "$.classes"),
        ({"classes": ["a"] * 33}, "BAD_BODY", "$.classes"),
        ({"classes": ["a b"]}, "BAD_CLASSES", "$.classes"),
        ({"more": 1}, "BAD_BODY", "$"),
    ],
)
async def test_a_bad_user_is_refused_without_its_password(
    admin: httpx.AsyncClient, changes: dict[str, object], reason: str, path: str
) -> None:
    body = a_user("bob", changes)
    refused = await admin.post("/x/users", json=body)
    assert (refused.status_code, refused.json()["type"]) == (400, reason)
    assert refused.json().get("path", "$") == path
    assert str(body["password"]) not in refused.text


async def test_classes_are_given_and_changed(admin: httpx.AsyncClient) -> None:
    created = await admin.post("/x/users", json=a_user("dave", {"classes": ["sport", "news"]}))
    assert created.json()["classes"] == ["news", "sport"]
    for change, classes in (
        ({"suspended": False}, ["news", "sport"]),
        ({"classes": None}, ["news", "sport"]),
        ({"classes": []}, []),
        ({"classes": ["*"]}, ["*"]),
    ):
        assert (await admin.put("/x/users/dave", json=change)).json()["classes"] == classes
    key = await admin.post("/x/api-keys", json={"name": "k", "scopes": ["read"], "classes": ["news"]})
    assert key.json()["classes"] == ["news"]


async def test_a_user_of_the_same_name_is_refused(admin: httpx.AsyncClient) -> None:
    await admin.post("/x/users", json=a_user("carol"))
    refused = await admin.post("/x/users", json=a_user("carol"))
    assert (refused.status_code, refused.json()["type"]) == (400, "USER_EXISTS")


@pytest.mark.parametrize("path", ["/x/users", "/x/users/alice", "/x/api-keys", "/x/api-keys/0"])
async def test_accounts_are_administration_where_nobody_logs_in(
    tams: httpx.AsyncClient, admin: httpx.AsyncClient, path: str
) -> None:
    refused = await tams.get(path)
    assert (refused.status_code, refused.json()["type"]) == (403, "ADMIN_NOT_OFFERED")
    for header, reason in (
        ("Host: store.public.example", "ADMIN_NOT_LOCAL"),
        ("Via: 1.1 caddy", "ADMIN_THROUGH_PROXY"),
        ("Sec-Fetch-Site: none", "ADMIN_FROM_BROWSER"),
    ):
        assert (await get(admin, path, header)).reason == reason


async def test_users_are_listed_in_pages(admin: httpx.AsyncClient) -> None:
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        assert (await admin.post("/x/users", json=a_user(name))).status_code == 201
    walked: list[str] = []
    path = "/x/users?limit=2"
    while path:
        page = await admin.get(path)
        assert page.headers["x-paging-limit"] == "2"
        assert len(page.json()["users"]) <= 2
        walked += [user["name"] for user in page.json()["users"]]
        path = page.links.get("next", {}).get("url", "")
    assert walked == sorted(walked)
    assert set(names) <= set(walked)
    refused = await admin.get("/x/users", params={"page": "x"})
    assert (refused.status_code, refused.json()["type"]) == (400, "BAD_PAGE_TOKEN")
    for name in names:
        assert (await admin.delete(f"/x/users/{name}")).status_code == 204
