from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from client.local import access, data_dir
from client.local.data_dir import DataDir
from client.local.issuer import files
from client.local.settings import LocalSettings

ISSUER = {"TAMS_AUTH_ISSUER": "https://id.example", "TAMS_AUTH_AUDIENCE": "tams"}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataDir]:
    with data_dir.opened(tmp_path) as opened:
        yield opened


def settings(env: Mapping[str, str] | None = None, *, auth: bool = True) -> LocalSettings:
    return LocalSettings.from_env(env or {}, auth=auth)


def test_an_open_store_has_no_settings_and_no_secret(folder: DataDir) -> None:
    assert access.shared_settings(settings(ISSUER, auth=False), folder) == {}
    assert list(folder.secrets.iterdir()) == []


def test_a_secured_store_trusts_the_local_issuer(folder: DataDir) -> None:
    chosen = access.shared_settings(settings(), folder)
    assert chosen == {
        "TAMS_AUTH": "required",
        "TAMS_AUTH_SERVICE_SECRET_FILE": str(folder.secrets / "service_secret"),
        "TAMS_AUTH_ISSUER": "tams-local",
        "TAMS_AUTH_AUDIENCE": "tams",
        "TAMS_AUTH_JWKS": str(files.public_keys_file(folder.secrets)),
        "TAMS_AUTH_CLASSES_CLAIM": "classes",
        "TAMS_AUTH_CLASSES_PREFIX": "",
    }


def test_the_service_secret_is_made_once_and_only_readable_by_its_owner(folder: DataDir) -> None:
    access.shared_settings(settings(), folder)
    path = folder.secrets / "service_secret"
    secret = path.read_text()
    assert (len(secret), path.stat().st_mode & 0o777) == (64, 0o600)
    access.shared_settings(settings(), folder)
    assert path.read_text() == secret


def test_an_issuer_of_the_user_replaces_the_local_one(folder: DataDir) -> None:
    chosen = access.shared_settings(settings({"TAMS_AUTH": "required", **ISSUER}, auth=False), folder)
    assert chosen == {
        **ISSUER,
        "TAMS_AUTH": "required",
        "TAMS_AUTH_SERVICE_SECRET_FILE": str(folder.secrets / "service_secret"),
    }
    assert not files.key_file(folder.secrets).exists()


def test_a_service_secret_of_the_user_is_passed_on(folder: DataDir) -> None:
    given = {"TAMS_AUTH_SERVICE_SECRET": "0123456789" * 4, **ISSUER}
    assert access.shared_settings(settings(given), folder) == {"TAMS_AUTH": "required", **given}
    assert not (folder.secrets / "service_secret").exists()
