"""Timeranges beyond the largest timestamps: queries cut them, and segments may not have them."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from tests.support.processes.polling import until
from tests.support.services.gateway import a_segment

FAR = "281474976710655:999999999"
OVERLAPPING = [
    *(f"[0:0_{FAR})", f"[0:0_{FAR}]", f"[-{FAR}_{FAR}]", f"[-{FAR}_", f"_{FAR})", f"(-{FAR}_11:0)"),
    f"[0:0_{'9' * 200}:0)",
]
BEYOND = [
    *(f"[{FAR}_", f"[9999999999:0_{FAR})", f"_-{FAR}]", f"[-{FAR}_-9999999999:0)"),
    *(f"[{FAR}]", f"[-{FAR}]"),
]


@pytest_asyncio.fixture(loop_scope="package")
async def flow_with_segments(tams: httpx.AsyncClient, flow: dict[str, Any]) -> dict[str, Any]:
    """A flow with media from 0 s to 20 s, in two segments."""
    segments = [a_segment(0, 10), a_segment(10, 20)]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    return flow


async def list_timeranges(
    tams: httpx.AsyncClient, flow: dict[str, Any], timerange: str, **more: str
) -> list[str]:
    """The timeranges of the segments that a query finds."""
    query = "&".join(f"{name}={quote(value)}" for name, value in {"timerange": timerange, **more}.items())
    page = await tams.get(f"/flows/{flow['id']}/segments?{query}")
    assert page.status_code == 200, page.text
    return [segment["timerange"] for segment in page.json()]


@pytest.mark.parametrize("timerange", OVERLAPPING)
async def test_an_overlapping_range_finds_the_segments(
    tams: httpx.AsyncClient, flow_with_segments: dict[str, Any], timerange: str
) -> None:
    both = ["[0:0_10:0)", "[10:0_20:0)"]
    assert await list_timeranges(tams, flow_with_segments, timerange) == both
    assert await list_timeranges(tams, flow_with_segments, timerange, reverse_order="true") == both[::-1]
    assert await list_timeranges(tams, flow_with_segments, timerange, limit="1") == both[:1]
    flows = await tams.get(f"/flows?source_id={flow_with_segments['source_id']}&timerange={quote(timerange)}")
    assert [listed["id"] for listed in flows.json()] == [flow_with_segments["id"]]
    clipped = await tams.get(
        f"/flows/{flow_with_segments['id']}?include_timerange=true&timerange={quote(timerange)}"
    )
    assert clipped.json()["timerange"] in ("[0:0_20:0)", "[0:0_11:0)")
    coverage = await tams.get(
        f"/x/analytics/flows/{flow_with_segments['id']}/coverage?timerange={quote(timerange)}"
    )
    assert coverage.status_code == 200, coverage.text
    assert coverage.json()["segment_count"] == 2


@pytest.mark.parametrize("timerange", BEYOND)
async def test_a_range_beyond_the_media_finds_and_deletes_nothing(
    tams: httpx.AsyncClient, flow_with_segments: dict[str, Any], timerange: str
) -> None:
    assert await list_timeranges(tams, flow_with_segments, timerange) == []
    flows = await tams.get(f"/flows?source_id={flow_with_segments['source_id']}&timerange={quote(timerange)}")
    assert flows.json() == []
    clipped = await tams.get(
        f"/flows/{flow_with_segments['id']}?include_timerange=true&timerange={quote(timerange)}"
    )
    assert clipped.json()["timerange"] == "()"
    coverage = await tams.get(
        f"/x/analytics/flows/{flow_with_segments['id']}/coverage?timerange={quote(timerange)}"
    )
    assert (coverage.status_code, coverage.json()["segment_count"]) == (200, 0)
    deleted = await tams.delete(f"/flows/{flow_with_segments['id']}/segments?timerange={quote(timerange)}")
    assert deleted.status_code == 204
    assert len(await list_timeranges(tams, flow_with_segments, "_")) == 2


@pytest.mark.parametrize("timerange", [timerange for timerange in OVERLAPPING if "11:0" not in timerange])
async def test_an_overlapping_range_deletes_the_segments(
    tams: httpx.AsyncClient, flow_with_segments: dict[str, Any], timerange: str
) -> None:
    deleted = await tams.delete(f"/flows/{flow_with_segments['id']}/segments?timerange={quote(timerange)}")
    assert deleted.status_code in (202, 204)
    await until(lambda: has_no_segments(tams, flow_with_segments))


async def has_no_segments(tams: httpx.AsyncClient, flow: dict[str, Any]) -> bool:
    return await list_timeranges(tams, flow, "_") == []


@pytest.mark.parametrize("timerange", OVERLAPPING)
async def test_a_segment_with_a_far_timerange_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], timerange: str
) -> None:
    refused = await tams.post(f"/flows/{flow['id']}/segments", json=a_segment() | {"timerange": timerange})
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("timerange", "expected"),
    [
        ("[10:0]", ["[10:0_20:0)"]),
        ("[10:0_10:0)", []),
        ("()", []),
        ("_", ["[0:0_10:0)", "[10:0_20:0)"]),
        ("[9:0_10:0)", ["[0:0_10:0)"]),
        ("[20:0]", []),
    ],
)
async def test_the_brackets_of_a_range_include_and_exclude_as_specified(
    tams: httpx.AsyncClient, flow_with_segments: dict[str, Any], timerange: str, expected: list[str]
) -> None:
    assert await list_timeranges(tams, flow_with_segments, timerange) == expected
