"""The credentials of object storage are replaced while uploads and downloads go on."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest

from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.access.documents_server import running_documents
from tests.support.processes.polling import until
from tests.support.storage.identities import Pair, set_keys
from tests.support.storage.seaweedfs import SeaweedFS, running_seaweedfs
from tests.support.storage.signed_urls import signed_urls

pytestmark = pytest.mark.slow

TYPE = {"Content-Type": "video/mp2t"}
RENEWED = "the credentials of a storage were renewed"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A store of its own, because its keys change."""
    with running_seaweedfs(tmp_path_factory.mktemp("rotated")) as running:
        yield running


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def a_pair() -> Pair:
    return secrets.token_hex(10), secrets.token_hex(20)


class Traffic:
    """Uploads and downloads, one after the other. `keys` has the access key of each that ended."""

    def __init__(self, media: Media, http: httpx.AsyncClient) -> None:
        self._media = media
        self._http = http
        self.keys: list[str] = []
        self.last_url = ""

    async def run(self) -> None:
        for number in range(1_000_000):
            reply = await call(
                self._media.stub.AllocateStorage, AllocateStorageRequest(flow_id="flow", limit=1)
            )
            (allocated,) = reply.objects
            content = str(number).encode()
            put = await self._http.put(allocated.put_url, content=content, headers=TYPE)
            assert put.status_code == 200, put.text
            path = self._media.registry.reserved[allocated.object_id].storage_path
            (url,) = await signed_urls(self._media.stub, self._media.backend["id"], [path])
            got = await self._http.get(url)
            assert (got.status_code, got.content) == (200, content), got.text
            self.keys += [key_of(allocated.put_url), key_of(url)]
            self.last_url = url

    async def more_with(self, key: str) -> None:
        """Wait until uploads and downloads with a key have ended."""
        count = len(self.keys)
        await until(lambda: self.keys[count:].count(key) >= 20)


def key_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].partition("/")[0]


def expiry_of(url: str) -> datetime:
    query = parse_qs(urlsplit(url).query)
    signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))


@asynccontextmanager
async def running_traffic(media: Media, http: httpx.AsyncClient) -> AsyncIterator[Traffic]:
    """Traffic until the block ends. A request that fails ends the block with its error."""
    traffic = Traffic(media, http)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(traffic.run())
        yield traffic
        task.cancel()


def backend_of(store: SeaweedFS, **changes: Any) -> dict[str, Any]:
    files = ("access_key_file", "secret_key_file")
    backend = store.backend(f"tams-{secrets.token_hex(6)}", **changes)
    return {name: value for name, value in backend.items() if name not in files or name in changes}


async def test_keys_are_changed_in_steps_and_no_request_fails(
    serve: Serve, store: SeaweedFS, tmp_path: Path, http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    (old, old_secret), (new, new_secret) = a_pair(), a_pair()
    access, secret = tmp_path / "access", tmp_path / "secret"
    access.write_text(old)
    secret.write_text(old_secret)
    set_keys(store, (old, old_secret))
    backend = backend_of(store, access_key_file=str(access), secret_key_file=str(secret))
    async with serve(backend) as media, running_traffic(media, http) as traffic:
        await traffic.more_with(old)
        set_keys(store, (old, old_secret), (new, new_secret))
        # One file is new, the other is not yet: S3 refuses this pair.
        access.write_text(new)
        await until(lambda: "cannot renew the credentials of storage local" in caplog.text)
        await traffic.more_with(old)
        secret.write_text(new_secret)
        await until(lambda: RENEWED in caplog.text)
        signed_before = traffic.last_url
        await traffic.more_with(new)
        assert (await http.get(signed_before)).status_code == 200
        set_keys(store, (new, new_secret))
        await traffic.more_with(new)
    assert {old, new} == set(traffic.keys)
    assert old_secret not in caplog.text
    assert new_secret not in caplog.text


async def test_a_role_of_a_container_is_renewed_and_its_urls_expire_with_it(
    serve: Serve,
    store: SeaweedFS,
    http: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = a_pair(), a_pair()
    set_keys(store, first, second)
    soon, later = (datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=left) for left in (14, 60))
    with running_documents() as role:
        role.bodies["/role"] = document(first, soon)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, "/nowhere")
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{role.url}/role")
        async with serve(backend_of(store)) as media, running_traffic(media, http) as traffic:
            await traffic.more_with(first[0])
            assert expiry_of(traffic.last_url) <= soon
            role.bodies["/role"] = document(second, later)
            await until(lambda: RENEWED in caplog.text)
            await traffic.more_with(second[0])
            assert soon < expiry_of(traffic.last_url) <= later


def document(pair: Pair, expires: datetime) -> bytes:
    """The answer of the endpoint of a container. The store knows no session tokens."""
    access, secret = pair
    parts = {"AccessKeyId": access, "SecretAccessKey": secret, "Token": ""}
    return json.dumps(parts | {"Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()
