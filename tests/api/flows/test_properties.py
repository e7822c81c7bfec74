"""The properties of flows and sources that have paths of their own."""

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import new_id

VALUES = {
    "description": 'ein Text, "so" ☃',
    "label": "",
    "max_bit_rate": 5000,
    "avg_bit_rate": 0,
}
UNSET = {"tags": {}, "flow_collection": [], "read_only": False}
INVALID: dict[str, list[object]] = {
    "description": [1, None, True, [], {}, ["x"]],
    "label": [1, None, {"label": "x"}],
    "max_bit_rate": [-1, 1.5, "1", None, True],
    "avg_bit_rate": [-1, -1.0, 1e300, False, "x", []],
    "read_only": ["true", 1, None],
    "flow_collection": [{}, "x", [{}], [{"id": "x", "role": "r"}], [{"role": "r"}], [None]],
}
SOURCE_PROPERTIES = ("description", "label")


def property_paths(flow: dict[str, Any], name: str) -> list[str]:
    """The paths of the property: of the flow and, if sources have it, of its source."""
    paths = [f"/flows/{flow['id']}/{name}"]
    return paths + ([f"/sources/{flow['source_id']}/{name}"] if name in (*SOURCE_PROPERTIES, "tags") else [])


@pytest.mark.parametrize("name", VALUES)
async def test_a_property_is_set_read_and_unset(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    for path in property_paths(flow, name):
        owner = path.rpartition("/")[0]
        assert (await tams.get(path)).status_code == 404
        stored = await tams.put(path, json=VALUES[name])
        assert (stored.status_code, stored.content) == (204, b"")
        read = await tams.get(path)
        assert (read.status_code, read.json()) == (200, VALUES[name])
        assert read.headers["content-type"] == "application/json"
        assert (await tams.get(owner)).json()[name] == VALUES[name]
        for _ in range(2):
            assert (await tams.delete(path)).status_code == 204
        assert (await tams.get(path)).status_code == 404
        assert name not in (await tams.get(owner)).json()


async def test_integers_may_be_written_as_decimals(
    tams: httpx.AsyncClient, flow: dict[str, Any], make_flow: MakeFlow
) -> None:
    path, other = f"/flows/{flow['id']}", (await make_flow())["id"]
    item = f'[{{"id":"{other}","role":"v","container_mapping":{{"track_index":%s}}}}]'
    sent = {"max_bit_rate": "25.0", "avg_bit_rate": "1e3", "flow_collection": item % "2.0"}
    stored = {"max_bit_rate": "25", "avg_bit_rate": "1000", "flow_collection": item % "2"}
    for name, value in sent.items():
        assert (await tams.put(f"{path}/{name}", content=value)).status_code == 204
        assert (await tams.get(f"{path}/{name}")).text == stored[name]
        assert f'"{name}":{stored[name]}' in (await tams.get(path)).text


@pytest.mark.parametrize("name", UNSET)
async def test_some_properties_have_a_default(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    for path in property_paths(flow, name):
        response = await tams.get(path)
        assert (response.status_code, response.json()) == (200, UNSET[name])


@pytest.mark.parametrize("name", INVALID)
async def test_a_value_of_the_wrong_type_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    for path in property_paths(flow, name):
        owner = path.rpartition("/")[0]
        before = (await tams.get(owner)).json()
        for value in INVALID[name]:
            response = await tams.put(path, json=value)
            assert response.status_code == 400, value
        for body in (b"", b"text", b'"open', b'"a" "b"', b"\xff", b'"\xff"'):
            response = await tams.put(path, content=body)
            assert (response.status_code, response.json()["type"]) == (400, "BAD_JSON"), body
        text = await tams.put(path, content=b"x", headers={"content-type": "text/plain"})
        assert text.status_code == 415
        assert (await tams.get(owner)).json() == before


@pytest.mark.parametrize("name", [*VALUES, *UNSET])
async def test_properties_of_unknown_flows_and_sources_are_not_found(
    tams: httpx.AsyncClient, name: str
) -> None:
    value = json.dumps(VALUES.get(name, UNSET.get(name)))
    for owner in (new_id(), "nothing", new_id().upper()):
        for path in property_paths({"id": owner, "source_id": owner}, name):
            assert (await tams.get(path)).status_code == 404
            if name == "tags":
                continue
            assert (await tams.put(path, content=value)).status_code == 404
            if name != "read_only":
                assert (await tams.delete(path)).status_code == 404


async def test_a_change_updates_the_members_that_the_store_manages(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    before = (await tams.get(f"/flows/{flow['id']}")).json()
    await tams.put(f"/flows/{flow['id']}/label", json="x")
    after = (await tams.get(f"/flows/{flow['id']}")).json()
    assert after["metadata_version"] != before["metadata_version"]
    assert after["metadata_updated"] >= before["metadata_updated"]
    assert "segments_updated" not in after
    await tams.put(f"/sources/{flow['source_id']}/label", json="y")
    source = (await tams.get(f"/sources/{flow['source_id']}")).json()
    assert source["updated"] >= source["created"]
    assert (await tams.get(f"/flows/{flow['id']}")).json() == after


@pytest.mark.parametrize("name", [*VALUES, "flow_collection", "tags/a"])
async def test_a_read_only_flow_refuses_to_change_a_property(
    tams: httpx.AsyncClient, make_flow: MakeFlow, name: str
) -> None:
    flow = await make_flow(tags={"a": "b"})
    path = f"/flows/{flow['id']}/{name}"
    await tams.put(f"/flows/{flow['id']}/read_only", json=True)
    before = (await tams.get(f"/flows/{flow['id']}")).json()
    for response in (await tams.put(path, json=VALUES.get(name, [])), await tams.delete(path)):
        assert (response.status_code, response.json()["type"]) == (403, "FLOW_READ_ONLY")
    assert (await tams.get(f"/flows/{flow['id']}")).json() == before


async def test_a_source_of_a_read_only_flow_can_be_changed(
    tams: httpx.AsyncClient, read_only_flow: dict[str, Any]
) -> None:
    path = f"/sources/{read_only_flow['source_id']}/label"
    assert (await tams.put(path, json="x")).status_code == 204
    assert (await tams.delete(path)).status_code == 204


async def test_a_read_only_flow_accepts_only_a_change_of_read_only(
    tams: httpx.AsyncClient, read_only_flow: dict[str, Any]
) -> None:
    path = f"/flows/{read_only_flow['id']}"
    assert (await tams.get(f"{path}/read_only")).json() is True
    assert (await tams.put(f"{path}/read_only", json=True)).status_code == 204
    assert (await tams.put(f"{path}/read_only", json=False)).status_code == 204
    assert (await tams.get(f"{path}/read_only")).json() is False
    assert (await tams.put(f"{path}/label", json="x")).status_code == 204


@pytest.mark.parametrize("name", ["read_only", "tags"])
async def test_deleting_a_permanent_property_is_not_allowed(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    response = await tams.delete(f"/flows/{flow['id']}/{name}")
    assert response.status_code == 405


async def test_a_collection_is_shown_by_its_members_and_their_sources(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    collector, picture, sound = [await make_flow() for _ in range(3)]
    path = f"/flows/{collector['id']}/flow_collection"
    items = [
        {"id": picture["id"], "role": "video", "container_mapping": {"track_index": 0}},
        {"id": sound["id"], "role": "audio"},
    ]
    assert (await tams.put(path, json=items)).status_code == 204
    assert (await tams.get(path)).json() == items
    assert (await tams.get(f"/flows/{sound['id']}")).json()["collected_by"] == [collector["id"]]
    source = (await tams.get(f"/sources/{collector['source_id']}")).json()
    assert sorted(source["source_collection"], key=lambda item: item["role"]) == [
        {"id": sound["source_id"], "role": "audio"},
        {"id": picture["source_id"], "role": "video"},
    ]
    member = (await tams.get(f"/sources/{sound['source_id']}")).json()
    assert member["collected_by"] == [collector["source_id"]]
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.get(path)).json() == []
    assert "collected_by" not in (await tams.get(f"/flows/{sound['id']}")).json()
    assert "source_collection" not in (await tams.get(f"/sources/{collector['source_id']}")).json()


async def test_a_collection_of_itself_or_of_unknown_flows_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}/flow_collection"
    for member in (flow["id"], new_id()):
        response = await tams.put(path, json=[{"id": member, "role": "x"}])
        assert (response.status_code, response.json()["type"]) == (400, "BAD_COLLECTION")
    assert (await tams.get(path)).json() == []
