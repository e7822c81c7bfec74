"""Soft deletion, the trash, and the deletion of sources and objects: extensions."""

from typing import Any

from tests.conformance.reaching import Client, reaches
from tests.conformance.test_flows import store
from tests.support.services.gateway import a_flow, a_segment, new_id

__all__ = ["store"]

SOFT = {"soft_delete": "true"}


async def put_recorded_flow(client: Client, seconds: int = 1, **members: Any) -> tuple[dict[str, Any], str]:
    """Store a flow whose segments of a second use one object; return its document and the object's id."""
    flow, object_id = a_flow(**members), new_id()
    assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    segments = [a_segment(second, second + 1, object_id=object_id) for second in range(seconds)]
    assert (await client.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    return flow, object_id


async def make_read_only(client: Client, flow: dict[str, Any]) -> None:
    assert (await client.put(f"/flows/{flow['id']}/read_only", json=True)).status_code == 204


@reaches("DELETE /flows/{flowId}", 204, 400)
@reaches("POST /x/flows/{flowId}/restore", 200, 400, 404)
@reaches("GET /x/trash", 200, 400)
@reaches("DELETE /x/trash/{entryId}", 204, 404)
async def test_a_flow_is_deleted_softly_restored_and_purged(tams: Client) -> None:
    flow, _ = await put_recorded_flow(tams)
    path = f"/flows/{flow['id']}"
    assert (await tams.delete(path, params={"soft_delete": "maybe"})).status_code == 400
    assert (await tams.delete(path, params=SOFT)).status_code == 204
    assert (await tams.get("/x/trash", params={"flow_id": "x"})).status_code == 400
    assert (await tams.put(path, json=flow)).status_code == 201
    assert (await tams.post(f"/x{path}/restore")).status_code == 400
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.post(f"/x{path}/restore")).status_code == 200
    assert (await tams.post(f"/x{path}/restore")).status_code == 404
    assert (await tams.delete(path, params=SOFT)).status_code == 204
    (entry,) = (await tams.get("/x/trash", params={"flow_id": flow["id"]})).json()
    assert [(await tams.delete(f"/x/trash/{entry['id']}")).status_code for _ in range(2)] == [204, 404]


@reaches("DELETE /sources/{sourceId}", 204, 400, 403, 404)
@reaches("POST /x/sources/{sourceId}/restore", 200, 400, 404)
async def test_a_source_is_deleted_with_its_flows_and_restored(tams: Client) -> None:
    flow, _ = await put_recorded_flow(tams)
    path = f"/sources/{flow['source_id']}"
    cascade = {**SOFT, "cascade": "true"}
    assert (await tams.delete(path)).status_code == 400
    assert (await tams.delete(path, params=cascade)).status_code == 204
    assert (await tams.delete(path, params=cascade)).status_code == 404
    assert (await tams.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
    assert (await tams.post(f"/x{path}/restore")).status_code == 400
    assert (await tams.delete(path, params={"cascade": "true"})).status_code == 204
    assert [(await tams.post(f"/x{path}/restore")).status_code for _ in range(2)] == [200, 404]
    await make_read_only(tams, flow)
    assert (await tams.delete(path, params=cascade)).status_code == 403


@reaches("DELETE /objects/{objectId}", 204, 400, 403, 404)
@reaches("POST /x/trash/{entryId}/restore", 200, 400, 403, 404)
async def test_the_segments_of_an_object_are_deleted_and_restored(tams: Client) -> None:
    flow, object_id = await put_recorded_flow(tams)
    path, segments = f"/objects/{object_id}", f"/flows/{flow['id']}/segments"
    assert (await tams.delete(path, params={"soft_delete": "x"})).status_code == 400
    assert [(await tams.delete(path, params=SOFT)).status_code for _ in range(2)] == [204, 404]
    (entry,) = (await tams.get("/x/trash", params={"flow_id": flow["id"]})).json()
    restore = f"/x/trash/{entry['id']}/restore"
    await tams.post(segments, json=a_segment(0, 1))
    assert (await tams.post(restore)).status_code == 400
    await make_read_only(tams, flow)
    assert (await tams.post(restore)).status_code == 403
    await tams.put(f"/flows/{flow['id']}/read_only", json=False)
    await tams.delete(segments)
    assert [(await tams.post(restore)).status_code for _ in range(2)] == [200, 404]
    await make_read_only(tams, flow)
    assert (await tams.delete(path)).status_code == 403


@reaches("DELETE /sources/{sourceId}", 202)
@reaches("DELETE /objects/{objectId}", 202)
@reaches("DELETE /x/trash/{entryId}", 202)
async def test_long_deletions_continue_in_the_background(store: Client) -> None:
    flow, object_id = await put_recorded_flow(store, 3000)
    assert (await store.delete(f"/objects/{object_id}")).status_code == 202
    flow, _ = await put_recorded_flow(store, 3000)
    assert (await store.delete(f"/sources/{flow['source_id']}?cascade=true")).status_code == 202
    flow, _ = await put_recorded_flow(store, 3000)
    assert (await store.delete(f"/flows/{flow['id']}", params=SOFT)).status_code == 204
    (entry,) = (await store.get("/x/trash", params={"flow_id": flow["id"]})).json()
    assert (await store.delete(f"/x/trash/{entry['id']}")).status_code == 202
