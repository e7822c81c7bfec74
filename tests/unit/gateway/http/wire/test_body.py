"""Bodies of requests as the server passes them: whole, or in chunks."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from granian._granian import RSGIProtocolError

from gateway.errors import BodyIncomplete, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from gateway.http.requests import Request
from gateway.http.routing import Route
from gateway.http.rsgi import Protocol
from gateway.http.wire.body import RESERVED_BYTES, SMALL_BYTES, BodyReader
from services.shared.errors import Unavailable
from tests.support.requests import receive, scope_of, send

MAX = 2 * SMALL_BYTES
LARGE_BODIES = 3
LIMIT = 1000

# Bytes, an exception to raise, or an event to wait for.
Chunk = bytes | type[BaseException] | asyncio.Event


class Body(Protocol):
    def __init__(self, *chunks: Chunk) -> None:
        super().__init__(receive, send)
        self._chunks = chunks

    async def read(self, length: int) -> bytes:  # noqa: ARG002 - all chunks are the body
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if isinstance(chunk, type):
                raise chunk
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                yield chunk


def a_request(*chunks: Chunk, length: bool = True, limit: int | None = None, **headers: str) -> Request:
    if length:
        headers.setdefault(
            "content_length", str(sum(len(chunk) for chunk in chunks if isinstance(chunk, bytes)))
        )
    return Request(scope_of(headers), Body(*chunks), Route("/", body_bytes=limit), [])


@pytest.fixture
def bodies() -> BodyReader:
    return BodyReader(MAX, 60, LARGE_BODIES * MAX)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, MAX])
async def test_a_body_is_read_whole(bodies: BodyReader, size: int, length: bool) -> None:
    half = size // 2
    chunks = [chunk for chunk in (b"a" * half, b"b" * (size - half)) if chunk]
    async with bodies.read(a_request(*chunks, b"", length=length)) as body:
        assert body == b"a" * half + b"b" * (size - half)


@pytest.mark.parametrize("length", [True, False])
async def test_a_body_over_the_limit_is_refused(bodies: BodyReader, length: bool) -> None:
    with pytest.raises(BodyTooLarge):
        async with bodies.read(a_request(b"a" * MAX, b"b", length=length)):
            pass


@pytest.mark.parametrize("length", [True, False])
async def test_a_body_over_the_limit_of_its_route_is_refused(bodies: BodyReader, length: bool) -> None:
    async with bodies.read(a_request(b"a" * LIMIT, length=length, limit=LIMIT)) as body:
        assert len(body) == LIMIT
    with pytest.raises(BodyTooLarge, match=str(LIMIT)):
        async with bodies.read(a_request(b"a" * LIMIT, b"b", length=length, limit=LIMIT)):
            pass


async def test_the_limit_of_a_route_does_not_exceed_the_setting(bodies: BodyReader) -> None:
    with pytest.raises(BodyTooLarge, match=str(MAX)):
        async with bodies.read(a_request(b"a" * MAX, b"b", limit=2 * MAX)):
            pass


async def test_a_declared_length_over_the_limit_is_refused_before_reading(bodies: BodyReader) -> None:
    never = asyncio.Event()
    with pytest.raises(BodyTooLarge):
        async with bodies.read(a_request(never, content_length=str(LIMIT + 1), limit=LIMIT)):
            pass


async def test_small_bodies_have_reserved_bytes_of_their_own(bodies: BodyReader) -> None:
    open_reads = [bodies.read(a_request(b"a" * SMALL_BYTES)) for _ in range(RESERVED_BYTES // SMALL_BYTES)]
    for reading in open_reads:
        await reading.__aenter__()
    async with bodies.read(a_request(b"a" * SMALL_BYTES)) as body:
        assert len(body) == SMALL_BYTES
    further_reads = [
        bodies.read(a_request(b"a" * SMALL_BYTES)) for _ in range(LARGE_BODIES * MAX // SMALL_BYTES)
    ]
    for reading in further_reads:
        await reading.__aenter__()
    with pytest.raises(Unavailable):
        async with bodies.read(a_request(b"a" * SMALL_BYTES)):
            pass
    for reading in (*open_reads, *further_reads):
        await reading.__aexit__(None, None, None)
    async with bodies.read(a_request(b"a" * MAX)) as body:
        assert len(body) == MAX


async def test_large_bodies_share_a_limit_and_free_it_when_read(bodies: BodyReader) -> None:
    large = b"a" * MAX
    open_reads = [bodies.read(a_request(large)) for _ in range(LARGE_BODIES)]
    for reading in open_reads:
        await reading.__aenter__()
    with pytest.raises(Unavailable):
        async with bodies.read(a_request(large)):
            pass
    async with bodies.read(a_request(b"small")) as body:
        assert body == b"small"
    await open_reads.pop().__aexit__(None, None, None)
    async with bodies.read(a_request(large)) as body:
        assert body == large
    with pytest.raises(BodyTooLarge):
        async with bodies.read(a_request(large, b"b", length=False)):
            pass
    async with bodies.read(a_request(large)) as body:
        assert body == large


async def test_a_malformed_length_is_ignored(bodies: BodyReader) -> None:
    async with bodies.read(a_request(b"abc", content_length="x")) as body:
        assert body == b"abc"


async def test_a_body_that_does_not_arrive_times_out() -> None:
    with pytest.raises(BodyTimeout):
        async with BodyReader(MAX, 0.01, MAX).read(a_request(b"a", asyncio.Event(), length=False)):
            pass


async def test_a_connection_that_ends_early_makes_the_body_incomplete(bodies: BodyReader) -> None:
    with pytest.raises(BodyIncomplete):
        async with bodies.read(a_request(b"a", RSGIProtocolError, length=False)):
            pass


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json;charset=utf-8", "APPLICATION/JSON ; a=b"]
)
async def test_json_bodies_are_read(bodies: BodyReader, kind: str) -> None:
    async with bodies.read(a_request(b"{}", content_type=kind)) as body:
        assert body == b"{}"


@pytest.mark.parametrize(
    "kind", ["", "text/json", "application/json+x", "multipart/form-data; boundary=json"]
)
async def test_bodies_of_other_types_are_refused(bodies: BodyReader, kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        async with bodies.read(a_request(b"{}", content_type=kind)):
            pass
