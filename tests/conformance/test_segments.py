"""Segments, storage for them, and the objects they use."""

from tests.conformance.reaching import reaches
from tests.support.gateway import a_segment, new_id


@reaches("POST /flows/{flowId}/storage", 201, 400, 403, 404)
@reaches("POST /flows/{flowId}/segments", 201)
@reaches("GET /flows/{flowId}/segments", 200)
@reaches("GET /objects/{objectId}", 200, 400, 404)
async def test_media_is_stored_registered_and_found(tams, flow, make_flow, read_only_flow):
    path = f"/flows/{flow['id']}"
    storage = await tams.post(f"{path}/storage", json={"object_ids": [f"a/{new_id()}"]})
    assert storage.status_code == 201
    (allocated,) = storage.json()["media_objects"]
    put = allocated["put_url"]
    object_path = f"/objects/{allocated['object_id'].replace('/', '%2F')}"
    assert (await tams.get(object_path)).status_code == 404
    headers = {"content-type": put["content-type"]}
    assert (await tams.put(put["url"], content=b"media", headers=headers)).is_success

    segment = {"object_id": allocated["object_id"], "timerange": "[0:0_1:0)"}
    assert (await tams.post(f"{path}/segments", json=segment)).status_code == 201
    for query in ("", "?verbose_storage=true", "?presigned=true"):
        (listed,) = (await tams.get(f"{path}/segments{query}")).json()
        read = await tams.get(listed["get_urls"][0]["url"], headers={"range": "bytes=0-"})
        assert read.content == b"media"
    known = await tams.get(object_path)
    assert known.json()["referenced_by_flows"] == [flow["id"]]
    assert (await tams.get(f"{object_path}?limit=0")).status_code == 400

    assert (await tams.post(f"{path}/storage")).status_code == 201
    without = await make_flow(container=None)
    for wrong, of in (
        ({"limit": 1, "object_ids": ["x"]}, flow),
        ({"object_ids": [allocated["object_id"]]}, flow),
        ({"storage_id": new_id()}, flow),
        ({"limit": "1"}, flow),
        ({}, without),
    ):
        assert (await tams.post(f"/flows/{of['id']}/storage", json=wrong)).status_code == 400
    assert (await tams.post(f"/flows/{read_only_flow['id']}/storage", json={})).status_code == 403
    assert (await tams.post(f"/flows/{new_id()}/storage", json={})).status_code == 404


@reaches("GET /flows/{flowId}/segments", 200, 400, 404)
@reaches("POST /flows/{flowId}/segments", 200, 201, 400, 403, 404)
@reaches("DELETE /flows/{flowId}/segments", 204, 400, 403, 404)
async def test_segments_are_registered_listed_and_deleted(tams, flow, read_only_flow):
    path = f"/flows/{flow['id']}/segments"
    segments = [a_segment(start, start + 10, sample_count=500) for start in (0, 10, 20)]
    assert (await tams.post(path, json=segments[0])).status_code == 201
    assert (await tams.post(path, json=segments[0])).status_code == 400
    partly = await tams.post(path, json=segments)
    assert partly.status_code == 200
    assert [one["object_id"] for one in partly.json()["failed_segments"]] == [segments[0]["object_id"]]
    for wrong in ({}, [{}], [a_segment(30, 40), {"object_id": "x"}], a_segment(timerange="_"), "x"):
        assert (await tams.post(path, json=wrong)).status_code == 400
    assert (await tams.post(f"/flows/{new_id()}/segments", json=a_segment())).status_code == 404

    first = await tams.get(f"{path}?limit=2&timerange=[5:0_25:0)")
    assert (first.headers["x-paging-count"], first.headers["x-paging-timerange"]) == ("2", "[0:0_20:0)")
    second = await tams.get(first.links["next"]["url"])
    assert [one["timerange"] for one in second.json()] == ["[20:0_30:0)"]
    backwards = (await tams.get(f"{path}?reverse_order=true&accept_get_urls=")).json()
    assert [one["timerange"] for one in backwards] == ["[20:0_30:0)", "[10:0_20:0)", "[0:0_10:0)"]
    assert (await tams.get(f"/flows/{new_id()}/segments")).json() == []
    for query in ("timerange=[1_", "limit=0", "presigned=1", "accept_storage_ids=x", "page=x"):
        assert (await tams.get(f"{path}?{query}")).status_code == 400
    assert (await tams.get("/flows/malformed/segments")).status_code == 404

    assert (await tams.delete(f"{path}?timerange=[0:0_15:0)")).status_code == 204
    assert len((await tams.get(path)).json()) == 2
    assert (await tams.delete(f"{path}?object_id={segments[1]['object_id']}")).status_code == 204
    assert (await tams.delete(f"{path}?timerange=soon")).status_code == 400
    assert (await tams.delete(f"/flows/{new_id()}/segments")).status_code == 404
    closed = f"/flows/{read_only_flow['id']}/segments"
    assert (await tams.post(closed, json=a_segment())).status_code == 403
    assert (await tams.delete(closed)).status_code == 403
