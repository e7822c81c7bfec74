"""Deletions that take longer than their call."""

from datetime import datetime

import pytest_asyncio

from tests.support.gateway import a_flow, a_segment, new_id, running_gateway
from tests.support.metadata_service import running_metadata
from tests.support.polling import until


@pytest_asyncio.fixture(loop_scope="package")
async def hasty(tmp_path):
    """A store that gives a DELETE no time at all."""
    async with (
        running_metadata(tmp_path, deletion_budget_seconds=0) as server,
        running_gateway(metadata_address=f"127.0.0.1:{server.port}") as tams,
    ):
        yield tams


async def with_segments(tams):
    flow = a_flow()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    for start in range(0, 10_000, 5000):
        segments = [a_segment(second, second + 1) for second in range(start, start + 5000)]
        assert (await tams.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    return flow["id"]


async def until_done(tams, url):
    async def done():
        return (await tams.get(url)).json()["status"] == "done"

    await until(done)


async def test_a_long_deletion_of_segments_can_be_followed(hasty):
    flow_id = await with_segments(hasty)
    response = await hasty.delete(f"/flows/{flow_id}/segments?timerange=[0:0_9999:0)")
    assert response.status_code == 202
    asked = response.json()
    assert response.headers["location"] == f"{hasty.base_url}/flow-delete-requests/{asked['id']}"
    expected = {"flow_id": flow_id, "timerange_to_delete": "[0:0_9999:0)", "delete_flow": False}
    assert expected.items() <= asked.items()
    assert asked["status"] in ("created", "started")
    await until_done(hasty, response.headers["location"])
    finished = (await hasty.get(response.headers["location"])).json()
    assert finished["timerange_remaining"] == "()"
    moments = [datetime.fromisoformat(finished[name]) for name in ("created", "updated", "expiry")]
    assert moments == sorted(moments)
    assert (await hasty.get("/flow-delete-requests")).json() == [finished]
    left = (await hasty.get(f"/flows/{flow_id}/segments?accept_get_urls=")).json()
    assert [segment["timerange"] for segment in left] == ["[9999:0_10000:0)"]


async def test_a_deleted_flow_is_gone_at_once(hasty):
    flow_id = await with_segments(hasty)
    response = await hasty.delete(f"/flows/{flow_id}")
    assert (response.status_code, response.json()["delete_flow"]) == (202, True)
    assert (await hasty.get(f"/flows/{flow_id}")).status_code == 404
    await until_done(hasty, response.headers["location"])


async def test_an_unknown_deletion_is_not_found(tams):
    for request_id in (new_id(), "x"):
        assert (await tams.get(f"/flow-delete-requests/{request_id}")).status_code == 404
