"""Starting, waiting for the other parts, measuring, stopping."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest, SignUrlsRequest, StoredObjects
from tams.media.v1.storage_service_pb2_grpc import StorageServiceStub

from services.media.bootstrap import running
from services.media.domain.object import ObjectLocation
from services.media.settings import Settings
from services.shared.errors import StartupError, Unavailable
from services.shared.rpc.client import call, open_channel
from tests.support.health import NOT_SERVING, status, until_serving
from tests.support.listening import stop_listening
from tests.support.object_service import running_object_service
from tests.support.polling import until
from tests.support.ports import free_ports
from tests.support.seaweedfs import write_storage_config
from tests.support.storage import OTHER_BACKEND_ID

STORAGE_SERVICE = storage_service_pb2.DESCRIPTOR.services_by_name["StorageService"]


@asynccontextmanager
async def forwarding(port, endpoint_url):
    """Carries what comes to a port on to the endpoint: storage that can come and go."""
    target = urlsplit(endpoint_url)
    carriers = set()

    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def carry(reader, writer):
        carriers.add(asyncio.current_task())
        try:
            there_reader, there_writer = await asyncio.open_connection(target.hostname, target.port)
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        finally:
            writer.close()

    async with await asyncio.start_server(carry, "127.0.0.1", port) as listening:
        yield
        await stop_listening(listening)
        for carrier in carriers:
            carrier.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)


@pytest.fixture
def settings(tmp_path):
    def chosen(*backends, **changes):
        config = write_storage_config(tmp_path / "storage.json", *backends)
        quick = {"drain_seconds": 0, "grace_seconds": 1, "measure_idle_seconds": 0.05}
        return Settings(
            port=0, storage_config=str(config), **({"metadata_address": "127.0.0.1:1"} | quick | changes)
        )

    return chosen


async def test_with_storage_away_it_waits_and_then_serves(settings, backend):
    (port,) = free_ports(1)
    away = backend | {"endpoint_url": f"http://127.0.0.1:{port}"}
    async with running(settings(away)) as server:
        assert await status(server.port) == NOT_SERVING
        assert await status(server.port, "tams.media.v1.StorageService") == NOT_SERVING
        async with forwarding(port, backend["endpoint_url"]):
            await until_serving(server.port)


async def test_one_backend_of_two_is_enough_to_serve(settings, backend):
    (port,) = free_ports(1)
    away = backend | {
        "id": OTHER_BACKEND_ID,
        "endpoint_url": f"http://127.0.0.1:{port}",
        "default_storage": False,
    }
    async with running(settings(away, backend)) as server:
        await until_serving(server.port)


async def test_a_bucket_that_is_there_is_used_as_it_is(serve, backend):
    async with serve(backend):
        pass
    async with serve(backend):
        pass
    async with serve(backend | {"create_bucket": False}):
        pass


async def test_a_bucket_is_not_made_unasked(settings, backend, caplog):
    async with running(settings(backend | {"create_bucket": False})) as server:
        await until(lambda: any("404" in getattr(record, "reason", "") for record in caplog.records))
        assert await status(server.port) == NOT_SERVING


async def test_stored_objects_are_measured(media, http):
    request = AllocateStorageRequest(flow_id="flow", limit=2)
    first, second = (await call(media.stub.AllocateStorage, request)).objects
    await http.put(first.put_url, content=b"x" * 12345, headers={"Content-Type": "video/mp2t"})
    media.registry.due = list(media.registry.reserved.values())
    await until(lambda: len(media.registry.sizes) == 2)
    assert media.registry.sizes == {first.object_id: 12345, second.object_id: None}


async def test_with_metadata_away_it_signs_but_does_not_allocate(settings, backend):
    signing = SignUrlsRequest(objects=[StoredObjects(storage_id=backend["id"], paths=["a"])])
    async with running(settings(backend)) as server:
        await until_serving(server.port)
        async with open_channel(f"127.0.0.1:{server.port}", [STORAGE_SERVICE]) as channel:
            stub = StorageServiceStub(channel)
            assert len((await call(stub.SignUrls, signing)).urls) == 1
            with pytest.raises(Unavailable):
                await call(stub.AllocateStorage, AllocateStorageRequest(flow_id="flow"))


async def test_measuring_begins_when_metadata_comes(settings, registry, backend):
    (port,) = free_ports(1)
    registry.due = [ObjectLocation("a", backend["id"], "2026/03/04/a")]
    async with running(settings(backend, metadata_address=f"127.0.0.1:{port}")) as server:
        await until_serving(server.port)
        async with running_object_service(registry, port):
            await until(lambda: registry.sizes == {"a": None})


async def test_a_proxy_in_the_environment_is_not_for_the_services(serve, backend, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serve(backend) as media:
        asked = AllocateStorageRequest(flow_id="flow", limit=1)
        assert len((await call(media.stub.AllocateStorage, asked)).objects) == 1


@pytest.mark.parametrize(
    ("path", "complaint"), [("", "set TAMS_MEDIA_STORAGE_CONFIG"), ("/nowhere.json", "cannot read")]
)
async def test_without_a_storage_configuration_it_does_not_start(path, complaint):
    with pytest.raises(StartupError, match=complaint):
        async with running(Settings(port=0, storage_config=path)):
            pass


@pytest.mark.parametrize(("age", "refused"), [(899, True), (0, True), (900, False), (-1, False)])
async def test_objects_are_not_deleted_while_they_may_be_uploaded(serve, backend, age, refused):
    starting = serve(backend, url_expiry_seconds=600, reclaim_unregistered_seconds=age)
    if refused:
        with pytest.raises(StartupError, match="RECLAIM_UNREGISTERED_SECONDS to 900 or more"):
            async with starting:
                pass
    else:
        async with starting as media:
            assert media.stub
