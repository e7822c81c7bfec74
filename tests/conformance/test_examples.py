"""The BBC's own examples: those that are valid are accepted, and answers are like theirs."""

import json

import pytest

from tests.support import contract, official
from tests.support.gateway import new_id

pytestmark = official.needed

# Examples that cannot be taken as they are; the tests mend them in the way told here.
DEFECTS = {
    "flow-put-multi": "the flow collects itself; its members stand in several files with several formats",
    "flow-segment-post": "its objects were never allocated here, and come without URLs of their own",
    "flow-storage-post": "names a storage backend of its authors",
}


def taken(pattern):
    """The examples of requests, by name."""
    paths = [path for path in official.examples(pattern) if not path.stem.endswith(("-200", "-201"))]
    return pytest.mark.parametrize("example", paths, ids=lambda path: path.stem)


@taken("flow-put*.json")
async def test_flows_are_accepted(tams, make_flow, example):
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
async def test_flows_that_others_serve_are_accepted(tams, make_flow, example):
    flow = json.loads(example.read_text("utf-8")) | {"id": new_id(), "source_id": new_id()}
    for member in flow.get("flow_collection", []):
        member["id"] = (await make_flow())["id"]
    created = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert created.status_code == 201, created.text


@taken("flow-segment-post*.json")
async def test_segments_are_accepted(tams, flow, example):
    posted = json.loads(example.read_text("utf-8"))
    segments = posted if isinstance(posted, list) else [posted]
    for segment in segments:
        segment.setdefault("get_urls", [{"url": "https://elsewhere.example/x"}])
    created = await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    assert created.status_code == 201, created.text


@taken("flow-storage-post*.json")
async def test_allocations_are_understood(tams, flow, example):
    wanted = json.loads(example.read_text("utf-8"))
    wanted.pop("storage_id", None)
    created = await tams.post(f"/flows/{flow['id']}/storage", json=wanted)
    assert created.status_code == 201, created.text


@taken("flow-collection-put.json")
async def test_collections_are_accepted(tams, flow, make_flow, example):
    collection = json.loads(example.read_text("utf-8"))
    for member in collection:
        member["id"] = (await make_flow())["id"]
    path = f"/flows/{flow['id']}/flow_collection"
    assert (await tams.put(path, json=collection)).status_code == 204
    assert (await tams.get(path)).json() == collection


@taken("service-post.json")
async def test_names_are_accepted(tams, example):
    change = json.loads(example.read_text("utf-8"))
    assert (await tams.post("/service", json=change)).status_code == 200
    assert change.items() <= (await tams.get("/service")).json().items()


def test_webhook_messages_are_those_of_tams():
    theirs = official.openapi()["webhooks"]
    assert set(contract.DOCUMENT["webhooks"]) == set(theirs)
