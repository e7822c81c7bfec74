import json
import os
import subprocess
import sys

import pytest

from client.local import credentials, data_dir
from client.local.errors import CannotRun


def test_makes_the_folder_for_its_owner_alone(tmp_path):
    with data_dir.opened(tmp_path / "a" / "b") as opened:
        assert opened.root.stat().st_mode & 0o777 == 0o700
        assert opened.secrets.stat().st_mode & 0o777 == 0o700
        assert opened.objects.is_dir()
        assert opened.logs.is_dir()


def test_a_second_opening_is_refused_until_the_first_has_ended(tmp_path):
    in_use = rf"is in use by another `tams up` \(process {os.getpid()}\)"
    with data_dir.opened(tmp_path), pytest.raises(CannotRun, match=in_use):
        data_dir.opened(tmp_path).__enter__()
    with data_dir.opened(tmp_path):
        pass


def test_children_of_a_runner_that_is_gone_are_waited_for(tmp_path):
    with data_dir.opened(tmp_path) as first:
        child = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(0.5)"], pass_fds=[first.lock]
        )
        # As if the runner that started the child had died: no such process can be.
        os.ftruncate(first.lock, 0)
        os.pwrite(first.lock, b"999999999\n", 0)

    with data_dir.opened(tmp_path):
        # The lock goes when the child's files are closed, a moment before it can be waited for.
        assert child.wait(60) == 0


def test_a_folder_that_cannot_be_used_is_one_line(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotRun, match=r"^cannot use data directory .*/file: File exists$"):
        data_dir.opened(tmp_path / "file").__enter__()


def test_keys_are_made_once_and_reach_both_sides_by_file(tmp_path):
    with data_dir.opened(tmp_path) as opened:
        identities = json.loads(credentials.identities(opened).read_text())
        (backend,) = json.loads(credentials.storage_config(opened, 9000).read_text())
        again = json.loads(credentials.identities(opened).read_text())
        (moved,) = json.loads(credentials.storage_config(opened, 9001).read_text())

    (key,) = identities["identities"][0]["credentials"]
    assert again == identities
    assert (tmp_path / "secrets" / "secret_key").read_text() == key["secretKey"]
    assert backend["secret_key_file"] == str(tmp_path / "secrets" / "secret_key")
    assert key["secretKey"] not in json.dumps(backend)
    assert {**backend, "endpoint_url": "http://127.0.0.1:9001"} == moved
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in (tmp_path / "secrets").iterdir())


def test_each_store_has_keys_and_a_backend_of_its_own(tmp_path):
    made = []
    for name in ("one", "two"):
        with data_dir.opened(tmp_path / name) as opened:
            made.append(
                (
                    credentials.identities(opened).read_text(),
                    credentials.storage_config(opened, 1).read_text(),
                )
            )

    assert made[0][0] != made[1][0]
    assert json.loads(made[0][1])[0]["id"] != json.loads(made[1][1])[0]["id"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"label": "local"}]', "[1]"])
def test_a_backend_whose_id_is_lost_gets_no_other(tmp_path, text):
    (tmp_path / "storage.json").write_text(text)

    with data_dir.opened(tmp_path) as opened, pytest.raises(CannotRun, match="restore it"):
        credentials.storage_config(opened, 9000)
