"""`python -m bench.webhooks.sink PORT`: a subscriber that replies 204; GET returns the number of events."""

import asyncio
import sys
from typing import Final, cast

import uvloop

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\ncontent-length:"
_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Counter:
    received = 0


class _Connection(asyncio.Protocol):
    """A connection with requests one after the other."""

    def __init__(self, counter: _Counter) -> None:
        self._counter = counter
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport of the new connection."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Reply to every complete request."""
        self._data += data
        while (size := _complete(self._data)) is not None:
            posted = self._data.startswith(b"POST")
            self._data = self._data[size:]
            self._transport.write(self._take() if posted else self._count())

    def _take(self) -> bytes:
        self._counter.received += 1
        return _TAKEN

    def _count(self) -> bytes:
        body = str(self._counter.received).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def _complete(data: bytes) -> int | None:
    """The size of the first request; None while it is incomplete."""
    end = data.find(_END)
    if end < 0:
        return None
    head = data[:end].lower()
    at = head.find(_LENGTH)
    body = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    size = end + len(_END) + body
    return size if len(data) >= size else None


async def _serve(port: int) -> None:
    counter = _Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(counter), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
