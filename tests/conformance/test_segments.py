"""Segments, the storage of their media, and their objects."""

from typing import Any

from tests.conformance.conftest import MakeFlow
from tests.conformance.reaching import Client, reaches
from tests.support.services.gateway import a_segment, new_id


@reaches("POST /flows/{flowId}/storage", 201, 400, 403, 404)
@reaches("POST /flows/{flowId}/segments", 201)
@reaches("GET /flows/{flowId}/segments", 200)
@reaches("GET /objects/{objectId}", 200, 400, 404)
async def test_media_is_uploaded_registered_and_downloaded(
    tams: Client, flow: dict[str, Any], make_flow: MakeFlow, read_only_flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}"
    storage = await tams.post(f"{path}/storage", json={"object_ids": [f"a/{new_id()}"]})
    assert storage.status_code == 201
    (allocated,) = storage.json()["media_objects"]
    put = allocated["put_url"]
    object_path = f"/objects/{allocated['object_id'].replace('/', '%2F')}"
    assert (await tams.get(object_path)).status_code == 404
    headers = {"content-type": put["content-type"], **put["headers"]}
    assert (await tams.put(put["url"], content=b"media", headers=headers)).is_success

    segment = {"object_id": allocated["object_id"], "timerange": "[0:0_1:0)"}
    assert (await tams.post(f"{path}/segments", json=segment)).status_code == 201
    for query in ("", "?verbose_storage=true", "?presigned=true"):
        (listed,) = (await tams.get(f"{path}/segments{query}")).json()
        read = await tams.get(listed["get_urls"][0]["url"], headers={"range": "bytes=0-"})
        assert read.content == b"media"
    referenced = await tams.get(object_path)
    assert referenced.json()["referenced_by_flows"] == [flow["id"]]
    assert (await tams.get(f"{object_path}?limit=0")).status_code == 400

    assert (await tams.post(f"{path}/storage")).status_code == 201
    without_container = await make_flow(container=None)
    for wrong, owner in (
        ({"limit": 1, "object_ids": ["x"]}, flow),
        ({"object_ids": [allocated["object_id"]]}, flow),
        ({"storage_id": new_id()}, flow),
        ({"limit": "1"}, flow),
        ({}, without_container),
    ):
        assert (await tams.post(f"/flows/{owner['id']}/storage", json=wrong)).status_code == 400
    assert (await tams.post(f"/flows/{read_only_flow['id']}/storage", json={})).status_code == 403
    assert (await tams.post(f"/flows/{new_id()}/storage", json={})).status_code == 404


@reaches("GET /flows/{flowId}/segments", 200, 400, 404)
@reaches("POST /flows/{flowId}/segments", 200, 201, 400, 403, 404)
@reaches("DELETE /flows/{flowId}/segments", 204, 400, 403, 404)
async def test_segments_are_registered_listed_and_deleted(
    tams: Client, flow: dict[str, Any], read_only_flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}/segments"
    segments = [a_segment(start, start + 10, sample_count=500) for start in (0, 10, 20)]
    assert (await tams.post(path, json=segments[0])).status_code == 201
    assert (await tams.post(path, json=segments[0])).status_code == 400
    partly = await tams.post(path, json=segments)
    assert partly.status_code == 200
    assert [failed["object_id"] for failed in partly.json()["failed_segments"]] == [segments[0]["object_id"]]
    bodies: list[object] = [
        {}, [{}], [a_segment(30, 40), {"object_id": "x"}], a_segment(timerange="_"), "x",
    ]  # fmt: skip
    for wrong in bodies:
        assert (await tams.post(path, json=wrong)).status_code == 400
    assert (await tams.post(f"/flows/{new_id()}/segments", json=a_segment())).status_code == 404

    first = await tams.get(f"{path}?limit=2&timerange=[5:0_25:0)")
    assert (first.headers["x-paging-count"], first.headers["x-paging-timerange"]) == ("2", "[0:0_20:0)")
    second = await tams.get(first.links["next"]["url"])
    assert [segment["timerange"] for segment in second.json()] == ["[20:0_30:0)"]
    backwards = (await tams.get(f"{path}?reverse_order=true&accept_get_urls=")).json()
    assert [segment["timerange"] for segment in backwards] == ["[20:0_30:0)", "[10:0_20:0)", "[0:0_10:0)"]
    assert (await tams.get(f"/flows/{new_id()}/segments")).json() == []
    for query in ("timerange=[1_", "limit=0", "presigned=1", "accept_storage_ids=x", "page=x"):
        assert (await tams.get(f"{path}?{query}")).status_code == 400
    assert (await tams.get("/flows/malformed/segments")).status_code == 404

    assert (await tams.delete(f"{path}?timerange=[0:0_15:0)")).status_code == 204
    assert len((await tams.get(path)).json()) == 2
    assert (await tams.delete(f"{path}?object_id={segments[1]['object_id']}")).status_code == 204
    assert (await tams.delete(f"{path}?timerange=soon")).status_code == 400
    assert (await tams.delete(f"/flows/{new_id()}/segments")).status_code == 404
    read_only = f"/flows/{read_only_flow['id']}/segments"
    assert (await tams.post(read_only, json=a_segment())).status_code == 403
    assert (await tams.delete(read_only)).status_code == 403
