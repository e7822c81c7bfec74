"""Counts the responses that the HTTP server has and that clients have not read yet."""

import time
from collections.abc import Container
from typing import Final

# Responses up to this size are not counted; the number of connections limits them.
SMALL_BYTES: Final = 16 * 1024
# The server starts to send a response within this time. After it, a client without unread bytes has read all.
_STARTED_SECONDS: Final = 0.1


class Outgoing:
    """The size of the current response of each client, "address port"; all together up to `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._responses: dict[str, tuple[int, float]] = {}
        self.bytes = 0

    def has_room(self, client: str, size: int) -> bool:
        """True if a response of `size` bytes fits beside those of other clients; a single one always fits."""
        others = self.bytes - self._size(client)
        return others == 0 or others + size <= self._max_bytes

    def add(self, client: str, size: int) -> None:
        """Count a response in place of the former response of the client."""
        self.bytes += size - self._size(client)
        self._responses[client] = (size, time.monotonic())

    def drop_read(self, connected: Container[str], unread: Container[str]) -> None:
        """Stop counting responses whose client is not connected or has read everything.

        `unread` are the clients with unread bytes. A response younger than 0.1 s stays in any case.
        """
        started = time.monotonic() - _STARTED_SECONDS
        for client, (_, since) in list(self._responses.items()):
            if client not in connected or (client not in unread and since <= started):
                self.remove(client)

    def remove(self, client: str) -> None:
        """Stop counting the response of a client, if there is one."""
        self.bytes -= self._size(client)
        self._responses.pop(client, None)

    def _size(self, client: str) -> int:
        return self._responses.get(client, (0, 0.0))[0]
