import asyncio

import pytest

from bench.walk import walk

FIRST = b'HTTP/1.1 200 OK\r\nlink: <http://bench/things?limit=2&page=b>; rel="next"\r\n'
LAST = b"HTTP/1.1 200 OK\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\n"


async def walked(*replies):
    """A walk along a server that gives these replies in turn, and the targets it was asked for."""
    asked = []

    async def serve(reader, writer):
        for reply in replies:
            asked.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
            writer.write(reply)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        return await asyncio.to_thread(walk, port, "/things?limit=2"), asked


async def test_a_walk_follows_links_to_the_end():
    found, asked = await walked(
        FIRST + b"content-length: 6\r\n\r\n[1, 2]", LAST + b"content-length: 3\r\n\r\n[3]"
    )
    assert asked == found.targets == ["/things?limit=2", "/things?limit=2&page=b"]
    assert found.items == [2, 1]
    assert found.seconds == pytest.approx(sum(found.page_ms) / 1000)


async def test_a_page_that_is_no_success_ends_the_walk():
    with pytest.raises(RuntimeError, match=r"GET /things[?]limit=2: 404"):
        await walked(MISSING + b"content-length: 2\r\n\r\n[]")
