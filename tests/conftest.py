"""Fixtures and options that all tests share."""

import atexit
import gc
import re
import signal
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from services.shared.process.lifetime import choose_grpc_engine
from tests.support.http.certificates import load_certificates_once
from tests.support.processes.system import System, running_system
from tests.support.services.engine import ENGINE, ENGINES
from tests.support.storage.rclone import Rclone, running_rclone
from tests.support.storage.s3_store import S3Store
from tests.support.storage.seaweedfs import SeaweedFS, running_seaweedfs

# As in the processes of the product.
choose_grpc_engine()
# jsonschema imports it for formats that no schema here has. It makes forty parsers, which takes
# longer than any other import.
sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
# Longer parameters are texts, whose search would take a second.
_LONGEST_ID = 1000
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

# The duration of an example depends more on the machine than on the code.
settings.register_profile("tams", deadline=None)
# A longer search: pytest --hypothesis-profile thorough
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("tams")


@pytest.fixture(scope="session", autouse=True)
def certificates() -> Iterator[None]:
    """The certificates that clients of httpx trust are loaded once."""
    with pytest.MonkeyPatch.context() as patch:
        load_certificates_once(patch)
        yield


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """An S3 store for all tests of a run; each test uses its own bucket."""
    with running_seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as store:
        yield store


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rclone]:
    """Another implementation of S3, for all tests of a run; each test uses its own bucket."""
    with running_rclone(tmp_path_factory.mktemp("rclone")) as store:
        yield store


@pytest.fixture(params=["seaweedfs", "rclone"])
def each_store(request: pytest.FixtureRequest) -> S3Store:
    """An S3 store of each implementation."""
    store: S3Store = request.getfixturevalue(request.param)
    return store


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
    parser.addoption(
        "--fault-seconds",
        type=float,
        default=0.0,
        help="run the whole fault matrix, with faults that last this many seconds",
    )


def pytest_configure(config: pytest.Config) -> None:
    ENGINE.name = config.getoption("--engine")
    # A shell lets programs in its background ignore SIGINT, and commands that tests start would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without garbage collection, and keep them out of that during the tests.

    There are a million objects of tests, which stay until the end.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run files that take minutes first, so that no worker is busy long after the others."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_make_parametrize_id(val: object) -> str | None:
    """The name of a parameter without made-up ids, so that workers agree on the names of tests."""
    if isinstance(val, str) and len(val) <= _LONGEST_ID and _ID.search(val):
        return _ID.sub("ID", val).encode("unicode_escape").decode()
    return None


def pytest_unconfigure() -> None:
    """Release what keeps objects alive that DuckDB reports as leaks, such as the callback of hypothesis."""
    gc.callbacks.clear()
    # Not before the collections of garbage at the end of pytest, which would walk over all tests.
    atexit.register(gc.unfreeze)
    ENGINE.close()
