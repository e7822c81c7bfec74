"""Administration and bulk loads, under /x/admin."""

from typing import Any

import pytest

from tests.conformance.conftest import Gateway
from tests.conformance.reaching import Client, Test, reaches
from tests.support.openapi import contract
from tests.support.openapi.contract import Operation
from tests.support.services.gateway import a_segment, new_id

TABLES = "/x/admin/tables"
END = {"state": "done"}
JSON = {"content-type": "application/json"}


def administration() -> list[Operation]:
    paths = ("/x/admin/", "/x/users", "/x/api-keys")
    found = [operation for operation in contract.operations() if operation.path.startswith(paths)]
    # Everybody's own password is no matter of administration.
    return [operation for operation in found if not operation.path.startswith("/x/users/me/")]


def everywhere_403(test: Test) -> Test:
    for operation in administration():
        if operation.method != "HEAD":
            test = reaches(str(operation), 403)(test)
    return test


@everywhere_403
async def test_administration_is_off_by_default(gateway: Gateway, services: dict[str, str]) -> None:
    async with gateway(admin=False, **services) as tams:
        for operation in administration():
            path, body = operation.example()
            more = {"content": body, "headers": JSON} if body else {}
            response = await tams.request(operation.method, path, **more)
            assert response.status_code == 403
            if operation.method != "HEAD":
                assert response.json()["type"] == "ADMIN_NOT_OFFERED"


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
async def test_web_pages_cannot_administer(tams: Client, header: str) -> None:
    response = await tams.delete("/x/admin/cache", headers={header: "same-origin"})
    assert (response.status_code, response.json()["type"]) == (403, "ADMIN_FROM_BROWSER")


@reaches(f"GET {TABLES}", 200)
@reaches(f"POST {TABLES}/{{table}}/columns", 200, 400, 404)
@reaches(f"GET {TABLES}/{{table}}/columns/{{column}}", 200, 404)
@reaches(f"PUT {TABLES}/{{table}}/columns/{{column}}", 200, 400, 404)
@reaches(f"DELETE {TABLES}/{{table}}/columns/{{column}}", 200, 400, 404)
async def test_columns_are_added_renamed_and_dropped(tams: Client) -> None:
    columns = f"{TABLES}/flows/columns"
    listed = (await tams.get(TABLES)).json()
    assert {"flows", "segments"} <= {table["name"] for table in listed["tables"]}
    assert (await tams.post(columns, json={"name": "note", "type": "text"})).status_code == 400
    assert (await tams.post(f"{TABLES}/x/columns", json={"name": "a", "type": "int64"})).status_code == 404
    planned = await tams.post(columns, json={"name": "note", "type": "string", "dry_run": True})
    assert planned.json()["done"] is False
    assert (await tams.post(columns, json={"name": "note", "type": "string"})).json()["done"] is True
    assert (await tams.get(f"{columns}/note")).json() == {"name": "note", "type": "string", "own": False}
    renamed = f"{columns}/note"
    assert (await tams.put(renamed, json={"name": "remark"})).json()["type"] == "NOT_CONFIRMED"
    assert (await tams.put(renamed, json={"name": "remark", "confirm": "note"})).status_code == 200
    for path in (renamed, f"{columns}/nothing"):
        assert (await tams.get(path)).status_code == 404
        assert (await tams.put(path, json={"name": "a"})).status_code == 404
        assert (await tams.delete(path)).status_code == 404
    own = await tams.delete(f"{columns}/label?confirm=label")
    assert (own.status_code, own.json()["type"]) == (403, "OWN_COLUMN")
    assert (await tams.delete(f"{columns}/remark")).status_code == 400
    assert (await tams.delete(f"{columns}/remark?dry_run=true")).json()["done"] is False
    assert (await tams.delete(f"{columns}/remark?confirm=remark")).json()["done"] is True


@reaches(f"GET {TABLES}/{{table}}/projections", 200, 404)
@reaches(f"POST {TABLES}/{{table}}/projections", 201, 400, 404)
@reaches(f"DELETE {TABLES}/{{table}}/projections/{{projection}}", 204, 404)
async def test_projections_are_created_and_dropped(tams: Client) -> None:
    path = f"{TABLES}/objects/projections"
    assert (await tams.post(path, json={"name": "by_size", "sorted_by": []})).status_code == 400
    assert (await tams.post(path, json={"name": "by_size", "sorted_by": ["x"]})).status_code == 404
    created = await tams.post(path, json={"name": "by_size", "sorted_by": ["state"], "also": ["size"]})
    assert created.status_code == 201
    assert "by_size" in {item["name"] for item in (await tams.get(path)).json()["projections"]}
    assert (await tams.get(f"{TABLES}/x/projections")).status_code == 404
    assert (await tams.delete(f"{path}/by_size")).status_code == 204
    assert (await tams.delete(f"{path}/by_size")).status_code == 404


