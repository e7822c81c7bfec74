"""Sends messages over HTTP; each subscriber has its own connections."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpcore

from services.events.adapters.connections import Connections, IdleLimit
from services.events.adapters.guarded_network import GuardedNetwork, Resolve
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import Message, Subscriber
from services.shared.addresses import Addresses
from services.shared.errors import StartupError
from services.shared.telemetry.trace import TRACEPARENT, current

_MAX_REDIRECTS: Final = 3
# Without 303, after which a client sends a GET.
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MAX_REPLY_BYTES: Final = 64 * 1024
_MAX_REASON_CHARACTERS: Final = 300
_PORTS: Final = {"http": 80, "https": 443}


def create_ssl_context(ca_file: str) -> ssl.SSLContext:
    """A context that trusts the well-known certificate authorities, and those of a PEM file if given.

    StartupError if the file cannot be read or has no certificates. Create it once, because it takes tens of
    milliseconds.
    """
    context = httpcore.default_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except ssl.SSLError:
            raise StartupError(f"{ca_file}: contains no PEM certificates") from None
        except OSError as error:
            raise StartupError(f"{ca_file}: {error.strerror}") from None
    return context


class HttpSender:
    """POSTs messages to subscribers at permitted addresses.

    A message must be answered within `timeout_seconds`. Up to `max_idle` connections to each subscriber stay
    open. Use it as a context manager, which closes all connections.
    """

    def __init__(
        self,
        addresses: Addresses,
        resolve: Resolve,
        *,
        timeout_seconds: float,
        max_idle: int,
        ssl_context: ssl.SSLContext,
    ) -> None:
        self._addresses = addresses
        self._resolve = resolve
        self._timeout_seconds = timeout_seconds
        self._max_idle = max_idle
        self._ssl_context = ssl_context
        self._connections: dict[str, Connections] = {}
        self.idle_limit = IdleLimit()

    async def __aenter__(self) -> "HttpSender":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connections in self._connections.values():
            await connections.aclose()

    async def disconnect(self, subscriber: Subscriber) -> None:
        """Close the connections to the subscriber."""
        if (connections := self._connections.pop(subscriber.id, None)) is not None:
            await connections.aclose()

    async def send(self, subscriber: Subscriber, message: Message) -> None:
        """POST the message. Undelivered unless the subscriber answers with a 2xx in time.

        The request has the place of the current operation in its trace.
        """
        trace = current.get()
        headers = {
            "content-type": "application/json",
            "user-agent": "tams-events",
            "tams-event-id": str(message.id),
            **({TRACEPARENT: trace.header()} if trace is not None else {}),
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
            raise Undelivered(_reason(error, subscriber)) from None
        if not 200 <= status < 300:  # noqa: PLR2004 - the success class of HTTP
            raise Undelivered(f"answered {status}", answered=True)

    async def _follow(self, subscriber: Subscriber, headers: Mapping[str, str], body: bytes) -> int:
        """The final status. Only redirects to the same origin are followed, because requests have the key."""
        url, connections = subscriber.url, self._connections_to(subscriber)
        for _ in range(_MAX_REDIRECTS + 1):
            status, location = await self._post(connections, url, headers, body)
            if status not in _REDIRECTS or not location:
                return status
            url = _target(url, location)
        raise Undelivered("redirects too often", answered=True)

    async def _post(
        self, connections: Connections, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, str]:
        # `send` applies one timeout to everything. Connecting and the handshake must each end well before it,
        # because httpcore does not close a connection that is cancelled in its handshake.
        extensions = {"timeout": {"connect": self._timeout_seconds / 3}}
        sent, target = _header_list(url, headers, body), httpcore.URL(url)
        async with (
            connections.lend(target.origin) as connection,
            connection.stream("POST", target, headers=sent, content=body, extensions=extensions) as response,
        ):
            await _drain(response)
            received = {name.lower(): value for name, value in response.headers}
            return response.status, received.get(b"location", b"").decode("latin-1")

    def _connections_to(self, subscriber: Subscriber) -> Connections:
        if subscriber.id not in self._connections:
            network = GuardedNetwork(self._addresses, self._resolve)
            self._connections[subscriber.id] = Connections(
                network, self._ssl_context, max_idle=self._max_idle, idle_limit=self.idle_limit
            )
        return self._connections[subscriber.id]


def _reason(error: Exception, subscriber: Subscriber) -> str:
    """The text of the error without the values of the subscriber's headers, which its reply may repeat."""
    text = f"{type(error).__name__}: {error}"
    for value in filter(None, subscriber.headers.values()):
        text = text.replace(value, "...")
    return text[:_MAX_REASON_CHARACTERS]


async def _drain(response: httpcore.Response) -> None:
    """Read a short reply, so that the connection can be reused; leave a long one unread."""
    size = 0
    async for chunk in response.aiter_stream():
        size += len(chunk)
        if size > _MAX_REPLY_BYTES:
            return


def _header_list(url: str, headers: Mapping[str, str], body: bytes) -> list[tuple[bytes, bytes]]:
    complete = {"host": urlsplit(url).netloc, "content-length": str(len(body)), **headers}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in complete.items()]


def _target(url: str, location: str) -> str:
    """The target of a redirect. Undelivered if it is of another origin, or not a URL."""
    try:
        target = urljoin(url, location.encode("ascii").decode())
        is_same_origin = _origin(target) == _origin(url)
    except ValueError:
        raise Undelivered("redirects to a text that is not a URL", answered=True) from None
    if not is_same_origin:
        raise Undelivered("redirects to another origin", answered=True)
    return target


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port (RFC 6454). The host is None for a URL with a user name, so it never matches."""
    parts = urlsplit(url)
    return parts.scheme, None if parts.username else parts.hostname, parts.port or _PORTS.get(parts.scheme)
