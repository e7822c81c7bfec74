"""Bodies as the server hands them over: whole by awaiting a call, or chunk by chunk."""

import asyncio
from types import SimpleNamespace

import pytest
from granian._granian import RSGIProtocolClosed

from gateway.errors import BodyIncomplete, BodyTimeout, BodyTooLarge, UnsupportedMediaType
from gateway.http.body import LARGE_AT_ONCE, SMALL_BYTES, BodyReader
from gateway.http.requests import Request
from services.shared.errors import Unavailable

MAX = 2 * SMALL_BYTES


class Protocol:
    def __init__(self, *chunks):
        self._chunks = chunks

    async def __call__(self):
        return b"".join([chunk async for chunk in self])

    async def __aiter__(self):
        for chunk in self._chunks:
            if isinstance(chunk, type):
                raise chunk
            if isinstance(chunk, asyncio.Event):
                await chunk.wait()
            else:
                yield chunk


def a_request(*chunks, length=True, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if length:
        headers.setdefault("content-length", str(sum(map(len, chunks))))
    scope = SimpleNamespace(headers=headers, query_string="")
    return Request(scope, Protocol(*chunks), None, [])


@pytest.fixture
def bodies():
    return BodyReader(MAX, 60)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [0, 1, SMALL_BYTES, SMALL_BYTES + 1, MAX])
async def test_a_body_comes_whole(bodies, size, length):
    half = size // 2
    chunks = [chunk for chunk in (b"a" * half, b"b" * (size - half)) if chunk]
    async with bodies.read(a_request(*chunks, b"", length=length)) as body:
        assert body == b"a" * half + b"b" * (size - half)


@pytest.mark.parametrize("length", [True, False])
async def test_a_body_over_the_limit_is_refused(bodies, length):
    with pytest.raises(BodyTooLarge):
        async with bodies.read(a_request(b"a" * MAX, b"b", length=length)):
            pass


async def test_large_bodies_together_are_bounded_and_make_room_when_done(bodies):
    large = b"a" * MAX
    held = [bodies.read(a_request(large)) for _ in range(LARGE_AT_ONCE)]
    for one in held:
        await one.__aenter__()
    with pytest.raises(Unavailable):
        async with bodies.read(a_request(large)):
            pass
    async with bodies.read(a_request(b"small")) as body:
        assert body == b"small"
    await held.pop().__aexit__(None, None, None)
    async with bodies.read(a_request(large)) as body:
        assert body == large
    with pytest.raises(BodyTooLarge):
        async with bodies.read(a_request(large, b"b", length=False)):
            pass
    async with bodies.read(a_request(large)) as body:
        assert body == large


async def test_a_length_that_is_none_is_not_believed(bodies):
    async with bodies.read(a_request(b"abc", content_length="x")) as body:
        assert body == b"abc"


async def test_a_body_that_does_not_come_is_given_up():
    with pytest.raises(BodyTimeout):
        async with BodyReader(MAX, 0.01).read(a_request(b"a", asyncio.Event(), length=False)):
            pass


async def test_a_connection_that_ends_early_is_told(bodies):
    with pytest.raises(BodyIncomplete):
        async with bodies.read(a_request(b"a", RSGIProtocolClosed, length=False)):
            pass


@pytest.mark.parametrize("length", [False, True])
async def test_an_empty_chunk_before_the_last_is_how_the_server_tells_of_a_fault(bodies, length):
    large = b"a" * (SMALL_BYTES + 1)
    async with bodies.read(a_request(large, b"", length=length)) as body:
        assert body == large
    with pytest.raises(BodyIncomplete):
        async with bodies.read(a_request(large, b"", b"", length=length)):
            pass


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json;charset=utf-8", "APPLICATION/JSON ; a=b"]
)
async def test_json_is_read(bodies, kind):
    async with bodies.read(a_request(b"{}", content_type=kind)) as body:
        assert body == b"{}"


@pytest.mark.parametrize(
    "kind", ["", "text/json", "application/json+x", "multipart/form-data; boundary=json"]
)
async def test_anything_else_is_refused(bodies, kind):
    with pytest.raises(UnsupportedMediaType):
        async with bodies.read(a_request(b"{}", content_type=kind)):
            pass
