"""Sizes by listings of real object storage, the same as by looking at each object."""

import random
import secrets
from collections import Counter

import boto3
import pytest

from services.media.adapters.s3 import S3Storage
from services.media.adapters.s3_listing import listed_sizes
from services.media.adapters.storage_config import read_storage_backends
from tests.support.seaweedfs import write_storage_config


@pytest.fixture
def backend(seaweedfs, tmp_path):
    described = seaweedfs.backend(f"tams-{secrets.token_hex(6)}")
    (found,) = read_storage_backends(write_storage_config(tmp_path / "storage.json", described))
    return found


@pytest.fixture
def client(backend):
    """A client that counts its calls."""
    opened = boto3.client(
        "s3",
        endpoint_url=backend.endpoint_url,
        region_name=backend.signing_region,
        aws_access_key_id=backend.credentials.access_key,
        aws_secret_access_key=backend.credentials.secret_key,
    )
    opened.create_bucket(Bucket=backend.bucket)
    opened.calls = Counter()
    opened.meta.events.register("before-call.s3", lambda model, **_: opened.calls.update([model.name]))
    yield opened
    opened.close()


@pytest.fixture
def bucket(backend):
    return backend.bucket


def put(client, bucket, *paths):
    for path in paths:
        client.put_object(Bucket=bucket, Key=path, Body=b"x" * (len(path) % 7))
    client.calls.clear()
    return {path: len(path) % 7 for path in paths}


def keys(folder, numbers):
    return [f"{folder}{number:04}" for number in numbers]


def test_one_listing_tells_of_a_folder(client, bucket):
    others = ("2026/11/21/folder/inside", "2026/11/22/0001")
    there = put(client, bucket, *keys("2026/11/21/", range(20)), *others)
    missing = ["2026/11/21/", "2026/11/21/0005x", "2026/11/21/9999", "2026/11/21/folder"]
    asked = [*keys("2026/11/21/", range(20)), *missing]
    random.shuffle(asked)
    assert listed_sizes(client, bucket, asked) == {path: there.get(path) for path in asked}
    assert client.calls == {"ListObjectsV2": 1}


def test_folders_are_listed_page_by_page(client, bucket):
    there = put(client, bucket, *keys("a/", range(60)), *keys("", range(60)), *keys("b/c/", range(5)))
    every_third = [*keys("a/", range(0, 60, 3)), *keys("", range(0, 60, 3))]
    found = listed_sizes(client, bucket, [*every_third, *keys("b/c/", range(5))])
    # The five of the last folder are not worth a listing, nor is what is left at the end of the others.
    assert set(found) <= set(every_third)
    assert len(found) >= 26
    assert found == {path: there[path] for path in found}
    assert client.calls["ListObjectsV2"] <= 6


def test_a_few_among_very_many_are_left_to_be_looked_at(client, bucket):
    put(client, bucket, *keys("a/", range(200)))
    found = listed_sizes(client, bucket, keys("a/", range(0, 200, 22)))
    assert client.calls["ListObjectsV2"] == 1
    assert set(found) == {"a/0000"}


def test_the_order_is_that_of_bytes(client, bucket):
    names = ["-", "~", "A", "a", "é", "z", "😀", "*", "0", "_"]
    there = put(client, bucket, *(f"n/{name}" for name in names))
    assert listed_sizes(client, bucket, list(there)) == there


def test_no_paths_no_request(client, bucket):
    client.calls.clear()
    assert listed_sizes(client, bucket, []) == {}
    assert not client.calls


async def test_the_adapter_lists_in_a_thread_of_its_own(backend, client, bucket):
    there = put(client, bucket, *keys("a/", range(10)))
    storage = S3Storage(backend, threads=1)
    assert await storage.listed(list(there)) == there
    storage.close()
