"""Links, limits and keys of pages."""

import asyncio

import pytest

from tests.support.gateway import a_flow, a_segment, new_id, running_gateway


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments", "/objects/{object}"])
async def test_links_begin_with_the_public_url(services, tams, make_flow, path):
    segments = [a_segment(start, start + 1) for start in (0, 1)]
    for flow in (await make_flow(), await make_flow()):
        await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    base = "https://tams.example/store/v1"
    own = path.format(id=flow["id"], object=segments[0]["object_id"])
    async with running_gateway(**services, public_url=f"{base}/") as behind:
        page = await behind.get(f"{own}?limit=1")
        url = page.links["next"]["url"]
        assert url.startswith(f"{base}{own}?limit=1&page=")
        assert url.endswith(page.headers["x-paging-nextkey"])
        following = await behind.get(url.removeprefix(base))
    assert following.status_code == 200
    assert following.json() != page.json()


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments"])
@pytest.mark.parametrize(("asked", "in_force"), [("1", 1), ("999999", 1000), ("9" * 40, 1000)])
async def test_limits_are_clamped(tams, flow, path, asked, in_force):
    response = await tams.get(f"{path.format(id=flow['id'])}?limit={asked}")
    assert response.status_code == 200
    assert int(response.headers["x-paging-limit"]) >= in_force
    assert (in_force == 1) == (response.headers["x-paging-limit"] == "1")


@pytest.mark.parametrize("path", ["/flows", "/sources", "/flows/{id}/segments"])
async def test_a_page_key_of_another_listing_is_refused(tams, make_flow, path):
    for flow in (await make_flow(), await make_flow()):
        await tams.post(f"/flows/{flow['id']}/segments", json=[a_segment(0, 1), a_segment(1, 2)])
    keys = {}
    for one in ("/flows", "/sources", "/flows/{id}/segments"):
        page = await tams.get(f"{one.format(id=flow['id'])}?limit=1")
        keys[one] = page.headers["x-paging-nextkey"]
    for one, key in keys.items():
        status = (await tams.get(path.format(id=flow["id"]), params={"page": key})).status_code
        assert status == (200 if one == path else 400)


async def test_pages_of_large_flows_are_shorter(tams):
    source = new_id()
    flows = [a_flow(source_id=source, description="x" * 100_000) for _ in range(170)]
    await asyncio.gather(*(tams.put(f"/flows/{flow['id']}", json=flow) for flow in flows))
    first = await tams.get(f"/flows?limit=1000&source_id={source}")
    assert 0 < len(first.json()) < len(flows)
    assert first.headers["x-paging-limit"] == "1000"
    rest = await tams.get(first.links["next"]["url"])
    assert "next" not in rest.links
    seen = [flow["id"] for flow in first.json() + rest.json()]
    assert seen == sorted(flow["id"] for flow in flows)
    await asyncio.gather(*(tams.delete(f"/flows/{flow['id']}") for flow in flows))


async def test_pages_of_segments_with_many_urls_are_shorter(tams, flow):
    urls = [{"url": f"https://outside.example/{number}{'x' * 8000}"} for number in range(13)]
    segments = [a_segment(second, second + 1, get_urls=urls) for second in range(170)]
    path = f"/flows/{flow['id']}/segments"
    for first in range(0, 170, 34):
        assert (await tams.post(path, json=segments[first : first + 34])).status_code == 201
    first = await tams.get(f"{path}?limit=1000&reverse_order=true")
    assert 0 < len(first.json()) < 170
    assert int(first.headers["x-paging-count"]) == len(first.json())
    rest = await tams.get(first.links["next"]["url"])
    assert "next" not in rest.links
    seen = [one["timerange"] for one in first.json() + rest.json()]
    assert seen == [one["timerange"] for one in reversed(segments)]
