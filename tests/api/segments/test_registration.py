import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import a_segment, new_id


@pytest.fixture
def segments(flow: dict[str, Any]) -> str:
    """The path of the segments of the flow."""
    return f"/flows/{flow['id']}/segments"


async def stored_timeranges(tams: httpx.AsyncClient, segments: str, **query: Any) -> list[str]:
    """The timeranges of the stored segments, in order."""
    listed = await tams.get(segments, params={"limit": 1000, **query})
    return [segment["timerange"] for segment in listed.json()]


async def test_a_segment_is_stored_with_all_its_members(tams: httpx.AsyncClient, segments: str) -> None:
    segment = a_segment(
        timerange="[0:0_9:999999999]",
        ts_offset="-1:5",
        last_duration="0:40000000",
        sample_offset=0,
        sample_count=250,
        key_frame_count=10,
    )
    created = await tams.post(segments, json=segment)
    assert (created.status_code, created.content) == (201, b"")
    assert (await tams.get(segments)).json() == [segment]


async def test_integers_may_be_written_as_decimals(tams: httpx.AsyncClient, segments: str) -> None:
    whole = {"sample_offset": 2.0**40, "sample_count": 250.0, "key_frame_count": 10.0}
    posted = [a_segment(at, at + 1, **whole) for at in range(40)]
    assert (await tams.post(segments, json=posted[0])).status_code == 201
    assert (await tams.post(segments, json=posted[1:])).status_code == 201
    listed = await tams.get(f"{segments}?limit=100")
    integers = '"sample_offset":1099511627776,"sample_count":250,"key_frame_count":10'
    assert listed.text.count(integers) == len(posted)
    for wrong in (1.5, True, 2.0**63):
        refused = await tams.post(segments, json=[a_segment(50, 51), a_segment(51, 52, sample_count=wrong)])
        assert (refused.status_code, refused.json()["path"]) == (400, "$[1].sample_count")
    assert len(await stored_timeranges(tams, segments)) == len(posted)


async def test_all_segments_of_a_list_are_stored(tams: httpx.AsyncClient, segments: str) -> None:
    posted = [a_segment(start, start + 1) for start in range(100)]
    created = await tams.post(segments, json=posted)
    assert (created.status_code, created.content) == (201, b"")
    assert await stored_timeranges(tams, segments) == [segment["timerange"] for segment in posted]


async def test_an_empty_list_is_accepted(tams: httpx.AsyncClient, segments: str) -> None:
    assert (await tams.post(segments, json=[])).status_code == 201


async def test_invalid_segments_of_a_list_do_not_fail_the_others(
    tams: httpx.AsyncClient, segments: str
) -> None:
    invalid = [
        a_segment(5, 15),
        a_segment(timerange="_"),
        a_segment(timerange="(20:0_30:0)"),
        a_segment(30, 40, get_urls=[{"url": "https://x"}, {"url": "https://y", "label": "local"}]),
        a_segment(40, 50, get_urls=[]),
        a_segment(50, 60, last_duration="-0:1"),
    ]
    response = await tams.post(segments, json=[a_segment(0, 10), *invalid, a_segment(10, 20)])
    assert response.status_code == 200
    failed = response.json()["failed_segments"]
    assert [segment["object_id"] for segment in failed] == [segment["object_id"] for segment in invalid]
    assert [segment["timerange"] for segment in failed] == [segment["timerange"] for segment in invalid]
    assert [segment["error"]["type"] for segment in failed] == [
        "SEGMENT_OVERLAP",
        "BAD_SEGMENT",
        "BAD_SEGMENT",
        "RESERVED_LABEL",
        "UNKNOWN_OBJECT",
        "BAD_SEGMENT",
    ]
    assert [segment["error"]["path"].partition(".")[0] for segment in failed[:4]] == [
        "$[1]",
        "$[2]",
        "$[3]",
        "$[4]",
    ]
    assert await stored_timeranges(tams, segments) == ["[0:0_10:0)", "[10:0_20:0)"]


@pytest.mark.parametrize("object_id", ["", "x" * 1025, "\u00e9" * 513, "a\0b", "x" * 1_000_000])
async def test_an_invalid_object_id_fails_only_its_own_segment(
    tams: httpx.AsyncClient, segments: str, object_id: str
) -> None:
    invalid = a_segment(10, 20, object_id=object_id)
    response = await tams.post(segments, json=[a_segment(0, 10), invalid, a_segment(20, 30)])
    assert response.status_code == 200
    (failed,) = response.json()["failed_segments"]
    assert (failed["object_id"], failed["error"]["type"]) == (object_id, "BAD_SEGMENT")
    assert failed["error"]["path"] == "$[1].object_id"
    assert await stored_timeranges(tams, segments) == ["[0:0_10:0)", "[20:0_30:0)"]


