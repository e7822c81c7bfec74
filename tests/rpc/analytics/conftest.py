import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tams.analytics.v1 import coverage_service_pb2, usage_service_pb2
from tams.analytics.v1.coverage_service_pb2 import GetCoverageRequest, GetCoverageResponse
from tams.analytics.v1.coverage_service_pb2_grpc import CoverageServiceStub
from tams.analytics.v1.usage_service_pb2 import GetStorageUsageRequest, StorageUsage
from tams.analytics.v1.usage_service_pb2_grpc import UsageServiceStub
from tams.type.v1.timerange_pb2 import TimeRange

from services.analytics.bootstrap import running
from services.analytics.settings import Settings
from services.shared.rpc.client import call, open_channel
from services.shared.rpc.probe import is_serving
from tests.support.polling import until
from tests.support.tables import TableWriter, writer_process

SERVICES = [
    coverage_service_pb2.DESCRIPTOR.services_by_name["CoverageService"],
    usage_service_pb2.DESCRIPTOR.services_by_name["UsageService"],
]


@dataclass
class Analytics:
    """The service, as its callers see it."""

    port: int
    channel: Any

    async def coverage(
        self, flow_id: str, start: int | None = None, end: int | None = None, *, ranges: int = 0, **how: float
    ) -> GetCoverageResponse:
        request = GetCoverageRequest(
            flow_id=flow_id, timerange=TimeRange(start_ns=start, end_ns=end), max_ranges=ranges
        )
        return await call(CoverageServiceStub(self.channel).GetCoverage, request, **how)

    async def usage(self) -> list[StorageUsage]:
        stub = UsageServiceStub(self.channel)
        return list((await call(stub.GetStorageUsage, GetStorageUsageRequest())).backends)

    async def serving(self) -> bool:
        return await asyncio.to_thread(is_serving, f"127.0.0.1:{self.port}", SERVICES[0].full_name)


@asynccontextmanager
async def serving_analytics(path: Path, **settings: Any) -> AsyncIterator[Analytics]:
    quick = {"port": 0, "drain_seconds": 0, "wait_seconds": 0.02, "check_seconds": 0.02}
    async with (
        running(Settings(store_url=f"sqlite:///{path}", **(quick | settings))) as server,
        open_channel(f"127.0.0.1:{server.port}", SERVICES) as channel,
    ):
        yield Analytics(server.port, channel)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tams.db"


@pytest.fixture(scope="session")
def writers() -> Iterator[Any]:
    with writer_process() as process:
        yield process


@pytest.fixture
def tables(path: Path, writers: Any) -> Iterator[TableWriter]:
    writer: TableWriter = writers.open(path)
    yield writer
    writer.close()


@pytest.fixture
async def analytics(path: Path, tables: TableWriter) -> AsyncIterator[Analytics]:
    async with serving_analytics(path) as service:
        await until(service.serving)
        yield service
