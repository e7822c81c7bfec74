"""The requests of granian's ASGI interface, as the application reads them."""

import asyncio

import pytest
from granian._granian import RSGIProtocolError

from gateway.http.rsgi import Headers, Message, Protocol, Scope


def test_headers_are_kept_even_if_a_value_is_malformed() -> None:
    headers = Headers([(b"a", b"1"), (b"a", b"2"), (b"b", b"\xff"), (b"c", b"")])
    assert (headers.get("a"), headers.get_all("a")) == ("1", ["1", "2"])
    assert (headers.get("b"), headers.get_all("b"), "b" in headers) == (None, ["\ufffd"], True)
    assert (headers.get("c"), "c" in headers) == ("", True)
    assert (headers.get("d"), headers.get_all("d"), "d" in headers) == (None, [], False)
    assert headers.names() == ["a", "a", "b", "c"]


def test_the_raw_path_is_kept_as_sent() -> None:
    values = {
        "method": "GET",
        "query_string": b"a=%2F",
        "scheme": "http",
        "headers": [],
        "raw_path": b"/x%2Fa",
    }
    scope = Scope(values | {"client": ("127.0.0.1", "1"), "http_version": "1"})
    assert (scope.raw_path, scope.path, scope.query_string) == ("/x%2Fa", "/x/a", "a=%2F")
    assert (scope.client, scope.http_version) == ("127.0.0.1", "1")


@pytest.mark.parametrize(
    ("host", "notation"), [("127.0.0.1", "127.0.0.1 80"), ("[::1]", "::1 80"), ("fe80::1%2", "fe80::1 80")]
)
def test_a_connection_has_a_single_notation(host: str, notation: str) -> None:
    values = {"method": "GET", "query_string": b"", "scheme": "http", "headers": [], "raw_path": b"/"}
    assert Scope(values | {"client": (host, 80)}).connection == notation


def part(body: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def protocol_of(*messages: Message) -> Protocol:
    remaining = list(messages)

    async def receive() -> Message:
        return remaining.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError("never called")

    return Protocol(receive, send)


async def body_of(*messages: Message) -> bytes:
    return b"".join([chunk async for chunk in protocol_of(*messages)])


async def test_a_body_is_joined_from_its_messages() -> None:
    assert await body_of(part(b"", more=False)) == b""
    assert await body_of(part(b"a", more=True), part(b"b", more=True), part(b"", more=False)) == b"ab"


async def test_a_body_ends_at_its_declared_length() -> None:
    assert await protocol_of(part(b"", more=False)).read(0) == b""
    # The final message without bytes is not awaited.
    assert await protocol_of(part(b"ab", more=True)).read(2) == b"ab"
    assert await protocol_of(part(b"a", more=True), part(b"b", more=True)).read(2) == b"ab"


@pytest.mark.parametrize("last", [{"type": "http.disconnect"}, part(b"", more=False)])
async def test_a_body_shorter_than_declared_fails(last: Message) -> None:
    with pytest.raises(RSGIProtocolError):
        await protocol_of(part(b"a", more=True), last).read(2)


@pytest.mark.parametrize("last", [{"type": "http.disconnect"}, part(b"", more=True)])
async def test_a_body_that_is_cut_off_or_has_trailers_fails(last: Message) -> None:
    with pytest.raises(RSGIProtocolError):
        await body_of(part(b"a", more=True), last, part(b"", more=False))


async def test_the_rest_of_a_body_is_discarded_up_to_a_number_of_bytes() -> None:
    messages = [part(b"xx", more=True), part(b"xx", more=True), part(b"xx", more=False)]
    protocol = protocol_of(*messages)
    await protocol.discard_rest(3, 60)
    assert [chunk async for chunk in protocol] == [b"xx"]
    await protocol.discard_rest(3, 60)


async def test_a_body_that_does_not_end_is_discarded_for_some_time_only() -> None:
    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("never reached")

    await Protocol(receive, print).discard_rest(1, 0.01)


async def test_nothing_is_discarded_after_a_client_left() -> None:
    protocol = protocol_of({"type": "http.disconnect"})
    await protocol.discard_rest(1000, 60)
    await protocol.discard_rest(1000, 60)
