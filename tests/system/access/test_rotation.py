"""Keys of the issuer change while requests run."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from tests.support.access.issuer import AUDIENCE, jwks, new_key, token
from tests.support.access.provider import ROLE, Provider, running_provider
from tests.support.access.secured_store import SecuredStore, until_healthy
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports

pytestmark = pytest.mark.slow


def status(url: str, text: str) -> int:
    headers = {"authorization": f"Bearer {text}"}
    return httpx.get(f"{url}/flows?limit=1", headers=headers, trust_env=False, timeout=60).status_code


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A real OIDC server."""
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(secured: SecuredStore, provider: Provider) -> str:
    """The URL of one more gateway of the store, which trusts the OIDC server."""
    (port,) = free_ports(1)
    secured.start(
        "gateway-2",
        TAMS_GATEWAY_PORT=str(port),
        TAMS_AUTH_ISSUER=provider.url,
        TAMS_AUTH_JWKS="",
        TAMS_AUTH_AUDIENCE=AUDIENCE,
        TAMS_AUTH_ROLES=f"{ROLE}=read+write",
    )
    url = f"http://127.0.0.1:{port}"
    until_healthy(url, secured)
    return url


async def test_keys_of_an_oidc_server_are_found_and_followed(gateway: str, provider: Provider) -> None:
    first = await asyncio.to_thread(provider.token)
    assert status(gateway, first) == 200
    async with httpx.AsyncClient(base_url=gateway, trust_env=False, timeout=60) as client:
        refused = await client.delete("/flows/x", headers={"authorization": f"Bearer {first}"})
        assert refused.json()["type"] == "MISSING_SCOPE"
    await asyncio.to_thread(provider.rotate)
    second = await asyncio.to_thread(provider.token)
    await until(lambda: status(gateway, second) == 200, pause=0.2)
    # The server has taken the first key back.
    await until(lambda: status(gateway, first) == 401, pause=0.2)


async def test_requests_run_on_while_keys_overlap(secured: SecuredStore) -> None:
    """The issuer publishes the next key, then signs with it: no valid token is ever refused."""
    following = new_key("following")
    secured.jwks_file.write_bytes(jwks(secured.key, following))
    try:
        async with secured.client("read") as client:

            async def accepted() -> bool:
                """New tokens of the first key always pass; the answer is about the following key."""
                current = {"authorization": f"Bearer {token(secured.key, 'read')}"}
                newer = {"authorization": f"Bearer {token(following, 'read')}"}
                answers = await asyncio.gather(
                    *(client.get("/flows?limit=1", headers=headers) for headers in (current, current, newer))
                )
                assert [answer.status_code for answer in answers[:2]] == [200, 200]
                return answers[2].status_code == 200

            await until(accepted, pause=0.2)
    finally:
        secured.jwks_file.write_bytes(jwks(secured.key))
