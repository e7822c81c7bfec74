"""Links stay short however long the filters are, because many proxies hold 4 KiB of headers."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.http.raw import exchange
from tests.support.services.gateway import a_segment, new_id, running_gateway

LONG = f"Ünïcode, with; everything & all? {'long ' * 1500}"
# The longest host that a client can name.
HOST = f"{'h' * 255}:65535"
BUFFER = 4096


async def walk(tams: httpx.AsyncClient, url: str) -> list[Any]:
    """The items of all pages, reached by links alone. The headers of each page must be short enough."""
    items: list[Any] = []
    for _ in range(20):
        request = f"GET {url} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        head, _, _ = (await exchange(tams, request.encode())).partition(b"\r\n\r\n")
        assert len(head) < BUFFER
        page = await tams.get(url, headers={"host": HOST})
        assert page.status_code == 200, page.text
        items += page.json()
        if "next" not in page.links:
            return items
        link = page.headers["link"]
        assert link.count(";") == 1
        assert "," not in link
        url = page.links["next"]["url"].removeprefix(f"http://{HOST}")
    raise AssertionError("the pages have no end")


def query(**pairs: str) -> str:
    return "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs.items())


async def three_flows(make_flow: MakeFlow, source: str, **members: Any) -> list[str]:
    flows = [await make_flow(source_id=source, **members) for _ in range(3)]
    return sorted(flow["id"] for flow in flows)


@pytest.mark.parametrize(
    "filters",
    [
        {"label": LONG},
        {"tag.long": LONG},
        {"tag.b": "2", "label": LONG[:2000], "tag.ü": LONG[:2000], "tag.long": LONG[:100]},
        {"label": LONG, "_t": "1" * 3000, "unknown": "x" * 1000},
    ],
)
async def test_all_pages_of_a_long_filter_are_reached(
    tams: httpx.AsyncClient, make_flow: MakeFlow, filters: dict[str, str]
) -> None:
    tags = {name.removeprefix("tag."): value for name, value in filters.items() if name.startswith("tag.")}
    members = {"label": filters.get("label"), "tags": tags | {"other": "1"}}
    ids = await three_flows(make_flow, new_id(), **members)
    await three_flows(make_flow, new_id(), **members | {"label": f"{filters.get('label')}!", "tags": {}})
    found = await walk(tams, f"/flows?limit=1&{query(**filters)}")
    assert sorted(flow["id"] for flow in found if flow["id"] in ids) == ids
    expected = (await tams.get(f"/flows?limit=1000&{query(**filters)}")).json()
    assert found == expected


async def test_all_pages_of_sources_are_reached(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    ids = sorted([(await make_flow())["source_id"] for _ in range(3)])
    label = f"{LONG} of sources"
    for source_id in ids:
        assert (await tams.put(f"/sources/{source_id}/label", json=label)).status_code == 204
    assert [source["id"] for source in await walk(tams, f"/sources?limit=1&{query(label=label)}")] == ids


async def test_a_link_works_after_the_items_before_it_were_deleted(
    services: dict[str, str], make_flow: MakeFlow, tams: httpx.AsyncClient
) -> None:
    label = f"{LONG} that goes"
    ids = await three_flows(make_flow, new_id(), label=label)
    url, seen = f"/flows?limit=1&{query(label=label)}", []
    while url:
        # A link of one gateway works with any other.
        async with running_gateway(**services) as other:
            page = await other.get(url)
            base = str(other.base_url).rstrip("/")
        seen += [flow["id"] for flow in page.json()]
        for flow in page.json():
            await tams.delete(f"/flows/{flow['id']}")
        url = page.links["next"]["url"].removeprefix(base) if "next" in page.links else ""
    assert seen == ids


async def test_the_page_key_works_with_the_clients_own_query(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    label = f"{LONG} by key"
    ids = await three_flows(make_flow, new_id(), label=label)
    first = await tams.get("/flows", params={"limit": 1, "label": label})
    rest = await tams.get("/flows", params={"label": label, "page": first.headers["x-paging-nextkey"]})
    assert [flow["id"] for flow in first.json() + rest.json()] == ids


@pytest.mark.parametrize("name", ["accept_get_urls", "accept_storage_ids"])
async def test_lists_of_labels_and_storages_may_be_long(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    segments = [a_segment(start, start + 1) for start in range(3)]
    for segment in segments:
        segment["get_urls"] = [segment["get_urls"][0] | {"label": f"label {n}"} for n in (1, 2)]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
    items = [new_id() for _ in range(199)]
    items.insert(7, "label 2" if name == "accept_get_urls" else new_id())
    found = await walk(tams, f"/flows/{flow['id']}/segments?limit=1&{query(**{name: ','.join(items)})}")
    labels = [[url["label"] for url in segment["get_urls"]] for segment in found]
    assert labels == [["label 2"] if name == "accept_get_urls" else []] * 3


async def test_filters_too_long_for_a_link_are_refused_with_the_first_page(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    source = new_id()
    await three_flows(make_flow, source, tags={f"{n}{'n' * 200}": "v" for n in range(15)})
    names = {f"tag_exists.{n}{'n' * 200}": "true" for n in range(15)}
    refused = await tams.get(f"/flows?limit=1&source_id={source}&{query(**names)}")
    assert (refused.status_code, refused.json()["type"]) == (414, "QUERY_TOO_LONG")
    single_page = await tams.get(f"/flows?limit=10&source_id={source}&{query(**names)}")
    assert len(single_page.json()) == 3


@pytest.mark.parametrize("page_filters", ["x", "AAAA", "%ff", "kgA", ""])
async def test_malformed_filters_of_links_are_refused(tams: httpx.AsyncClient, page_filters: str) -> None:
    assert (await tams.get(f"/flows?page_filters={page_filters}")).status_code == 400


async def test_a_filter_beside_the_same_filter_of_a_link_is_refused(
    tams: httpx.AsyncClient, make_flow: MakeFlow
) -> None:
    label = f"{LONG} once"
    await asyncio.gather(*(make_flow(label=label) for _ in range(2)))
    url = (await tams.get("/flows", params={"limit": 1, "label": label})).links["next"]["url"]
    again = await tams.get(httpx.URL(f"{url}&label=x"))
    assert (again.status_code, again.json()["type"]) == (400, "BAD_QUERY")
