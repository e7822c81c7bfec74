"""Rules for all routes: methods, headers, bodies and their limits, request ids, and links."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from gateway.http.cors import EXPOSED
from tests.api.conftest import MakeFlow
from tests.support.processes.polling import until
from tests.support.services.gateway import a_segment, new_id, running_gateway

JSON = {"content-type": "application/json"}


@pytest_asyncio.fixture(loop_scope="package")
async def own_client(tams: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """A client with its own connections, because the server reads more of a head after a long body."""
    async with httpx.AsyncClient(base_url=tams.base_url, trust_env=False, timeout=60) as client:
        yield client


READS = [
    "/",
    "/service",
    "/service/storage-backends",
    "/sources?limit=1",
    "/sources/{source}",
    "/flows?limit=1",
    "/flows/{flow}?include_timerange=true",
    "/flows/{flow}/segments?limit=1&verbose_storage=true",
    "/objects/{object}",
    "/flow-delete-requests",
    "/x/analytics/flows/{flow}/coverage",
    "/x/analytics/storage-usage",
    "/health",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    # HEAD applies to errors, too.
    "/nothing",
    "/sources/unknown",
    "/sources?limit=0",
    "/flows/{flow}/segments?page=x",
    "/flow-delete-requests/unknown",
]


@pytest.mark.parametrize("template", READS)
async def test_head_is_get_without_the_body(
    tams: httpx.AsyncClient, flow: dict[str, Any], template: str
) -> None:
    segments = [a_segment(0, 10), a_segment(10, 20)]
    await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    path = template.format(source=flow["source_id"], flow=flow["id"], object=segments[0]["object_id"])
    fixed = {"x-request-id": "same"}
    get, head = await tams.get(path, headers=fixed), await tams.head(path, headers=fixed)
    assert head.status_code == get.status_code
    assert head.content == b""
    # The body of an error has the time, whose text may differ in length.
    varying = ("date", "content-length") if get.is_error else ("date",)
    assert other_headers(head.headers, varying) == other_headers(get.headers, varying)
    assert int(head.headers["content-length"]) == pytest.approx(len(get.content), abs=20 * get.is_error)


def other_headers(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """The headers other than those of the given names."""
    return {name: value for name, value in headers.items() if name not in names}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/flows", 200),
        ("GET", "/nothing", 404),
        ("GET", "/flows?limit=0", 400),
        ("GET", f"/flows/{new_id()}", 404),
        ("PATCH", "/flows", 405),
        ("PUT", "/flows/x", 415),
        ("POST", "/flows/x/segments", 415),
        ("DELETE", "/flows/x", 404),
        ("OPTIONS", "/flows", 204),
        ("OPTIONS", "/nothing", 404),
        ("HEAD", "/nothing", 404),
    ],
)
async def test_pages_of_any_origin_may_read_every_answer(
    tams: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    body: dict[str, Any] = {}
    if status == 415:
        body = {"content": b"x", "headers": {"content-type": "text/plain"}}
    response = await tams.request(method, path, **body)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"].split(", ") == list(EXPOSED)
    assert {"Link", "Location", "X-Paging-NextKey", "X-Request-Id"} <= set(EXPOSED)


@pytest.mark.parametrize("path", ["/", "/flows/x", "/flows/x/segments", "/objects/a%2Fb", "/flows/x/storage"])
async def test_a_preflight_is_answered_without_credentials(tams: httpx.AsyncClient, path: str) -> None:
    preflight = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
    }
    response = await tams.options(path, headers=preflight)
    assert (response.status_code, response.content) == (204, b"")
    assert {"Authorization", "Content-Type"} <= set(
        response.headers["access-control-allow-headers"].split(", ")
    )
    assert response.headers["access-control-allow-methods"] == response.headers["allow"]
    assert int(response.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/flows/x", "DELETE, GET, HEAD, PUT, OPTIONS"),
        ("/flows/x/segments", "DELETE, GET, HEAD, POST, OPTIONS"),
        ("/flows/x/storage", "POST, OPTIONS"),
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "TRACE", "NONSENSE"])
async def test_a_refused_method_is_answered_with_the_allowed_ones(
    tams: httpx.AsyncClient, path: str, allowed: str, method: str
) -> None:
    response = await tams.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert response.json()["type"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/flows/", "/flows/x/", "/flows/x/nothing", "//flows", "/flows/x/segments/1"],
)
async def test_unknown_paths_are_not_found(tams: httpx.AsyncClient, path: str) -> None:
    response = await tams.get(f"{tams.base_url}{path}")
    assert (response.status_code, response.json()["type"]) == (404, "UNKNOWN_PATH")


async def test_an_error_has_a_type_a_summary_and_a_time(tams: httpx.AsyncClient) -> None:
    response = await tams.get(f"/flows/{new_id()}")
    assert response.headers["content-type"] == "application/json"
    error = response.json()
    assert error.keys() == {"type", "summary", "time"}
    assert error["type"] == "FLOW_NOT_FOUND"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", error["time"])


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_a_body_of_another_content_type_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], method: str, kind: str
) -> None:
    path = f"/flows/{flow['id']}" if method == "PUT" else f"/flows/{flow['id']}/segments"
    response = await tams.request(method, path, content=b"{}", headers={"content-type": kind})
    assert (response.status_code, response.json()["type"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", None])
async def test_any_spelling_of_the_json_content_type_is_accepted(
    tams: httpx.AsyncClient, flow: dict[str, Any], kind: str | None
) -> None:
    path = f"/flows/{flow['id']}/segments"
    headers = {"content-type": kind} if kind else {}
    assert (await tams.post(path, content=b"[]", headers=headers)).status_code == 201


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 204)])
async def test_a_compressed_body_is_refused_with_the_name_of_its_encoding(
    tams: httpx.AsyncClient, flow: dict[str, Any], encoding: str, status: int
) -> None:
    headers = JSON | {"content-encoding": encoding}
    response = await tams.put(f"/flows/{flow['id']}/label", content=b'"x"', headers=headers)
    assert response.status_code == status
    assert response.is_success or encoding in response.json()["summary"]


async def test_a_body_over_the_limit_is_refused_and_nothing_is_stored(
    services: dict[str, str], flow: dict[str, Any]
) -> None:
    async with running_gateway(**services, max_body_bytes=2048) as tams:
        path = f"/flows/{flow['id']}/segments"
        fitting = await tams.post(path, content=b"[]".ljust(2048), headers=JSON)
        assert fitting.status_code == 201
        for body in (b"[]".ljust(2049), chunks(b"[", b" " * 2046, b" ]")):
            response = await tams.post(path, content=body, headers=JSON)
            assert (response.status_code, response.json()["type"]) == (413, "BODY_TOO_LARGE")
        chunked = await tams.post(path, content=chunks(b"[", b"]"), headers=JSON)
        assert chunked.status_code == 201


DOCUMENTS = [
    ("PUT", "/flows/{flow}"),
    ("PUT", "/flows/{flow}/flow_collection"),
    ("POST", "/flows/{flow}/storage"),
    ("POST", "/service"),
    ("POST", "/service/webhooks"),
    ("PUT", "/x/flows/{flow}/tags"),
    ("POST", "/x/sources/{source}/tags"),
]
TEXTS = [
    ("PUT", "/flows/{flow}/label"),
    ("PUT", "/flows/{flow}/description"),
    ("PUT", "/flows/{flow}/tags/a"),
    ("PUT", "/sources/{source}/label"),
    ("PUT", "/sources/{source}/description"),
    ("PUT", "/sources/{source}/tags/a"),
]
VALUES = [
    ("PUT", "/flows/{flow}/read_only"),
    ("PUT", "/flows/{flow}/max_bit_rate"),
    ("PUT", "/flows/{flow}/avg_bit_rate"),
]
LISTS = [("POST", "/flows/{flow}/segments"), ("POST", "/x/flows/batch"), ("POST", "/x/sources/batch")]
KIB, MIB = 1024, 1024 * 1024
LONGEST = [
    (method, path, longest)
    for routes, longest in ((DOCUMENTS, MIB), (TEXTS, 128 * KIB), (VALUES, 4 * KIB), (LISTS, 16 * MIB))
    for method, path in routes
]


@pytest.mark.parametrize(
    "framing", ["content-length: {length}\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"]
)
@pytest.mark.parametrize("case", LONGEST, ids=str)
async def test_a_body_over_its_limit_is_refused_before_it_has_arrived(
    tams: httpx.AsyncClient, flow: dict[str, Any], case: tuple[str, str, int], framing: str
) -> None:
    method, path, longest = case
    target = path.format(flow=flow["id"], source=flow["source_id"])
    reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    writer.write(f"{method} {target} HTTP/1.1\r\nhost: x\r\n{framing}".format(length=longest + 1).encode())
    if "chunked" in framing:
        # The chunk is announced longer than what is sent of it.
        writer.write(f"{longest + 1000:x}\r\n".encode() + b" " * (longest + 1))
    status = await asyncio.wait_for(reader.readline(), 60)
    body = (await asyncio.wait_for(reader.readuntil(b"}"), 60)).partition(b"\r\n\r\n")[2]
    writer.close()
    assert (status[9:12], json.loads(body)["type"]) == (b"413", "BODY_TOO_LARGE")
    assert str(longest) in json.loads(body)["summary"]


@pytest.mark.parametrize(
    ("path", "longest", "status"),
    [("label", 128 * KIB, 204), ("max_bit_rate", 4 * KIB, 204), ("flow_collection", MIB, 204)],
)
async def test_a_body_of_the_largest_allowed_length_is_read(
    own_client: httpx.AsyncClient, flow: dict[str, Any], path: str, longest: int, status: int
) -> None:
    value = {"label": b'"x"', "max_bit_rate": b"5", "flow_collection": b"[]"}[path]
    url = f"/flows/{flow['id']}/{path}"
    assert (await own_client.put(url, content=value.rjust(longest), headers=JSON)).status_code == status


TOO_MANY = {
    "lists and objects": ("POST", "/flows/{flow}/segments", b"{}", 200_000),
    "length 1000": ("POST", "/x/flows/batch", b"1", 1001),
    "50000 lists": ("PUT", "/flows/{flow}/flow_collection", b"[]", 60_000),
}


@pytest.mark.parametrize("expected_summary", TOO_MANY)
async def test_a_body_of_too_many_values_is_refused(
    own_client: httpx.AsyncClient, flow: dict[str, Any], expected_summary: str
) -> None:
    method, path, part, count = TOO_MANY[expected_summary]
    body = b"[%b]" % b",".join([part] * count)
    response = await own_client.request(method, path.format(flow=flow["id"]), content=body, headers=JSON)
    assert (response.status_code, response.json()["type"], response.json()["path"]) == (400, "BAD_BODY", "$")
    assert expected_summary in response.json()["summary"]


async def test_a_flow_of_too_many_values_is_refused(
    own_client: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    body = json.dumps(flow | {"x": [[]] * 60_000})
    response = await own_client.put(f"/flows/{flow['id']}", content=body, headers=JSON)
    assert (response.status_code, response.json()["type"]) == (400, "DOCUMENT_TOO_LARGE")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


REFUSED = {
    "too large": ("PUT", "/flows/{flow}", 413),
    "no such path": ("PUT", "/nowhere", 404),
    "no such method": ("PUT", "/flows", 405),
    "too large in chunks": ("PUT", "/flows/{flow}", 413),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_client_that_sends_all_of_a_refused_body_gets_the_response(
    tams: httpx.AsyncClient, flow: dict[str, Any], case: str
) -> None:
    method, path, status = REFUSED[case]
    length, piece = 4 * MIB, b" " * 64 * KIB
    framing = "transfer-encoding: chunked" if "chunks" in case else f"content-length: {length}"
    reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    head = f"{method} {path.format(flow=flow['id'])} HTTP/1.1\r\nhost: x\r\n{framing}\r\n\r\n"
    writer.write(head.encode())
    for _ in range(length // len(piece)):
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if "chunks" in case else piece)
        await writer.drain()
        # The server has the time to refuse it meanwhile.
        await asyncio.sleep(0.002)
    answer = await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    await writer.wait_closed()
    assert int(answer[9:12]) == status


async def test_a_body_that_does_not_arrive_in_time_is_refused(services: dict[str, str]) -> None:
    async with running_gateway(**services, body_seconds=0.2) as tams:
        reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
        writer.write(b"PUT /flows/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert b"408" in await asyncio.wait_for(reader.readline(), 120)
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_an_idle_connection_is_closed_for_the_next_one(services: dict[str, str], sent: bytes) -> None:
    async with running_gateway(**services, idle_seconds=0.2, max_connections=1) as tams:
        reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
        writer.write(sent)

        async def served() -> bool:
            try:
                return (await tams.get("/")).status_code == 200
            except httpx.RemoteProtocolError:
                # On a slow machine, this connection may be idle for too long, too.
                return False

        await until(served)
        await asyncio.wait_for(reader.read(), 120)
        writer.close()


async def test_a_client_that_disconnects_amid_a_body_does_no_harm(tams: httpx.AsyncClient) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    writer.write(b"PUT /flows/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await tams.get("/")).status_code == 200


async def test_a_query_or_header_over_its_limit_is_refused(tams: httpx.AsyncClient) -> None:
    assert (await tams.get(f"/flows?label={'x' * 20_000}")).status_code == 414
    assert (await tams.get(f"/flows?{'&'.join(f'a{n}=' for n in range(300))}")).status_code == 400
    assert (await tams.get("/flows", headers={"x-long": "x" * 100_000})).status_code == 431


@pytest.mark.parametrize(
    ("request_id", "kept"),
    [("abc-1.2_X", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)],
)
async def test_a_request_id_of_the_client_is_kept_if_it_is_well_formed(
    tams: httpx.AsyncClient, request_id: str, kept: bool
) -> None:
    response = await tams.get("/", headers={"x-request-id": request_id})
    assert (response.headers["x-request-id"] == request_id) == kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["x-request-id"])


async def test_each_request_has_a_different_id(tams: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(tams.get("/") for _ in range(20)))
    assert len({answer.headers["x-request-id"] for answer in answers}) == 20


@pytest.mark.parametrize(
    ("settings", "headers", "base"),
    [
        ({}, {"host": "tams.example:8443"}, "http://tams.example:8443"),
        ({}, {"host": "tams.example", "x-forwarded-host": "evil.example"}, "http://tams.example"),
        ({"public_url": "https://media.example/tams/"}, {"host": "x"}, "https://media.example/tams"),
        (
            {"trust_forwarded": True},
            {"x-forwarded-host": "a.example", "x-forwarded-proto": "https", "x-forwarded-prefix": "/tams/"},
            "https://a.example/tams",
        ),
        (
            {"trust_forwarded": True, "trusted_proxies": 2},
            {"forwarded": 'for=1.2.3.4;host="b.example:444";proto=https, for=10.0.0.1'},
            "https://b.example:444",
        ),
        (
            {"trust_forwarded": True},
            {"forwarded": "host=evil.example;proto=https", "host": "a", "x-forwarded-host": "b.example:444"},
            "http://b.example:444",
        ),
        (
            {"trust_forwarded": True},
            {"host": "tams.example", "x-forwarded-host": "a b;c>", "x-forwarded-proto": "gopher"},
            "http://tams.example",
        ),
    ],
)
async def test_links_begin_with_the_base_url_that_the_client_used(
    services: dict[str, str],
    make_flow: MakeFlow,
    settings: dict[str, Any],
    headers: dict[str, str],
    base: str,
) -> None:
    source = new_id()
    for _ in range(2):
        await make_flow(source_id=source)
    async with running_gateway(**services, **settings) as tams:
        page = await tams.get(f"/flows?limit=1&source_id={source}", headers=headers)
    assert page.links["next"]["url"].startswith(f"{base}/flows?limit=1&source_id={source}&page=")
