"""The running system that all tests of this folder share. Each test uses flows of its own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import a_flow, running_gateway, running_services
from tests.support.storage.seaweedfs import SeaweedFS

MakeFlow = Callable[..., Awaitable[dict[str, Any]]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests in the event loop of the package, where the system runs."""
    for item in items:
        if item.path.is_relative_to(__file__.rpartition("/")[0]) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="package"), append=False)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def services(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS
) -> AsyncIterator[dict[str, str]]:
    """The gateway settings that name the running services."""
    async with running_services(tmp_path_factory.mktemp("system"), seaweedfs) as addresses:
        yield addresses


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def tams(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    async with running_gateway(**services) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="package")
async def flow(tams: httpx.AsyncClient) -> dict[str, Any]:
    """A stored video flow without segments."""
    return await put(tams, a_flow())


@pytest_asyncio.fixture(loop_scope="package")
async def read_only_flow(tams: httpx.AsyncClient) -> dict[str, Any]:
    """A stored flow that refuses changes."""
    return await put(tams, a_flow(read_only=True))


async def put(tams: httpx.AsyncClient, flow: dict[str, Any]) -> dict[str, Any]:
    """Store a new flow."""
    response = await tams.put(f"/flows/{flow['id']}", json=flow)
    assert response.status_code == 201, response.text
    return flow


@pytest.fixture
def make_flow(tams: httpx.AsyncClient) -> MakeFlow:
    """A function that stores a video flow with the given members, and returns its document."""

    async def make(**changes: Any) -> dict[str, Any]:
        return await put(tams, a_flow(**changes))

    return make
