import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bench.load import LoadError, Plan, run
from bench.load.http import send_http

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
REQUEST = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n"


@asynccontextmanager
async def server(*pieces: bytes, closes: bool = False) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that answers each request with the pieces, sent separately: its port and requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.read(len(REQUEST)):
            requests.append(request)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if closes:
                break
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1], requests


@pytest.mark.parametrize("pieces", [[OK], [EMPTY], [OK[:10], OK[10:40], OK[40:]], [OK[:-5], OK[-5:]]])
async def test_each_request_is_sent_once_and_each_reply_is_counted(pieces: list[bytes]) -> None:
    async with server(*pieces) as (port, requests):
        outcome = await send_http(Plan(port=port, requests=[REQUEST] * 10, connections=3))
    assert (outcome.replies, outcome.errors, len(requests)) == (10, 0, 10)
    assert 0 < outcome.p50_ms <= outcome.p99_ms


async def test_repeated_requests_end_after_the_given_seconds() -> None:
    async with server(OK) as (port, requests):
        plan = Plan(port=port, requests=[REQUEST], connections=2, seconds=0.2, repeat=True)
        outcome = await send_http(plan)
    assert outcome.replies == len(requests) > 1
    assert outcome.rate == pytest.approx(outcome.replies / outcome.seconds)


async def test_an_error_reply_fails_the_run() -> None:
    async with server(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n") as (port, _):
        with pytest.raises(LoadError, match=r"1 of 1 replies failed: HTTP/1[.]1 404"):
            await run(Plan(port=port, requests=[REQUEST], connections=1))


@pytest.mark.parametrize("pieces", [[], [OK[:20]], [OK[:-1]]])
async def test_a_lost_connection_is_counted_as_an_error(pieces: list[bytes]) -> None:
    async with server(*pieces, closes=True) as (port, _):
        outcome = await send_http(Plan(port=port, requests=[REQUEST], connections=1))
    assert (outcome.replies, outcome.errors) == (0, 1)
