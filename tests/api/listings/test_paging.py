"""The links, limits and keys of pages."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import a_flow, a_segment, new_id, running_gateway


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments", "/objects/{object}"])
async def test_links_begin_with_the_public_url(
    services: dict[str, str], tams: httpx.AsyncClient, make_flow: MakeFlow, path: str
) -> None:
    segments = [a_segment(start, start + 1) for start in (0, 1)]
    for flow in (await make_flow(), await make_flow()):
        await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    base = "https://tams.example/store/v1"
    target = path.format(id=flow["id"], object=segments[0]["object_id"])
    async with running_gateway(**services, public_url=f"{base}/") as tams_behind_proxy:
        page = await tams_behind_proxy.get(f"{target}?limit=1")
        url = page.links["next"]["url"]
        assert url.startswith(f"{base}{target}?limit=1&page=")
        assert url.endswith(page.headers["x-paging-nextkey"])
        following = await tams_behind_proxy.get(url.removeprefix(base))
    assert following.status_code == 200
    assert following.json() != page.json()


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments"])
@pytest.mark.parametrize(("requested", "in_force"), [("1", 1), ("999999", 1000), ("9" * 40, 1000)])
async def test_a_large_limit_is_reduced(
    tams: httpx.AsyncClient, flow: dict[str, Any], path: str, requested: str, in_force: int
) -> None:
    response = await tams.get(f"{path.format(id=flow['id'])}?limit={requested}")
    assert response.status_code == 200
    assert int(response.headers["x-paging-limit"]) >= in_force
    assert (in_force == 1) == (response.headers["x-paging-limit"] == "1")


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments"])
async def test_a_page_key_of_another_listing_is_refused(
    tams: httpx.AsyncClient, make_flow: MakeFlow, path: str
) -> None:
    for flow in (await make_flow(), await make_flow()):
        await tams.post(f"/flows/{flow['id']}/segments", json=[a_segment(0, 1), a_segment(1, 2)])
    keys = {}
    for listing in ("/flows", "/sources", "/flows/{id}/segments"):
        page = await tams.get(f"{listing.format(id=flow['id'])}?limit=1")
        keys[listing] = page.headers["x-paging-nextkey"]
    for listing, key in keys.items():
        status = (await tams.get(path.format(id=flow["id"]), params={"page": key})).status_code
        assert status == (200 if listing == path else 400)


async def test_pages_of_large_flows_are_shorter(tams: httpx.AsyncClient) -> None:
    source = new_id()
    flows = [a_flow(source_id=source, description="x" * 100_000) for _ in range(50)]
    await asyncio.gather(*(tams.put(f"/flows/{flow['id']}", json=flow) for flow in flows))
    first = await tams.get(f"/flows?limit=1000&source_id={source}")
    assert 0 < len(first.json()) < len(flows)
    assert first.headers["x-paging-limit"] == "1000"
    rest = await tams.get(first.links["next"]["url"])
    assert "next" not in rest.links
    seen = [flow["id"] for flow in first.json() + rest.json()]
    assert seen == sorted(flow["id"] for flow in flows)
    await asyncio.gather(*(tams.delete(f"/flows/{flow['id']}") for flow in flows))


async def test_pages_of_segments_with_many_urls_are_shorter(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    urls = [{"url": f"https://outside.example/{number}{'x' * 8000}"} for number in range(13)]
    segments = [a_segment(second, second + 1, get_urls=urls) for second in range(50)]
    path = f"/flows/{flow['id']}/segments"
    for start in range(0, 50, 25):
        assert (await tams.post(path, json=segments[start : start + 25])).status_code == 201
    first = await tams.get(f"{path}?limit=1000&reverse_order=true")
    assert 0 < len(first.json()) < 50
    assert int(first.headers["x-paging-count"]) == len(first.json())
    rest = await tams.get(first.links["next"]["url"])
    assert "next" not in rest.links
    seen = [segment["timerange"] for segment in first.json() + rest.json()]
    assert seen == [segment["timerange"] for segment in reversed(segments)]
