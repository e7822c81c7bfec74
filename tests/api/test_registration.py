import asyncio

import pytest

from tests.support.gateway import a_segment, new_id


@pytest.fixture
def segments(flow):
    return f"/flows/{flow['id']}/segments"


async def stored(tams, segments, **query):
    listed = await tams.get(segments, params={"limit": 1000, **query})
    return [segment["timerange"] for segment in listed.json()]


async def test_one_segment_keeps_all_it_says(tams, segments):
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


async def test_integers_may_be_written_as_decimals(tams, segments):
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
    assert len(await stored(tams, segments)) == len(posted)


async def test_a_list_is_stored_whole(tams, segments):
    posted = [a_segment(start, start + 1) for start in range(100)]
    created = await tams.post(segments, json=posted)
    assert (created.status_code, created.content) == (201, b"")
    assert await stored(tams, segments) == [segment["timerange"] for segment in posted]


async def test_an_empty_list_is_fine(tams, segments):
    assert (await tams.post(segments, json=[])).status_code == 201


async def test_segments_of_a_list_fail_on_their_own(tams, segments):
    bad = [
        a_segment(5, 15),
        a_segment(timerange="_"),
        a_segment(timerange="(20:0_30:0)"),
        a_segment(30, 40, get_urls=[{"url": "https://x"}, {"url": "https://y", "label": "local"}]),
        a_segment(40, 50, get_urls=[]),
        a_segment(50, 60, last_duration="-0:1"),
    ]
    response = await tams.post(segments, json=[a_segment(0, 10), *bad, a_segment(10, 20)])
    assert response.status_code == 200
    failed = response.json()["failed_segments"]
    assert [one["object_id"] for one in failed] == [one["object_id"] for one in bad]
    assert [one["timerange"] for one in failed] == [one["timerange"] for one in bad]
    assert [one["error"]["type"] for one in failed] == [
        "SEGMENT_OVERLAP",
        "BAD_SEGMENT",
        "BAD_SEGMENT",
        "RESERVED_LABEL",
        "UNKNOWN_OBJECT",
        "BAD_SEGMENT",
    ]
    assert [one["error"]["path"].partition(".")[0] for one in failed[:4]] == ["$[1]", "$[2]", "$[3]", "$[4]"]
    assert await stored(tams, segments) == ["[0:0_10:0)", "[10:0_20:0)"]


async def test_a_list_that_fails_altogether_is_still_answered_item_by_item(tams, segments):
    segment = a_segment()
    assert (await tams.post(segments, json=segment)).status_code == 201
    response = await tams.post(segments, json=[segment])
    assert response.status_code == 200
    assert len(response.json()["failed_segments"]) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"timerange": "_"}, "BAD_SEGMENT"),
        ({"timerange": "()"}, "BAD_SEGMENT"),
        ({"timerange": "(0:0_1:0)"}, "BAD_SEGMENT"),
        ({"timerange": "[0:0_"}, "BAD_SEGMENT"),
        ({"last_duration": "-1:0"}, "BAD_SEGMENT"),
        ({"sample_count": -1}, "BAD_SEGMENT"),
        ({"get_urls": []}, "UNKNOWN_OBJECT"),
        ({"get_urls": [{"url": "https://x.example", "label": "local"}]}, "RESERVED_LABEL"),
    ],
)
async def test_a_single_segment_that_makes_no_sense_is_refused(tams, segments, change, reason):
    response = await tams.post(segments, json=a_segment(**change))
    assert response.status_code == 400
    assert response.json()["type"] == reason
    assert await stored(tams, segments) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"object_id": 1}, ".object_id"),
        ({"object_id": ""}, ".object_id"),
        ({"object_id": "x" * 1025}, ".object_id"),
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
        ({"get_urls": [{"url": "https://x.example"}] * 101}, ".get_urls"),
    ],
)
async def test_a_fault_against_the_schema_refuses_everything(tams, segments, change, path):
    alone = await tams.post(segments, json=a_segment(**change))
    assert (alone.status_code, alone.json()["path"]) == (400, f"${path}")
    listed = await tams.post(segments, json=[a_segment(50, 60), a_segment(**change)])
    assert (listed.status_code, listed.json()["path"]) == (400, f"$[1]{path}")
    assert await stored(tams, segments) == []


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"5", b'"x"', b"{}", b"[1]", b"\xff", b"[" * 100_000])
async def test_a_body_that_is_no_segment_is_refused(tams, segments, body):
    response = await tams.post(segments, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["type"] in ("BAD_JSON", "BAD_BODY")


async def test_too_many_segments_are_refused(tams, segments):
    response = await tams.post(segments, json=[{"object_id": "x", "timerange": "[0:0]"}] * 10_001)
    assert (response.status_code, response.json()["path"]) == (400, "$")


@pytest.mark.parametrize("segment", [a_segment(), a_segment(timerange="(0:0_1:0)")])
@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: [one]])
async def test_faults_of_the_flow_come_before_faults_of_the_segment(
    tams, make_flow, read_only_flow, segment, wrap
):
    bare = await make_flow(container=None)
    for flow_id, status, reason in (
        (new_id(), 404, "FLOW_NOT_FOUND"),
        ("malformed", 404, "FLOW_NOT_FOUND"),
        (read_only_flow["id"], 403, "FLOW_READ_ONLY"),
        (bare["id"], 400, "NO_CONTAINER"),
    ):
        response = await tams.post(f"/flows/{flow_id}/segments", json=wrap(segment))
        assert (response.status_code, response.json()["type"]) == (status, reason)


