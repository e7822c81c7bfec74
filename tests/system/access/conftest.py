"""One store with access control for all tests of this folder."""

from collections.abc import Iterator, Mapping

import httpx
import pytest

from tests.support.access.bad_credentials import bad_credentials, bad_keys
from tests.support.access.foreign import Foreign, make_foreign
from tests.support.access.secured_store import SecuredStore, running_secured_store
from tests.support.storage.seaweedfs import SeaweedFS


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> Iterator[SecuredStore]:
    """A whole store that wants credentials."""
    with running_secured_store(tmp_path_factory.mktemp("secured"), seaweedfs) as store:
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
