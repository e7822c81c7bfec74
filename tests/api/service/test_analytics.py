from typing import Any

import httpx
import pytest

from tests.support.services.gateway import a_segment, new_id


async def test_coverage_lists_covered_ranges_and_gaps(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    path = f"/flows/{flow['id']}/segments"
    await tams.post(path, json=[a_segment(0, 10), a_segment(10, 20), a_segment(30, 40)])
    url = f"/x/analytics/flows/{flow['id']}/coverage"
    response = await tams.get(url)
    assert response.status_code == 200
    assert response.json() == {
        "timerange": "[0:0_40:0)",
        "covered": ["[0:0_20:0)", "[30:0_40:0)"],
        "gaps": ["[20:0_30:0)"],
        "covered_ns": 30_000_000_000,
        "gap_ns": 10_000_000_000,
        "segment_count": 3,
        "covered_count": 2,
        "gap_count": 1,
    }
    clipped = (await tams.get(f"{url}?timerange=[15:0_35:0)&max_ranges=1")).json()
    assert (clipped["covered"], clipped["covered_count"]) == (["[15:0_20:0)"], 2)


@pytest.mark.parametrize("query", ["timerange=x", "max_ranges=0", "max_ranges=x"])
async def test_a_wrong_query_is_refused(tams: httpx.AsyncClient, flow: dict[str, Any], query: str) -> None:
    assert (await tams.get(f"/x/analytics/flows/{flow['id']}/coverage?{query}")).status_code == 400


@pytest.mark.parametrize("flow_id", [new_id(), "x"])
async def test_coverage_of_an_unknown_flow_is_not_found(tams: httpx.AsyncClient, flow_id: str) -> None:
    assert (await tams.get(f"/x/analytics/flows/{flow_id}/coverage")).status_code == 404


async def test_usage_counts_objects_by_backend(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    async def usage_by_backend() -> dict[str, Any]:
        response = await tams.get("/x/analytics/storage-usage")
        assert response.status_code == 200
        return {usage["storage_id"]: usage for usage in response.json()["backends"]}

    backend = (await tams.get("/service/storage-backends")).json()[0]["id"]
    before = await usage_by_backend()
    await tams.post(f"/flows/{flow['id']}/segments", json=a_segment())
    await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 2})
    after = await usage_by_backend()
    uncontrolled = before.get("", {"objects": 0})["objects"]
    assert after[""]["objects"] == uncontrolled + 1
    allocated = before.get(backend, {"allocated_objects": 0})["allocated_objects"]
    assert after[backend]["allocated_objects"] == allocated + 2
