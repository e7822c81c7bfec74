"""A system for all tests of this folder, and a client that checks every response."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance.reaching import RECORD, Client, Reached
from tests.support.services.gateway import a_flow, running_gateway, running_services
from tests.support.storage.seaweedfs import SeaweedFS

MakeFlow = Callable[..., Awaitable[dict[str, Any]]]
Gateway = Callable[..., AbstractAsyncContextManager[Client]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in the event loop of the system."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


@pytest.fixture(autouse=True)
def reaches_announced_statuses(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that a test reaches the operations and statuses that its decorators announce."""
    RECORD.clear()
    yield
    announced: set[Reached] = getattr(getattr(request, "function", None), "reaches", set())
    missed = sorted(f"{operation} {status}" for operation, status in announced - RECORD)
    assert missed == []


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def services(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS
) -> AsyncIterator[dict[str, str]]:
    """The gateway settings that name the running services."""
    async with running_services(tmp_path_factory.mktemp("system"), seaweedfs) as addresses:
        yield addresses


@asynccontextmanager
async def checked(**settings: Any) -> AsyncIterator[Client]:
    """A checking client of a gateway with these settings."""
    async with (
        running_gateway(**({"admin": True} | settings)) as plain,
        Client(base_url=plain.base_url, trust_env=False, timeout=20) as client,
    ):
        yield client


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def tams(services: dict[str, str]) -> AsyncIterator[Client]:
    """A checking client of the whole system."""
    async with checked(**services) as client:
        yield client


@pytest.fixture
def gateway() -> Gateway:
    """A function that starts gateways with other settings."""
    return checked


@pytest.fixture
def make_flow(tams: Client) -> MakeFlow:
    """A function that stores a new flow with changes."""

    async def make(**changes: Any) -> dict[str, Any]:
        flow = a_flow(**changes)
        response = await tams.put(f"/flows/{flow['id']}", json=flow)
        assert response.status_code == 201, response.text
        return flow

    return make


@pytest_asyncio.fixture(loop_scope="package")
async def flow(make_flow: MakeFlow) -> dict[str, Any]:
    """A stored video flow without segments."""
    return await make_flow()


@pytest_asyncio.fixture(loop_scope="package")
async def read_only_flow(make_flow: MakeFlow) -> dict[str, Any]:
    """A stored flow that refuses changes."""
    return await make_flow(read_only=True)