async def test_a_list_in_which_every_segment_fails_has_an_error_for_each(
    tams: httpx.AsyncClient, segments: str
) -> None:
    segment = a_segment()
    assert (await tams.post(segments, json=segment)).status_code == 201
    response = await tams.post(segments, json=[segment])
    assert response.status_code == 200
    assert len(response.json()["failed_segments"]) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"object_id": ""}, "BAD_SEGMENT"),
        ({"object_id": "x" * 1025}, "BAD_SEGMENT"),
        ({"object_id": "\u00e9" * 513}, "BAD_SEGMENT"),
        ({"object_id": "a\0b"}, "BAD_SEGMENT"),
        ({"timerange": "_"}, "BAD_SEGMENT"),
        ({"timerange": "()"}, "BAD_SEGMENT"),
        ({"timerange": "(0:0_1:0)"}, "BAD_SEGMENT"),
        ({"timerange": "[0:0_"}, "BAD_SEGMENT"),
        ({"last_duration": "-1:0"}, "BAD_SEGMENT"),
        ({"sample_count": -1}, "BAD_SEGMENT"),
        ({"get_urls": []}, "UNKNOWN_OBJECT"),
        ({"get_urls": [{"url": "https://x.example"}] * 101}, "BAD_SEGMENT"),
        ({"get_urls": [{"url": "https://x.example", "label": ""}]}, "BAD_SEGMENT"),
        ({"note": "x" * 4096}, "BAD_SEGMENT"),
        ({"note": 2**64}, "BAD_SEGMENT"),
        ({"get_urls": [{"url": "https://x.example", "label": "local"}]}, "RESERVED_LABEL"),
    ],
)
async def test_a_single_invalid_segment_is_refused(
    tams: httpx.AsyncClient, segments: str, change: dict[str, Any], reason: str
) -> None:
    response = await tams.post(segments, json=a_segment(**change))
    assert response.status_code == 400
    assert response.json()["type"] == reason
    assert await stored_timeranges(tams, segments) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"object_id": 1}, ".object_id"),
        ({"timerange": 5}, ".timerange"),
        ({"timerange": "[0_1)"}, ".timerange"),
        ({"timerange": "[0:0_1:0)\n"}, ".timerange"),
        ({"timerange": "[0:0_9999999999999:0)"}, ".timerange"),
        ({"ts_offset": "1"}, ".ts_offset"),
        ({"ts_offset": None}, ".ts_offset"),
        ({"last_duration": "00:1"}, ".last_duration"),
        ({"sample_count": 2**63}, ".sample_count"),
        ({"sample_offset": "1"}, ".sample_offset"),
        ({"get_urls": [{"url": "https://x.example"}, {"label": "x"}]}, ".get_urls[1]"),
        ({"get_urls": [{"url": "https://x.example", "presigned": True}]}, ".get_urls[0]"),
    ],
)
async def test_a_schema_fault_of_one_segment_refuses_the_whole_list(
    tams: httpx.AsyncClient, segments: str, change: dict[str, Any], path: str
) -> None:
    single = await tams.post(segments, json=a_segment(**change))
    assert (single.status_code, single.json()["path"]) == (400, f"${path}")
    listed = await tams.post(segments, json=[a_segment(50, 60), a_segment(**change)])
    assert (listed.status_code, listed.json()["path"]) == (400, f"$[1]{path}")
    assert await stored_timeranges(tams, segments) == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"5", b'"x"', b"{}", b"[1]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_not_a_segment_is_refused(
    tams: httpx.AsyncClient, segments: str, body: bytes
) -> None:
    response = await tams.post(segments, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["type"] in ("BAD_JSON", "BAD_BODY")


async def test_too_many_segments_are_refused(tams: httpx.AsyncClient, segments: str) -> None:
    response = await tams.post(segments, json=[{"object_id": "x", "timerange": "[0:0]"}] * 10_001)
    assert (response.status_code, response.json()["path"]) == (400, "$")


@pytest.mark.parametrize("segment", [a_segment(), a_segment(timerange="(0:0_1:0)")])
@pytest.mark.parametrize("wrap", [lambda segment: segment, lambda segment: [segment]])
async def test_a_fault_of_the_flow_is_reported_before_a_fault_of_the_segment(
    tams: httpx.AsyncClient,
    make_flow: MakeFlow,
    read_only_flow: dict[str, Any],
    segment: dict[str, Any],
    wrap: Callable[[dict[str, Any]], object],
) -> None:
    without_container = await make_flow(container=None)
    for flow_id, status, reason in (
        (new_id(), 404, "FLOW_NOT_FOUND"),
        ("malformed", 404, "FLOW_NOT_FOUND"),
        (read_only_flow["id"], 403, "FLOW_READ_ONLY"),
        (without_container["id"], 400, "NO_CONTAINER"),
    ):
        response = await tams.post(f"/flows/{flow_id}/segments", json=wrap(segment))
        assert (response.status_code, response.json()["type"]) == (status, reason)


async def test_an_object_of_another_flow_can_be_used_once_it_is_registered(
    tams: httpx.AsyncClient, flow: dict[str, Any], make_flow: MakeFlow
) -> None:
    other = await make_flow()
    allocated = await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
    segment = {"object_id": allocated.json()["media_objects"][0]["object_id"], "timerange": "[0:0_1:0)"}
    early = await tams.post(f"/flows/{other['id']}/segments", json=segment)
    assert (early.status_code, early.json()["type"]) == (400, "FOREIGN_OBJECT")
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segment)).status_code == 201
    assert (await tams.post(f"/flows/{other['id']}/segments", json=segment)).status_code == 201


