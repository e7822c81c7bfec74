"""Walks through listings page by page, and checks the guarantees of paging for every page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import httpx

Items = list[Any]


class Getting(Protocol):
    """Sends GET requests, as a client of httpx does."""

    @property
    def get(self) -> Callable[..., Awaitable[httpx.Response]]:
        """The method that sends a request."""


def items_of(page: httpx.Response) -> Items:
    """The items of a page. Those of an object are the flows that reference it."""
    assert page.status_code == 200, page.text
    found = page.json()
    listed: Items = found["referenced_by_flows"] if isinstance(found, dict) else found
    return listed


async def pages(
    tams: Getting, path: str, params: Mapping[str, str], limit: int
) -> AsyncIterator[tuple[httpx.Response, Items]]:
    """Every page of a listing with its items, each reached by the link of the page before."""
    query = {**params, "limit": str(limit)}
    page, visited = await tams.get(path, params=query), set()
    while True:
        items = items_of(page)
        assert len(items) <= limit
        assert page.headers["x-paging-limit"] == str(limit)
        next_url = next_of(page)
        yield page, items
        if next_url is None:
            return
        # A page of large items may be short, but it is never empty.
        assert items
        assert next_url not in visited, "the links lead in a circle"
        visited.add(next_url)
        _check_link(next_url, page, path, query)
        page = await tams.get(next_url)


async def walk(tams: Getting, path: str, params: Mapping[str, str], limit: int) -> Items:
    """All items of a listing, page by page."""
    return [item async for _, items in pages(tams, path, params, limit) for item in items]


def next_of(page: httpx.Response) -> str | None:
    """The URL of the next page, None for the last page. A page has both the key and the link, or neither."""
    url: str | None = page.links.get("next", {}).get("url")
    assert (url is None) == ("x-paging-nextkey" not in page.headers)
    return url


def _check_link(url: str, page: httpx.Response, path: str, query: Mapping[str, str]) -> None:
    parts = urlsplit(url)
    assert url.startswith(f"{page.request.url.scheme}://{page.request.url.netloc.decode()}{path}?")
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    assert dict(pairs) == {**query, "page": page.headers["x-paging-nextkey"]}
