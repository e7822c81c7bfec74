"""Walks through pages of any size find what one large page lists: what overlaps the range asked for."""

from urllib.parse import quote

import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from mediatimestamp import TimeRange

from tests.support.effort import examples
from tests.support.gateway import a_flow, a_segment, new_id
from tests.support.walking import items_of, pages, walk
from tests.support.written_ranges import canonical, ranges, read, spanning, stamp, timelines

SECOND = 1_000_000_000


@st.composite
def segment_walks(draw):
    timeline = draw(timelines())
    names = draw(st.lists(st.sampled_from("ab"), min_size=20, max_size=20))
    wanted = draw(st.none() | ranges(timeline.moments))
    return timeline.segments, names, wanted, draw(st.booleans()), draw(st.sampled_from([None, None, "a"]))


@examples(50, vast=12)
@given(segment_walks())
async def test_segments(tams, drawn):
    segments, names, wanted, reverse, only = drawn
    flow, own = a_flow(), new_id()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}/segments"
    held = list(zip(segments, names, strict=False))
    bodies = [a_segment(timerange=one.text, object_id=f"{own}/{name}") for one, name in held]
    assert (await tams.post(path, json=bodies[::-1])).status_code == 201
    expected = [
        canonical(one.text)
        for one, name in held
        if (wanted is None or one.meaning.overlaps_with_timerange(wanted.meaning)) and only in (None, name)
    ]
    expected = expected[::-1] if reverse else expected
    params = {"accept_get_urls": ""} | ({"reverse_order": "true"} if reverse else {})
    params |= {} if wanted is None else {"timerange": wanted.text}
    params |= {} if only is None else {"object_id": f"{own}/{only}"}
    await check_segment_walks(tams, path, params, expected, range(1, len(expected) + 2))


async def check_segment_walks(tams, path, params, expected, limits):
    everything = items_of(await tams.get(path, params={**params, "limit": "1000"}))
    assert [one["timerange"] for one in everything] == expected
    for limit in limits:
        found = []
        async for page, items in pages(tams, path, params, limit):
            found += items
            assert page.headers["x-paging-count"] == str(len(items))
            assert page.headers["x-paging-reverse-order"] == params.get("reverse_order", "false")
            assert page.headers["x-paging-timerange"] == spanning([one["timerange"] for one in items])
            assert len(items) == min(limit, len(expected) - len(found) + len(items))
        assert found == everything


@examples(40, vast=10)
@given(st.data())
async def test_ranges(tams, data):
    """Overlap, extent and containment of ranges, wherever on the timeline."""
    timeline = data.draw(timelines())
    flow, held = a_flow(), timeline.segments
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}"
    for one in held:
        assert (await tams.post(f"{path}/segments", json=a_segment(timerange=one.text))).status_code == 201
    for wanted in data.draw(st.lists(ranges(timeline.moments), min_size=1, max_size=3)):
        asked, meaning = {"timerange": wanted.text}, wanted.meaning
        overlapping = [one for one in held if one.meaning.overlaps_with_timerange(meaning)]
        listed = items_of(await tams.get("/flows", params={"source_id": flow["source_id"], **asked}))
        empty_asked = meaning.is_empty() and not held
        assert bool(listed) == (bool(overlapping) or empty_asked or meaning == TimeRange.eternity())
        found = (await tams.get(path, params={"include_timerange": "true", **asked})).json()["timerange"]
        whole = read(spanning([canonical(one.text) for one in overlapping])).meaning
        assert read(found).meaning == whole.intersect_with(meaning)
        assert (await tams.delete(f"{path}/segments", params=asked)).status_code == 204
        held = [one for one in held if not meaning.contains_subrange(one.meaning)]
        left = [canonical(one.text) for one in held]
        assert [one["timerange"] for one in items_of(await tams.get(f"{path}/segments"))] == left
        after = (await tams.get(path, params={"include_timerange": "true"})).json()["timerange"]
        assert after == spanning(left)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def uneven(tams):
    """A flow whose segments stand close together here and far apart there, and their ranges."""
    starts = sorted(
        {*range(700), *(SECOND * step for step in range(1, 100)), *(3**step for step in range(9, 39))}
    )
    segments = [
        read(f"[{stamp(low)}_{stamp(min(high, low + low // 10 + 1))})")
        for low, high in zip(starts, [*starts[1:], starts[-1] + 1], strict=True)
    ]
    flow = a_flow()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    path = f"/flows/{flow['id']}/segments"
    bodies = [a_segment(timerange=one.text) for one in segments]
    assert (await tams.post(path, json=bodies)).status_code == 201
    return path, segments, starts


@examples(10, vast=3)
@given(st.data())
async def test_segments_of_uneven_density(tams, uneven, data):
    path, segments, starts = uneven
    wanted = data.draw(ranges(starts))
    reverse = data.draw(st.booleans())
    expected = [
        canonical(one.text) for one in segments if one.meaning.overlaps_with_timerange(wanted.meaning)
    ]
    params = {"timerange": wanted.text, "accept_get_urls": "", "reverse_order": str(reverse).lower()}
    limit = data.draw(st.sampled_from([61, 200, len(expected) or 1]))
    await check_segment_walks(tams, path, params, expected[::-1] if reverse else expected, [limit])


async def test_flows_of_an_object(tams, make_flow):
    object_id = f"50%/{new_id()}/ü"
    ids = sorted([(await make_flow())["id"] for _ in range(6)])
    for flow_id in ids:
        bodies = [a_segment(start, start + 1, object_id=object_id) for start in (0, 1)]
        assert (await tams.post(f"/flows/{flow_id}/segments", json=bodies)).status_code == 201
    path = f"/objects/{quote(object_id, safe='')}"
    for limit in range(1, len(ids) + 2):
        assert await walk(tams, path, {}, limit) == ids
