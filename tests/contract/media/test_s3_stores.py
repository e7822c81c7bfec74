"""The adapters of object storage against each implementation of S3 that tests have."""

import secrets
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from hashlib import md5
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from services.media.adapters.s3.multipart import S3MultipartUploads
from services.media.adapters.s3.storage import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.media.application.signer import Signer, UrlExpiry
from services.media.bootstrap import utc_now
from services.media.domain.credentials import Credentials
from services.media.domain.multipart_upload import MIN_PART_BYTES, UploadedPart
from services.media.domain.storage_backend import ConditionalWrites, StorageBackend, StorageBackends
from services.shared.errors import AlreadyExists, InvalidArgument, NotFound
from services.shared.url_paths import url_lines
from tests.support.storage.s3_store import S3Store
from tests.support.storage.seaweedfs import write_storage_config

TYPE = "video/mp2t"


class Bucket:
    """The adapters of one new bucket, and what clients send to it with signed URLs."""

    def __init__(self, backend: StorageBackend) -> None:
        self.backend = backend
        self.storage = S3Storage(backend, threads=2)
        self.multipart = S3MultipartUploads(backend)
        self._signer = Signer(StorageBackends([backend]), utc_now, UrlExpiry(3600, 3600))
        self._http = httpx.Client(trust_env=False, timeout=60)

    def put(self, path: str, content: bytes, **headers: str) -> httpx.Response:
        (url,) = self._signer.put_urls(self.backend, [path], TYPE).urls()
        sent = {"Content-Type": TYPE, **self.backend.put_headers, **headers}
        return self._http.put(url, content=content, headers=sent)

    def get_url(self, path: str) -> str:
        (signed,) = self._signer.sign([(self.backend.id, url_lines([path]))])
        return signed.urls()[0]

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._http.get(self.get_url(path), headers=headers)

    def get_from(self, url: str) -> httpx.Response:
        return self._http.get(url)

    def put_parts(self, path: str, upload_id: str, parts: Mapping[int, bytes]) -> list[UploadedPart]:
        urls = self._signer.part_urls(self.backend, path, upload_id, list(parts))
        return [
            UploadedPart(number, self._http.put(url, content=content).headers["etag"])
            for url, (number, content) in zip(urls, parts.items(), strict=True)
        ]

    def close(self) -> None:
        self.storage.close()
        self.multipart.close()
        self._http.close()


@pytest.fixture
async def bucket(each_store: S3Store, tmp_path: Path) -> AsyncIterator[Bucket]:
    config = write_storage_config(tmp_path / "s.json", each_store.backend(f"tams-{secrets.token_hex(6)}"))
    (backend,) = read_storage_backends(config)
    opened = Bucket(backend)
    await opened.storage.prepare()
    yield opened
    opened.close()


async def test_objects_are_put_read_listed_and_deleted(bucket: Bucket) -> None:
    await bucket.storage.prepare()
    await bucket.storage.check()
    paths = [f"2026/03/04/{number}~20é" for number in range(12)]
    for number, path in enumerate(paths):
        assert bucket.put(path, b"x" * number).is_success
    assert bucket.get(paths[5]).content == b"xxxxx"
    assert bucket.get(paths[5], Range="bytes=1-2").content == b"xx"
    assert bucket.get("2026/missing").status_code == 404
    assert [await bucket.storage.size(path) for path in (*paths[:3], "2026/missing")] == [0, 1, 2, None]
    sizes = {path: number for number, path in enumerate(paths)}
    assert await bucket.storage.list_sizes([*paths, "2026/03/04/zz"]) == {**sizes, "2026/03/04/zz": None}
    for path in (paths[0], paths[0], "2026/missing"):
        await bucket.storage.delete(path)
    assert await bucket.storage.size(paths[0]) is None
    assert await bucket.storage.size(paths[1]) == 1


