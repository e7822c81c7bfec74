"""What holds for every route."""

import asyncio
import re

import httpx
import pytest

from gateway.http.cors import EXPOSED
from tests.support.gateway import a_segment, new_id, running_gateway
from tests.support.polling import until

JSON = {"content-type": "application/json"}

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
    # Errors have heads too.
    "/nothing",
    "/sources/unknown",
    "/sources?limit=0",
    "/flows/{flow}/segments?page=x",
    "/flow-delete-requests/unknown",
]


@pytest.mark.parametrize("template", READS)
async def test_head_is_get_without_the_body(tams, flow, template):
    segments = [a_segment(0, 10), a_segment(10, 20)]
    await tams.post(f"/flows/{flow['id']}/segments", json=segments)
    path = template.format(source=flow["source_id"], flow=flow["id"], object=segments[0]["object_id"])
    fixed = {"x-request-id": "same"}
    get, head = await tams.get(path, headers=fixed), await tams.head(path, headers=fixed)
    assert head.status_code == get.status_code
    assert head.content == b""
    varying = ("date", "content-length") if get.is_error else ("date",)
    assert without(head.headers, varying) == without(get.headers, varying)
    assert int(head.headers["content-length"]) == pytest.approx(len(get.content), abs=20 * get.is_error)


def without(headers, names):
    """Errors hold their time, whose text may differ in length."""
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
async def test_pages_of_any_origin_may_read_every_answer(tams, method, path, status):
    body = {"content": b"x", "headers": {"content-type": "text/plain"}} if status == 415 else {}
    response = await tams.request(method, path, **body)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"].split(", ") == list(EXPOSED)
    assert {"Link", "Location", "X-Paging-NextKey", "X-Request-Id"} <= set(EXPOSED)


@pytest.mark.parametrize("path", ["/", "/flows/x", "/flows/x/segments", "/objects/a%2Fb", "/flows/x/storage"])
async def test_a_preflight_is_answered_without_credentials(tams, path):
    asking = {
        "origin": "https://player.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
    }
    response = await tams.options(path, headers=asking)
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
async def test_other_methods_are_named_as_not_allowed(tams, path, allowed, method):
    response = await tams.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allowed)
    assert response.json()["type"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/flows/", "/flows/x/", "/flows/x/nothing", "//flows", "/flows/x/segments/1"],
)
async def test_unknown_paths_are_not_found(tams, path):
    response = await tams.get(f"{tams.base_url}{path}")
    assert (response.status_code, response.json()["type"]) == (404, "UNKNOWN_PATH")


async def test_errors_have_the_body_of_tams(tams):
    response = await tams.get(f"/flows/{new_id()}")
    assert response.headers["content-type"] == "application/json"
    error = response.json()
    assert error.keys() == {"type", "summary", "time"}
    assert error["type"] == "FLOW_NOT_FOUND"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", error["time"])


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_a_body_that_is_said_to_be_something_else_is_refused(tams, flow, method, kind):
    path = f"/flows/{flow['id']}" if method == "PUT" else f"/flows/{flow['id']}/segments"
    response = await tams.request(method, path, content=b"{}", headers={"content-type": kind})
    assert (response.status_code, response.json()["type"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", None])
async def test_json_by_any_spelling_or_unnamed_is_read(tams, flow, kind):
    path = f"/flows/{flow['id']}/segments"
    headers = {"content-type": kind} if kind else {}
    assert (await tams.post(path, content=b"[]", headers=headers)).status_code == 201


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 204)])
async def test_an_encoded_body_is_refused_by_name(tams, flow, encoding, status):
    headers = JSON | {"content-encoding": encoding}
    response = await tams.put(f"/flows/{flow['id']}/label", content=b'"x"', headers=headers)
    assert response.status_code == status
    assert response.is_success or encoding in response.json()["summary"]


async def test_a_body_over_the_limit_is_refused_and_nothing_is_stored(services, flow):
    async with running_gateway(**services, max_body_bytes=2048) as tams:
        path = f"/flows/{flow['id']}/segments"
        fitting = await tams.post(path, content=b"[]".ljust(2048), headers=JSON)
        assert fitting.status_code == 201
        for body in (b"[]".ljust(2049), chunks(b"[", b" " * 2046, b" ]")):
            response = await tams.post(path, content=body, headers=JSON)
            assert (response.status_code, response.json()["type"]) == (413, "BODY_TOO_LARGE")
        chunked = await tams.post(path, content=chunks(b"[", b"]"), headers=JSON)
        assert chunked.status_code == 201


async def chunks(*parts):
    for part in parts:
        yield part


async def test_a_body_that_never_comes_is_given_up(services):
    async with running_gateway(**services, body_seconds=0.2) as tams:
        reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
        writer.write(b"PUT /flows/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        assert b"408" in await asyncio.wait_for(reader.readline(), 120)
        writer.close()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_silent_connection_is_closed_and_makes_room(services, said):
    async with running_gateway(**services, idle_seconds=0.2, max_connections=1) as tams:
        reader, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
        writer.write(said)

        async def served():
            try:
                return (await tams.get("/")).status_code == 200
            except httpx.RemoteProtocolError:
                # On a slow machine it may be silent for too long itself.
                return False

        await until(served)
        await asyncio.wait_for(reader.read(), 120)
        writer.close()


async def test_a_client_that_goes_away_does_no_harm(tams):
    _, writer = await asyncio.open_connection("127.0.0.1", tams.base_url.port)
    writer.write(b"PUT /flows/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    writer.close()
    assert (await tams.get("/")).status_code == 200


async def test_a_query_or_header_beyond_reason_is_refused(tams):
    assert (await tams.get(f"/flows?label={'x' * 20_000}")).status_code == 414
    assert (await tams.get(f"/flows?{'&'.join(f'a{n}=' for n in range(300))}")).status_code == 400
    assert (await tams.get("/flows", headers={"x-long": "x" * 100_000})).status_code == 431


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_X", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)]
)
async def test_the_request_id_is_the_clients_if_it_is_harmless(tams, given, kept):
    response = await tams.get("/", headers={"x-request-id": given})
    assert (response.headers["x-request-id"] == given) == kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", response.headers["x-request-id"])


async def test_every_request_has_an_id_of_its_own(tams):
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
            {"trust_forwarded": True},
            {"forwarded": 'for=1.2.3.4;host="b.example:444";proto=https, for=10.0.0.1'},
            "https://b.example:444",
        ),
        (
            {"trust_forwarded": True},
            {"host": "tams.example", "x-forwarded-host": "a b;c>", "x-forwarded-proto": "gopher"},
            "http://tams.example",
        ),
    ],
)
async def test_links_start_with_what_the_client_typed(services, make_flow, settings, headers, base):
    source = new_id()
    for _ in range(2):
        await make_flow(source_id=source)
    async with running_gateway(**services, **settings) as tams:
        page = await tams.get(f"/flows?limit=1&source_id={source}", headers=headers)
    assert page.links["next"]["url"].startswith(f"{base}/flows?limit=1&source_id={source}&page=")
