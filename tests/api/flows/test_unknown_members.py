"""Unknown members of a body are kept, or refused by name. None is dropped silently."""

from typing import Any

import httpx
import pytest

from tests.support.services.gateway import a_flow

UNKNOWN = {"x_unknown": [1]}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/service", {"name": "n"}),
        ("POST", "/service/webhooks", {"url": "http://127.0.0.1:1/x", "events": []}),
        ("POST", "/flows/{id}/storage", {"limit": 1}),
    ],
)
async def test_an_unknown_member_that_cannot_be_kept_is_refused_by_name(
    tams: httpx.AsyncClient, flow: dict[str, Any], method: str, path: str, body: dict[str, Any]
) -> None:
    response = await tams.request(method, path.format(id=flow["id"]), json=body | UNKNOWN)
    assert response.status_code == 400
    assert (response.json()["type"], "x_unknown" in response.json()["summary"]) == ("BAD_BODY", True)


async def test_an_unknown_member_in_a_batch_is_refused_by_name(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    changed = await tams.post("/x/sources/batch", json=[{"id": flow["source_id"], "label": "l"} | UNKNOWN])
    (result,) = changed.json()["results"]
    assert (result["status"], "x_unknown" in result["error"]["summary"]) == (400, True)


async def test_unknown_members_of_a_flow_are_kept_at_every_level(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    document = a_flow(
        flow_collection=[{"id": flow["id"], "role": "r", **UNKNOWN}],
        container_mapping={"mp2ts_container": {"pid": 1, **UNKNOWN}, **UNKNOWN},
        segment_duration={"numerator": 1, **UNKNOWN},
        **UNKNOWN,
    )
    assert (await tams.put(f"/flows/{document['id']}", json=document)).status_code == 201
    stored = (await tams.get(f"/flows/{document['id']}")).json()
    assert stored.items() >= document.items()
    items = [{"id": flow["id"], "role": "s", "container_mapping": UNKNOWN, **UNKNOWN}]
    path = f"/flows/{document['id']}/flow_collection"
    assert (await tams.put(path, json=items)).status_code == 204
    assert (await tams.get(path)).json() == items


@pytest.mark.parametrize("name", ["max_bit_rate", "avg_bit_rate"])
@pytest.mark.parametrize("number", ["9223372036854775808", "1" * 1000, "1" * 4000])
async def test_integers_over_64_bits_are_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str, number: str
) -> None:
    json_type = {"content-type": "application/json"}
    refused_alone = await tams.put(f"/flows/{flow['id']}/{name}", content=number, headers=json_type)
    assert (refused_alone.status_code, refused_alone.json()["path"]) == (400, "$")
    body = (await tams.get(f"/flows/{flow['id']}")).text[:-1] + f',"{name}":{number}}}'
    refused_in_flow = await tams.put(f"/flows/{flow['id']}", content=body, headers=json_type)
    assert (refused_in_flow.status_code, refused_in_flow.json()["path"]) == (400, f"$.{name}")
    largest = await tams.put(f"/flows/{flow['id']}/{name}", json=2**63 - 1)
    assert largest.status_code == 204


async def test_a_collection_that_contains_itself_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    outer = a_flow(flow_collection=[{"id": flow["id"], "role": "r"}])
    assert (await tams.put(f"/flows/{outer['id']}", json=outer)).status_code == 201
    items = [{"id": outer["id"], "role": "r"}]
    for path, body in (("", flow | {"flow_collection": items}), ("/flow_collection", items)):
        refused = await tams.put(f"/flows/{flow['id']}{path}", json=body)
        assert (refused.status_code, refused.json()["path"]) == (400, "$.flow_collection[0].id")


async def test_a_member_of_a_read_only_collection_is_not_deleted(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    outer = a_flow(flow_collection=[{"id": flow["id"], "role": "r"}], read_only=True)
    assert (await tams.put(f"/flows/{outer['id']}", json=outer)).status_code == 201
    refused = await tams.delete(f"/flows/{flow['id']}")
    assert (refused.status_code, refused.json()["type"]) == (403, "FLOW_READ_ONLY")
    assert outer["id"] in refused.json()["summary"]
