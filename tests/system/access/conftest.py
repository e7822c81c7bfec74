"""One store with access control for all tests of this folder."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.support.access.bad_credentials import bad_credentials, bad_keys
from tests.support.access.foreign import Foreign, make_foreign
from tests.support.access.secured_store import SecuredStore, running_secured_store
from tests.support.storage.seaweedfs import SeaweedFS
from tests.support.telemetry.collector import Collector, running_collector


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """The collector of the traces and metrics of the store."""
    with running_collector() as collector:
        yield collector


@pytest.fixture(scope="session")
def secured(
    tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS, collector: Collector
) -> Iterator[SecuredStore]:
    """A whole store that wants credentials, and sends its traces and metrics to the collector."""
    folder = tmp_path_factory.mktemp("secured")
    with running_secured_store(folder, seaweedfs, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as store:
        yield store


@pytest.fixture(scope="session")
def foreign(secured: SecuredStore) -> Foreign:
    """Resources of a class that the caller `bob` does not have."""
    return make_foreign(secured)


@pytest.fixture(scope="session")
def faults(secured: SecuredStore) -> Mapping[str, str | None]:
    """An Authorization header with each fault, None for no header."""
    with httpx.Client(base_url=secured.url, headers=secured.bearer("admin"), trust_env=False) as admin:
        return {**bad_credentials(secured.key), **bad_keys(admin)}
