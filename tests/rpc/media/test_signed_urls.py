"""Signed URLs against real object storage."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tams.media.v1.storage_service_pb2 import (
    AllocateStorageRequest,
    ObjectIds,
    SignPathsRequest,
    StoredObjects,
)

from services.media.bootstrap import utc_now
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.storage.signed_urls import signed_urls

TYPE = {"Content-Type": "video/mp2t"}
# The headers that a PUT should have.
PUT = TYPE | {"If-None-Match": "*"}
ORIGIN = {"Origin": "https://app.example.com"}
# Ids that a store or a URL library may not handle.
AWKWARD_IDS = ["plain", "a", "a/b", "a//b", "é 😀%2F?&=+#", ".", "..", "../../climb", ".uploads", "x" * 900]


async def put_urls(media: Media, **options: Any) -> list[str]:
    request = AllocateStorageRequest(flow_id="flow", **options)
    return [allocated.put_url for allocated in (await call(media.stub.AllocateStorage, request)).objects]


async def get_urls(media: Media) -> list[str]:
    """A URL for each reserved object."""
    paths = [location.storage_path for location in media.registry.reserved.values()]
    return await signed_urls(media.stub, media.backend["id"], paths)


async def test_signatures_are_returned_for_each_entry_in_order(media: Media) -> None:
    backend = media.backend["id"]
    entries = [StoredObjects(storage_id=backend, url_paths=lines) for lines in (b"a\nb\n", b"", b"a\n")]
    first, second, third = (await call(media.stub.SignPaths, SignPathsRequest(objects=entries))).signed
    assert first.signatures.count(b"\n") == 2
    assert second.signatures == b""
    assert third.signatures == first.signatures.splitlines(keepends=True)[0]


@pytest.mark.parametrize("path", ["", "/x", "../x", "a//b", "a/..", "a\0b", "x" * 1025])
async def test_an_invalid_path_is_refused(media: Media, path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await signed_urls(media.stub, media.backend["id"], ["a", path])
    assert raised.value.reason == "BAD_STORAGE_PATH"


@pytest.mark.parametrize("lines", [b"a b\n", b"a", b"../x\n", b"%2E./x\n", b"%00\n", b"\xff\n"])
async def test_a_path_that_is_not_encoded_for_urls_is_refused(media: Media, lines: bytes) -> None:
    entry = StoredObjects(storage_id=media.backend["id"], url_paths=lines)
    with pytest.raises(InvalidArgument) as raised:
        await call(media.stub.SignPaths, SignPathsRequest(objects=[entry]))
    assert raised.value.reason == "BAD_STORAGE_PATH"


async def test_an_uploaded_object_is_read_with_its_content_type_and_by_ranges(
    media: Media, http: httpx.AsyncClient
) -> None:
    (put_url,) = await put_urls(media, limit=1)
    assert (await http.put(put_url, content=b"0123456789", headers=PUT)).status_code == 200
    (get_url,) = await get_urls(media)
    full = await http.get(get_url)
    assert (full.status_code, full.content) == (200, b"0123456789")
    assert full.headers["content-type"] == "video/mp2t"
    part = await http.get(get_url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"


async def test_objects_of_different_ids_are_stored_separately(media: Media, http: httpx.AsyncClient) -> None:
    puts = await put_urls(media, object_ids=ObjectIds(ids=AWKWARD_IDS))
    for number, url in enumerate(puts):
        assert (await http.put(url, content=str(number).encode(), headers=PUT)).status_code == 200
    found = [(await http.get(url)).text for url in await get_urls(media)]
    assert found == [str(number) for number in range(len(AWKWARD_IDS))]


async def test_another_content_type_is_refused(media: Media, http: httpx.AsyncClient) -> None:
    (url,) = await put_urls(media, limit=1)
    without_type = {"If-None-Match": "*"}
    assert (
        await http.put(url, content=b"x", headers=without_type | {"Content-Type": "text/html"})
    ).status_code == 403
    assert (await http.put(url, content=b"x", headers=without_type)).status_code == 403


@pytest.fixture
async def strict(serve: Serve, backend: dict[str, Any]) -> AsyncIterator[Media]:
    """A service whose uploads must have the condition."""
    async with serve(backend | {"conditional_writes": "required"}) as media:
        yield media


@pytest.mark.parametrize("choice", ["required", "offered"])
async def test_an_object_is_written_once(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient, choice: str
) -> None:
    request = AllocateStorageRequest(flow_id="flow", limit=1)
    async with serve(backend | {"conditional_writes": choice}) as media:
        (allocated,) = (await call(media.stub.AllocateStorage, request)).objects
        assert dict(allocated.headers) == {"If-None-Match": "*"}
        assert (await http.put(allocated.put_url, content=b"first", headers=PUT)).status_code == 200
        for content in (b"other", b"", b"first", b"x" * 5_000_000):
            assert (await http.put(allocated.put_url, content=content, headers=PUT)).status_code == 412
        (url,) = await get_urls(media)
        assert (await http.get(url)).content == b"first"


async def test_a_client_that_sends_only_the_content_type_can_upload(
    media: Media, http: httpx.AsyncClient
) -> None:
    """No public client of TAMS sends the other headers, which the specification only recommends."""
    (put_url,) = await put_urls(media, limit=1)
    assert (await http.put(put_url, content=b"first", headers=TYPE)).status_code == 200
    (url,) = await get_urls(media)
    assert (await http.get(url)).content == b"first"


async def test_a_put_that_could_overwrite_is_refused_where_that_is_required(
    strict: Media, http: httpx.AsyncClient
) -> None:
    media = strict
    not_uploaded, uploaded = await put_urls(media, limit=2)
    assert (await http.put(uploaded, content=b"first", headers=PUT)).status_code == 200
    for headers in (
        {},
        {"If-None-Match": '"0"'},
        {"If-None-Match": "**"},
        {"If-Match": "*"},
        {"x-amz-if-none-match": "*"},
        {"If-None-Match": '"0"', "x-amz-copy-source": "tams/x"},
    ):
        for url in (not_uploaded, uploaded):
            put = await http.put(url, content=b"other", headers=TYPE | headers)
            assert put.status_code == 403, headers
    missing, stored = [await http.get(url) for url in await get_urls(media)]
    assert (missing.status_code, stored.content) == (404, b"first")


async def test_one_of_several_simultaneous_uploads_is_stored(media: Media, http: httpx.AsyncClient) -> None:
    (url,) = await put_urls(media, limit=1)
    bodies = [bytes([number]) * 300_000 for number in range(3)]
    answers = await asyncio.gather(*(http.put(url, content=body, headers=PUT) for body in bodies))
    stored = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200]
    assert len(stored) == 1, [answer.status_code for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 409, 412}
    (get_url,) = await get_urls(media)
    assert (await http.get(get_url)).content == stored[0]


async def test_uploads_are_unconditional_if_storage_lacks_conditional_writes(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    async with serve(backend | {"conditional_writes": False}) as media:
        (allocated,) = (
            await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id="flow", limit=1))
        ).objects
        assert dict(allocated.headers) == {}
        for content in (b"first", b"second"):
            assert (await http.put(allocated.put_url, content=content, headers=TYPE)).status_code == 200


async def test_a_url_is_valid_only_for_its_object_and_method(media: Media, http: httpx.AsyncClient) -> None:
    first, second = await put_urls(media, limit=2)
    swapped = f"{second.partition('?')[0]}?{first.partition('?')[2]}"
    assert (await http.put(swapped, content=b"x", headers=PUT)).status_code == 403
    assert (await http.get(first)).status_code == 403
    assert (await http.delete(first)).status_code == 403


@pytest.mark.parametrize(("age", "status"), [(timedelta(minutes=3), 200), (timedelta(minutes=16), 403)])
async def test_a_url_expires(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient, age: timedelta, status: int
) -> None:
    """A URL is valid for ten minutes, and for up to five more, the length of a window."""
    async with serve(backend, clock=lambda: utc_now() - age, upload_url_expiry_seconds=600) as media:
        (url,) = await put_urls(media, limit=1)
        assert (await http.put(url, content=b"x", headers=PUT)).status_code == status


def preflight(method: str, *headers: str) -> dict[str, str]:
    request_headers = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(headers),
    }
    return ORIGIN | request_headers


def header_names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


async def test_a_web_page_may_read_and_write(media: Media, http: httpx.AsyncClient) -> None:
    (put_url,) = await put_urls(media, limit=1)
    allowed = await http.options(put_url, headers=preflight("PUT", *sorted(name.lower() for name in PUT)))
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] in {"*", ORIGIN["Origin"]}
    stored = await http.put(put_url, content=b"0123456789", headers=PUT | ORIGIN)
    assert stored.status_code == 200
    (get_url,) = await get_urls(media)
    reply = await http.get(get_url, headers=ORIGIN | {"Range": "bytes=0-1"})
    assert reply.status_code == 206
    assert reply.headers["access-control-allow-origin"] in {"*", ORIGIN["Origin"]}
    assert header_names(reply.headers["access-control-expose-headers"]) >= {
        "accept-ranges",
        "content-length",
        "content-range",
        "etag",
        "last-modified",
        "x-amz-request-id",
        *(f"x-amz-checksum-{kind}" for kind in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")),
    }


async def test_a_web_page_may_send_the_headers_of_players_and_upload_libraries(
    media: Media, http: httpx.AsyncClient
) -> None:
    (url,) = await put_urls(media, limit=1)
    sent = [
        "authorization",
        "cache-control",
        "content-md5",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "range",
        "traceparent",
        "x-requested-with",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-meta-title",
        *(f"x-amz-checksum-{kind}" for kind in ("crc32", "crc32c", "crc64nvme", "sha1", "sha256")),
    ]
    for method, headers in itertools.product(("GET", "HEAD", "PUT"), (sent, *([header] for header in sent))):
        answer = await http.options(url, headers=preflight(method, *headers))
        assert answer.status_code == 200, headers
        assert method in answer.headers["access-control-allow-methods"]
        granted = header_names(answer.headers["access-control-allow-headers"])
        assert granted >= set(headers) or "*" in granted


async def test_a_web_page_may_use_no_other_methods_and_headers(media: Media, http: httpx.AsyncClient) -> None:
    (url,) = await put_urls(media, limit=1)
    for method, header in (("DELETE", "range"), ("POST", "range"), ("PUT", "x-other")):
        answer = await http.options(url, headers=preflight(method, header))
        granted = header_names(answer.headers.get("access-control-allow-headers", ""))
        assert answer.status_code == 403 or header not in granted, method


async def test_web_pages_of_other_origins_may_not_upload(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    async with serve(backend | {"cors_origins": ["https://app.example.com"]}) as media:
        (url,) = await put_urls(media, limit=1)
        request_headers = {"Access-Control-Request-Method": "PUT", "Origin": "https://evil.example.com"}
        assert "access-control-allow-origin" not in (await http.options(url, headers=request_headers)).headers


async def test_signed_urls_begin_with_the_public_endpoint(serve: Serve, backend: dict[str, Any]) -> None:
    async with serve(backend | {"public_endpoint_url": "https://media.example.com"}) as media:
        (url,) = await put_urls(media, limit=1)
    assert url.startswith(f"https://media.example.com/{backend['bucket']}/")
