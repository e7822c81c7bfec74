"""HTTP requests to one store, with time limits, retries and the errors of this client."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Final, TypedDict, Unpack
from urllib.parse import urlsplit

import httpx

from client.api import codec
from client.api.errors import BadAnswer, Unreachable, rejection
from client.api.retrying import with_retries
from client.api.target import Target
from client.api.tracing import RequestTrace

# In seconds. The slowest answer of a store is analytics, which takes up to a minute.
TIMEOUT: Final = httpx.Timeout(75.0, connect=5.0)
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=16)


class Options(TypedDict, total=False):
    """The parts of a request besides its method and URL."""

    params: Mapping[str, str]
    content: bytes | AsyncIterable[bytes]
    headers: Mapping[str, str]


class Connection:
    """The requests of one client to a store."""

    def __init__(self, target: Target, attempts: int, trace: RequestTrace | None = None) -> None:
        self.target = target
        self._trace = trace
        self._attempts = attempts
        self._http = open_http(target)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(self, path: str, params: Mapping[str, object] | None = None) -> httpx.Response:
        """The answer to a GET below the store's address; parameters that are None are left out."""
        return await self.call("GET", path, params=params, repeatable=True)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Mapping[str, object] | None = None,
        repeatable: bool,
    ) -> httpx.Response:
        """The answer to one request, repeated where that is safe."""
        options: Options = {"params": _query(params)}
        if body is not None:
            options |= {"content": codec.encode(body), "headers": {"Content-Type": "application/json"}}
        return await self._send(method, self.target.url + path, options, repeatable=repeatable)

    async def pages(self, path: str, params: Mapping[str, object]) -> AsyncIterator[httpx.Response]:
        """Each page of a listing, following its `Link` headers to the last one."""
        url, query = self.target.url + path, _query(params)
        while True:
            page = await self._send("GET", url, {"params": query} if query else {}, repeatable=True)
            yield page
            link = page.links.get("next", {}).get("url")
            if not link:
                return
            url, query = _next_url(page, link), {}

    async def _send(self, method: str, url: str, options: Options, *, repeatable: bool) -> httpx.Response:
        async def attempt() -> httpx.Response:
            # For each attempt, as a token may expire between two of them.
            headers = {**options.get("headers", {}), **await self.target.headers_for(url)}
            if self._trace is not None:
                headers |= self._trace.headers()
            whole: Options = {**options, "headers": headers}
            return await send(self._http, method, url, **whole)

        return await with_retries(attempt, repeatable=repeatable, attempts=self._attempts)


def open_http(target: Target) -> httpx.AsyncClient:
    """A client with time limits that reaches loopback past any proxy of the environment.

    It trusts the authorities of the target, and sends no credentials by itself.
    """
    direct = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
    return httpx.AsyncClient(timeout=TIMEOUT, limits=_LIMITS, mounts=direct, verify=target.ssl_context())


async def send(http: httpx.AsyncClient, method: str, url: str, **options: Unpack[Options]) -> httpx.Response:
    """The whole answer to one request. Unreachable without an answer, Rejected for 4xx and 5xx.

    BadAnswer for a redirect: it is not followed, since credentials are for one origin.
    """
    try:
        response = await http.request(method, url, **options)
    except httpx.InvalidURL as error:
        raise BadAnswer(f"the server gave an invalid URL: {error}") from None
    except httpx.RequestError as error:
        raise unreachable(url, error) from error
    if response.is_error:
        raise rejection(response)
    refuse_redirect(url, response)
    return response


def refuse_redirect(url: str, response: httpx.Response) -> None:
    """BadAnswer if the response is a redirect."""
    if response.has_redirect_location:
        raise BadAnswer(f"{_host(url)} redirects to another address; redirects are not followed")


def unreachable(url: str, error: httpx.RequestError) -> Unreachable:
    """The error in one line, naming the host and never the query, which may hold a signature."""
    reason = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error).strip()
    refusal = _certificate_refusal(error)
    if refusal:
        reason = f"its certificate is not trusted: {refusal}; TAMS_CA_FILE names further authorities"
    never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
    summary = f"cannot reach {_host(url)}: {reason or type(error).__name__}"
    return Unreachable(summary, sent=not isinstance(error, never_sent), distrusted=bool(refusal))


def _certificate_refusal(error: BaseException) -> str:
    """Why the certificate of the server was refused; empty if the error has another cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause.verify_message
        cause = cause.__cause__ or cause.__context__
    return ""


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _next_url(page: httpx.Response, link: str) -> str:
    try:
        url = page.url.join(link)
    except httpx.InvalidURL as error:
        raise BadAnswer(f"the server gave an invalid URL for the next page: {error}") from None
    if url == page.url:
        raise BadAnswer("the server gave the URL of this page for the next page")
    return str(url)


def _query(params: Mapping[str, object] | None) -> dict[str, str]:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()
    }
