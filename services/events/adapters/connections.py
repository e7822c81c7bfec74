"""HTTP connections to one subscriber, kept open between messages."""

import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpcore

_IDLE_SECONDS: Final = 30.0
# The most idle connections to all subscribers together.
_MAX_IDLE: Final = 512


class IdleLimit:
    """Counts the idle connections to all subscribers."""

    def __init__(self, max_idle: int = _MAX_IDLE) -> None:
        self._max_idle = max_idle
        self.count = 0

    @property
    def is_reached(self) -> bool:
        """True if no further connection may be kept."""
        return self.count >= self._max_idle


class Connections:
    """Lends each connection to one message at a time, and keeps up to `max_idle` for later messages.

    The pool of httpcore limits only its own idle connections. One pool for each subscriber would keep more
    files open than the process may have. One pool for all would check every connection for each request:
    with 500 connections that took 0.1 s of CPU, measured with httpcore 1.0.
    """

    def __init__(
        self,
        network: httpcore.AsyncNetworkBackend,
        ssl_context: ssl.SSLContext,
        *,
        max_idle: int,
        idle_limit: IdleLimit,
    ) -> None:
        self._network = network
        self._ssl_context = ssl_context
        self._max_idle = max_idle
        self._limit = idle_limit
        # In the order in which they expire.
        self._idle: deque[httpcore.AsyncHTTPConnection] = deque()

    @asynccontextmanager
    async def lend(self, origin: httpcore.Origin) -> AsyncIterator[httpcore.AsyncHTTPConnection]:
        """An idle connection to the origin, or a new one, which connects with its first request."""
        connection = await self._take_open(origin) or self._new(origin)
        try:
            yield connection
        finally:
            if connection.is_available() and len(self._idle) < self._max_idle and not self._limit.is_reached:
                self._limit.count += 1
                self._idle.append(connection)
            elif not connection.is_closed():
                await connection.aclose()

    async def aclose(self) -> None:
        """Close all idle connections, and lent ones when they are returned."""
        self._max_idle = 0
        while self._idle:
            await self._take(self._idle.popleft).aclose()

    async def _take_open(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection | None:
        while self._idle and self._idle[0].has_expired():
            await self._take(self._idle.popleft).aclose()
        # The last used one first: the longer one is idle, the likelier the subscriber is about to close it.
        while self._idle:
            connection = self._take(self._idle.pop)
            if connection.can_handle_request(origin) and not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    def _take(self, pop: Callable[[], httpcore.AsyncHTTPConnection]) -> httpcore.AsyncHTTPConnection:
        self._limit.count -= 1
        return pop()

    def _new(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=self._network,
        )
