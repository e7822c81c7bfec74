"""Malformed requests, which the server refuses itself or while it reads the body."""

from typing import Any

import httpx
import pytest

from gateway.server import MAX_HEADER_BYTES
from tests.support.http.raw import exchange, parsed_answer

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
    # The server reads all of it. If bytes stayed unread, a reset of the connection could overtake the answer.
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


def without_date(response: bytes) -> tuple[int, dict[str, str], bytes]:
    """The status, the headers without the date, and the body."""
    status, headers, body = parsed_answer(response)
    return status, {name: value for name, value in headers.items() if name != "date"}, body


@pytest.mark.parametrize("case", REFUSED)
async def test_a_malformed_request_gets_a_bare_status_and_the_connection_closes(
    tams: httpx.AsyncClient, case: str
) -> None:
    status, request = REFUSED[case]
    response = await exchange(tams, request)
    assert without_date(response) == (status, {"connection": "close", "content-length": "0"}, b"")
    assert (await tams.get("/")).status_code == 200


@pytest.mark.parametrize(("request_", "end"), [(HTTP2, False), (b"GET / HTTP/1.1\r\nHo", True), (b"", True)])
async def test_other_protocols_and_incomplete_heads_get_no_answer(
    tams: httpx.AsyncClient, request_: bytes, end: bool
) -> None:
    assert await exchange(tams, request_, end=end) == b""
    assert (await tams.get("/")).status_code == 200


async def test_a_request_before_a_malformed_one_is_answered(tams: httpx.AsyncClient) -> None:
    response = await exchange(tams, HEAD + b"\r\n" + REFUSED["no version"][1])
    first, second = response.split(b"HTTP/1.1 ")[1:]
    assert (first[:3], b"x-request-id" in first, second[:3]) == (b"200", True, b"400")


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\nGET / HTTP/1.0\n\n",
        b"GET /service?a=[{|^`}]\xc3\xa9 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx: \xe9\t\r\n\r\n",
        HEAD + b"Connection: close\r\nx: %b\r\n\r\n" % (b"a" * (MAX_HEADER_BYTES - 100)),
        HEAD + b"Connection: close\r\n" + b"x: 1\r\n" * 98 + b"\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ],
)
async def test_harmless_deviations_are_answered(tams: httpx.AsyncClient, request_: bytes) -> None:
    status, _, body = without_date(await exchange(tams, request_))
    assert (status, body[:1] in (b"[", b"{")) == (200, True)


async def test_a_length_beside_chunks_is_ignored_and_the_connection_closes(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}/label".encode()
    request = (
        b"PUT %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3\r\n"a"\r\n0\r\n\r\n'
    ) % path
    assert without_date(await exchange(tams, request + HEAD + b"\r\n"))[0] == 204
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
async def test_a_chunked_body_with_a_fault_or_trailers_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], rest: bytes
) -> None:
    path = f"/flows/{flow['id']}/max_bit_rate"
    response = await exchange(tams, chunked(path, b"2\r\n25\r\n" + rest))
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"BODY_INCOMPLETE"' in response
    assert (await tams.get(path)).status_code == 404


@pytest.mark.parametrize("rest", [b"", b"4\r\n25", b"0\r\n"])
async def test_an_incomplete_chunked_body_is_not_stored(
    tams: httpx.AsyncClient, flow: dict[str, Any], rest: bytes
) -> None:
    path = f"/flows/{flow['id']}/max_bit_rate"
    response = await exchange(tams, chunked(path, b"2\r\n25\r\n" + rest), end=True)
    assert response == b"" or b"BODY_INCOMPLETE" in response
    assert (await tams.get(path)).status_code == 404


def chunked(path: str, chunks: bytes) -> bytes:
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + chunks


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host:\r\n",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nhost: b\r\n",
        b"Host: a, b\r\n",
        b"Host: a b\r\n",
        b"Host: user@a\r\n",
        b"Host: a/b\r\n",
        b"Host: http://a\r\n",
        b"Host: a:b\r\n",
        b"Host: a:99999\r\n",
        b"Host: a:80:80\r\n",
        b"Host: [::1\r\n",
        b"Host: ::1\r\n",
        b"Host: [::zz]\r\n",
        b"Host: [1.2.3.4]\r\n",
        b"Host: a\xff\r\n",
        b"Host: \xc3\xa4.example\r\n",
        b"Host: a\r\nHost: \xff\r\n",
        b"Host: %b\r\n" % (b"a" * 256),
    ],
)
async def test_a_request_without_exactly_one_valid_host_is_refused(
    tams: httpx.AsyncClient, hosts: bytes
) -> None:
    response = parsed_answer(await exchange(tams, b"GET / HTTP/1.1\r\n%b\r\n" % hosts))
    assert (response.status, response.reason, response.headers["connection"]) == (400, "BAD_HOST", "close")


@pytest.mark.parametrize(
    "host", [b"a", b"A.example.:80", b"tams_gateway-1:", b"127.0.0.1:8000", b"[::1]", b"[2001:DB8::1]:443"]
)
async def test_a_host_may_be_a_name_or_address_with_or_without_a_port(
    tams: httpx.AsyncClient, host: bytes
) -> None:
    request = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host
    assert parsed_answer(await exchange(tams, request)).status == 200


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\n"])
async def test_a_request_in_http_1_0_may_lack_the_host(tams: httpx.AsyncClient, hosts: bytes) -> None:
    assert parsed_answer(await exchange(tams, b"GET / HTTP/1.0\r\n%b\r\n" % hosts)).status == 200


@pytest.mark.parametrize(
    "codings",
    [
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: deflate,gzip , chunked\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: x;a=1, chunked\r\n",
    ],
)
async def test_a_transfer_coding_other_than_chunked_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], codings: bytes
) -> None:
    path = f"/flows/{flow['id']}/max_bit_rate"
    request = b"PUT %b HTTP/1.1\r\nHost: x\r\n%b\r\n2\r\n25\r\n0\r\n\r\n" % (path.encode(), codings)
    response = parsed_answer(await exchange(tams, request))
    assert (response.status, response.reason) == (501, "UNKNOWN_TRANSFER_CODING")
    assert response.headers["connection"] == "close"
    assert (await tams.get(path)).status_code == 404


@pytest.mark.parametrize("coding", [b"CHUNKED", b"\tchunked ", b",, chunked"])
async def test_the_chunked_coding_may_be_spelled_in_several_ways(
    tams: httpx.AsyncClient, flow: dict[str, Any], coding: bytes
) -> None:
    path = f"/flows/{flow['id']}/max_bit_rate"
    head = b"PUT %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding:%b\r\n\r\n"
    response = await exchange(tams, head % (path.encode(), coding) + b"2\r\n25\r\n0\r\n\r\n")
    assert parsed_answer(response).status == 204
