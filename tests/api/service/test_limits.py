"""Rates, requests in progress and failed attempts, at a gateway."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.support.processes.polling import until
from tests.support.services.gateway import running_gateway
from tests.support.services.secured import ACCESS, bearer, caller, token_of

# No service is behind the gateway; it answers these paths itself.
SERVED = "/"
PUBLIC = "/openapi.json"


def reason_of(response: httpx.Response) -> str:
    assert response.status_code == 429
    return str(response.json()["type"])


async def test_a_caller_that_sends_too_many_requests_is_told_when_to_come_back() -> None:
    async with running_gateway(**ACCESS, rate=0.5, burst=3) as client:
        while (refused := await client.get(SERVED, headers=caller("alice"))).status_code == 200:
            pass
        assert reason_of(refused) == "RATE_LIMITED"
        assert (await client.get(SERVED, headers=caller("bob"))).status_code == 200
        assert (await client.get(PUBLIC)).status_code == 200
        await asyncio.sleep(int(refused.headers["retry-after"]))
        assert (await client.get(SERVED, headers=caller("alice"))).status_code == 200


async def test_a_token_counts_as_its_caller() -> None:
    async with running_gateway(**ACCESS, rate=0.001, burst=2) as client:
        made = await client.post("/x/tokens", headers=caller("alice"))
        token = made.json()["access_token"]
        assert (await client.get(SERVED, params={"access_token": token})).status_code == 200
        assert reason_of(await client.get(SERVED, headers=bearer(token))) == "RATE_LIMITED"


async def test_an_address_is_limited_without_access_control() -> None:
    proxied: dict[str, Any] = {"trust_forwarded": True, "forwarded_header": "x-forwarded"}
    async with running_gateway(address_rate=0.01, address_burst=2, **proxied) as client:
        for _ in range(2):
            assert (await client.get(SERVED, headers={"x-forwarded-for": "192.0.2.1"})).status_code == 200
        refused = await client.get(SERVED, headers={"x-forwarded-for": "192.0.2.1"})
        assert reason_of(refused) == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) > 1
        assert (await client.get(SERVED, headers={"x-forwarded-for": "192.0.2.2"})).status_code == 200
        # What stands before the item of the trusted proxy is made up.
        forged = {"x-forwarded-for": "192.0.2.9, 192.0.2.1"}
        assert reason_of(await client.get(SERVED, headers=forged)) == "RATE_LIMITED"


async def test_only_some_requests_of_a_caller_are_in_progress_at_a_time() -> None:
    async def slow_body() -> Any:
        yield b"{"
        await ready.wait()
        yield b"}"

    ready = asyncio.Event()
    async with running_gateway(**ACCESS, max_concurrent=2) as client:
        slow = [
            asyncio.create_task(client.post("/x/tokens", content=slow_body(), headers=caller("alice")))
            for _ in range(2)
        ]

        async def is_refused() -> bool:
            return (await client.get(SERVED, headers=caller("alice"))).status_code != 200

        await until(is_refused)
        refused = await client.get(SERVED, headers=caller("alice"))
        assert reason_of(refused) == "TOO_MANY_CONCURRENT"
        assert refused.headers["retry-after"] == "1"
        assert (await client.get(SERVED, headers=caller("bob"))).status_code == 200
        ready.set()
        assert [(await task).status_code for task in slow] == [200, 200]
        assert (await client.get(SERVED, headers=caller("alice"))).status_code == 200


WRONG = {
    "expired": bearer(token_of("alice", "read", exp=1)),
    "malformed": bearer("x"),
    "of another scheme": {"authorization": "Digest x"},
    "forged": bearer("tams-url.1.r.x.GET..x"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
async def test_failed_attempts_close_the_store_to_their_address_alone(wrong: dict[str, str]) -> None:
    proxied: dict[str, Any] = {"trust_forwarded": True, "failed_attempts": 1}
    attacker, other = {"x-forwarded-for": "192.0.2.1"}, {"x-forwarded-for": "192.0.2.2"}
    async with running_gateway(**ACCESS, **proxied) as client:
        for _ in range(3):
            # Requests without credentials are no attempts.
            assert (await client.get(SERVED, headers=attacker)).status_code == 401
        assert (await client.get(SERVED, headers=attacker | wrong)).status_code == 401
        for headers in (wrong, caller("alice")):
            refused = await client.get(SERVED, headers=attacker | headers)
            assert reason_of(refused) == "TOO_MANY_ATTEMPTS"
            assert int(refused.headers["retry-after"]) > 1
        assert (await client.get(SERVED, headers=other | caller("alice"))).status_code == 200
        assert (await client.get(PUBLIC, headers=attacker)).status_code == 200


async def test_a_request_beyond_a_limit_shows_pages_its_headers() -> None:
    async with running_gateway(address_rate=0.01, address_burst=1) as client:
        await client.get(SERVED)
        refused = await client.get(SERVED, headers={"origin": "https://player.example"})
        assert reason_of(refused) == "RATE_LIMITED"
        assert refused.headers["access-control-allow-origin"] == "*"
        assert "Retry-After" in refused.headers["access-control-expose-headers"]
        preflight = await client.options(SERVED, headers={"origin": "https://player.example"})
        assert preflight.status_code == 204


@pytest.mark.parametrize("limit", [{"rate": 1000.0}, {"max_concurrent": 100}, {"failed_attempts": 100}])
async def test_limits_that_are_not_reached_change_nothing(limit: dict[str, Any]) -> None:
    async with running_gateway(**ACCESS, **limit) as client:
        responses = await asyncio.gather(*(client.get(SERVED, headers=caller()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}
