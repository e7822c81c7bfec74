"""Several flows or sources in one request."""

from typing import Any

import httpx
import pytest

from tests.support.services.gateway import a_flow, new_id


async def post_batch(tams: httpx.AsyncClient, kind: str, items: object) -> list[dict[str, Any]]:
    """The results of a batch of `flows` or `sources`, one for each item."""
    response = await tams.post(f"/x/{kind}/batch", json=items)
    assert response.status_code == 200, response.text
    results: list[dict[str, Any]] = response.json()["results"]
    return results


async def test_a_batch_creates_and_replaces_flows(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    new, labelled = a_flow(), flow | {"label": "again"}
    collecting = a_flow(flow_collection=[{"id": new["id"], "role": "v"}])
    results = await post_batch(tams, "flows", [new, labelled, collecting])
    assert results == [
        {"status": 201, "id": new["id"]},
        {"status": 204, "id": flow["id"]},
        {"status": 201, "id": collecting["id"]},
    ]
    assert (await tams.get(f"/flows/{flow['id']}")).json()["label"] == "again"
    assert (await tams.get(f"/sources/{new['source_id']}")).status_code == 200


async def test_integers_of_flows_may_be_written_as_decimals(tams: httpx.AsyncClient) -> None:
    whole, half = a_flow(generation=3.0), a_flow(generation=3.5)
    results = await post_batch(tams, "flows", [whole, half])
    assert [result["status"] for result in results] == [201, 400]
    assert results[1]["error"]["path"] == "$[1].generation"
    assert '"generation":3,' in (await tams.get(f"/flows/{whole['id']}")).text


async def test_an_invalid_flow_does_not_keep_the_others_from_being_stored(
    tams: httpx.AsyncClient, read_only_flow: dict[str, Any]
) -> None:
    valid, invalid, last = a_flow(), a_flow(essence_parameters={"frame_width": "x"}), a_flow()
    items = [valid, invalid, read_only_flow, 1, {}, last]
    results = await post_batch(tams, "flows", items)
    assert [result["status"] for result in results] == [201, 400, 403, 400, 400, 201]
    assert [result.get("id") for result in results] == [
        valid["id"], invalid["id"], read_only_flow["id"], None, None, last["id"]
    ]  # fmt: skip
    assert results[1]["error"]["path"].startswith("$[1].essence_parameters")
    assert (await tams.get(f"/flows/{invalid['id']}")).status_code == 404


async def test_a_batch_labels_and_tags_sources(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    path = f"/sources/{flow['source_id']}"
    await tams.put(f"{path}/tags/kept", json="1")
    change = {"id": flow["source_id"], "label": "a", "description": "b", "tags": {"new": "2"}}
    results = await post_batch(
        tams, "sources", [change, {"id": new_id()}, {"id": flow["source_id"], "label": 1}]
    )
    assert [result["status"] for result in results] == [204, 404, 400]
    assert results[2]["error"]["path"] == "$[2].label"
    source = (await tams.get(path)).json()
    assert (source["label"], source["description"]) == ("a", "b")
    assert source["tags"] == {"kept": "1", "new": "2"}


@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_a_batch_that_is_not_a_list_or_is_too_long_is_refused(
    tams: httpx.AsyncClient, kind: str
) -> None:
    bodies: list[object] = [{}, "x", None, [{}] * 1001]
    for body in bodies:
        assert (await tams.post(f"/x/{kind}/batch", json=body)).status_code == 400
    assert await post_batch(tams, kind, []) == []
