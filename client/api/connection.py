"""HTTP requests to one store, with time limits, retries and errors in the client's own words."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from client.api import codec
from client.api.errors import BadAnswer, Unreachable, rejection
from client.api.retrying import patiently

# Seconds; the longest a store takes is a minute, for analytics.
TIMEOUT: Final = httpx.Timeout(75.0, connect=5.0)
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=16)


class Connection:
    """The requests of one client: `url` is the store's address, without a slash at its end."""

    def __init__(self, url: str, attempts: int) -> None:
        self.url = url.rstrip("/")
        if not _is_http(self.url):
            raise ValueError(f"not an http or https URL: {url!r}")
        self._attempts = attempts
        self._http = open_http()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """The answer to a GET below the store's address; parameters that are None are left out."""
        return await self.call("GET", path, params=params, repeatable=True)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, Any] | None = None,
        repeatable: bool,
    ) -> httpx.Response:
        """The answer to one request, repeated where that is safe."""
        options: dict[str, Any] = {"params": _query(params)}
        if body is not None:
            options |= {"content": codec.encode(body), "headers": {"Content-Type": "application/json"}}
        return await self._send(method, self.url + path, options, repeatable=repeatable)

    async def pages(self, path: str, params: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        """Each page of a listing, following its `Link` headers to the last one."""
        url, query = self.url + path, _query(params)
        while True:
            page = await self._send("GET", url, {"params": query} if query else {}, repeatable=True)
            yield page
            following = page.links.get("next", {}).get("url")
            if not following:
                return
            url, query = _next(page, following), {}

    async def _send(
        self, method: str, url: str, options: dict[str, Any], *, repeatable: bool
    ) -> httpx.Response:
        async def once() -> httpx.Response:
            return await send(self._http, method, url, **options)

        return await patiently(once, repeatable=repeatable, attempts=self._attempts)


def open_http() -> httpx.AsyncClient:
    """A client with time limits that reaches loopback past any proxy of the environment."""
    direct = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
    return httpx.AsyncClient(timeout=TIMEOUT, limits=_LIMITS, mounts=direct)


async def send(http: httpx.AsyncClient, method: str, url: str, **options: Any) -> httpx.Response:
    """The whole answer to one request. Unreachable where none came, Rejected for 4xx and 5xx."""
    try:
        response = await http.request(method, url, **options)
    except httpx.InvalidURL as error:
        raise BadAnswer(f"the server gave a URL that is none: {error}") from None
    except httpx.RequestError as error:
        raise unreachable(url, error) from error
    if response.is_error:
        raise rejection(response)
    return response


def unreachable(url: str, error: httpx.RequestError) -> Unreachable:
    """The error in one line, naming the host and never the query, which may hold a signature."""
    parts = urlsplit(url)
    where = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    what = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error).strip()
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
    summary = f"cannot reach {where}: {what or type(error).__name__}"
    return Unreachable(summary, sent=not isinstance(error, never_sent))


def _is_http(url: str) -> bool:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.host)


def _next(page: httpx.Response, link: str) -> str:
    try:
        url = page.url.join(link)
    except httpx.InvalidURL as error:
        raise BadAnswer(f"the server's next page is no URL: {error}") from None
    if url == page.url:
        raise BadAnswer("the server's next page is the same page")
    return str(url)


def _query(params: Mapping[str, Any] | None) -> dict[str, str]:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()
    }
