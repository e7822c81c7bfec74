"""What all tests share."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.engine import ENGINE, ENGINES
from tests.support.seaweedfs import SeaweedFS, running_seaweedfs
from tests.support.system import System, running_system

# How long an example takes says more about the machine than about the code.
settings.register_profile("tams", deadline=None)
# A longer search: pytest --hypothesis-profile thorough
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("tams")


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """One S3 store for all tests of a run; each test takes a bucket of its own."""
    with running_seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system, for all tests of a run that leave it running."""
    with running_system(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture
def fresh_system(tmp_path: Path) -> Iterator[System]:
    """The whole system with nothing stored, for one test."""
    with running_system(tmp_path / "data") as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, default="sqlite", help="the table engine of the services")


def pytest_configure(config: pytest.Config) -> None:
    ENGINE.name = config.getoption("--engine")


def pytest_unconfigure() -> None:
    """Drop the collector callback that hypothesis leaves; DuckDB takes what it keeps alive for a leak."""
    gc.callbacks.clear()
    ENGINE.close()
