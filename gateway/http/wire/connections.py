"""Closes connections that keep others out: clients that do not read and, if there are too many, silent ones.

The HTTP server reports neither how slowly a client reads nor which connection has been silent for longest.
So a background task inspects the sockets themselves, and requests do not pay for it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gateway.http.rsgi import Scope
from gateway.http.wire import sockets
from gateway.http.wire.outgoing import Outgoing
from gateway.http.wire.sockets import Accepted
from services.shared.errors import Unavailable

# A client must read this many bytes of a response, or the rest of it, within `unread_seconds`.
MIN_READ_BYTES: Final = 64 * 1024
_INSPECTION_SECONDS: Final = 1.0
_TICK_SECONDS: Final = 0.2
_CROWDED_TICK_SECONDS: Final = 0.02
# If others find no room, a client is closed after this time without reading, or without sending.
_STALLED_SECONDS: Final = 2.0
_SILENT_SECONDS: Final = 0.05
# A client that has not completed a request for longer than this counts as silent even if it sends.
_DRIPPING_SECONDS: Final = 2.0
# The pause after an inspection that a response waited for, in multiples of its duration.
_PAUSES: Final = 10
# The number of connections to inspect before other tasks get a turn.
_SLICE: Final = 200

_log = logging.getLogger(__name__)


class _ReadMark(NamedTuple):
    """The monotonic time at which a client had read `read_bytes` of its responses."""

    time: float
    read_bytes: int


class Connections:
    """Inspects the connections of the HTTP server and closes those that keep others out.

    Unread responses may hold `max_held_bytes`. A client must read within `unread_seconds`.
    """

    def __init__(self, max_held_bytes: int, unread_seconds: float) -> None:
        self.outgoing = Outgoing(max_held_bytes)
        # The scopes of the requests that are being handled.
        self.active_scopes: set[Scope] = set()
        self._unread_seconds = unread_seconds
        self._marks: dict[str, _ReadMark] = {}
        self._first_seen: dict[str, float] = {}
        self._port = 0
        self._inspected = 0.0
        self._next_inspection = 0.0

    @property
    def count(self) -> int:
        """The connections that were open at the last look, at most about a second ago."""
        return len(self._first_seen)

    async def watch(self, port: int, max_connections: int) -> None:
        """Inspect the connections to the port about once a second, more often if it is crowded.

        From 7/8 of `max_connections` on, silent connections are closed until half are left.
        """
        self._port = port
        crowded, calm = max_connections - max_connections // 8, max_connections - max_connections // 2
        other_files, is_crowded = sockets.open_files(), False
        while True:
            await asyncio.sleep(_CROWDED_TICK_SECONDS if is_crowded else _TICK_SECONDS)
            # A connection may end during the inspection, which also needs a free descriptor.
            with contextlib.suppress(OSError):
                is_crowded = sockets.open_files() - other_files >= crowded
                if is_crowded or time.monotonic() - self._inspected >= _INSPECTION_SECONDS:
                    await self._inspect(calm if is_crowded else max_connections)

    def reserve(self, client: str, size: int, *, must_send: bool) -> None:
        """Count a response of `size` bytes to a client.

        If the limit is reached, clients that do not read are closed. Unavailable OVERLOADED if that frees too
        little, unless the response must be sent.
        """
        has_room = self.outgoing.has_room(client, size)
        if not (has_room or must_send):
            self._make_room()
            has_room = self.outgoing.has_room(client, size)
        if not (has_room or must_send):
            raise Unavailable("too many clients read their responses slowly", reason="OVERLOADED")
        self.outgoing.add(client, size)

    def _make_room(self) -> None:
        now = time.monotonic()
        if now >= self._next_inspection:
            stalled_seconds = min(_STALLED_SECONDS, self._unread_seconds)
            self._close_stalled(list(sockets.accepted(self._port)), now, stalled_seconds)
            self._next_inspection = now + _PAUSES * (time.monotonic() - now)

    async def _inspect(self, max_connections: int) -> None:
        connections: list[Accepted] = []
        for connection in sockets.accepted(self._port):
            connections.append(connection)
            if len(connections) % _SLICE == 0:
                await asyncio.sleep(0)
        now = time.monotonic()
        self._close_stalled(connections, now, self._unread_seconds)
        if len(connections) > max_connections:
            self._close_silent(connections, len(connections) - max_connections, now)

    def _close_stalled(self, connections: Sequence[Accepted], now: float, stalled_seconds: float) -> None:
        self._inspected = now
        self._first_seen = {each.client: self._first_seen.get(each.client, now) for each in connections}
        self._marks = {each.client: self._mark(each, now) for each in connections if each.has_unread}
        self.outgoing.drop_read(connected=self._first_seen, unread=self._marks)
        for connection in connections:
            if connection.has_unread and now - self._marks[connection.client].time >= stalled_seconds:
                self._close(connection, "the client does not read")

    def _mark(self, connection: Accepted, now: float) -> _ReadMark:
        mark = self._marks.get(connection.client)
        if mark is None or not 0 <= connection.read_bytes - mark.read_bytes < MIN_READ_BYTES:
            return _ReadMark(now, connection.read_bytes)
        return mark

    def _close_silent(self, connections: Iterable[Accepted], count: int, now: float) -> None:
        busy = {scope.connection for scope in self.active_scopes}
        silent = [
            (self._silent_seconds(connection, now), connection)
            for connection in connections
            if not connection.has_unread and connection.client not in busy
        ]
        silent.sort(key=lambda pair: pair[0], reverse=True)
        for seconds, connection in silent[:count]:
            if seconds >= _SILENT_SECONDS:
                self._close(connection, "the client is silent and others need room")

    def _silent_seconds(self, connection: Accepted, now: float) -> float:
        """Seconds since the last response, or since the connection was first seen.

        For the first _DRIPPING_SECONDS, time since the client last sent something if that is less.
        """
        if connection.read_bytes:
            waiting = connection.sent_seconds
        else:
            waiting = now - self._first_seen[connection.client]
        return waiting if waiting >= _DRIPPING_SECONDS else min(waiting, connection.received_seconds)

    def _close(self, connection: Accepted, reason: str) -> None:
        _log.debug("connection closed: %s", reason, extra={"client": connection.client})
        sockets.reset(connection)
        self.outgoing.remove(connection.client)
