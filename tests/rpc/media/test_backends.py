"""Storage backends as operators have them: addresses, headers of uploads, and keys with few rights."""

import secrets
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import md5, sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tams.media.v1 import multipart_upload_service_pb2 as pb
from tams.media.v1.multipart_upload_service_pb2_grpc import MultipartUploadServiceStub
from tams.media.v1.storage_service_pb2 import (
    PRESENCE_MISSING,
    PRESENCE_STORED,
    AllocatedObject,
    AllocateStorageRequest,
    LookForObjectsRequest,
)

from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.storage.identities import add_limited_key
from tests.support.storage.seaweedfs import SeaweedFS, running_seaweedfs
from tests.support.storage.signed_urls import signed_urls

DOMAIN = "s3.example"
PUT = {"Content-Type": "video/mp2t", "If-None-Match": "*"}
BYTES = b"0123456789"


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A store of its own, with a domain, and with keys that change."""
    with running_seaweedfs(tmp_path_factory.mktemp("backends"), domain=DOMAIN) as running:
        yield running


async def allocate(media: Media) -> AllocatedObject:
    reply = await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id="flow", limit=1))
    return reply.objects[0]


async def get_url(media: Media, object_id: str) -> str:
    path = media.registry.reserved[object_id].storage_path
    (url,) = await signed_urls(media.stub, media.backend["id"], [path])
    return url


async def presences(media: Media, *object_ids: str) -> Sequence[int]:
    request = LookForObjectsRequest(object_ids=object_ids)
    return list((await call(media.stub.LookForObjects, request)).presences)


async def upload_and_read(media: Media, http: httpx.AsyncClient) -> str:
    """The id of a new object."""
    allocated = await allocate(media)
    put = await http.put(allocated.put_url, content=BYTES, headers=PUT)
    assert put.status_code == 200, put.text
    assert (await http.get(await get_url(media, allocated.object_id))).content == BYTES
    return allocated.object_id


async def test_the_bucket_can_be_in_the_host(
    serve: Serve, backend: dict[str, Any], seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is its own proxy, so that no name must be resolved."""
    monkeypatch.setenv("HTTP_PROXY", seaweedfs.endpoint_url)
    addresses = {"endpoint_url": f"http://{DOMAIN}", "addressing_style": "virtual"}
    async with (
        httpx.AsyncClient(proxy=seaweedfs.endpoint_url, trust_env=False) as http,
        serve(backend | addresses) as media,
    ):
        object_id = await upload_and_read(media, http)
        assert (await get_url(media, object_id)).startswith(f"http://{backend['bucket']}.{DOMAIN}/")
        assert await presences(media, object_id) == [PRESENCE_STORED]


async def test_a_proxy_may_take_away_the_path_that_is_signed(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    """The test is the proxy. Without the path, the store reads from a header what was signed."""
    async with serve(backend | {"public_endpoint_url": "https://store.example/s3"}) as media:
        url = urlsplit((await allocate(media)).put_url)
    assert (url.netloc, url.path.split("/")[:3]) == ("store.example", ["", "s3", backend["bucket"]])
    target = f"{backend['endpoint_url']}{url.path.removeprefix('/s3')}?{url.query}"
    proxied = {"Host": url.netloc, "X-Forwarded-Host": url.netloc, "X-Forwarded-Proto": "https"}
    refused = await http.put(target, content=BYTES, headers=PUT | proxied)
    assert refused.status_code == 403
    prefixed = PUT | proxied | {"X-Forwarded-Prefix": "/s3"}
    assert (await http.put(target, content=BYTES, headers=prefixed)).status_code == 200


async def test_objects_have_the_class_and_encryption_of_their_backend(
    serve: Serve, backend: dict[str, Any], seaweedfs: SeaweedFS, http: httpx.AsyncClient
) -> None:
    options = {"storage_class": "STANDARD_IA", "server_side_encryption": "AES256"}
    async with serve(backend | options) as media:
        allocated, in_parts = await allocate(media), await allocate(media)
        required = {"x-amz-storage-class": "STANDARD_IA", "x-amz-server-side-encryption": "AES256"}
        assert dict(allocated.headers) == {"If-None-Match": "*"} | required
        for name in required:
            headers = PUT | {other: value for other, value in required.items() if other != name}
            assert (await http.put(allocated.put_url, content=BYTES, headers=headers)).status_code == 403
        stored = await http.put(allocated.put_url, content=BYTES, headers=PUT | required)
        assert stored.status_code == 200, stored.text
        await upload_in_parts(media, http, in_parts.object_id)
        client = seaweedfs.client()
        for object_id in (allocated.object_id, in_parts.object_id):
            path = media.registry.reserved[object_id].storage_path
            found = client.head_object(Bucket=backend["bucket"], Key=path)
            assert (found["StorageClass"], found["ServerSideEncryption"]) == ("STANDARD_IA", "AES256")
            assert (await http.get(await get_url(media, object_id))).content == BYTES
        client.close()


async def upload_in_parts(media: Media, http: httpx.AsyncClient, object_id: str) -> None:
    stub = MultipartUploadServiceStub(media.channel)
    created = await call(stub.CreateMultipartUpload, pb.CreateMultipartUploadRequest(object_id=object_id))
    upload_id = created.upload_id
    part = pb.SignPartsRequest(object_id=object_id, upload_id=upload_id, part_numbers=[1])
    (url,) = (await call(stub.SignParts, part)).urls
    assert (await http.put(url, content=BYTES)).status_code == 200
    complete = pb.CompleteMultipartUploadRequest(object_id=object_id, upload_id=upload_id)
    await call(stub.CompleteMultipartUpload, complete)


async def test_storage_checks_the_checksum_that_a_client_may_send(
    media: Media, http: httpx.AsyncClient
) -> None:
    url = (await allocate(media)).put_url
    right, wrong = (md5(content).digest() for content in (BYTES, b"other"))
    refused = await http.put(url, content=BYTES, headers=PUT | {"Content-MD5": b64encode(wrong).decode()})
    assert refused.status_code == 400, refused.text
    # The URL does not sign it.
    other = {"x-amz-checksum-sha256": b64encode(sha256(BYTES).digest()).decode()}
    assert (await http.put(url, content=BYTES, headers=PUT | other)).status_code == 403
    stored = await http.put(url, content=BYTES, headers=PUT | {"Content-MD5": b64encode(right).decode()})
    assert stored.status_code == 200, stored.text


@pytest.fixture
def limited(backend: dict[str, Any], seaweedfs: SeaweedFS, tmp_path: Path) -> dict[str, Any]:
    """A backend whose key may only read, write and delete objects below its prefix."""
    pair = secrets.token_hex(10), secrets.token_hex(20)
    client = seaweedfs.client()
    client.create_bucket(Bucket=backend["bucket"])
    client.close()
    add_limited_key(seaweedfs, pair, backend["bucket"], "media/")
    files = {"access_key_file": tmp_path / "access", "secret_key_file": tmp_path / "secret"}
    for file, text in zip(files.values(), pair, strict=True):
        file.write_text(text)
    names = {member: str(file) for member, file in files.items()}
    return backend | names | {"prefix": "media/", "create_bucket": False}


async def test_a_key_for_the_objects_below_the_prefix_is_enough(
    serve: Serve, limited: dict[str, Any], http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(limited) as media:
        object_id = await upload_and_read(media, http)
        missing = (await allocate(media)).object_id
        assert await presences(media, object_id, missing) == [PRESENCE_STORED, PRESENCE_MISSING]
        await upload_in_parts(media, http, missing)
    assert "may not look at the bucket" in caplog.text
