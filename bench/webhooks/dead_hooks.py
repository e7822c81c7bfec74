"""`python -m bench.webhooks.dead_hooks PORT`: subscribers that take no event, each path with its own fault.

    /close    accepts and closes            /reset    resets the connection
    /500      replies 500 at once           /hang     never replies
    /drip     a byte of the reply a second  /huge     an endless reply

GET / returns the number of connections so far.
"""

import asyncio
import socket
import struct
import sys
from collections.abc import Iterator
from typing import Final

import uvloop

WAYS: Final = ("close", "reset", "500", "hang", "drip", "huge")
_ABORT: Final = struct.pack("ii", 1, 0)


class _Counter:
    connections = 0


async def _serve(counter: _Counter, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n")
        way = head.split(b" ")[1].decode().split("/")[1]
        if head.startswith(b"GET"):
            count = str(counter.connections).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(count), count))
            await writer.drain()
            return
        counter.connections += 1
        await _refuse(way, reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def _refuse(way: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if way == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    elif way == "hang":
        while await reader.read(65536):
            pass
    else:
        for piece, pause in _answer(way):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)


def _answer(way: str) -> Iterator[tuple[bytes, float]]:
    """The pieces of a reply, each with the pause in seconds after it. There are none for /close."""
    if way == "500":
        yield b"HTTP/1.1 500 x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 0
    elif way == "drip":
        for byte in b"HTTP/1.1 204 No Content\r\nx-slow: yes\r\n\r\n":
            yield bytes([byte]), 1
    elif way == "huge":
        yield b"HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\n", 0
        while True:
            yield b"10000\r\n" + b"x" * 65536 + b"\r\n", 0


async def _run(port: int) -> None:
    counter = _Counter()
    server = await asyncio.start_server(
        lambda reader, writer: _serve(counter, reader, writer), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1])))
