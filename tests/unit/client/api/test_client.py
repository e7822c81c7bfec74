import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
import pytest
from mediatimestamp import TimeRange, Timestamp

from client.api import ApiError, BadAnswer, HttpRequest, NewSegment, TamsClient, codec
from tests.support.http.scripted_server import ScriptedServer

FLOW: dict[str, Any] = {
    "id": "d7a2d2f7-3a6f-4d3a-9f0e-0c9e1c0f5a11",
    "source_id": "2f2b1d4c-6d1e-4f57-8a3e-6a1f4c3b2d10",
    "format": "urn:x-nmos:format:video",
    "codec": "video/h264",
    "essence_parameters": {"frame_width": 640, "frame_height": 360},
    "x_house_field": {"kept": True},
}
SEGMENT = {
    "object_id": "a/b c",
    "timerange": "[0:0_2:0)",
    "ts_offset": "-0:40000000",
    "get_urls": [{"url": "http://127.0.0.1/x", "presigned": True}],
}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


async def test_links_are_followed_to_the_last_page_without_adding_the_query(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(body=body([SEGMENT]), Link=f'<{server.url}/flows/f/segments?page=p2>; rel="next"')
    server.then(body=body([SEGMENT, SEGMENT]), Link='</flows/f/segments?page=p3>; rel="next"')
    server.then(body=b"[]")

    segments = [
        segment
        async for segment in tams.segments("f", TimeRange.from_str("[0:0_10:0)"), limit=2, presigned=True)
    ]

    assert len(segments) == 3
    assert [request.target for request in server.requests] == [
        "/flows/f/segments?timerange=%5B0%3A0_10%3A0%29&limit=2&presigned=true",
        "/flows/f/segments?page=p2",
        "/flows/f/segments?page=p3",
    ]


async def test_pages_are_requested_only_when_reached(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=body([SEGMENT]), Link='</flows/f/segments?page=p2>; rel="next"')

    segments = tams.segments("f")
    await anext(segments)
    assert isinstance(segments, AsyncGenerator)
    await segments.aclose()

    assert len(server.requests) == 1


async def test_a_page_that_links_to_itself_is_an_error(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=b"[]", Link='</sources?limit=300>; rel="next"')

    with pytest.raises(BadAnswer, match="URL of this page"):
        [source async for source in tams.sources()]


async def test_invalid_urls_are_an_error(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=b"[]", Link='<http://a:b/>; rel="next"')

    with pytest.raises(BadAnswer, match="invalid URL"):
        [source async for source in tams.sources()]
    with pytest.raises(BadAnswer, match="URL"):
        await tams.download("http://a:b/")
    with pytest.raises(BadAnswer, match="URL"):
        async with tams.stream("http://a:b/"):
            pass


async def test_segment_times_are_exact_values(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=body([SEGMENT]))

    segment = await anext(tams.segments("f"))

    assert segment.timerange == TimeRange.from_str("[0:0_2:0)")
    assert segment.ts_offset == Timestamp.from_str("-0:40000000")
    assert segment.get_urls[0].presigned


async def test_a_flow_keeps_unknown_members(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=body(FLOW))
    server.then(204)

    flow = await tams.flow(FLOW["id"])
    replaced = await tams.put_flow({**flow.document, "label": "new"})

    assert flow.essence_parameters["frame_width"] == 640
    assert replaced is None
    assert json.loads(server.requests[1].body) == {**FLOW, "label": "new"}


async def test_a_created_flow_is_returned(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(201, body({**FLOW, "created": "2024-01-01T00:00:00Z"}))

    created = await tams.put_flow(FLOW)

    assert created is not None
    assert created.document["created"] == "2024-01-01T00:00:00Z"


async def test_the_base_url_may_have_a_path(server: ScriptedServer) -> None:
    server.then(body=body({"type": "urn:x-tams:service:t", "api_version": "7.0"}))

    async with TamsClient(server.url + "/media/tams/") as tams:
        assert (await tams.service()).api_version == "7.0"

    assert server.requests[0].target == "/media/tams/service"


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://a:b", "http://\n"]
)
def test_an_address_that_is_not_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        TamsClient(url)


async def test_a_single_segment_is_sent_as_an_object_without_unset_members(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(201)

    failed = await tams.create_segments("f", [new_segment()])

    assert failed == []
    assert json.loads(server.requests[0].body) == {"object_id": "o", "timerange": "[0:0_1:0)"}


FAILED = [{"object_id": "o", "timerange": "[0:0_1:0)", "error": {"type": "SEGMENT_OVERLAP", "summary": "no"}}]


@pytest.mark.parametrize("answer", [{"failed_segments": FAILED}, FAILED])
async def test_failed_segments_are_read_from_either_form(
    server: ScriptedServer, tams: TamsClient, answer: dict[str, Any] | list[dict[str, Any]]
) -> None:
    server.then(200, body(answer))

    (failed,) = await tams.create_segments("f", [new_segment(), new_segment()])

    assert failed.error is not None
    assert failed.error.type == "SEGMENT_OVERLAP"
    assert failed.timerange == TimeRange.from_str("[0:0_1:0)")


async def test_the_pages_of_an_object_are_joined_and_its_id_is_encoded(
    server: ScriptedServer, tams: TamsClient
) -> None:
    first = {"id": "a/b c", "referenced_by_flows": ["f1"], "first_referenced_by_flow": "f1"}
    server.then(body=body(first), Link='</objects/a%2Fb%20c?page=2>; rel="next"')
    server.then(body=body({"id": "a/b c", "referenced_by_flows": ["f2"]}))

    joined = await tams.object("a/b c")

    assert [request.target for request in server.requests] == [
        "/objects/a%2Fb%20c",
        "/objects/a%2Fb%20c?page=2",
    ]
    assert joined.referenced_by_flows == ["f1", "f2"]
    assert joined.first_referenced_by_flow == "f1"


async def test_an_upload_has_the_headers_of_the_allocation(server: ScriptedServer, tams: TamsClient) -> None:
    put = {"url": f"{server.url}/bucket/key?sig=1", "content-type": "video/mp2t", "headers": {"x-amz-a": "1"}}
    server.then(201, body({"media_objects": [{"object_id": "o", "put_url": put}]}))
    server.then(200)

    (allocation,) = await tams.allocate_storage("f", limit=1)
    await tams.upload(allocation.put_url, b"bytes")

    sent = server.requests[1]
    assert (sent.method, sent.target, sent.body) == ("PUT", "/bucket/key?sig=1", b"bytes")
    assert sent.headers["Content-Type"] == "video/mp2t"
    assert sent.headers["x-amz-a"] == "1"


async def test_a_stream_is_uploaded_with_its_length(server: ScriptedServer, tams: TamsClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"by"
        yield b"tes"

    server.then(200)

    await tams.upload(HttpRequest(url=f"{server.url}/key"), chunks(), length=5)

    assert server.requests[0].body == b"bytes"
    assert "Transfer-Encoding" not in server.requests[0].headers


async def test_a_download_is_whole_or_in_chunks(server: ScriptedServer, tams: TamsClient) -> None:
    server.then(body=b"media")
    server.then(body=b"media")

    whole = await tams.download(f"{server.url}/x")
    async with tams.stream(f"{server.url}/x") as chunks:
        parts = b"".join([chunk async for chunk in chunks])

    assert whole == parts == b"media"


async def test_a_stream_that_storage_refuses_is_an_error_of_object_storage(
    server: ScriptedServer, tams: TamsClient
) -> None:
    server.then(403, b"<Error/>")
    with pytest.raises(ApiError, match="object storage refuses a download"):
        async with tams.stream(f"{server.url}/x"):
            pass


async def test_a_long_deletion_returns_its_request(server: ScriptedServer, tams: TamsClient) -> None:
    request = {
        "id": "r",
        "flow_id": "f",
        "status": "created",
        "timerange_to_delete": "_",
        "delete_flow": True,
    }
    server.then(204)
    server.then(202, body(request))

    assert await tams.delete_segments("f", TimeRange.from_str("[0:0_1:0)")) is None
    pending = await tams.delete_flow("f")

    assert pending is not None
    assert pending.status == "created"
    assert server.requests[0].target == "/flows/f/segments?timerange=%5B0%3A0_1%3A0%29"


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b'{"type": 1, "api_version": "7.0"}', b"\xff"])
async def test_a_malformed_answer_is_an_error(
    server: ScriptedServer, tams: TamsClient, answer: bytes
) -> None:
    server.then(body=answer)

    with pytest.raises(BadAnswer):
        await tams.service()


def new_segment() -> NewSegment:
    return NewSegment(object_id="o", timerange=TimeRange.from_str("[0:0_1:0)"))


def test_times_of_new_segments_are_sent_as_text() -> None:
    segment = msgspec.structs.replace(new_segment(), ts_offset=Timestamp.from_nanosec(-5), sample_count=3)

    assert json.loads(codec.encode([segment])) == [
        {"object_id": "o", "timerange": "[0:0_1:0)", "ts_offset": "-0:5", "sample_count": 3}
    ]
