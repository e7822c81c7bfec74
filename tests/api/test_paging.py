"""Pages while others write: what stays is seen once and in order, whatever comes and goes meanwhile."""

import asyncio
import random
import uuid

import pytest

from tests.support.gateway import a_flow, a_segment, new_id, running_gateway

SIZE = 3


async def walk(tams, url, meanwhile):
    """All items page by page, and between two pages a change."""
    items = []
    while url:
        page = await tams.get(url)
        assert page.status_code == 200, page.text
        found = page.json()
        items += found["referenced_by_flows"] if isinstance(found, dict) else found
        url = page.links.get("next", {}).get("url")
        await meanwhile()
    return items


def churn(seed, ids, add, remove):
    """Adds something new and removes something old, now before and now after the place of the walk."""
    chosen = random.Random(seed)
    removed = set()

    async def once():
        await add(new_id())
        victim = chosen.choice(sorted(set(ids) - removed))
        removed.add(victim)
        await remove(victim)

    return once, removed


def check(seen, ids, removed):
    assert seen == sorted(set(seen))
    assert set(ids) - removed <= set(seen)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["flows", "sources"])
async def test_flows_and_sources(tams, make_flow, kind, seed):
    label = new_id()
    flows = {}

    async def add(one_id):
        ids = {"id": one_id, "source_id": new_id()} if kind == "flows" else {"source_id": one_id}
        flow = await make_flow(label=label, **ids)
        flows[one_id] = flow["id"]
        await tams.put(f"/sources/{flow['source_id']}/label", json=label)

    async def remove(one_id):
        assert (await tams.delete(f"/flows/{flows[one_id]}")).status_code == 204

    ids = [new_id() for _ in range(12)]
    for one_id in ids:
        await add(one_id)
    meanwhile, removed = churn(seed, ids, add, remove)
    found = await walk(tams, f"/{kind}?label={label}&limit={SIZE}", meanwhile)
    check([one["id"] for one in found], ids, removed)
    assert len(removed) >= 4


@pytest.mark.parametrize("reverse", ["true", "false"])
async def test_segments(tams, flow, reverse):
    path = f"/flows/{flow['id']}/segments"
    ids = list(range(0, 120, 10))
    await tams.post(path, json=[a_segment(start, start + 5) for start in ids])

    async def add(one_id):
        start = 10 * (uuid.UUID(one_id).int % 12) + 6
        # Where there is one already, nothing is added.
        await tams.post(path, json=a_segment(start, start + 3))

    async def remove(start):
        response = await tams.delete(f"{path}?timerange=[{start}:0_{start + 5}:0)")
        assert response.status_code == 204

    meanwhile, removed = churn(5, ids, add, remove)
    found = await walk(tams, f"{path}?limit={SIZE}&reverse_order={reverse}", meanwhile)
    starts = [int(one["timerange"][1:].partition(":")[0]) for one in found]
    check(starts if reverse == "false" else starts[::-1], ids, removed)


async def test_flows_of_an_object(tams, make_flow):
    segment = a_segment()

    async def add(flow_id):
        await make_flow(id=flow_id)
        assert (await tams.post(f"/flows/{flow_id}/segments", json=segment)).status_code == 201

    async def remove(flow_id):
        assert (await tams.delete(f"/flows/{flow_id}")).status_code == 204

    ids = [new_id() for _ in range(12)]
    for flow_id in ids:
        await add(flow_id)
    meanwhile, removed = churn(1, ids, add, remove)
    check(await walk(tams, f"/objects/{segment['object_id']}?limit={SIZE}", meanwhile), ids, removed)


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
