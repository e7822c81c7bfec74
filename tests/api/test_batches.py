"""Several flows or sources in one request."""

import pytest

from tests.support.gateway import a_flow, new_id


async def batch(tams, kind, items):
    response = await tams.post(f"/x/{kind}/batch", json=items)
    assert response.status_code == 200, response.text
    return response.json()["results"]


async def test_flows_are_created_and_replaced(tams, flow):
    new, labelled = a_flow(), flow | {"label": "again"}
    collecting = a_flow(flow_collection=[{"id": new["id"], "role": "v"}])
    results = await batch(tams, "flows", [new, labelled, collecting])
    assert results == [
        {"status": 201, "id": new["id"]},
        {"status": 204, "id": flow["id"]},
        {"status": 201, "id": collecting["id"]},
    ]
    assert (await tams.get(f"/flows/{flow['id']}")).json()["label"] == "again"
    assert (await tams.get(f"/sources/{new['source_id']}")).status_code == 200


async def test_integers_of_flows_may_be_written_as_decimals(tams):
    whole, half = a_flow(generation=3.0), a_flow(generation=3.5)
    results = await batch(tams, "flows", [whole, half])
    assert [one["status"] for one in results] == [201, 400]
    assert results[1]["error"]["path"] == "$[1].generation"
    assert '"generation":3,' in (await tams.get(f"/flows/{whole['id']}")).text


async def test_a_wrong_flow_fails_alone(tams, read_only_flow):
    good, wrong, other = a_flow(), a_flow(essence_parameters={"frame_width": "x"}), a_flow()
    items = [good, wrong, read_only_flow, 1, {}, other]
    results = await batch(tams, "flows", items)
    assert [one["status"] for one in results] == [201, 400, 403, 400, 400, 201]
    assert [one.get("id") for one in results] == [
        *(one["id"] for one in items[:3]), None, None, other["id"]
    ]  # fmt: skip
    assert results[1]["error"]["path"].startswith("$[1].essence_parameters")
    assert (await tams.get(f"/flows/{wrong['id']}")).status_code == 404


async def test_sources_are_labelled_and_tagged(tams, flow):
    path = f"/sources/{flow['source_id']}"
    await tams.put(f"{path}/tags/kept", json="1")
    change = {"id": flow["source_id"], "label": "a", "description": "b", "tags": {"new": "2"}}
    results = await batch(tams, "sources", [change, {"id": new_id()}, {"id": flow["source_id"], "label": 1}])
    assert [one["status"] for one in results] == [204, 404, 400]
    assert results[2]["error"]["path"] == "$[2].label"
    source = (await tams.get(path)).json()
    assert (source["label"], source["description"]) == ("a", "b")
    assert source["tags"] == {"kept": "1", "new": "2"}


@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_what_is_no_list_is_refused(tams, kind):
    for body in ({}, "x", None, [{}] * 1001):
        assert (await tams.post(f"/x/{kind}/batch", json=body)).status_code == 400
    assert await batch(tams, kind, []) == []
