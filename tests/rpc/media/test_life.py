"""The start of the service, its wait for other services and storage, and the measurement of objects."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tams.media.v1 import storage_service_pb2
from tams.media.v1.status_service_pb2 import GetStatusRequest
from tams.media.v1.status_service_pb2_grpc import StatusServiceStub
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub

from services.media.bootstrap import running
from services.media.domain.object import ObjectLocation
from services.media.settings import Settings
from services.shared.errors import StartupError, Unavailable
from services.shared.rpc.client import call, open_channel
from simulators.vast.http.listening import stop_listening
from tests.rpc.media.conftest import Media, Serve
from tests.support.processes.health import NOT_SERVING, SERVING, status, until_serving
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.rpc.object_service import running_object_service
from tests.support.storage.backends import OTHER_BACKEND_ID, MemoryObjectRegistry
from tests.support.storage.seaweedfs import write_storage_config
from tests.support.storage.signed_urls import signed_urls

STORAGE_SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


@asynccontextmanager
async def running_forwarder(port: int, endpoint_url: str) -> AsyncIterator[None]:
    """Forward connections from a port to the endpoint, so that storage can become unreachable."""
    target = urlsplit(endpoint_url)
    carriers: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        carriers.add(task)
        try:
            storage_reader, storage_writer = await asyncio.open_connection(target.hostname, target.port)
            await asyncio.gather(pump(reader, storage_writer), pump(storage_reader, writer))
        finally:
            writer.close()

    async with await asyncio.start_server(carry, "127.0.0.1", port) as server:
        yield
        await stop_listening(server)
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    """A function that returns settings for the given backends."""

    def make_settings(*backends: dict[str, Any], **changes: Any) -> Settings:
        config = write_storage_config(tmp_path / "storage.json", *backends)
        defaults: dict[str, Any] = {"drain_seconds": 0, "grace_seconds": 1, "measure_idle_seconds": 0.05}
        return Settings(
            port=0, storage_config=str(config), **({"metadata_address": "127.0.0.1:1"} | defaults | changes)
        )

    return make_settings


async def test_the_service_waits_for_storage_and_then_serves(
    settings: Callable[..., Settings], backend: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    unreachable = backend | {"endpoint_url": f"http://127.0.0.1:{port}"}
    async with running(settings(unreachable)) as server:
        assert await status(server.port) == NOT_SERVING
        assert await status(server.port, "tams.media.v1.StorageService") == NOT_SERVING
        async with running_forwarder(port, backend["endpoint_url"]):
            await until_serving(server.port)


async def test_one_backend_of_two_is_enough_to_serve(
    settings: Callable[..., Settings], backend: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    unreachable = backend | {
        "id": OTHER_BACKEND_ID,
        "endpoint_url": f"http://127.0.0.1:{port}",
        "default_storage": False,
    }
    async with running(settings(unreachable, backend)) as server:
        await until_serving(server.port)


async def test_an_existing_bucket_is_used(serve: Serve, backend: dict[str, Any]) -> None:
    async with serve(backend):
        pass
    async with serve(backend):
        pass
    async with serve(backend | {"create_bucket": False}):
        pass


async def test_a_missing_bucket_is_not_created_without_the_setting(
    settings: Callable[..., Settings], backend: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with running(settings(backend | {"create_bucket": False})) as server:
        await until(lambda: any("404" in getattr(record, "reason", "") for record in caplog.records))
        assert await status(server.port) == NOT_SERVING


async def test_stored_objects_are_measured(media: Media, http: httpx.AsyncClient) -> None:
    request = AllocateStorageRequest(flow_id="flow", limit=2)
    first, second = (await call(media.stub.AllocateStorage, request)).objects
    await http.put(
        first.put_url, content=b"x" * 12345, headers={"Content-Type": "video/mp2t", **first.headers}
    )
    media.registry.due = list(media.registry.reserved.values())
    await until(lambda: len(media.registry.sizes) == 2)
    assert media.registry.sizes == {first.object_id: 12345, second.object_id: None}


async def test_the_service_signs_and_does_not_allocate_while_metadata_is_unreachable(
    settings: Callable[..., Settings], backend: dict[str, Any]
) -> None:
    async with running(settings(backend)) as server:
        await until_serving(server.port)
        async with open_channel(f"127.0.0.1:{server.port}", [STORAGE_SERVICE]) as channel:
            stub = StorageServiceStub(channel)
            assert len(await signed_urls(stub, backend["id"], ["a"])) == 1
            with pytest.raises(Unavailable):
                await call(stub.AllocateStorage, AllocateStorageRequest(flow_id="flow"))


async def test_objects_are_measured_once_metadata_is_reachable(
    settings: Callable[..., Settings], registry: MemoryObjectRegistry, backend: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    registry.due = [ObjectLocation("a", backend["id"], "2026/03/04/a")]
    async with running(settings(backend, metadata_address=f"127.0.0.1:{port}")) as server:
        await until_serving(server.port)
        async with running_object_service(registry, port):
            await until(lambda: registry.sizes == {"a": None})


async def test_a_proxy_in_the_environment_is_not_used(
    serve: Serve, backend: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serve(backend) as media:
        request = AllocateStorageRequest(flow_id="flow", limit=1)
        assert len((await call(media.stub.AllocateStorage, request)).objects) == 1


@pytest.mark.parametrize(
    ("path", "message"), [("", "set TAMS_MEDIA_STORAGE_CONFIG"), ("/nowhere.json", "cannot read")]
)
async def test_a_missing_storage_configuration_is_a_startup_error(path: str, message: str) -> None:
    with pytest.raises(StartupError, match=message):
        async with running(Settings(port=0, storage_config=path)):
            pass


@pytest.mark.parametrize(("age", "refused"), [(899, True), (0, True), (900, False), (-1, False)])
async def test_an_age_of_reclaim_shorter_than_an_upload_is_refused(
    serve: Serve, backend: dict[str, Any], age: int, refused: bool
) -> None:
    starting = serve(backend, upload_url_expiry_seconds=600, reclaim_unregistered_seconds=age)
    if refused:
        with pytest.raises(StartupError, match="RECLAIM_UNREGISTERED_SECONDS to 900 or more"):
            async with starting:
                pass
    else:
        async with starting as media:
            assert media.stub


async def test_the_status_shows_when_a_storage_backend_becomes_reachable(
    settings: Callable[..., Settings], backend: dict[str, Any]
) -> None:
    (port,) = free_ports(1)
    forwarded = backend | {"endpoint_url": f"http://127.0.0.1:{port}"}
    async with (
        running(settings(forwarded, check_seconds=0.1)) as server,
        open_channel(f"127.0.0.1:{server.port}", []) as channel,
    ):
        stub = StatusServiceStub(channel)

        async def is_reported(*, reachable: bool) -> bool:
            (status,) = (await call(stub.GetStatus, GetStatusRequest())).backends
            assert (status.id, status.label) == (backend["id"], "local")
            assert "127.0.0.1" not in status.reason, "internal addresses belong only in the log"
            return status.reachable is reachable and bool(status.reason) is not reachable

        assert await is_reported(reachable=False)
        for _ in range(2):
            async with running_forwarder(port, backend["endpoint_url"]):
                await until(lambda: is_reported(reachable=True))
            await until(lambda: is_reported(reachable=False))
        assert await status(server.port) == SERVING, "the service signs and allocates without the backend"
