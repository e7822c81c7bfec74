"""Extensions of this implementation, under /x/."""

from typing import Any

from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, reaches
from tests.support.services.gateway import a_flow, a_segment, new_id
from tests.support.services.secured import ACCESS, caller


@reaches("POST /x/flows/batch", 200, 400)
@reaches("POST /x/sources/batch", 200, 400)
async def test_batches_report_a_status_for_each_item(tams: Client, flow: dict[str, Any]) -> None:
    new = a_flow()
    stored = await tams.post("/x/flows/batch", json=[new, flow, flow | {"codec": 1}])
    assert [result["status"] for result in stored.json()["results"]] == [201, 204, 400]
    changes = [{"id": new["source_id"], "label": "x", "tags": {"a": "b"}}, {"id": new_id()}]
    changed = await tams.post("/x/sources/batch", json=changes)
    assert [result["status"] for result in changed.json()["results"]] == [204, 404]
    assert (await tams.get(f"/sources/{new['source_id']}")).json()["tags"] == {"a": "b"}
    for path in ("/x/flows/batch", "/x/sources/batch"):
        assert (await tams.post(path, json={})).status_code == 400


async def bulk_tags(tams: Client, owner: str, unknown: str) -> None:
    path = f"/x{owner}/tags"
    assert (await tams.put(path, json={"a": "1", "b": "2"})).status_code == 204
    assert (await tams.post(path, json={"b": "3", "c/d": "4"})).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {"a": "1", "b": "3", "c/d": "4"}
    for method in ("PUT", "POST"):
        assert (await tams.request(method, path, json={"a": 1})).status_code == 400
        assert (await tams.request(method, f"/x{unknown}/tags", json={"a": "1"})).status_code == 404
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.get(f"{owner}/tags")).json() == {}
    assert (await tams.delete(f"/x{unknown}/tags")).status_code == 404


@reaches("PUT /x/sources/{sourceId}/tags", 204, 400, 404)
@reaches("POST /x/sources/{sourceId}/tags", 204, 400, 404)
@reaches("DELETE /x/sources/{sourceId}/tags", 204, 404)
async def test_the_tags_of_a_source_are_changed_together(tams: Client, flow: dict[str, Any]) -> None:
    await bulk_tags(tams, f"/sources/{flow['source_id']}", f"/sources/{new_id()}")


@reaches("PUT /x/flows/{flowId}/tags", 204, 400, 403, 404)
@reaches("POST /x/flows/{flowId}/tags", 204, 400, 403, 404)
@reaches("DELETE /x/flows/{flowId}/tags", 204, 403, 404)
async def test_the_tags_of_a_flow_are_changed_together(
    tams: Client, flow: dict[str, Any], read_only_flow: dict[str, Any]
) -> None:
    await bulk_tags(tams, f"/flows/{flow['id']}", f"/flows/{new_id()}")
    path = f"/x/flows/{read_only_flow['id']}/tags"
    for method, body in (("PUT", {}), ("POST", {"a": "1"}), ("DELETE", None)):
        assert (await tams.request(method, path, json=body)).status_code == 403


@reaches("GET /x/analytics/flows/{flowId}/coverage", 200, 400, 404)
@reaches("GET /x/analytics/storage-usage", 200)
async def test_analytics_reports_coverage_and_storage_usage(tams: Client, flow: dict[str, Any]) -> None:
    await tams.post(f"/flows/{flow['id']}/segments", json=[a_segment(0, 10), a_segment(20, 30)])
    path = f"/x/analytics/flows/{flow['id']}/coverage"
    assert (await tams.get(path)).json()["gaps"] == ["[10:0_20:0)"]
    assert (await tams.get(f"{path}?timerange=x")).status_code == 400
    assert (await tams.get(f"/x/analytics/flows/{new_id()}/coverage")).status_code == 404
    assert (await tams.get("/x/analytics/storage-usage")).status_code == 200


@reaches("GET /x/analytics/object-accesses", 200, 400)
@reaches("GET /x/analytics/duplicates", 200, 400)
async def test_analytics_reports_accesses_and_duplicates(tams: Client) -> None:
    for path in ("/x/analytics/object-accesses", "/x/analytics/duplicates"):
        assert (await tams.get(f"{path}?limit=1")).status_code == 200
        assert (await tams.get(f"{path}?limit=0")).status_code == 400
    assert (await tams.get("/x/analytics/object-accesses?order=least")).json()["complete"]
    assert (await tams.get("/x/analytics/object-accesses?order=x")).status_code == 400


@reaches("POST /x/tokens", 200, 400, 404)
async def test_a_store_with_access_control_makes_tokens_for_urls(tams: Client, gateway: Gateway) -> None:
    assert (await tams.post("/x/tokens", json={"seconds": 60})).status_code == 404
    assert (await tams.post("/x/tokens", json={"seconds": 0})).status_code == 400
    async with gateway(**ACCESS) as secured:
        made = await secured.post("/x/tokens", json={"seconds": 60}, headers=caller())
        assert made.status_code == 200
        query = {"access_token": made.json()["access_token"]}
        assert (await secured.get("/", params=query)).status_code == 200
