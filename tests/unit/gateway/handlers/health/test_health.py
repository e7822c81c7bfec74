"""The health of the parts, and the times at which they are checked."""

import asyncio
import json

import msgspec
import pytest
from tams.media.v1.status_service_pb2 import BackendStatus

from gateway.clients.health import NOT_SERVING, SERVING, UNAVAILABLE, HealthChecks, HealthReport
from gateway.handlers.health.documents import details
from gateway.handlers.health.health import Health
from gateway.http.routing import Route
from tests.support.requests import bodiless, scope_of

HEALTHY = HealthReport({"metadata": SERVING, "storage": SERVING})
REQUEST = bodiless(scope_of({}), Route("/health"))


class Checks(HealthChecks):
    """Checks that wait until all three of them are under way."""

    def __init__(self) -> None:
        self.under_way = asyncio.Barrier(3)
        self.backlogs = 0
        self.questions = 0
        self.state = SERVING

    async def metadata(self) -> str:
        self.questions += 1
        return self.state

    async def report(self) -> HealthReport:
        await self.under_way.wait()
        return HEALTHY

    async def backlog(self) -> None:
        self.backlogs += 1
        if self.backlogs == 1:
            await self.under_way.wait()

    async def deliveries(self) -> None:
        await self.under_way.wait()


async def test_all_checks_run_at_the_same_time() -> None:
    response = await asyncio.wait_for(Health(Checks()).details(REQUEST), 10)
    assert response.status == 200


async def test_a_gateway_is_ready_if_metadata_serves_whatever_the_other_parts_do() -> None:
    checks = Checks()
    response = await Health(checks).ready(REQUEST)
    assert (response.status, response.body) == (200, b'{"status":"SERVING"}')


@pytest.mark.parametrize("state", [NOT_SERVING, UNAVAILABLE])
async def test_a_gateway_without_metadata_is_not_ready(state: str) -> None:
    checks = Checks()
    checks.state = state
    response = await Health(checks).ready(REQUEST)
    assert response.status == 503
    (reason,) = msgspec.json.decode(response.body)["reasons"]
    assert reason.startswith("metadata: it ")


async def test_a_gateway_that_is_about_to_stop_is_not_ready_and_asks_nobody() -> None:
    checks = Checks()
    health = Health(checks)
    health.draining = True
    response = await health.ready(REQUEST)
    assert (response.status, checks.questions) == (503, 0)
    assert msgspec.json.decode(response.body)["reasons"] == ["the gateway is about to stop"]


async def test_an_unknown_backlog_is_requested_again_soon() -> None:
    checks = Checks()
    health = Health(checks)
    await health.details(REQUEST)
    await asyncio.sleep(0.3)
    assert await asyncio.wait_for(health.details(REQUEST), 10)
    assert checks.backlogs == 2


async def test_a_gateway_that_is_about_to_stop_is_unhealthy() -> None:
    health = Health(Checks())
    health.draining = True
    details = await health.details(REQUEST)
    short = await health.get(REQUEST)
    live = await health.live(REQUEST)
    assert (short.status, details.status, live.status) == (503, 503, 503)
    assert msgspec.json.decode(short.body)["reasons"] == ["the gateway is about to stop"]
    assert msgspec.json.decode(details.body)["reason"] == "the gateway is about to stop"


def test_a_backend_that_is_not_asked_has_an_open_circuit() -> None:
    backends = (
        BackendStatus(id="1", label="hot", reachable=True),
        BackendStatus(id="2", label="cold", reason="did not answer", circuit_open=True),
    )
    body = details(HealthReport(HEALTHY.states, backends), None, None, draining=False)
    assert json.loads(body)["storage_backends"] == [
        {"id": "1", "label": "hot", "state": SERVING, "circuit": "CLOSED"},
        {"id": "2", "label": "cold", "state": NOT_SERVING, "circuit": "OPEN", "reason": "did not answer"},
    ]
