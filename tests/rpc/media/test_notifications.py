"""Notifications of object storage, over HTTP to a running media service."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tams.media.v1.storage_service_pb2 import PRESENCE_MISSING, PRESENCE_STORED, ObjectIds

from services.media.bootstrap import running
from services.media.settings import Settings
from services.shared.errors import StartupError
from tests.rpc.media.conftest import Media, Serve
from tests.rpc.media.test_uploads import allocate, look_for, upload
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.storage.seaweedfs import running_seaweedfs, write_storage_config

TOKEN = "a token of the test"


@pytest.fixture
async def notified(
    serve: Serve, backend: dict[str, Any], tmp_path: Path
) -> AsyncIterator[tuple[Media, httpx.AsyncClient]]:
    """The media service, and a client for its notifications with the token."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (port,) = free_ports(1)
    settings = {"notifications_port": port, "notifications_token_file": str(tmp_path / "token")}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        serve(backend | {"prefix": "tams/"}, **settings) as media,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as http,
    ):
        yield media, http


def event(media: Media, keys: Sequence[str], size: int = 5) -> dict[str, Any]:
    bucket = {"name": media.backend["bucket"]}
    records = [
        {"eventName": "ObjectCreated:Put", "s3": {"bucket": bucket, "object": {"key": key, "size": size}}}
        for key in keys
    ]
    return {"Records": records}


async def paths_of(media: Media, object_ids: Sequence[str]) -> list[str]:
    located = {each.location.object_id: each for each in await media.registry.locate(object_ids)}
    return [located[object_id].location.storage_path for object_id in object_ids]


async def test_a_notified_object_is_not_looked_for(notified: tuple[Media, httpx.AsyncClient]) -> None:
    """Its bytes are not there, so only the notification can have said that they are."""
    media, http = notified
    first, second, other = [one.object_id for one in await allocate(media, limit=3)]
    paths = await paths_of(media, [first, second])
    basic = base64.b64encode(f"storage:{TOKEN}".encode()).decode()
    for path, credentials in zip(paths, (f"Bearer {TOKEN}", f"Basic {basic}"), strict=True):
        body = event(media, [path, "tams/unknown", "outside"])
        posted = await http.post("/", json=body, headers={"Authorization": credentials})
        assert posted.status_code == 200, posted.text
    assert await look_for(media, first, second, other) == [
        PRESENCE_STORED,
        PRESENCE_STORED,
        PRESENCE_MISSING,
    ]
    await until(lambda: {first, second} <= media.registry.sizes.keys())
    assert [media.registry.sizes.get(each) for each in (first, second, other)] == [5, 5, None]


async def test_an_object_of_another_process_is_found_in_the_registry(
    notified: tuple[Media, httpx.AsyncClient], serve: Serve
) -> None:
    media, http = notified
    async with serve(media.backend) as other:
        ids = ObjectIds(ids=["café au lait/1"])
        (allocated,) = await allocate(other, object_ids=ids)
    (path,) = await paths_of(media, [allocated.object_id])
    elsewhere = f"tams/elsewhere/{path.rpartition('/')[2]}"
    for key, size in ((elsewhere, 1), (path, 2)):
        assert (await http.post("/", json=event(media, [key], size))).status_code == 200
    await until(lambda: allocated.object_id in media.registry.sizes)
    assert media.registry.sizes[allocated.object_id] == 2


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"headers": {"Authorization": "Bearer another token"}}, 401),
        ({"headers": {"Authorization": "Basic !"}}, 401),
        ({"content": b"not JSON"}, 400),
    ],
)
async def test_other_requests_are_refused(
    notified: tuple[Media, httpx.AsyncClient], request_: dict[str, Any], status: int
) -> None:
    _, http = notified
    assert (await http.post("/", **({"content": b"{}"} | request_))).status_code == status


@pytest.mark.parametrize(
    ("length", "status"), [("", b"411"), ("x", b"411"), ("1048577", b"413"), ("000000000000009", b"413")]
)
async def test_the_length_is_judged_before_the_body(
    notified: tuple[Media, httpx.AsyncClient], length: str, status: bytes
) -> None:
    _, http = notified
    reader, writer = await asyncio.open_connection("127.0.0.1", http.base_url.port)
    writer.write(
        f"POST / HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    answer = await reader.read()
    writer.close()
    assert answer.split()[1] == status


@pytest.mark.parametrize("token", [None, "short"])
async def test_the_listener_needs_a_token(tmp_path: Path, backend: dict[str, Any], token: str | None) -> None:
    config = write_storage_config(tmp_path / "storage.json", backend)
    if token is not None:
        (tmp_path / "token").write_text(token)
    file = "" if token is None else str(tmp_path / "token")
    settings = Settings(storage_config=str(config), notifications_port=0, notifications_token_file=file)
    with pytest.raises(StartupError, match="NOTIFICATIONS_TOKEN_FILE"):
        async with running(settings):
            pass


async def test_seaweedfs_notifies_of_uploads(tmp_path: Path, serve: Serve, http: httpx.AsyncClient) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (port,) = free_ports(1)
    webhook = {"ENABLED": "true", "ENDPOINT": f"http://127.0.0.1:{port}", "BEARER_TOKEN": TOKEN}
    variables = {f"WEED_NOTIFICATION_WEBHOOK_{name}": value for name, value in webhook.items()}
    settings = {"notifications_port": port, "notifications_token_file": str(tmp_path / "token")}
    # Nothing is measured, so a size can only come from a notification.
    settings |= {"measure_idle_seconds": 3600, "measure_busy_seconds": 3600}
    with running_seaweedfs(tmp_path / "storage", configuration=variables) as storage:
        async with serve(storage.backend("tams-notified"), **settings) as media:
            (uploaded,) = await allocate(media, limit=1)
            await upload(http, uploaded)
            await until(lambda: media.registry.sizes.get(uploaded.object_id) == len(b"media"))
