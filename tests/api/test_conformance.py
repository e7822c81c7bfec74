"""Answers against the BBC's own schemas, requests out of its own examples."""

import copy
import json

import pytest

from tests.support import official
from tests.support.gateway import a_segment, new_id

pytestmark = official.needed


async def test_answers_fit_the_official_schemas(tams, flow):
    path = f"/flows/{flow['id']}"
    storage = await tams.post(f"{path}/storage", json={"limit": 1})
    official.validator("flow-storage.json").validate(storage.json())
    own = {"object_id": storage.json()["media_objects"][0]["object_id"], "timerange": "[0:0_1:0)"}
    failed = await tams.post(f"{path}/segments", json=[own, own, a_segment(10, 20)])
    official.validator("flow-segment-bulk-failure.json").validate(failed.json())
    for schema, url in (
        ("service.json", "/service"),
        ("storage-backends-list.json", "/service/storage-backends"),
        ("source.json", f"/sources/{flow['source_id']}"),
        ("flow.json", f"{path}?include_timerange=true"),
        ("object.json", f"/objects/{own['object_id']}"),
        ("deletion-requests-list.json", "/flow-delete-requests"),
        ("error.json", f"/flows/{new_id()}"),
        ("error.json", "/flows?limit=0"),
    ):
        official.validator(schema).validate((await tams.get(url)).json())
    for verbose in ("true", "false"):
        segments = (await tams.get(f"{path}/segments?verbose_storage={verbose}")).json()
        assert len(segments) == 2
        for segment in segments:
            official.validator("flow-segment.json").validate(segment)


@pytest.mark.parametrize("example", official.examples("flow-put*.json"), ids=lambda path: path.stem)
async def test_official_flows_are_accepted(tams, make_flow, example):
    flow = json.loads(example.read_text("utf-8"))
    flow |= {"id": new_id(), "source_id": new_id()}
    for member in flow.get("flow_collection", []):
        member["id"] = (await make_flow())["id"]
    created = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert created.status_code == 201, created.text


@pytest.mark.parametrize("example", official.examples("flow-segment-post*.json"), ids=lambda path: path.stem)
async def test_official_segments_are_accepted(tams, flow, example):
    posted = json.loads(example.read_text("utf-8"))
    segments = copy.deepcopy(posted if isinstance(posted, list) else [posted])
    for segment in segments:
        segment.setdefault("get_urls", [{"url": "https://elsewhere.example/x"}])
    created = await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    assert created.status_code == 201, created.text


@pytest.mark.parametrize("example", official.examples("flow-storage-post*.json"), ids=lambda path: path.stem)
async def test_official_allocations_are_understood(tams, flow, example):
    wanted = json.loads(example.read_text("utf-8"))
    if "media_objects" in wanted:
        pytest.skip("an answer, not a request")
    wanted.pop("storage_id", None)
    created = await tams.post(f"/flows/{flow['id']}/storage", json=wanted)
    assert created.status_code == 201, created.text
