import asyncio

import pytest

from bench.walk import Walk, walk

FIRST = b'HTTP/1.1 200 OK\r\nlink: <http://bench/things?limit=2&page=b>; rel="next"\r\n'
LAST = b"HTTP/1.1 200 OK\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\n"


async def walked(*replies: bytes) -> tuple[Walk, list[str]]:
    """A walk through the pages of a server with these replies, and the requested targets."""
    requested: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for reply in replies:
            requested.append((await reader.readuntil(b"\r\n\r\n")).split()[1].decode())
            writer.write(reply)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        return await asyncio.to_thread(walk, port, "/things?limit=2"), requested


async def test_a_walk_follows_links_to_the_last_page() -> None:
    found, requested = await walked(
        FIRST + b"content-length: 6\r\n\r\n[1, 2]", LAST + b"content-length: 3\r\n\r\n[3]"
    )
    assert requested == found.targets == ["/things?limit=2", "/things?limit=2&page=b"]
    assert found.items == [2, 1]
    assert found.seconds == pytest.approx(sum(found.page_ms) / 1000)


async def test_an_error_page_ends_the_walk() -> None:
    with pytest.raises(RuntimeError, match=r"GET /things[?]limit=2: 404"):
        await walked(MISSING + b"content-length: 2\r\n\r\n[]")
