import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import a_flow, a_segment, new_id


async def test_a_new_flow_is_created_and_served(tams: httpx.AsyncClient) -> None:
    flow = a_flow(label="Camera 1", tags={"a.b/c": "x"})
    created = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert created.status_code == 201
    assert created.headers["content-type"] == "application/json"
    served = await tams.get(f"/flows/{flow['id']}")
    assert served.status_code == 200
    assert served.json() == created.json()
    assert flow.items() <= served.json().items()
    age = datetime.now(UTC) - datetime.fromisoformat(served.json()["created"])
    assert timedelta(0) <= age < timedelta(minutes=1)


async def test_replacing_a_flow_returns_no_body_and_removes_absent_members(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    labelled = await tams.put(f"/flows/{flow['id']}", json=flow | {"label": "first"})
    assert (labelled.status_code, labelled.content) == (204, b"")
    assert "content-type" not in labelled.headers
    await tams.put(f"/flows/{flow['id']}", json=flow)
    assert "label" not in (await tams.get(f"/flows/{flow['id']}")).json()


async def test_the_timerange_is_served_only_on_request(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    path = f"/flows/{flow['id']}"
    assert "timerange" not in (await tams.get(path)).json()
    assert (await tams.get(f"{path}?include_timerange=true")).json()["timerange"] == "()"
    for start in (0, 20):
        await tams.post(f"{path}/segments", json=a_segment(start, start + 10))
    assert (await tams.get(f"{path}?include_timerange=true")).json()["timerange"] == "[0:0_30:0)"
    clipped = await tams.get(f"{path}?include_timerange=true&timerange=[5:0_12:0)")
    assert clipped.json()["timerange"] == "[5:0_10:0)"


async def test_unknown_query_parameters_are_ignored(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    assert (await tams.get(f"/flows/{flow['id']}?_t=1700000000000&_t=2")).status_code == 200


@pytest.mark.parametrize("query", ["include_timerange=yes", "timerange=[1_", "timerange=(1:0)", "label=%FF"])
async def test_an_invalid_query_is_refused(tams: httpx.AsyncClient, flow: dict[str, Any], query: str) -> None:
    response = await tams.get(f"/flows/{flow['id']}?{query}")
    assert response.status_code == 400
    assert response.json()["type"] in ("BAD_QUERY", "BAD_TIMERANGE")


@pytest.mark.parametrize("flow_id", [new_id(), "nothing", new_id().upper(), "é", "%00", "a%2Fb"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown_and_malformed_ids_are_not_found(
    tams: httpx.AsyncClient, flow_id: str, method: str
) -> None:
    assert (await tams.request(method, f"/flows/{flow_id}")).status_code == 404


async def test_a_malformed_id_cannot_be_put(tams: httpx.AsyncClient) -> None:
    for flow in (a_flow(), a_flow(id="nothing")):
        assert (await tams.put("/flows/nothing", json=flow)).status_code == 404


async def test_the_body_must_name_the_flow_of_the_path(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    response = await tams.put(f"/flows/{new_id()}", json=flow)
    assert response.status_code == 404
    assert flow["id"] in response.json()["summary"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"format": None}, "$"),
        (
            {"essence_parameters": {"frame_width": "x", "frame_height": 1}},
            "$.essence_parameters.frame_width",
        ),
        ({"generation": -1}, "$.generation"),
        ({"generation": True}, "$.generation"),
        ({"generation": 2.0**63}, "$.generation"),
        ({"tags": {"a": 1}}, "$.tags[...]"),
        ({"flow_collection": [{"id": new_id()}]}, "$.flow_collection[0]"),
    ],
)
async def test_an_invalid_flow_is_refused_with_the_path_of_the_fault(
    tams: httpx.AsyncClient, change: dict[str, Any], path: str
) -> None:
    flow = a_flow(**change)
    response = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert response.status_code == 400
    assert response.json()["path"].startswith(path)
    assert (await tams.get(f"/flows/{flow['id']}")).status_code == 404


async def test_integers_may_be_written_as_decimals_and_are_served_as_integers(
    tams: httpx.AsyncClient,
) -> None:
    rate = b'{"numerator":5.0e1,"denominator":2.0}'
    integers = (
        b'"generation":1.0,"max_bit_rate":5e6,"avg_bit_rate":9007199254740993.0,"segment_duration":%b,'
        b'"container_mapping":{"track_index":0.0,"audio_track":{"channel_numbers":[1.0,2]}},'
        b'"essence_parameters":{"frame_width":1920.0,"frame_height":1.080e3,"frame_rate":%b,"bit_depth":80e-1},'
        b'"tags":{"a":"1.0"}'
    ) % (rate, rate)
    stored = (
        '"generation":1,"max_bit_rate":5000000,"avg_bit_rate":9007199254740993,"segment_duration":'
        '{"numerator":50,"denominator":2},"container_mapping":{"track_index":0,"audio_track":'
        '{"channel_numbers":[1,2]}},"essence_parameters":{"frame_width":1920,"frame_height":1080,"frame_rate":'
        '{"numerator":50,"denominator":2},"bit_depth":8},"tags":{"a":"1.0"}'
    )
    flow = a_flow(essence_parameters=None)
    rest = json.dumps(flow).encode()
    sent = b"%b,%b}" % (rest[:-1], integers)
    headers = {"content-type": "application/json"}
    created = await tams.put(f"/flows/{flow['id']}", content=sent, headers=headers)
    assert created.status_code == 201, created.text
    assert stored in created.text
    assert stored in (await tams.get(f"/flows/{flow['id']}")).text
    assert stored in (await tams.get(f"/flows?source_id={flow['source_id']}")).text
    half = sent.replace(b"5.0e1", b"5.05e1")
    halved = await tams.put(f"/flows/{flow['id']}", content=half, headers=headers)
    assert (halved.status_code, stored in (await tams.get(f"/flows/{flow['id']}")).text) == (400, True)


async def test_malformed_json_is_refused(tams: httpx.AsyncClient) -> None:
    response = await tams.put(
        f"/flows/{new_id()}", content=b'{"id": ', headers={"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert set(response.json()) >= {"type", "summary", "time"}


async def test_a_read_only_flow_refuses_changes(
    tams: httpx.AsyncClient, read_only_flow: dict[str, Any]
) -> None:
    path = f"/flows/{read_only_flow['id']}"
    assert (await tams.put(path, json=read_only_flow | {"read_only": False})).status_code == 403
    assert (await tams.delete(path)).status_code == 403
    assert (await tams.delete(path)).json()["type"] == "FLOW_READ_ONLY"
    assert (await tams.get(path)).status_code == 200


async def test_the_segments_and_source_of_a_deleted_flow_are_deleted_too(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}"
    await tams.post(f"{path}/segments", json=a_segment())
    deleted = await tams.delete(path)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await tams.get(path)).status_code == 404
    assert (await tams.get(f"{path}/segments")).json() == []
    assert (await tams.get(f"/sources/{flow['source_id']}")).status_code == 404


async def test_the_list_applies_every_filter(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    source = new_id()
    wanted = await make_flow(source_id=source, label="one", tags={"kind.of": "a b", "only": "here"})
    await make_flow(source_id=source, label="two", tags={"kind.of": "c"})
    await make_flow(
        source_id=source,
        codec="video/h265",
        essence_parameters={"frame_width": 1280, "frame_height": 720},
    )
    await tams.post(f"/flows/{wanted['id']}/segments", json=a_segment(0, 10))

    async def found(query: str) -> list[str]:
        response = await tams.get(f"/flows?source_id={source}&{query}")
        assert response.status_code == 200, response.text
        return [flow["id"] for flow in response.json()]

    for query in (
        "label=one",
        "tag.kind.of=a%20b",
        "tag.kind.of=a+b",
        "tag_exists.only=true",
        "timerange=[9:0_20:0)",
        "label=one&tag_exists.none=false&format=urn:x-nmos:format:video&codec=video/h264&frame_width=1920",
    ):
        assert await found(query) == [wanted["id"]], query
    assert len(await found("tag_exists.only=false")) == 2
    assert len(await found("timerange=()")) == 2
    assert len(await found("timerange=_")) == 3
    assert len(await found("frame_height=720")) == 1
    assert await found("label=on") == []
    assert await found("timerange=[10:0_20:0)") == []


@pytest.mark.parametrize(
    "query",
    [
        "source_id=x",
        "format=video",
        "codec=h264",
        "frame_width=wide",
        "frame_width=-1",
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=",
        "page=unknown",
        "tag_exists.a=1",
        "timerange=10",
        "label=a&label=b",
    ],
)
async def test_the_list_refuses_an_invalid_query(tams: httpx.AsyncClient, query: str) -> None:
    response = await tams.get(f"/flows?{query}")
    assert response.status_code == 400
    assert response.json()["summary"]


async def test_the_list_is_paged_by_its_links(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    source = new_id()
    flow_ids = sorted([(await make_flow(source_id=source, label="a;b,c"))["id"] for _ in range(5)])
    url: str | None = f"/flows?source_id={source}&limit=2&label=a%3Bb%2Cc&access_token=secret"
    seen = []
    while url:
        page = await tams.get(url)
        assert page.headers["x-paging-limit"] == "2"
        seen += [flow["id"] for flow in page.json()]
        url = page.links.get("next", {}).get("url")
        assert ("x-paging-nextkey" in page.headers) == (url is not None)
        if url:
            assert url.startswith(f"{tams.base_url}/flows?")
            assert page.headers["link"].count(";") == 1
            assert "," not in page.headers["link"]
            assert "secret" not in url
    assert seen == flow_ids


async def test_the_page_key_leads_to_the_next_page(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    source = new_id()
    flow_ids = sorted([(await make_flow(source_id=source))["id"] for _ in range(2)])
    first = await tams.get("/flows", params={"source_id": source, "limit": 1})
    key = first.headers["x-paging-nextkey"]
    second = await tams.get("/flows", params={"source_id": source, "limit": 1, "page": key})
    assert [flow["id"] for flow in first.json() + second.json()] == flow_ids


@pytest.mark.parametrize(("requested", "in_force"), [("7", "7"), ("100000", "1000"), ("9" * 18, "1000")])
async def test_the_limit_in_force_is_in_the_header(
    tams: httpx.AsyncClient, requested: str, in_force: str
) -> None:
    assert (await tams.get(f"/flows?limit={requested}")).headers["x-paging-limit"] == in_force


async def test_simultaneous_readers_each_get_their_own_flow(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    flows = [await make_flow(label=f"number {number}") for number in range(20)]
    flow_ids = [flow["id"] for flow in flows] + [new_id(), "malformed"]
    answers = await asyncio.gather(*(tams.get(f"/flows/{flow_id}") for flow_id in flow_ids * 5))
    for flow_id, answer in zip(flow_ids * 5, answers, strict=True):
        assert answer.status_code == (200 if flow_id in flow_ids[:20] else 404)
        assert answer.is_error or answer.json()["id"] == flow_id


async def test_a_flow_or_source_that_would_become_too_large_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    large = a_flow(label="x" * 1024 * 1024)
    refused = await tams.put(f"/flows/{large['id']}", json=large)
    assert (refused.status_code, refused.json()["type"]) == (413, "BODY_TOO_LARGE")
    for path in (f"/flows/{large['id']}", f"/sources/{large['source_id']}"):
        assert (await tams.get(path)).status_code == 404
    for path in (f"/flows/{flow['id']}", f"/sources/{flow['source_id']}"):
        tag_names: list[str] = []
        while (put := await tams.put(f"{path}/tags/{len(tag_names)}", json="x" * 100_000)).is_success:
            tag_names.append(str(len(tag_names)))
        assert (put.status_code, put.json()["type"]) == (400, "DOCUMENT_TOO_LARGE")
        assert tag_names
        assert list((await tams.get(f"{path}/tags")).json()) == tag_names
