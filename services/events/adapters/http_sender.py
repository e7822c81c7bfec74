"""Sends messages by HTTP, over connections that each subscriber has for itself."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpcore

from services.events.adapters.connections import Connections
from services.events.adapters.guarded_network import GuardedNetwork, Resolve
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from services.shared.addresses import Addresses
from services.shared.errors import StartupError

_MAX_REDIRECTS: Final = 3
# Not 303, which asks for a GET elsewhere.
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MAX_REPLY_BYTES: Final = 64 * 1024
_PORTS: Final = {"http": 80, "https": 443}


def trusting(ca_file: str) -> ssl.SSLContext:
    """Checks servers by the well-known authorities, and by those in a PEM file if one is named.

    StartupError when the file is of no use. Made once: it takes tens of milliseconds.
    """
    context = httpcore.default_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError:
            raise StartupError(f"{ca_file}: holds no certificates") from None
        except OSError as error:
            raise StartupError(f"{ca_file}: {error.strerror}") from None
    return context


class HttpSender:
    """POSTs messages over connections that each subscriber has for itself; up to `lanes` are kept alive."""

    def __init__(
        self,
        addresses: Addresses,
        resolve: Resolve,
        *,
        timeout_seconds: float,
        lanes: int,
        trusted: ssl.SSLContext,
    ) -> None:
        self._addresses = addresses
        self._resolve = resolve
        self._timeout_seconds = timeout_seconds
        self._lanes = lanes
        self._trusted = trusted
        self._connections: dict[str, Connections] = {}

    async def __aenter__(self) -> "HttpSender":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connections in self._connections.values():
            await connections.aclose()

    async def leave(self, subscriber: Subscriber) -> None:
        """Close what is open to the subscriber."""
        if (connections := self._connections.pop(subscriber.id, None)) is not None:
            await connections.aclose()

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
                status = await self._follow(subscriber, headers, message.body)
        except TimeoutError:
            raise Undelivered(f"no answer within {self._timeout_seconds:g} s") from None
        except httpcore.TimeoutException:
            raise Undelivered("cannot connect in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from None
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's class of success
            raise Undelivered(f"answered {status}")

    async def _follow(self, subscriber: Subscriber, headers: Mapping[str, str], body: bytes) -> int:
        """The final status. Redirects lead to the same origin only: the key is for nobody else."""
        url, connections = subscriber.url, self._connections_to(subscriber)
        for _ in range(_MAX_REDIRECTS + 1):
            status, location = await self._post(connections, url, headers, body)
            if status not in _REDIRECTS or not location:
                return status
            url = _target(url, location)
        raise Undelivered("redirects too often")

    async def _post(
        self, connections: Connections, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str]:
        # `send` has one timeout for all of it. Connecting and a handshake each end well before: httpcore
        # does not close what is cancelled in a handshake.
        extensions = {"timeout": {"connect": self._timeout_seconds / 3}}
        sent, where = _header_list(url, headers, body), httpcore.URL(url)
        async with (
            connections.to(where.origin) as connection,
            connection.stream("POST", where, headers=sent, content=body, extensions=extensions) as response,
        ):
            await _drain(response)
            found = {name.lower(): value for name, value in response.headers}
            return response.status, found.get(b"location", b"").decode("latin-1")

    def _connections_to(self, subscriber: Subscriber) -> Connections:
        if subscriber.id not in self._connections:
            network = GuardedNetwork(self._addresses, self._resolve)
            self._connections[subscriber.id] = Connections(network, self._trusted, kept=self._lanes)
        return self._connections[subscriber.id]


async def _drain(response: httpcore.Response) -> None:
    """Read a short reply, so that the connection can be used again; leave a long one unread."""
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > _MAX_REPLY_BYTES:
            return


def _header_list(url: str, headers: Mapping[str, str], body: bytes) -> list[tuple[bytes, bytes]]:
    every = {"host": urlsplit(url).netloc, "content-length": str(len(body)), **headers}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]


def _target(url: str, location: str) -> str:
    """Where a redirect leads; Undelivered when that is another origin, or no URL at all."""
    try:
        target = urljoin(url, location.encode("ascii").decode())
        same = _origin(target) == _origin(url)
    except ValueError:
        raise Undelivered("redirects to what is no URL") from None
    if not same:
        raise Undelivered("redirects to another origin")
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454); a user name makes it another one."""
    parts = urlsplit(url)
    return parts.scheme, None if parts.username else parts.hostname, parts.port or _PORTS.get(parts.scheme)
