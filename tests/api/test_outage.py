"""What clients see while a service is away or at fault."""

import pytest

from services.shared import errors
from tests.support.gateway import a_segment, new_id, running_gateway
from tests.support.metadata_service import running_metadata
from tests.support.odd_flows import odd_flows
from tests.support.polling import until
from tests.support.ports import free_ports


async def test_without_any_service_the_gateway_stands_and_says_so():
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
        assert health.json()["services"] == dict.fromkeys(("metadata", "media", "analytics"), "UNAVAILABLE")


async def test_a_service_that_comes_up_is_found(tmp_path):
    (port,) = free_ports(1)
    async with running_gateway(metadata_address=f"127.0.0.1:{port}") as tams:
        assert (await tams.get("/flows")).status_code == 503
        async with running_metadata(tmp_path, port=port):

            async def found():
                return (await tams.get("/flows")).status_code == 200

            await until(found)


async def test_without_media_segments_are_served_only_when_no_url_is_wanted(services, flow, tams):
    await tams.post(f"/flows/{flow['id']}/segments", json=a_segment())
    (nobody,) = free_ports(1)
    async with running_gateway(**services | {"media_address": f"127.0.0.1:{nobody}"}) as crippled:
        path = f"/flows/{flow['id']}/segments"
        assert (await crippled.get(path)).status_code == 503
        assert (await crippled.get(f"{path}?accept_get_urls=")).status_code == 200
        assert (await crippled.post(path, json=a_segment(20, 30))).status_code == 201


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
async def test_errors_of_a_service_become_their_status(error, status, reason):
    async def answer(request):
        raise error

    async with odd_flows(answer) as address, running_gateway(metadata_address=address) as tams:
        response = await tams.get(f"/flows/{new_id()}")
    assert (response.status_code, response.json()["type"]) == (status, reason)
    assert "secret" not in response.text
    assert response.json().get("path") == ("$.a" if status == 400 and "path" in response.text else None)
    assert ("retry-after" in response.headers) == (status in (429, 503))
    assert response.headers["access-control-allow-origin"] == "*"
