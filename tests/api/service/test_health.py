"""The health of the gateway and of the services behind it."""

import asyncio

import httpx
import pytest

from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import running_gateway

PARTS = ("metadata", "media", "analytics", "events", "storage")


async def until_healthy(tams: httpx.AsyncClient) -> None:
    async def serving() -> bool:
        return (await tams.get("/health")).status_code == 200

    await until(serving)


@pytest.mark.parametrize("part", ["metadata", "media", "analytics", "events"])
async def test_an_unreachable_part_is_named(services: dict[str, str], part: str) -> None:
    (unused_port,) = free_ports(1)
    async with running_gateway(**services | {f"{part}_address": f"127.0.0.1:{unused_port}"}) as tams:
        response = await tams.get("/health")
        health = response.json()
        details = (await tams.get("/health/details")).json()
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    unreachable = {part, "storage"} if part == "media" else {part}
    assert {name for name, state in health["services"].items() if state != "SERVING"} == unreachable
    assert all(any(reason.startswith(f"{name}: ") for reason in health["reasons"]) for name in unreachable)
    assert details["status"] == health["status"] == "NOT_SERVING"
    assert {name for name, health in details["parts"].items() if "reason" in health} == unreachable
    assert ("backlog" in details) == (part != "metadata")


@pytest.mark.parametrize("part", ["metadata", "media", "analytics", "events"])
async def test_only_metadata_must_answer_for_a_gateway_to_be_ready(
    services: dict[str, str], part: str
) -> None:
    (unused_port,) = free_ports(1)
    async with running_gateway(**services | {f"{part}_address": f"127.0.0.1:{unused_port}"}) as tams:
        response = await tams.get("/ready")
    assert response.status_code == (503 if part == "metadata" else 200), response.text
    assert ("retry-after" in response.headers) is (part == "metadata")


async def test_a_store_without_webhooks_is_healthy_without_events(services: dict[str, str]) -> None:
    (unused_port,) = free_ports(1)
    without_events = {"webhooks": False, "events_address": f"127.0.0.1:{unused_port}"}
    async with running_gateway(**services | without_events) as tams:
        await until_healthy(tams)
        assert "events" not in (await tams.get("/health")).json()["services"]


async def test_the_details_of_a_healthy_store_name_all_its_parts(tams: httpx.AsyncClient) -> None:
    await until_healthy(tams)
    response = await tams.get("/health/details")
    details = response.json()
    assert (response.status_code, details["status"]) == (200, "SERVING")
    assert details["parts"] == {name: {"state": "SERVING"} for name in PARTS}
    assert details["webhooks"] == {"served": 0, "failing": 0, "failing_webhooks": []}
    (backend,) = details["storage_backends"]
    assert (backend["label"], backend["state"], backend["circuit"]) == ("local", "SERVING", "CLOSED")
    assert details["database"]["writable"] is True
    assert details["database"].get("free_bytes", 1) > 0
    assert set(details["backlog"]) == {
        "events",
        "oldest_event_seconds",
        "deletions",
        "unmeasured_objects",
        "unreferenced_objects",
        "reclaimed_objects",
    }


async def test_simultaneous_questions_for_the_health_are_all_answered(services: dict[str, str]) -> None:
    async with running_gateway(**services) as tams:
        await until_healthy(tams)
        answers = await asyncio.gather(*(tams.get("/health") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