async def test_what_does_not_fit_its_signature_or_checksum_is_refused(bucket: Bucket) -> None:
    assert bucket.put("a/1", b"right").is_success
    wrong = b64encode(md5(b"other").digest()).decode()
    assert bucket.put("a/2", b"wrong", **{"Content-MD5": wrong}).status_code == 400
    assert bucket.put("a/2", b"typed", **{"Content-Type": "text/html"}).status_code == 403
    assert await bucket.storage.size("a/2") is None
    url = urlsplit(bucket.get_url("a/1"))
    for changed in (
        url._replace(path=url.path.replace("a/1", "a/2")),
        url._replace(query=url.query.replace("X-Amz-Expires=3", "X-Amz-Expires=4")),
        url._replace(query=url.query[:-4] + "0000"),
        url._replace(query=""),
    ):
        assert bucket.get_from(changed.geturl()).status_code in (400, 403)
    known = bucket.backend.credentials.current
    for keys in (Credentials("nobody", "secret"), Credentials(known.access_key, "other")):
        assert not await bucket.storage.accepts(keys)
    assert await bucket.storage.accepts(known)


async def test_uploads_in_parts(bucket: Bucket) -> None:
    path, multipart = "2026/03/04/large", bucket.multipart
    upload_id = await multipart.create(path, TYPE)
    assert [(each.path, each.id) for each in await multipart.uploads("2026/")] == [(path, upload_id)]
    assert await multipart.parts(path, upload_id, 0, 10) == ([], False)
    parts = bucket.put_parts(path, upload_id, {1: b"a" * MIN_PART_BYTES, 2: b"end"})
    first, more = await multipart.parts(path, upload_id, 0, 1)
    assert ([(part.number, part.size) for part in first], more) == ([(1, MIN_PART_BYTES)], True)
    rest, more = await multipart.parts(path, upload_id, 1, 5)
    assert ([(part.number, part.size) for part in rest], more) == ([(2, 3)], False)
    assert await multipart.complete(path, upload_id, parts, once=False) == MIN_PART_BYTES + 3
    got = bucket.get(path)
    assert (got.content[-4:], got.headers["content-type"]) == (b"aend", TYPE)
    aborted = await multipart.create(path, TYPE)
    bucket.put_parts(path, aborted, {1: b"x"})
    with pytest.raises(InvalidArgument, match="storage does not have these parts"):
        await multipart.complete(path, aborted, [UploadedPart(1, "0" * 32)], once=False)
    for _ in range(2):
        await multipart.abort(path, aborted)
    assert list(await multipart.uploads("")) == []
    with pytest.raises(NotFound):
        await multipart.parts(path, aborted, 0, 10)


async def test_clients_of_both_modes_of_checksums_store_what_media_reads(
    bucket: Bucket, each_store: S3Store
) -> None:
    """The SDK adds CRC32 to what it sends unless it may do so only when required."""
    for mode in ("when_required", "when_supported"):
        client = each_store.client(request_checksum_calculation=mode, response_checksum_validation=mode)
        client.put_object(Bucket=bucket.backend.bucket, Key=f"sdk/{mode}", Body=b"0123456789")
        stored = client.get_object(Bucket=bucket.backend.bucket, Key=f"sdk/{mode}")
        assert stored["Body"].read() == b"0123456789"
        client.close()
        assert await bucket.storage.size(f"sdk/{mode}") == 10
        assert bucket.get(f"sdk/{mode}").content == b"0123456789"


async def test_an_object_is_written_once_where_the_store_has_conditional_writes(bucket: Bucket) -> None:
    has_them = bucket.backend.conditional_writes is not ConditionalWrites.OFF
    assert bucket.put("a/1", b"first").is_success
    again = bucket.put("a/1", b"again", **{"If-None-Match": "*"})
    assert again.status_code == (412 if has_them else 200), again.text
    assert bucket.get("a/1").content == (b"first" if has_them else b"again")
    upload_id = await bucket.multipart.create("a/1", TYPE)
    parts = bucket.put_parts("a/1", upload_id, {1: b"parts"})
    if has_them:
        with pytest.raises(AlreadyExists):
            await bucket.multipart.complete("a/1", upload_id, parts, once=True)
    else:
        assert await bucket.multipart.complete("a/1", upload_id, parts, once=True) == 5
