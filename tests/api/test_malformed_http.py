"""What is not HTTP: answered by the server itself, or found while reading the body."""

import asyncio

import pytest

from gateway.server import MAX_HEADER_BYTES

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
PUT = b"PUT /flows/x/label HTTP/1.1\r\nHost: x\r\n"
REFUSED = {
    "binary": (400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
    "no version": (400, b"GET /\r\n\r\n"),
    "other version": (400, b"GET / HTTP/1.2\r\nHost: x\r\n\r\n"),
    "method": (400, b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    "space in the path": (400, b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
    "bracket in the path": (400, b"GET /<a> HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no UTF-8 in the path": (400, b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"),
    "quote in the query": (400, b'GET /flows?label="x" HTTP/1.1\r\nHost: x\r\n\r\n'),
    "control character in the query": (400, b"GET /flows?label=\x7f HTTP/1.1\r\nHost: x\r\n\r\n"),
    "long path": (414, b"GET /%b HTTP/1.1\r\n\r\n" % (b"a" * 65_534)),
    "no colon": (400, HEAD + b"nonsense\r\n\r\n"),
    "space in a name": (400, HEAD + b"a name: 1\r\n\r\n"),
    "space before the colon": (400, HEAD + b"x : 1\r\n\r\n"),
    "folded": (400, HEAD + b"x: 1\r\n  2\r\n\r\n"),
    "control character in a value": (400, HEAD + b"x: \x01\r\n\r\n"),
    "many headers": (431, HEAD + b"".join(b"x%d: 1\r\n" % n for n in range(100)) + b"\r\n"),
    # Not a byte more: it would be left unread, and a reset could then overtake the answer.
    "long headers": (431, (HEAD + b"x: ").ljust(MAX_HEADER_BYTES, b"a")),
    "negative length": (400, PUT + b"Content-Length: -1\r\n\r\n"),
    "length in words": (400, PUT + b"Content-Length: three\r\n\r\n"),
    "no length": (400, PUT + b"Content-Length: \r\n\r\n"),
    "length of 20 digits": (400, PUT + b"Content-Length: 99999999999999999999\r\n\r\n"),
    "length of 64 bits": (431, PUT + b"Content-Length: 18446744073709551615\r\n\r\n"),
    "two lengths": (400, PUT + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
    "other coding": (400, PUT + b"Transfer-Encoding: gzip\r\n\r\n"),
    "chunked first": (400, PUT + b"Transfer-Encoding: chunked, gzip\r\n\r\n"),
    "chunked of old": (400, b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
}
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


async def answer(tams, request, *, end=False):
    """All that the server says to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    writer.write(request)
    if end:
        writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return said


def lines(said):
    """The status and the headers, without those that vary, and the body."""
    head, _, body = said.partition(b"\r\n\r\n")
    status, *headers = head.lower().split(b"\r\n")
    return int(status.split()[1]), {one for one in headers if not one.startswith(b"date:")}, body


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_not_http_gets_a_bare_status_and_is_hung_up_on(tams, case):
    status, request = REFUSED[case]
    said = await answer(tams, request)
    assert lines(said) == (status, {b"connection: close", b"content-length: 0"}, b"")
    assert (await tams.get("/")).status_code == 200


@pytest.mark.parametrize(("request_", "end"), [(HTTP2, False), (b"GET / HTTP/1.1\r\nHo", True), (b"", True)])
async def test_other_protocols_and_heads_without_end_get_no_answer(tams, request_, end):
    assert await answer(tams, request_, end=end) == b""
    assert (await tams.get("/")).status_code == 200


async def test_what_came_before_on_the_connection_is_answered(tams):
    said = await answer(tams, HEAD + b"\r\n" + REFUSED["no version"][1])
    first, second = said.split(b"HTTP/1.1 ")[1:]
    assert (first[:3], b"x-request-id" in first, second[:3]) == (b"200", True, b"400")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\nGET / HTTP/1.0\n\n",
        b"GET /service?a=[{|^`}]\xc3\xa9 HTTP/1.1\r\nConnection: close\r\nx: \xe9\t\r\n\r\n",
        b"GET / HTTP/1.1\r\nConnection: close\r\nx: %b\r\n\r\n" % (b"a" * (MAX_HEADER_BYTES - 100)),
        HEAD + b"Connection: close\r\n" + b"x: 1\r\n" * 98 + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_harmless_liberties_are_answered(tams, request_):
    status, _, body = lines(await answer(tams, request_))
    assert (status, body[:1] in (b"[", b"{")) == (200, True)


async def test_a_length_beside_chunks_does_not_count_and_ends_the_connection(tams, flow):
    path = f"/flows/{flow['id']}/label".encode()
    request = (
        b"PUT %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3\r\n"a"\r\n0\r\n\r\n'
    ) % path
    assert lines(await answer(tams, request + HEAD + b"\r\n"))[0] == 204
    assert (await tams.get(path.decode())).json() == "a"


@pytest.mark.parametrize(
    "rest",
    [
        b"zz\r\n00\r\n0\r\n\r\n",
        b"-2\r\n00\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        b"1\r\n00\r\n0\r\n\r\n",
        b"0\r\nnonsense\r\n\r\n",
        b"0\r\nx-sum: 1\r\n\r\n",
    ],
)
async def test_a_chunked_body_with_a_fault_or_trailers_is_refused(tams, flow, rest):
    path = f"/flows/{flow['id']}/max_bit_rate"
    said = await answer(tams, chunked(path, b"2\r\n25\r\n" + rest))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"BODY_INCOMPLETE"' in said
    assert (await tams.get(path)).status_code == 404


@pytest.mark.parametrize("rest", [b"", b"4\r\n25", b"0\r\n"])
async def test_nothing_is_stored_of_chunks_that_break_off(tams, flow, rest):
    path = f"/flows/{flow['id']}/max_bit_rate"
    said = await answer(tams, chunked(path, b"2\r\n25\r\n" + rest), end=True)
    assert said == b"" or b"BODY_INCOMPLETE" in said
    assert (await tams.get(path)).status_code == 404


def chunked(path, chunks):
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunks
