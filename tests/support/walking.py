"""Walks through listings page by page; what paging promises of every page is checked on the way."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

Items = list[Any]


def items_of(page: httpx.Response) -> Items:
    """What a page lists: for an object the flows that reference it."""
    assert page.status_code == 200, page.text
    found = page.json()
    listed: Items = found["referenced_by_flows"] if isinstance(found, dict) else found
    return listed


async def pages(
    tams: httpx.AsyncClient, path: str, params: Mapping[str, str], limit: int
) -> AsyncIterator[tuple[httpx.Response, Items]]:
    """Every page of a listing with its items, each by the link of the one before."""
    asked = {**params, "limit": str(limit)}
    page, left = await tams.get(path, params=asked), set()
    while True:
        items = items_of(page)
        assert len(items) <= limit
        assert page.headers["x-paging-limit"] == str(limit)
        following = next_of(page)
        yield page, items
        if following is None:
            return
        # A page may be short, where what it lists is large, but never empty.
        assert items
        assert following not in left, "the walk leads in a circle"
        left.add(following)
        _leads_on(following, page, path, asked)
        page = await tams.get(following)


async def walk(tams: httpx.AsyncClient, path: str, params: Mapping[str, str], limit: int) -> Items:
    """All items of a listing, page by page."""
    return [item async for _, items in pages(tams, path, params, limit) for item in items]


def next_of(page: httpx.Response) -> str | None:
    """Where the next page is; the key and the link come together or not at all."""
    url: str | None = page.links.get("next", {}).get("url")
    assert (url is None) == ("x-paging-nextkey" not in page.headers)
    return url


def _leads_on(url: str, page: httpx.Response, path: str, asked: Mapping[str, str]) -> None:
    parts = urlsplit(url)
    assert url.startswith(f"{page.request.url.scheme}://{page.request.url.netloc.decode()}{path}?")
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    assert dict(pairs) == {**asked, "page": page.headers["x-paging-nextkey"]}
