"""The answers of the gateway while a service is unreachable or fails."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from tams.metadata.v1.flow_pb2 import Flow
from tams.metadata.v1.flow_service_pb2 import GetFlowRequest

from services.shared import errors
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.odd_flows import odd_flows
from tests.support.services.gateway import a_segment, new_id, running_gateway
from tests.support.services.metadata import running_metadata

PARTS = ("metadata", "media", "analytics", "events", "storage")


async def test_a_gateway_without_services_answers_that_they_are_unavailable() -> None:
    async with running_gateway() as tams:
        for path in (
            "/flows",
            f"/flows/{new_id()}",
            "/service",
            "/service/storage-backends",
            "/x/analytics/storage-usage",
        ):
            response = await tams.get(path)
            assert (response.status_code, response.json()["type"]) == (503, "UNAVAILABLE")
            assert int(response.headers["retry-after"]) > 0
        assert (await tams.get("/")).status_code == 200
        health = await tams.get("/health")
        assert health.status_code == 503
        assert health.json()["status"] == "NOT_SERVING"
        assert health.json()["services"] == dict.fromkeys(PARTS, "UNAVAILABLE")
        assert len(health.json()["reasons"]) == len(PARTS)


async def test_a_service_that_starts_later_is_found(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with running_gateway(metadata_address=f"127.0.0.1:{port}") as tams:
        assert (await tams.get("/flows")).status_code == 503
        async with running_metadata(tmp_path, port=port):

            async def answers() -> bool:
                return (await tams.get("/flows")).status_code == 200

            await until(answers)


async def test_segments_without_signed_urls_are_served_without_media(
    services: dict[str, str], flow: dict[str, Any], tams: httpx.AsyncClient
) -> None:
    await tams.post(f"/flows/{flow['id']}/segments", json=a_segment())
    (unused_port,) = free_ports(1)
    async with running_gateway(**services | {"media_address": f"127.0.0.1:{unused_port}"}) as without_media:
        path = f"/flows/{flow['id']}/segments"
        assert (await without_media.get(path)).status_code == 503
        assert (await without_media.get(f"{path}?accept_get_urls=")).status_code == 200
        assert (await without_media.post(path, json=a_segment(20, 30))).status_code == 201


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (errors.InvalidArgument("wrong", path="$.a"), 400, "INVALID_ARGUMENT"),
        (errors.FailedPrecondition("not now"), 400, "FAILED_PRECONDITION"),
        (errors.AlreadyExists("taken"), 400, "ALREADY_EXISTS"),
        (errors.PermissionDenied("no"), 403, "PERMISSION_DENIED"),
        (errors.NotFound("none"), 404, "NOT_FOUND"),
        (errors.Conflict("lost"), 409, "CONFLICT"),
        (errors.Exhausted("too much", reason="MUCH"), 429, "MUCH"),
        (errors.Unavailable("away"), 503, "UNAVAILABLE"),
        (errors.DeadlineExceeded("slow"), 504, "DEADLINE_EXCEEDED"),
        (ValueError("a secret of ours"), 500, "INTERNAL"),
    ],
)
async def test_an_error_of_a_service_is_answered_with_its_status(
    error: Exception, status: int, reason: str
) -> None:
    async def answer(request: GetFlowRequest) -> Flow:
        raise error

    async with odd_flows(answer) as address, running_gateway(metadata_address=address) as tams:
        response = await tams.get(f"/flows/{new_id()}")
    assert (response.status_code, response.json()["type"]) == (status, reason)
    assert "secret" not in response.text
    assert response.json().get("path") == ("$.a" if status == 400 and "path" in response.text else None)
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert response.headers["access-control-allow-origin"] == "*"
