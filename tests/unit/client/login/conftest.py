from collections.abc import Iterator
from pathlib import Path

import pytest

from client.login import ConfigFolder, Profile
from tests.support.login.oidc_server import PERSON, ROBOT, ROBOT_SECRET, OidcServer, oidc_server

URL = "http://127.0.0.1:1"


@pytest.fixture
def oidc() -> Iterator[OidcServer]:
    with oidc_server() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    return ConfigFolder(tmp_path / "config" / "tams")


@pytest.fixture
def robot(oidc: OidcServer, tmp_path: Path) -> Profile:
    """A profile of a client that logs in by its secret."""
    secret = tmp_path / "client-secret"
    secret.write_text(f"{ROBOT_SECRET}\n")
    return Profile(url=URL, issuer=oidc.issuer, client_id=ROBOT, client_secret_file=str(secret))


@pytest.fixture
def person(oidc: OidcServer) -> Profile:
    """A profile of a person."""
    return Profile(url=URL, issuer=oidc.issuer, client_id=PERSON, device=True)
