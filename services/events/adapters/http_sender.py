"""Sends messages by HTTP, to addresses that may be sent to and no others.

A name is resolved here and every address it has is checked; the connection then goes to the address
that was checked, so that a second look-up cannot lead elsewhere. The same holds for each redirect.
"""

import asyncio
import socket
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpcore
from httpcore import AsyncNetworkBackend, AsyncNetworkStream

from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from services.shared.addresses import Addresses

_MAX_REDIRECTS: Final = 3
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REPLY_BYTES: Final = 64 * 1024


class GuardedNetwork(AsyncNetworkBackend):
    """Connects to permitted addresses only."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first address of the host that takes it; ConnectError for forbidden ones."""
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._resolve(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"cannot resolve {host}: {error}") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            if not self._addresses.allows(ip_address(address.partition("%")[0])):
                raise httpcore.ConnectError(f"{host} leads to {address}, which is not permitted")
        return addresses


class HttpSender:
    """POSTs messages over kept-alive connections, `lanes` of them to each subscriber.

    A pool for each: one pool for all looks through every connection for every message.
    """

    def __init__(self, addresses: Addresses, *, timeout_seconds: float, lanes: int) -> None:
        self._network = GuardedNetwork(addresses)
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}
        self._timeout_seconds = timeout_seconds
        self._lanes = lanes

    async def __aenter__(self) -> "HttpSender":
        return self

    async def __aexit__(self, *_: object) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    async def leave(self, subscriber: Subscriber) -> None:
        """Close what is open to the subscriber."""
        if (pool := self._pools.pop(subscriber.id, None)) is not None:
            await pool.aclose()

    def _pool(self, subscriber: Subscriber) -> httpcore.AsyncConnectionPool:
        if subscriber.id not in self._pools:
            self._pools[subscriber.id] = httpcore.AsyncConnectionPool(
                network_backend=self._network, max_connections=self._lanes, keepalive_expiry=30, retries=0
            )
        return self._pools[subscriber.id]

    async def send(self, subscriber: Subscriber, message: Message) -> None:
        """POST the message; Undelivered unless a 2xx comes back in time."""
        headers = {
            "content-type": "application/json",
            "user-agent": "tams-events",
            "tams-event-id": str(message.id),
            **subscriber.headers,
        }
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status = await self._follow(self._pool(subscriber), subscriber.url, headers, message.body)
        except TimeoutError:
            raise Undelivered(f"no answer within {self._timeout_seconds:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from None
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's class of success
            raise Undelivered(f"answered {status}")

    async def _follow(
        self, pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        """The final status. The key goes along only while the origin stays the same."""
        for _ in range(_MAX_REDIRECTS + 1):
            status, location = await self._post(pool, url, headers, body)
            if status not in _REDIRECTS or not location:
                return status
            target = urljoin(url, location)
            if _origin(target) != _origin(url):
                raise Undelivered(f"redirects to another origin ({status})")
            url = target
        raise Undelivered("redirects too often")

    async def _post(
        self, pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str]:
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_seconds)}
        async with pool.stream(
            "POST", url, headers=_header_list(url, headers, body), content=body, extensions=extensions
        ) as response:
            await _drain(response)
            found = {name.lower(): value for name, value in response.headers}
            return response.status, found.get(b"location", b"").decode("latin-1")


async def _drain(response: httpcore.Response) -> None:
    """Read a short reply, so that the connection can be used again; leave a long one unread."""
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > _MAX_REPLY_BYTES:
            return


def _header_list(url: str, headers: Mapping[str, str], body: bytes) -> list[tuple[bytes, bytes]]:
    host = urlsplit(url).netloc.rpartition("@")[2]
    every = {"host": host, "content-length": str(len(body)), **headers}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise Undelivered("redirects to what is no web address")
    return parts.scheme, parts.hostname or "", parts.port