@reaches("DELETE /x/admin/cache", 204)
@reaches("GET /x/admin/consistency", 200, 400)
@reaches("POST /x/admin/consistency", 200, 400)
@reaches("POST /x/admin/reset", 200, 400)
async def test_tables_are_checked_repaired_and_reset(tams: Client) -> None:
    assert (await tams.delete("/x/admin/cache")).status_code == 204
    assert (await tams.get("/x/admin/consistency?max_flows=10")).json()["flows"] <= 10
    assert (await tams.get("/x/admin/consistency?max_segments=0")).status_code == 400
    assert (await tams.get("/x/admin/consistency?max_segments=99999999999")).status_code == 400
    assert (await tams.get("/x/admin/consistency?after=nowhere")).status_code == 400
    repair = await tams.post("/x/admin/consistency", json={"confirm": "yes"})
    assert (repair.status_code, repair.json()["type"]) == (400, "NOT_CONFIRMED")
    dry_run = {"dry_run": True, "max_flows": 10}
    assert (await tams.post("/x/admin/consistency", json=dry_run)).json()["done"] is False
    refused = await tams.post("/x/admin/reset", json={"confirm": "yes"})
    assert (refused.status_code, refused.json()["type"]) == (400, "NOT_CONFIRMED")
    assert (await tams.post("/x/admin/reset", json={"dry_run": True})).json()["done"] is False


@reaches("GET /x/admin/reconciliation", 200, 400)
async def test_objects_and_buckets_are_compared(tams: Client) -> None:
    step = (await tams.get("/x/admin/reconciliation")).json()
    assert (step["differences"], step.get("next")) == ([], None)
    assert (await tams.get("/x/admin/reconciliation?page=x")).status_code == 400


@reaches("GET /x/admin/unused-objects", 200, 400)
@reaches("DELETE /x/admin/unused-objects", 200)
async def test_unused_objects_are_listed_and_reclaimed(tams: Client) -> None:
    assert (await tams.get("/x/admin/unused-objects")).json() == []
    assert (await tams.get("/x/admin/unused-objects?page=x")).status_code == 400
    reply = await tams.delete("/x/admin/unused-objects")
    assert reply.json() == {"deleted": 0, "failed": 0, "complete": True}


@reaches("GET /x/admin/loads", 200)
@reaches("POST /x/admin/loads", 201, 400)
@reaches("GET /x/admin/loads/{loadId}", 200, 404)
@reaches("POST /x/admin/loads/{loadId}/rows", 200, 400, 404)
@reaches("PUT /x/admin/loads/{loadId}", 200, 400, 404)
@reaches("DELETE /x/admin/loads/{loadId}", 200, 400, 404)
async def test_loads_are_committed_ended_and_rolled_back(tams: Client, flow: dict[str, Any]) -> None:
    done, undone = new_id(), new_id()
    for load_id in (done, undone):
        started = await tams.post("/x/admin/loads", json={"id": load_id, "kind": "segments"})
        assert (started.status_code, started.json()["state"]) == (201, "open")
    listed = (await tams.get("/x/admin/loads")).json()["loads"]
    assert {done, undone} <= {load["id"] for load in listed}
    assert (await tams.post("/x/admin/loads", json={"id": "x", "kind": "flows"})).status_code == 400
    rows = [a_segment(0, 1) | {"flow_id": flow["id"]}, a_segment(0, 1) | {"flow_id": flow["id"]}]
    report = (await tams.post(f"/x/admin/loads/{done}/rows", json=rows)).json()
    assert (report["committed"], report["failed"], report["failures"][0]["row"]) == (False, 1, 1)
    report = (await tams.post(f"/x/admin/loads/{done}/rows?skip_bad=true", json=rows)).json()
    assert (report["committed"], report["load"]["inserted"]) == (True, 1)
    gap = await tams.post(f"/x/admin/loads/{done}/rows?first_row=9", json=rows)
    assert (gap.status_code, gap.json()["type"]) == (400, "LOAD_GAP")
    assert (await tams.get(f"/x/admin/loads/{done}")).json()["rows"] == 2
    assert (await tams.put(f"/x/admin/loads/{done}", json=END)).json()["state"] == "done"
    other = [a_segment(5, 6) | {"flow_id": flow["id"]}]
    await tams.post(f"/x/admin/loads/{undone}/rows", json=other)
    assert (await tams.delete(f"/x/admin/loads/{undone}")).json() | {"load": None} == {
        "load": None, "done": True, "removed": 1, "kept": 0,
    }  # fmt: skip
    assert (await tams.delete(f"/x/admin/loads/{done}")).status_code == 400
    assert (await tams.put(f"/x/admin/loads/{undone}", json=END)).status_code == 400
    unknown = f"/x/admin/loads/{new_id()}"
    assert (await tams.get(unknown)).status_code == 404
    assert (await tams.delete(unknown)).status_code == 404
    assert (await tams.post(f"{unknown}/rows", json=[])).status_code == 404
    assert (await tams.put(unknown, json=END)).status_code == 404
    (remaining,) = (await tams.get(f"/flows/{flow['id']}/segments")).json()
    assert remaining["timerange"] == "[0:0_1:0)"
