"""The sizes of objects by listings of real object storage, the same as by requests for each object."""

import random
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from services.media.adapters.s3.listing import list_sizes
from services.media.adapters.s3.storage import S3Storage
from services.media.adapters.storage_config import read_storage_backends
from services.media.domain.storage_backend import StorageBackend
from tests.support.storage.s3_store import S3Store
from tests.support.storage.seaweedfs import write_storage_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def backend(each_store: S3Store, tmp_path: Path) -> StorageBackend:
    description = each_store.backend(f"tams-{secrets.token_hex(6)}")
    (storage_backend,) = read_storage_backends(write_storage_config(tmp_path / "storage.json", description))
    return storage_backend


@pytest.fixture
def calls() -> Counter[str]:
    """The number of calls of each operation."""
    return Counter()


@pytest.fixture
def client(backend: StorageBackend, calls: Counter[str]) -> Iterator["S3Client"]:
    """A client that counts its calls."""
    keys = backend.credentials.current
    opened = boto3.client(
        "s3",
        endpoint_url=backend.endpoint_url,
        region_name=backend.signing_region,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
    )
    opened.create_bucket(Bucket=backend.bucket)
    opened.meta.events.register("before-call.s3", lambda model, **_: calls.update([model.name]))
    yield opened
    opened.close()


@pytest.fixture
def bucket(backend: StorageBackend) -> str:
    return backend.bucket


def put_objects(client: "S3Client", bucket: str, *paths: str) -> dict[str, int]:
    for path in paths:
        client.put_object(Bucket=bucket, Key=path, Body=b"x" * (len(path) % 7))
    return {path: len(path) % 7 for path in paths}


def numbered_keys(folder: str, numbers: Iterable[int]) -> list[str]:
    return [f"{folder}{number:04}" for number in numbers]


def test_one_listing_finds_the_sizes_in_a_folder(
    client: "S3Client", bucket: str, calls: Counter[str]
) -> None:
    others = ("2026/11/21/folder/inside", "2026/11/22/0001")
    sizes = put_objects(client, bucket, *numbered_keys("2026/11/21/", range(20)), *others)
    missing = ["2026/11/21/", "2026/11/21/0005x", "2026/11/21/9999", "2026/11/21/folder"]
    paths = [*numbered_keys("2026/11/21/", range(20)), *missing]
    random.shuffle(paths)
    calls.clear()
    assert list_sizes(client, bucket, paths) == {path: sizes.get(path) for path in paths}
    assert calls == {"ListObjectsV2": 1}


def test_folders_are_listed_page_by_page(client: "S3Client", bucket: str, calls: Counter[str]) -> None:
    sizes = put_objects(
        client,
        bucket,
        *numbered_keys("a/", range(60)),
        *numbered_keys("", range(60)),
        *numbered_keys("b/c/", range(5)),
    )
    every_third = [*numbered_keys("a/", range(0, 60, 3)), *numbered_keys("", range(0, 60, 3))]
    found = list_sizes(client, bucket, [*every_third, *numbered_keys("b/c/", range(5))])
    # Five objects in a folder are too few for a listing, and so are the last ones of the other folders.
    assert set(found) <= set(every_third)
    assert len(found) >= 26
    assert found == {path: sizes[path] for path in found}
    assert calls["ListObjectsV2"] <= 6


def test_a_few_objects_in_a_large_folder_are_not_listed_to_the_end(
    client: "S3Client", bucket: str, calls: Counter[str]
) -> None:
    put_objects(client, bucket, *numbered_keys("a/", range(200)))
    found = list_sizes(client, bucket, numbered_keys("a/", range(0, 200, 22)))
    assert calls["ListObjectsV2"] == 1
    assert set(found) == {"a/0000"}


def test_listed_keys_are_ordered_by_their_bytes(client: "S3Client", bucket: str) -> None:
    names = ["-", "~", "A", "a", "é", "z", "😀", "*", "0", "_"]
    sizes = put_objects(client, bucket, *(f"n/{name}" for name in names))
    assert list_sizes(client, bucket, list(sizes)) == sizes


def test_an_empty_list_of_paths_needs_no_request(
    client: "S3Client", bucket: str, calls: Counter[str]
) -> None:
    calls.clear()
    assert list_sizes(client, bucket, []) == {}
    assert not calls


async def test_the_adapter_lists_sizes(backend: StorageBackend, client: "S3Client", bucket: str) -> None:
    sizes = put_objects(client, bucket, *numbered_keys("a/", range(10)))
    storage = S3Storage(backend, threads=1)
    assert await storage.list_sizes(list(sizes)) == sizes
    storage.close()
