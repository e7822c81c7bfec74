import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from client.local import data_dir
from client.local.errors import CannotRun
from client.local.storage import credentials
from tests.support.storage.seaweedfs import on_loopback


def test_the_folder_is_only_accessible_to_its_owner(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path / "a" / "b") as opened:
        assert opened.root.stat().st_mode & 0o777 == 0o700
        assert opened.secrets.stat().st_mode & 0o777 == 0o700
        assert opened.objects.is_dir()
        assert opened.logs.is_dir()


def test_the_folder_is_opened_by_a_single_process(tmp_path: Path) -> None:
    in_use = rf"is in use by another `tams up` \(process {os.getpid()}\)"
    with data_dir.opened(tmp_path), pytest.raises(CannotRun, match=in_use):
        data_dir.opened(tmp_path).__enter__()
    with data_dir.opened(tmp_path):
        pass


def test_opening_waits_for_children_of_a_dead_runner(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path) as first:
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(0.5)"], pass_fds=[first.lock]
        )
        # As after the death of the runner: no process can have this id.
        os.ftruncate(first.lock, 0)
        os.pwrite(first.lock, b"999999999\n", 0)

    with data_dir.opened(tmp_path):
        # The lock is released when the files of the child are closed, just before its end.
        assert child.wait(60) == 0


def test_an_unusable_folder_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(CannotRun, match=r"^cannot use data directory .*/file: File exists$"):
        data_dir.opened(tmp_path / "file").__enter__()


def test_keys_are_made_once_and_passed_in_files(tmp_path: Path) -> None:
    with data_dir.opened(tmp_path) as opened:
        identities = json.loads(credentials.identities(opened).read_text())
        (backend,) = json.loads(credentials.storage_config(opened, on_loopback(9000)).read_text())
        repeated = json.loads(credentials.identities(opened).read_text())
        (moved,) = json.loads(credentials.storage_config(opened, on_loopback(9001)).read_text())

    (key,) = identities["identities"][0]["credentials"]
    assert repeated == identities
    assert (tmp_path / "secrets" / "secret_key").read_text() == key["secretKey"]
    assert backend["secret_key_file"] == str(tmp_path / "secrets" / "secret_key")
    assert key["secretKey"] not in json.dumps(backend)
    new_url = "http://127.0.0.1:9001"
    assert {**backend, "endpoint_url": new_url, "public_endpoint_url": new_url} == moved
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (tmp_path / "secrets").iterdir())


def test_each_store_has_its_own_keys_and_backend(tmp_path: Path) -> None:
    written = []
    for name in ("one", "two"):
        with data_dir.opened(tmp_path / name) as opened:
            written.append(
                (
                    credentials.identities(opened).read_text(),
                    credentials.storage_config(opened, on_loopback(1)).read_text(),
                )
            )

    assert written[0][0] != written[1][0]
    assert json.loads(written[0][1])[0]["id"] != json.loads(written[1][1])[0]["id"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"label": "local"}]', "[1]"])
def test_a_backend_with_a_lost_id_is_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "storage.json").write_text(text)

    with data_dir.opened(tmp_path) as opened, pytest.raises(CannotRun, match="restore it"):
        credentials.storage_config(opened, on_loopback(9000))
