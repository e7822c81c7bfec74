"""Connections to one subscriber, kept alive between messages."""

import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpcore

_IDLE_SECONDS: Final = 30.0


class Connections:
    """Lends each to one message at a time, and keeps up to `kept` for the next ones.

    httpcore's own pool looks at every connection before and after each request.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, trusted: ssl.SSLContext, *, kept: int) -> None:
        self._network = network
        self._trusted = trusted
        self._kept = kept
        # The one that expires first comes first.
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()

    @asynccontextmanager
    async def to(self, origin: httpcore.Origin) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """A connection that was kept, or else a new one, which connects with its first request."""
        connection = await self._still_open(origin) or self._new(origin)
        try:
            yield connection
        finally:
            if connection.is_available() and len(self._idle) < self._kept:
                self._idle.append(connection)
            elif not connection.is_closed():
                await connection.aclose()

    async def aclose(self) -> None:
        """Close all, those that are lent as soon as they come back."""
        self._kept = 0
        while self._idle:
            await self._idle.popleft().aclose()

    async def _still_open(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection | None:
        while self._idle and self._idle[0].has_expired():
            await self._idle.popleft().aclose()
        # The one that was used last: the longer one idles, the likelier the other side is about to close it.
        while self._idle:
            connection = self._idle.pop()
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    def _new(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._trusted,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._network,
        )
