"""Signed URLs, as real object storage judges them."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from tams.media.v1.storage_service_pb2 import (
    AllocateStorageRequest,
    ObjectIds,
    SignPathsRequest,
    SignUrlsRequest,
    StoredObjects,
)

from services.media.bootstrap import utc_now
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call

TYPE = {"Content-Type": "video/mp2t"}
# Ids that a store or a URL library might trip over.
AWKWARD_IDS = ["plain", "a", "a/b", "a//b", "é 😀%2F?&=+#", ".", "..", "../../climb", ".uploads", "x" * 900]


async def put_urls(media, **asked):
    request = AllocateStorageRequest(flow_id="flow", **asked)
    return [one.put_url for one in (await call(media.stub.AllocateStorage, request)).objects]


async def get_urls(media):
    """A URL for each object reserved so far."""
    paths = [one.storage_path for one in media.registry.reserved.values()]
    request = SignUrlsRequest(objects=[StoredObjects(storage_id=media.backend["id"], paths=paths)])
    return (await call(media.stub.SignUrls, request)).urls


async def test_urls_in_parts_are_the_same(media):
    await put_urls(media, object_ids=ObjectIds(ids=AWKWARD_IDS))
    paths = [one.storage_path for one in media.registry.reserved.values()]
    lines = [f"{quote(path, safe='/')}\n" for path in paths]
    some = StoredObjects(
        storage_id=media.backend["id"], paths=paths[:3], url_paths="".join(lines[3:]).encode()
    )
    (whole,) = (await call(media.stub.SignPaths, SignPathsRequest(objects=[some]))).signed
    signatures = [*whole.signatures, *whole.signature_lines.decode().splitlines()]
    assert len(whole.signatures) == 3
    urls = [
        f"{whole.before}{line.rstrip()}{whole.after}{signature}"
        for line, signature in zip(lines, signatures, strict=True)
    ]
    assert urls == [*await get_urls(media)]
    assert urls == [*(await call(media.stub.SignUrls, SignUrlsRequest(objects=[some]))).urls]


async def test_parts_come_for_each_backend_asked(media):
    backend = media.backend["id"]
    objects = [
        StoredObjects(storage_id=backend, paths=["a"]),
        StoredObjects(storage_id=backend, url_paths=b"a\n"),
    ]
    first, second = (await call(media.stub.SignPaths, SignPathsRequest(objects=objects))).signed
    assert (len(first.signatures), first.signature_lines) == (1, b"")
    assert (list(second.signatures), second.signature_lines) == ([], f"{first.signatures[0]}\n".encode())


@pytest.mark.parametrize("objects", [{"paths": ["a", ""]}, {"url_paths": b"a b\n"}, {"url_paths": b"a"}])
async def test_paths_that_cannot_be(media, objects):
    asked = StoredObjects(storage_id=media.backend["id"], **objects)
    for method, request in ((media.stub.SignPaths, SignPathsRequest), (media.stub.SignUrls, SignUrlsRequest)):
        with pytest.raises(InvalidArgument) as raised:
            await call(method, request(objects=[asked]))
        assert raised.value.reason == "BAD_STORAGE_PATH"


async def test_bytes_go_in_and_come_out_with_their_type(media, http):
    (put_url,) = await put_urls(media, limit=1)
    assert (await http.put(put_url, content=b"0123456789", headers=TYPE)).status_code == 200
    (get_url,) = await get_urls(media)
    whole = await http.get(get_url)
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole.headers["content-type"] == "video/mp2t"
    part = await http.get(get_url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    assert part.headers["content-range"] == "bytes 2-4/10"


async def test_every_id_has_a_place_of_its_own(media, http):
    puts = await put_urls(media, object_ids=ObjectIds(ids=AWKWARD_IDS))
    for number, url in enumerate(puts):
        assert (await http.put(url, content=str(number).encode(), headers=TYPE)).status_code == 200
    found = [(await http.get(url)).text for url in await get_urls(media)]
    assert found == [str(number) for number in range(len(AWKWARD_IDS))]


async def test_another_content_type_is_refused(media, http):
    (url,) = await put_urls(media, limit=1)
    assert (await http.put(url, content=b"x", headers={"Content-Type": "text/html"})).status_code == 403
    assert (await http.put(url, content=b"x")).status_code == 403


async def test_a_url_is_good_for_its_object_and_method_only(media, http):
    first, second = await put_urls(media, limit=2)
    swapped = f"{second.partition('?')[0]}?{first.partition('?')[2]}"
    assert (await http.put(swapped, content=b"x", headers=TYPE)).status_code == 403
    assert (await http.get(first)).status_code == 403
    assert (await http.delete(first)).status_code == 403


@pytest.mark.parametrize(("age", "status"), [(timedelta(minutes=3), 200), (timedelta(minutes=16), 403)])
async def test_a_url_expires(serve, backend, http, age, status):
    """Ten minutes of life and at most a window of five."""
    async with serve(backend, clock=lambda: utc_now() - age, url_expiry_seconds=600) as media:
        (url,) = await put_urls(media, limit=1)
        assert (await http.put(url, content=b"x", headers=TYPE)).status_code == status


async def test_a_page_of_the_web_may_read_and_write(media, http):
    (put_url,) = await put_urls(media, limit=1)
    origin = {"Origin": "https://app.example.com"}
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}
    preflight = await http.options(put_url, headers=origin | asks)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] in {"*", "https://app.example.com"}
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()
    await http.put(put_url, content=b"0123456789", headers=TYPE | origin)
    (get_url,) = await get_urls(media)
    reply = await http.get(get_url, headers=origin | {"Range": "bytes=0-1"})
    assert reply.headers["access-control-allow-origin"] in {"*", "https://app.example.com"}
    assert "content-range" in reply.headers["access-control-expose-headers"].lower()


async def test_pages_of_other_origins_may_not(serve, backend, http):
    async with serve(backend | {"cors_origins": ["https://app.example.com"]}) as media:
        (url,) = await put_urls(media, limit=1)
        asks = {"Access-Control-Request-Method": "PUT", "Origin": "https://evil.example.com"}
        assert "access-control-allow-origin" not in (await http.options(url, headers=asks)).headers


async def test_clients_get_the_public_endpoint(serve, backend):
    async with serve(backend | {"public_endpoint_url": "https://media.example.com"}) as media:
        (url,) = await put_urls(media, limit=1)
    assert url.startswith(f"https://media.example.com/{backend['bucket']}/")
