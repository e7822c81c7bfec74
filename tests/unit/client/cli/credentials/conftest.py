from collections.abc import Iterator
from pathlib import Path

import pytest

from client.login import ConfigFolder
from tests.support.login.oidc_server import OidcServer, oidc_server


@pytest.fixture
def oidc() -> Iterator[OidcServer]:
    with oidc_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """The config folder that the fixture `tams` has commands use."""
    return ConfigFolder(tmp_path / "config" / "tams")


@pytest.fixture
def secret_file(tmp_path: Path) -> str:
    return str(tmp_path / "client-secret")
