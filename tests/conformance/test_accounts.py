"""Users and API keys, under /x/users and /x/api-keys."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, reaches
from tests.support.processes.health import until_serving
from tests.support.services.metadata import running_metadata
from tests.support.services.secured import ACCESS, caller

PASSWORD = "correct horse"


def a_user(name: str = "conforming") -> dict[str, Any]:
    return {"name": name, "password": PASSWORD, "scopes": ["read"]}


@reaches("GET /x/users", 200, 400)
@reaches("POST /x/users", 201, 400)
@reaches("GET /x/users/{user}", 200, 404)
@reaches("PUT /x/users/{user}", 200, 400, 404)
@reaches("DELETE /x/users/{user}", 204, 404)
async def test_users_are_created_changed_and_removed(tams: Client) -> None:
    assert (await tams.post("/x/users", json=a_user())).status_code == 201
    assert (await tams.post("/x/users", json=a_user())).status_code == 400
    path = "/x/users/conforming"
    user = (await tams.get(path)).json()
    assert user in (await tams.get("/x/users")).json()["users"]
    assert (await tams.get("/x/users", params={"page": "x"})).status_code == 400
    assert (await tams.put(path, json={"suspended": True})).json()["suspended"] is True
    assert (await tams.put(path, json={"password": "short"})).status_code == 400
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json={"suspended": True})).status_code == 404
    assert (await tams.delete(path)).status_code == 404


@reaches("POST /x/users/me/password", 204, 400, 403, 404)
async def test_a_user_changes_the_own_password(
    tams: Client, services: dict[str, str], gateway: Gateway, tmp_path: Path
) -> None:
    path, passwords = "/x/users/me/password", {"old_password": PASSWORD, "new_password": "another horse"}
    # Nobody is a user where nobody logs in.
    assert (await tams.post(path, json=passwords)).status_code == 404
    async with running_metadata(tmp_path, **ACCESS) as metadata:
        await until_serving(metadata.port)
        addresses = services | {"metadata_address": f"127.0.0.1:{metadata.port}"}
        async with gateway(**addresses, **ACCESS) as secured:
            made = await secured.post("/x/users", json=a_user(), headers=caller("root", "admin"))
            assert made.status_code == 201
            basic = b64encode(f"conforming:{PASSWORD}".encode()).decode()
            headers = {"authorization": f"Basic {basic}"}
            for body, status in (
                (passwords | {"new_password": "short"}, 400),
                (passwords | {"old_password": "wrong horse"}, 403),
                (passwords, 204),
                (passwords, 403),
            ):
                assert (await secured.post(path, json=body, headers=headers)).status_code == status


@reaches("GET /x/api-keys", 200, 400)
@reaches("POST /x/api-keys", 201, 400)
@reaches("GET /x/api-keys/{keyId}", 200, 404)
@reaches("PUT /x/api-keys/{keyId}", 200, 400, 404)
@reaches("DELETE /x/api-keys/{keyId}", 204, 404)
async def test_api_keys_are_created_rotated_and_removed(tams: Client) -> None:
    body = {"name": "conforming", "scopes": ["read"], "expires": "2099-01-01T00:00:00Z"}
    created = await tams.post("/x/api-keys", json=body)
    assert created.status_code == 201
    assert (await tams.post("/x/api-keys", json=body)).status_code == 400
    path = f"/x/api-keys/{created.json()['id']}"
    key = (await tams.get(path)).json()
    assert key in (await tams.get("/x/api-keys")).json()["api_keys"]
    assert (await tams.get("/x/api-keys", params={"page": "x"})).status_code == 400
    assert (await tams.put(path, json={"rotate": True})).json()["key"] != created.json()["key"]
    assert (await tams.put(path, json={"suspended": True})).json()["suspended"] is True
    assert (await tams.put(path, json={})).status_code == 400
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json={"rotate": True})).status_code == 404
    assert (await tams.delete(path)).status_code == 404