async def test_simultaneous_segments_are_stored_except_those_that_overlap(
    tams: httpx.AsyncClient, segments: str
) -> None:
    distinct = [a_segment(start, start + 1) for start in range(60)]
    overlapping = [a_segment(100, 101) for _ in range(4)]
    answers = await asyncio.gather(
        *(tams.post(segments, json=segment) for segment in (*distinct, *overlapping))
    )
    statuses = [answer.status_code for answer in answers]
    assert statuses[:60] == [201] * 60
    assert sorted(statuses[60:]) == [201, 400, 400, 400]
    assert len(await stored_timeranges(tams, segments)) == 61


async def test_simultaneous_lists_each_get_their_own_answer(tams: httpx.AsyncClient, segments: str) -> None:
    lists = [[a_segment(10 * at, 10 * at + 9), a_segment(0, 1, get_urls=[])] for at in range(20)]
    # This list is too long to share a call of the service with others.
    lists.append([a_segment(1000 + at, 1001 + at) for at in range(1001)])
    answers = await asyncio.gather(*(tams.post(segments, json=posted) for posted in lists))
    assert [answer.status_code for answer in answers] == [200] * 20 + [201]
    for posted, answer in zip(lists, answers[:20], strict=False):
        (failed,) = answer.json()["failed_segments"]
        assert (failed["object_id"], failed["error"]["path"]) == (posted[1]["object_id"], "$[1].object_id")
    assert len(await stored_timeranges(tams, segments, timerange="_1000:0)")) == 20
    assert len(await stored_timeranges(tams, segments, timerange="[1001:0_")) == 1000


async def test_long_lists_of_invalid_segments_do_not_fail_others(
    tams: httpx.AsyncClient, segments: str
) -> None:
    lists = [[{"object_id": "o", "timerange": "_"}] * 4000 for _ in range(5)]
    lists.insert(3, [a_segment()])
    answers = await asyncio.gather(*(tams.post(segments, json=posted) for posted in lists))
    assert answers.pop(3).status_code == 201
    assert [len(answer.json()["failed_segments"]) for answer in answers] == [4000] * 5


UNUSABLE_URLS = (
    "", " ", "\0", "x", "/x", "//host/x", "http://", "http:///x", "javascript:alert(1)", "file:///etc/passwd",
    "data:text/plain,x", "s3://bucket/key", "https://user:password@host/x", "https://host/a b",
    "http://169.254.169.254/latest/meta-data", "http://[fe80::1]/x", f"https://host/{'x' * 8192}",
)  # fmt: skip


@pytest.mark.parametrize("url", UNUSABLE_URLS)
async def test_unusable_urls_are_refused(tams: httpx.AsyncClient, segments: str, url: str) -> None:
    urls = [{"url": "https://fine.example"}, {"url": url}]
    response = await tams.post(segments, json=a_segment(get_urls=urls))
    assert response.status_code == 400
    assert (response.json()["type"], response.json()["path"]) == ("BAD_URL", "$.get_urls[1].url")
    listed = await tams.post(segments, json=[a_segment(0, 1), a_segment(1, 2, get_urls=urls)])
    (failed,) = listed.json()["failed_segments"]
    assert (failed["error"]["type"], failed["error"]["path"]) == ("BAD_URL", "$[1].get_urls[1].url")
    assert await stored_timeranges(tams, segments) == ["[0:0_1:0)"]


async def test_unknown_members_of_segments_are_kept(tams: httpx.AsyncClient, segments: str) -> None:
    more = {
        "object_timerange": "[0:0_1:0)",
        "init_object_id": "i",
        "x-own": {"a\n": [1, 1.5, None, 2**63 - 1]},
    }
    posted = [a_segment(0, 1, **more), a_segment(1, 2), a_segment(2, 3, note="two\nlines")]
    assert (await tams.post(segments, json=posted[0])).status_code == 201
    assert (await tams.post(segments, json=posted[1:])).status_code == 201
    listed = (await tams.get(segments)).json()
    assert listed == [segment | {"ts_offset": "0:0"} for segment in posted]
