import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local import data_dir
from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.names import S3_ADMIN_PORT, S3_PORTS
from client.local.storage import credentials, seaweedfs
from tests.support.storage.seaweedfs import on_loopback

PORTS = dict.fromkeys((*S3_PORTS, S3_ADMIN_PORT), 20_000)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataDir]:
    with data_dir.opened(tmp_path) as opened:
        yield opened


def test_the_certificate_is_made_once_and_only_readable_by_its_owner(folder: DataDir) -> None:
    path = credentials.certificate(folder)
    content = path.read_text()

    assert (content.count("BEGIN CERTIFICATE"), content.count("BEGIN PRIVATE KEY")) == (1, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    assert credentials.certificate(folder).read_text() == content


def test_a_damaged_certificate_is_made_again(folder: DataDir) -> None:
    path = credentials.certificate(folder)
    path.write_text(path.read_text()[:-100])

    credentials.certificate(folder)

    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(path)


def test_a_certificate_that_cannot_be_made_is_an_error(
    folder: DataDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "false")

    with pytest.raises(CannotRun, match="cannot make a certificate for object storage"):
        credentials.certificate(folder)


def test_secrets_of_object_storage_are_not_on_its_command_line(folder: DataDir) -> None:
    env = seaweedfs.environment(folder)
    command = seaweedfs.command(folder, on_loopback(1), PORTS, {"PATH": ""})
    tokens = {name: value for name, value in env.items() if name.startswith("WEED_JWT_")}

    assert len(set(tokens.values())) == 4
    assert not any(value in " ".join(command) for value in tokens.values())
    assert tokens != {name: seaweedfs.environment(folder)[name] for name in tokens}
