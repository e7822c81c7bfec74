"""The BBC's own examples: the store accepts them, once their defects are repaired."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.conftest import MakeFlow
from tests.conformance.reaching import Client
from tests.support.openapi import contract, official
from tests.support.services.gateway import new_id

pytestmark = official.needed

# Examples that need a repair in the test, with the reasons.
DEFECTS = {
    "flow-put-multi": "the flow collects itself; several files have its members with different formats",
    "flow-segment-post": "its objects are neither allocated here nor have URLs",
    "flow-storage-post": "it names a storage backend of its authors",
}


def requests(pattern: str) -> pytest.MarkDecorator:
    """The examples of requests whose names match, as parameters of a test."""
    paths = [path for path in official.examples(pattern) if not path.stem.endswith(("-200", "-201"))]
    return pytest.mark.parametrize("example", paths, ids=lambda path: path.stem)


@requests("flow-put*.json")
async def test_flows_are_accepted(tams: Client, make_flow: MakeFlow, example: Path) -> None:
    flow = json.loads(example.read_text("utf-8")) | {"id": new_id(), "source_id": new_id()}
    for member in flow.get("flow_collection", []):
        assert example.stem in DEFECTS
        member["id"] = (await make_flow())["id"]
    created = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert created.status_code == 201, created.text
    managed = {"created", "metadata_updated", "segments_updated", "collected_by", "timerange"}
    kept = {name: value for name, value in flow.items() if name not in managed}
    assert kept.items() <= (await tams.get(f"/flows/{flow['id']}")).json().items()


@pytest.mark.parametrize("example", official.examples("flow-get-200*.json"), ids=lambda path: path.stem)
async def test_flows_of_other_stores_are_accepted(tams: Client, make_flow: MakeFlow, example: Path) -> None:
    flow = json.loads(example.read_text("utf-8")) | {"id": new_id(), "source_id": new_id()}
    for member in flow.get("flow_collection", []):
        member["id"] = (await make_flow())["id"]
    created = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert created.status_code == 201, created.text


@requests("flow-segment-post*.json")
async def test_segments_are_accepted(tams: Client, flow: dict[str, Any], example: Path) -> None:
    posted = json.loads(example.read_text("utf-8"))
    segments = posted if isinstance(posted, list) else [posted]
    for segment in segments:
        segment.setdefault("get_urls", [{"url": "https://elsewhere.example/x"}])
    created = await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    assert created.status_code == 201, created.text


@requests("flow-storage-post*.json")
async def test_storage_requests_are_accepted(tams: Client, flow: dict[str, Any], example: Path) -> None:
    wanted = json.loads(example.read_text("utf-8"))
    wanted.pop("storage_id", None)
    created = await tams.post(f"/flows/{flow['id']}/storage", json=wanted)
    assert created.status_code == 201, created.text


@requests("flow-collection-put.json")
async def test_collections_are_accepted(
    tams: Client, flow: dict[str, Any], make_flow: MakeFlow, example: Path
) -> None:
    collection = json.loads(example.read_text("utf-8"))
    for member in collection:
        member["id"] = (await make_flow())["id"]
    path = f"/flows/{flow['id']}/flow_collection"
    assert (await tams.put(path, json=collection)).status_code == 204
    assert (await tams.get(path)).json() == collection


@requests("service-post.json")
async def test_names_of_the_service_are_accepted(tams: Client, example: Path) -> None:
    change = json.loads(example.read_text("utf-8"))
    assert (await tams.post("/service", json=change)).status_code == 200
    assert change.items() <= (await tams.get("/service")).json().items()


def test_the_types_of_events_are_those_of_tams() -> None:
    official_webhooks = official.openapi()["webhooks"]
    assert set(contract.DOCUMENT["webhooks"]) == set(official_webhooks)
