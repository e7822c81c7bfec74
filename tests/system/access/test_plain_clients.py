"""Clients as others wrote them: with each kind of credentials, and uploads without further headers."""

from collections.abc import Callable

import httpx
import pytest

from tests.support.access.secured_store import SecuredStore
from tests.support.services.gateway import a_flow

USER, PASSWORD = "plain-client", "correct horse battery"
SCOPES = ["read", "write", "delete"]


@pytest.fixture(scope="module")
def user(secured: SecuredStore) -> str:
    """The name of a user with all scopes but one."""
    account = {"name": USER, "password": PASSWORD, "scopes": SCOPES}
    created = httpx.post(
        f"{secured.url}/x/users", json=account, headers=secured.bearer("admin"), trust_env=False
    )
    assert created.status_code == httpx.codes.CREATED
    return USER


def with_basic(secured: SecuredStore) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=secured.url, auth=(USER, PASSWORD), trust_env=False, timeout=60)


def with_bearer(secured: SecuredStore) -> httpx.AsyncClient:
    return secured.client(*SCOPES)


def with_url_token(secured: SecuredStore) -> httpx.AsyncClient:
    token = secured.bearer(*SCOPES)["authorization"].removeprefix("Bearer ")
    return httpx.AsyncClient(
        base_url=secured.url, params={"access_token": token}, trust_env=False, timeout=60
    )


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize("log_in", [with_basic, with_bearer, with_url_token])
async def test_media_goes_in_and_comes_out(
    secured: SecuredStore, log_in: Callable[[SecuredStore], httpx.AsyncClient]
) -> None:
    async with (
        log_in(secured) as tams,
        httpx.AsyncClient(trust_env=False, timeout=60) as storage,
    ):
        flow = a_flow()
        path = f"/flows/{flow['id']}"
        assert (await tams.put(path, json=flow)).status_code == httpx.codes.CREATED
        allocated = (await tams.post(f"{path}/storage", json={"limit": 1})).json()["media_objects"][0]
        put_url = allocated["put_url"]
        uploaded = await storage.put(
            put_url["url"], content=b"media", headers={"content-type": put_url["content-type"]}
        )
        assert uploaded.status_code == httpx.codes.OK
        segment = {"object_id": allocated["object_id"], "timerange": "[0:0_1:0)"}
        assert (await tams.post(f"{path}/segments", json=segment)).status_code == httpx.codes.CREATED
        (stored,) = (await tams.get(f"{path}/segments")).json()
        assert (await storage.get(stored["get_urls"][0]["url"])).content == b"media"
        assert (await tams.delete(path)).status_code in {httpx.codes.NO_CONTENT, httpx.codes.ACCEPTED}
