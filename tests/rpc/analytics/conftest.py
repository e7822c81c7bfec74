import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from grpc import aio
from tams.analytics.v1 import (
    coverage_service_pb2,
    duplicate_service_pb2,
    object_access_service_pb2,
    usage_service_pb2,
)
from tams.analytics.v1.coverage_service_pb2 import GetCoverageRequest, GetCoverageResponse
from tams.analytics.v1.coverage_service_pb2_grpc import CoverageServiceStub
from tams.analytics.v1.duplicate_service_pb2 import ListDuplicatesRequest, ListDuplicatesResponse
from tams.analytics.v1.duplicate_service_pb2_grpc import DuplicateServiceStub
from tams.analytics.v1.object_access_service_pb2 import ListObjectAccessesRequest, ListObjectAccessesResponse
from tams.analytics.v1.object_access_service_pb2_grpc import ObjectAccessServiceStub
from tams.analytics.v1.usage_service_pb2 import GetStorageUsageRequest, StorageUsage
from tams.analytics.v1.usage_service_pb2_grpc import UsageServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from services.analytics.bootstrap import running
from services.analytics.settings import Settings
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.probe import is_serving
from services.vast_client.cluster import Cluster
from services.vast_client.connections.address import VastAddress
from tests.support.processes.polling import until
from tests.support.services.engine import ENGINES, Engine
from tests.support.tables.sqlite import TableWriter, WriterProcess, writer_process
from tests.support.tables.vast import VastTableWriter
from tests.support.vast.clusters import KEYS

SERVICES = [
    coverage_service_pb2.DESCRIPTOR.services_by_name["CoverageService"],
    usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"],
    object_access_service_pb2.DESCRIPTOR.services_by_name["ObjectAccessService"],
    duplicate_service_pb2.DESCRIPTOR.services_by_name["DuplicateService"],
]

Writer = TableWriter | VastTableWriter


@dataclass
class Analytics:
    """A client of the analytics service."""

    port: int
    channel: aio.Channel

    async def coverage(
        self,
        flow_id: str,
        start: int | None = None,
        end: int | None = None,
        *,
        ranges: int = 0,
        **options: float,
    ) -> GetCoverageResponse:
        request = GetCoverageRequest(
            flow_id=flow_id, timerange=TimeRange(start_ns=start, end_ns=end), max_ranges=ranges
        )
        return await call(CoverageServiceStub(self.channel).GetCoverage, request, **options)

    async def usage(self) -> list[StorageUsage]:
        stub = UsageServiceStub(self.channel)
        return list((await call(stub.GetStorageUsage, GetStorageUsageRequest())).backends)

    async def accesses(self, *, least: bool, limit: int = 0) -> ListObjectAccessesResponse:
        stub = ObjectAccessServiceStub(self.channel)
        request = ListObjectAccessesRequest(least=least, max_objects=limit)
        return await call(stub.ListObjectAccesses, request)

    async def duplicates(self, limit: int = 0) -> ListDuplicatesResponse:
        stub = DuplicateServiceStub(self.channel)
        return await call(stub.ListDuplicates, ListDuplicatesRequest(max_groups=limit))

    async def serving(self) -> bool:
        return await asyncio.to_thread(is_serving, f"127.0.0.1:{self.port}", SERVICES[0].full_name)


@asynccontextmanager
async def serving_analytics(path: Path, **settings: Any) -> AsyncIterator[Analytics]:
    """A client of a running service that reads the SQLite database at `path`, unless settings differ."""
    defaults = {"port": 0, "drain_seconds": 0, "wait_seconds": 0.02, "check_seconds": 0.02}
    async with (
        running(Settings(**({"store_url": f"sqlite:///{path}"} | defaults | settings))) as server,
        open_channel(f"127.0.0.1:{server.port}", SERVICES) as channel,
    ):
        yield Analytics(server.port, channel)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the SQLite database."""
    return tmp_path / "tams.db"


@pytest.fixture(scope="session")
def writers() -> Iterator[WriterProcess]:
    """A process that writes tables in SQLite."""
    with writer_process() as process:
        yield process


@pytest.fixture(scope="session")
def vast_engine() -> Iterator[Engine]:
    engine = Engine()
    engine.name = "vast"
    yield engine
    engine.close()


@pytest.fixture
def store(request: pytest.FixtureRequest, path: Path) -> Mapping[str, str]:
    """The settings that name the tables, in SQLite unless a test is marked with `on_both_engines`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return {"store_url": f"sqlite:///{path}"}
    engine: Engine = request.getfixturevalue("vast_engine")
    return engine.settings(path)


on_both_engines = pytest.mark.parametrize("store", ENGINES, indirect=True)


@pytest.fixture
def tables(request: pytest.FixtureRequest, path: Path, store: Mapping[str, str]) -> Iterator[Writer]:
    """A writer of the tables that the service reads."""
    writer: Writer
    if "vast_access_key" in store:
        writer = VastTableWriter(Cluster(VastAddress.parse(store["store_url"]), KEYS))
    else:
        processes: WriterProcess = request.getfixturevalue("writers")
        writer = processes.open(path)
    yield writer
    writer.close()


@pytest.fixture
async def analytics(path: Path, store: Mapping[str, str], tables: Writer) -> AsyncIterator[Analytics]:
    async with serving_analytics(path, **store) as service:
        await until(service.serving)
        yield service
