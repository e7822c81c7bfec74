"""Fixtures that most tests of the VAST engine share; modules that need other options have their own."""

from collections.abc import Iterator

import pytest

from simulators.vast.server import Server
from tests.support.vast.clusters import vast_server


@pytest.fixture(autouse=True)
def no_refresh_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not look for refreshes of other processes, because tests count requests."""
    monkeypatch.setattr("services.metadata.adapters.vast.reading.refreshing.CHECK_SECONDS", 600.0)


@pytest.fixture
def server() -> Iterator[Server]:
    """A cluster of its own for each test, with two endpoints."""
    with vast_server(with_store=True) as running:
        yield running
