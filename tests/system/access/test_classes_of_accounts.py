"""Users, keys and subscribers with classes, in a whole store."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from httpx import BasicAuth

from tests.support.access.foreign import FOREIGN, OWN, Foreign, a_flow, alice, bob
from tests.support.access.secured_store import SecuredStore
from tests.support.events.sink import running_sink
from tests.support.processes.polling import until

pytestmark = pytest.mark.slow

PASSWORD = "correct horse"


@pytest.fixture
async def admin(secured: SecuredStore) -> AsyncIterator[httpx.AsyncClient]:
    async with secured.client("admin") as client:
        yield client


@pytest.fixture
async def anybody(secured: SecuredStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials of its own."""
    async with httpx.AsyncClient(base_url=secured.url, trust_env=False, timeout=60) as client:
        yield client


def a_name() -> str:
    return f"u{uuid4().hex[:12]}"


async def new_user(admin: httpx.AsyncClient, **members: Any) -> BasicAuth:
    """The credentials of a new user who may read and write."""
    user = {"name": a_name(), "password": PASSWORD, "scopes": ["read", "write"], **members}
    made = await admin.post("/x/users", json=user)
    assert made.status_code == 201, made.text
    return BasicAuth(user["name"], PASSWORD)


async def sees(client: httpx.AsyncClient, flow_id: str, **credentials: Any) -> bool:
    answer = await client.get(f"/flows/{flow_id}", **credentials)
    assert answer.status_code in {200, 404}, answer.text
    return answer.status_code == 200


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, (True, True)),
        ({"classes": ["*"]}, (True, True)),
        ({"classes": [OWN]}, (True, False)),
        ({"classes": [OWN, FOREIGN]}, (True, True)),
        ({"classes": []}, (False, False)),
        ({"classes": [], "scopes": ["admin"]}, (True, True)),
    ],
)
async def test_users_and_keys_see_what_has_their_classes(
    admin: httpx.AsyncClient,
    anybody: httpx.AsyncClient,
    foreign: Foreign,
    members: dict[str, Any],
    expected: tuple[bool, bool],
) -> None:
    user = await new_user(admin, **members)
    made = await admin.post("/x/api-keys", json={"name": a_name(), "scopes": ["read"], **members})
    key = {"authorization": f"Bearer {made.json()['key']}"}
    for flow, seen in zip((foreign.own_flow, foreign.flow), expected, strict=True):
        assert await sees(anybody, flow, auth=user) == seen
        assert await sees(anybody, flow, headers=key) == seen


async def test_a_user_changes_the_own_password(admin: httpx.AsyncClient, anybody: httpx.AsyncClient) -> None:
    name = a_name()
    user = {"name": name, "password": PASSWORD, "scopes": ["read"]}
    assert (await admin.post("/x/users", json=user)).status_code == 201
    old, new = BasicAuth(name, PASSWORD), BasicAuth(name, "another horse")
    path, body = "/x/users/me/password", {"old_password": PASSWORD, "new_password": "another horse"}
    wrong = await anybody.post(path, json=body | {"old_password": "wrong horse"}, auth=old)
    assert (wrong.status_code, wrong.json()["type"]) == (403, "WRONG_PASSWORD")
    assert (await anybody.post(path, json=body, auth=old)).status_code == 204
    assert (await anybody.get("/flows", auth=new)).status_code == 200
    # The old one is remembered for some seconds, but not believed when it is checked.
    wrong = await anybody.post(path, json=body, auth=new)
    assert (wrong.status_code, wrong.json()["type"]) == (403, "WRONG_PASSWORD")

    async def is_refused() -> bool:
        return (await anybody.get("/flows", auth=old)).status_code == 401

    await until(is_refused, pause=1)


async def test_the_command_changes_the_own_password(
    secured: SecuredStore, admin: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    name = a_name()
    user = {"name": name, "password": PASSWORD, "scopes": ["read"]}
    assert (await admin.post("/x/users", json=user)).status_code == 201
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TAMS_")}
    arguments = ("--user", name, "user", "password", "--password-file", "-")
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "client.cli", *arguments],
        env={**clean, "TAMS_URL": secured.url, "TAMS_PASSWORD": PASSWORD},
        input="another horse\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert (await anybody.get("/flows", auth=BasicAuth(name, "another horse"))).status_code == 200


async def test_a_subscriber_gets_the_events_that_its_owner_may_see(
    secured: SecuredStore, admin: httpx.AsyncClient, anybody: httpx.AsyncClient
) -> None:
    user = await new_user(admin, classes=[OWN])
    async with running_sink() as sink, running_sink() as whole:
        events = ["flows/created", "flows/updated"]
        owners: list[tuple[dict[str, Any], str]] = [
            ({"auth": user}, sink.url),
            ({"headers": secured.bearer("admin")}, whole.url),
        ]
        for owner, url in owners:
            made = await anybody.post("/service/webhooks", json={"url": url, "events": events}, **owner)
            assert made.status_code == 201, made.text
        listed = (await anybody.get("/service/webhooks", auth=user)).json()
        assert [webhook["url"] for webhook in listed] == [sink.url]
        hers, his, last = a_flow(), a_flow(), a_flow()
        for flow, headers in ((hers, alice(secured)), (his, bob(secured)), (last, bob(secured))):
            stored = await anybody.put(f"/flows/{flow['id']}", json=flow, headers=headers)
            assert stored.status_code == 201, stored.text
        await until(lambda: {hers["id"], his["id"], last["id"]} <= set(flows_of(whole.events)))
        await until(lambda: last["id"] in flows_of(sink.events))
        assert flows_of(sink.events) == [his["id"], last["id"]]
        for owner, url in owners:
            gone = await anybody.post("/service/webhooks", json={"url": url, "events": []}, **owner)
            assert gone.status_code == 204


def flows_of(events: list[dict[str, Any]]) -> list[str]:
    """The flows of created flows, in order."""
    return [event["event"]["flow"]["id"] for event in events if event["event_type"] == "flows/created"]