async def test_an_object_of_another_flow_can_be_used_once_it_is_registered(tams, flow, make_flow):
    other = await make_flow()
    allocated = await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
    segment = {"object_id": allocated.json()["media_objects"][0]["object_id"], "timerange": "[0:0_1:0)"}
    early = await tams.post(f"/flows/{other['id']}/segments", json=segment)
    assert (early.status_code, early.json()["type"]) == (400, "FOREIGN_OBJECT")
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segment)).status_code == 201
    assert (await tams.post(f"/flows/{other['id']}/segments", json=segment)).status_code == 201


async def test_concurrent_single_segments_are_all_stored_and_only_one_of_two_rivals(tams, segments):
    distinct = [a_segment(start, start + 1) for start in range(60)]
    rivals = [a_segment(100, 101) for _ in range(4)]
    answers = await asyncio.gather(*(tams.post(segments, json=one) for one in (*distinct, *rivals)))
    statuses = [answer.status_code for answer in answers]
    assert statuses[:60] == [201] * 60
    assert sorted(statuses[60:]) == [201, 400, 400, 400]
    assert len(await stored(tams, segments)) == 61


async def test_concurrent_lists_are_each_answered_for_themselves(tams, segments):
    lists = [[a_segment(10 * at, 10 * at + 9), a_segment(0, 1, get_urls=[])] for at in range(20)]
    # Too long to travel with others.
    lists.append([a_segment(1000 + at, 1001 + at) for at in range(1001)])
    answers = await asyncio.gather(*(tams.post(segments, json=one) for one in lists))
    assert [answer.status_code for answer in answers] == [200] * 20 + [201]
    for posted, answer in zip(lists, answers[:20], strict=False):
        (failed,) = answer.json()["failed_segments"]
        assert (failed["object_id"], failed["error"]["path"]) == (posted[1]["object_id"], "$[1].object_id")
    assert len(await stored(tams, segments, timerange="_1000:0)")) == 20
    assert len(await stored(tams, segments, timerange="[1001:0_")) == 1000


async def test_long_lists_of_nonsense_fail_alone(tams, segments):
    lists = [[{"object_id": "o", "timerange": "_"}] * 4000 for _ in range(5)]
    lists.insert(3, [a_segment()])
    answers = await asyncio.gather(*(tams.post(segments, json=one) for one in lists))
    assert answers.pop(3).status_code == 201
    assert [len(answer.json()["failed_segments"]) for answer in answers] == [4000] * 5
