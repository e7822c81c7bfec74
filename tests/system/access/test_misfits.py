"""Gateways whose settings do not fit to the store, or whose issuer is unreachable: no caller is blamed."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.access.secured_store import SecuredStore
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports

pytestmark = pytest.mark.slow

StartGateway = Callable[..., str]


@pytest.fixture
def start_gateway(secured: SecuredStore, request: pytest.FixtureRequest) -> StartGateway:
    """A function that starts one more gateway with other settings, and returns its URL."""

    def start(**env: str) -> str:
        (port,) = free_ports(1)
        name = f"gateway-{port}"
        secured.start(name, TAMS_GATEWAY_PORT=str(port), **env)
        request.addfinalizer(lambda: secured.end(name))
        return f"http://127.0.0.1:{port}"

    return start


async def answer(url: str, headers: dict[str, str]) -> httpx.Response:
    """The answer to a request for flows, as soon as the gateway listens and is connected to the services."""
    answers: list[httpx.Response] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:

        async def answered() -> bool:
            try:
                answers.append(await client.get("/flows", headers=headers))
            except httpx.TransportError:
                return False
            return "UNAVAILABLE" not in answers[-1].text.split('"')

        await until(answered, pause=0.1)
    return answers[-1]


async def test_a_gateway_with_another_secret_is_refused(
    secured: SecuredStore, start_gateway: StartGateway, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("a secret of another store, which is long enough")
    url = start_gateway(TAMS_AUTH_SERVICE_SECRET_FILE=str(tmp_path / "secret"))
    refused = await answer(url, secured.bearer("admin"))
    assert (refused.status_code, refused.json()["type"]) == (503, "PARTS_DISAGREE")
    assert "www-authenticate" not in refused.headers


async def test_a_gateway_without_access_control_does_not_open_the_services(
    start_gateway: StartGateway,
) -> None:
    refused = await answer(start_gateway(TAMS_AUTH="off"), {})
    assert (refused.status_code, refused.json()["type"]) == (503, "PARTS_DISAGREE")


async def test_while_the_issuer_is_unreachable_keys_of_the_store_are_accepted(
    secured: SecuredStore, start_gateway: StartGateway
) -> None:
    (port,) = free_ports(1)
    url = start_gateway(TAMS_AUTH_ISSUER=f"http://127.0.0.1:{port}", TAMS_AUTH_JWKS="")
    for _ in range(2):
        unavailable = await answer(url, secured.bearer("read"))
        assert (unavailable.status_code, unavailable.json()["type"]) == (503, "ISSUER_UNAVAILABLE")
        assert unavailable.headers["retry-after"]
    async with secured.client("admin") as admin:
        made = await admin.post("/x/api-keys", json={"name": "in-need", "scopes": ["read"]})
    accepted = await answer(url, {"authorization": f"Bearer {made.json()['key']}"})
    assert accepted.status_code == 200
