"""Soft deletion and the trash over HTTP."""

from typing import Any

import httpx

from tests.support.services.gateway import a_flow, a_segment, new_id

SOFT = {"soft_delete": "true"}


async def put_recorded_flow(tams: httpx.AsyncClient, **members: Any) -> dict[str, Any]:
    """Store a flow with two segments of an object outside the store, and return its document."""
    flow = a_flow(**members)
    assert (await tams.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    object_id = new_id()
    segments = [a_segment(second, second + 1, object_id=object_id) for second in range(2)]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    return {**flow, "object_id": object_id}


async def status(tams: httpx.AsyncClient, path: str) -> int:
    return (await tams.get(path)).status_code


async def test_a_flow_is_deleted_softly_and_restored(tams: httpx.AsyncClient) -> None:
    flow = await put_recorded_flow(tams)
    path, object_path = f"/flows/{flow['id']}", f"/objects/{flow['object_id']}"
    before = (await tams.get(path)).json(), (await tams.get(f"{path}/segments")).json()
    deleted = await tams.delete(path, params={**SOFT, "deleted_by": "an operator"})
    assert deleted.status_code == 204
    assert [await status(tams, one) for one in (path, object_path, f"/sources/{flow['source_id']}")] == [
        404
    ] * 3
    (entry,) = (await tams.get("/x/trash", params={"flow_id": flow["id"]})).json()
    assert (entry["kind"], entry["deleted_by"], entry["timerange"]) == ("flow", "an operator", "[0:0_2:0)")
    restored = await tams.post(f"/x{path}/restore")
    assert (restored.status_code, restored.json()) == (200, [entry])
    assert ((await tams.get(path)).json(), (await tams.get(f"{path}/segments")).json()) == before
    assert await status(tams, object_path) == 200
    assert (await tams.post(f"/x{path}/restore")).status_code == 404


async def test_segments_are_deleted_softly_and_restored(tams: httpx.AsyncClient) -> None:
    flow = await put_recorded_flow(tams)
    path = f"/flows/{flow['id']}/segments"
    before = (await tams.get(path)).json()
    assert (await tams.delete(path, params={**SOFT, "timerange": "[0:0_1:0)"})).status_code == 204
    (entry,) = (await tams.get("/x/trash", params={"source_id": flow["source_id"]})).json()
    assert (entry["kind"], entry["timerange"]) == ("segments", "[0:0_1:0)")
    taken = a_segment(0, 1)
    assert (await tams.post(path, json=taken)).status_code == 201
    refused = await tams.post(f"/x/trash/{entry['id']}/restore")
    assert (refused.status_code, "delete them first" in refused.json()["summary"]) == (400, True)
    await tams.delete(path, params={"object_id": taken["object_id"]})
    assert (await tams.post(f"/x/trash/{entry['id']}/restore")).status_code == 200
    assert (await tams.get(path)).json() == before


async def test_a_source_is_deleted_with_its_flows(tams: httpx.AsyncClient) -> None:
    first = await put_recorded_flow(tams)
    second = await put_recorded_flow(tams, source_id=first["source_id"])
    path = f"/sources/{first['source_id']}"
    assert (await tams.delete(path)).status_code == 400
    assert (await tams.delete(path, params={**SOFT, "cascade": "true"})).status_code == 204
    paths = [path, f"/flows/{first['id']}", f"/flows/{second['id']}"]
    assert [await status(tams, one) for one in paths] == [404] * 3
    restored = await tams.post(f"/x{path}/restore")
    assert {entry["flow_id"] for entry in restored.json()} == {first["id"], second["id"]}
    assert [await status(tams, one) for one in paths] == [200] * 3
    assert (await tams.delete(path, params={"cascade": "true"})).status_code == 204
    assert [await status(tams, one) for one in paths] == [404] * 3
    assert (await tams.post(f"/x{path}/restore")).status_code == 404


async def test_the_segments_of_an_object_are_deleted(tams: httpx.AsyncClient) -> None:
    flow = await put_recorded_flow(tams)
    path = f"/objects/{flow['object_id']}"
    assert (await tams.delete(path, params=SOFT)).status_code == 204
    assert await status(tams, path) == 404
    assert (await tams.get(f"/flows/{flow['id']}/segments")).json() == []
    (entry,) = (await tams.get("/x/trash", params={"flow_id": flow["id"]})).json()
    await tams.post(f"/x/trash/{entry['id']}/restore")
    assert await status(tams, path) == 200
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404


async def test_an_entry_is_purged(tams: httpx.AsyncClient) -> None:
    flow = await put_recorded_flow(tams)
    await tams.delete(f"/flows/{flow['id']}", params=SOFT)
    (entry,) = (await tams.get("/x/trash", params={"flow_id": flow["id"]})).json()
    assert (await tams.delete(f"/x/trash/{entry['id']}")).status_code == 204
    assert (await tams.delete(f"/x/trash/{entry['id']}")).status_code == 404
    assert (await tams.post(f"/x/flows/{flow['id']}/restore")).status_code == 404


async def test_the_trash_has_pages(tams: httpx.AsyncClient) -> None:
    source_id = new_id()
    flows = [await put_recorded_flow(tams, source_id=source_id) for _ in range(3)]
    await tams.delete(f"/sources/{source_id}", params={**SOFT, "cascade": "true"})
    page = await tams.get("/x/trash", params={"source_id": source_id, "limit": "2"})
    rest = await tams.get(page.links["next"]["url"])
    listed = {entry["flow_id"] for entry in page.json() + rest.json()}
    assert (len(page.json()), listed) == (2, {flow["id"] for flow in flows})
    assert "next" not in rest.links


async def test_a_bad_query_deletes_nothing(tams: httpx.AsyncClient) -> None:
    flow = await put_recorded_flow(tams)
    path = f"/flows/{flow['id']}"
    for bad in ({"soft_delete": "maybe"}, {"deleted_by": "x" * 257}, {"deleted_by": "\x07"}):
        assert (await tams.delete(path, params=bad)).status_code == 400
    assert await status(tams, path) == 200
