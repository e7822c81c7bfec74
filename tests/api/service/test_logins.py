"""Users and API keys as credentials, over HTTP, on a store with access control."""

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.access import authenticator
from tests.support.services.gateway import running_gateway
from tests.support.services.metadata import running_metadata

PASSWORD = "correct horse"
SECRETS: dict[str, Any] = {"auth": "required", "service_secret": "s" * 32}


class Store:
    """A client without credentials of a store with access control, and the key of an administrator."""

    def __init__(self, http: httpx.AsyncClient, admin_key: str) -> None:
        self.http = http
        self.admin = {"authorization": f"Bearer {admin_key}"}

    async def create_user(self, name: str, *scopes: str) -> None:
        body = {"name": name, "password": PASSWORD, "scopes": scopes}
        created = await self.http.post("/x/users", json=body, headers=self.admin)
        assert created.status_code == 201, created.text

    async def create_key(self, name: str, *scopes: str) -> dict[str, Any]:
        body = {"name": name, "scopes": scopes}
        created = await self.http.post("/x/api-keys", json=body, headers=self.admin)
        assert created.status_code == 201, created.text
        key: dict[str, Any] = created.json()
        return key

    async def status(self, path: str = "/flows", **options: Any) -> int:
        return (await self.http.get(path, **options)).status_code


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """A gateway and its metadata service, with the key that was made before access control was on."""
    folder = tmp_path_factory.mktemp("secured")
    async with running_metadata(folder) as metadata:
        address = f"127.0.0.1:{metadata.port}"
        async with running_gateway(metadata_address=address, admin=True) as opened:
            key = (await opened.post("/x/api-keys", json={"name": "first", "scopes": ["admin"]})).json()
    async with running_metadata(folder, **SECRETS) as metadata:
        address = f"127.0.0.1:{metadata.port}"
        async with running_gateway(metadata_address=address, **SECRETS) as http:
            yield Store(http, key["key"])


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials are checked each time, so that a change of an account shows at once."""
    monkeypatch.setattr(authenticator, "REMEMBERED_SECONDS", 0.0)


async def test_a_user_logs_in_with_the_password(store: Store) -> None:
    await store.create_user("alice", "read")
    assert await store.status() == 401
    assert await store.status(auth=("alice", PASSWORD)) == 200
    assert await store.status(auth=("alice", "wrong horse")) == 401
    assert await store.status(auth=("nobody", PASSWORD)) == 401
    assert await store.status("/x/users", auth=("alice", PASSWORD)) == 403


async def test_a_suspended_user_is_refused_until_activated(store: Store) -> None:
    await store.create_user("bob", "admin")
    path, auth = "/x/users/bob", ("bob", PASSWORD)
    assert await store.status(path, auth=auth) == 200
    for suspended, status in ((True, 401), (False, 200)):
        await store.http.put(path, json={"suspended": suspended}, headers=store.admin)
        assert await store.status(path, auth=auth) == status
    await store.http.put(path, json={"password": "another one"}, headers=store.admin)
    assert await store.status(path, auth=auth) == 401
    assert await store.status(path, auth=("bob", "another one")) == 200
    await store.http.delete(path, headers=store.admin)
    assert await store.status(path, auth=("bob", "another one")) == 401


async def test_a_key_is_valid_until_it_is_rotated_suspended_or_removed(store: Store) -> None:
    key = await store.create_key("ingest", "read")
    path = f"/x/api-keys/{key['id']}"

    def bearer(text: str) -> dict[str, str]:
        return {"authorization": f"Bearer {text}"}

    assert await store.status(headers=bearer(key["key"])) == 200
    assert await store.status("/x/api-keys", headers=bearer(key["key"])) == 403
    rotated = (await store.http.put(path, json={"rotate": True}, headers=store.admin)).json()
    assert await store.status(headers=bearer(key["key"])) == 401
    assert await store.status(headers=bearer(rotated["key"])) == 200
    for suspended, status in ((True, 401), (False, 200)):
        await store.http.put(path, json={"suspended": suspended}, headers=store.admin)
        assert await store.status(headers=bearer(rotated["key"])) == status
    await store.http.delete(path, headers=store.admin)
    assert await store.status(headers=bearer(rotated["key"])) == 401


async def test_a_blocked_user_gets_429_and_others_are_not_affected(store: Store) -> None:
    await store.create_user("carol", "read")
    await store.create_user("dave", "read")
    answers = [await store.http.get("/flows", auth=("carol", f"wrong {number}")) for number in range(20)]
    assert {answer.status_code for answer in answers[:10]} == {401}
    blocked = next(answer for answer in answers if answer.status_code == 429)
    assert blocked.json()["type"] == "TOO_MANY_ATTEMPTS"
    assert f"try again in {blocked.headers['retry-after']} s" in blocked.json()["summary"]
    assert await store.status(auth=("dave", PASSWORD)) == 200


async def test_passwords_and_keys_appear_in_no_log_and_no_list(
    store: Store, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    key = await store.create_key("audited", "read")
    await store.create_user("erin", "read")
    assert await store.status(headers={"authorization": f"Bearer {key['key']}"}) == 200
    assert await store.status(auth=("erin", PASSWORD)) == 200
    assert await store.status(auth=("erin", "planted-wrong-password")) == 401
    short = await store.http.post(
        "/x/users", json={"name": "frank", "password": "short!!", "scopes": ["read"]}, headers=store.admin
    )
    listed = [(await store.http.get(path, headers=store.admin)).text for path in ("/x/users", "/x/api-keys")]
    logged = [str(vars(record)) for record in caplog.records]
    text = json.dumps([short.text, *listed, *logged])
    secret = key["key"].rpartition("_")[2]
    for planted in (PASSWORD, "planted-wrong-password", "short!!", secret, "argon2id"):
        assert planted not in text
