import os
import sys
from pathlib import Path

import pytest

from client.local import data_dir, seaweedfs
from client.local.errors import CannotRun
from client.local.parts import STOP_ORDER, all_parts
from client.local.settings import PORTS, LocalSettings

PORT = {name: 20_000 + index for index, name in enumerate(PORTS)}


def parts(tmp_path, **env):
    env = {"TAMS_DATA_DIR": str(tmp_path), "PATH": os.defpath, **env}
    settings = LocalSettings.from_env(env)
    with data_dir.opened(tmp_path) as opened:
        return {part.name: part for part in all_parts(settings, opened, PORT, env)}


def test_peers_are_told_of_each_other(tmp_path):
    made = parts(tmp_path)

    metadata = f"127.0.0.1:{PORT['TAMS_METADATA_PORT']}"
    assert made["metadata"].health == f"grpc://{metadata}"
    assert made["media"].env["TAMS_MEDIA_METADATA_ADDRESS"] == metadata
    assert made["gateway"].env["TAMS_GATEWAY_METADATA_ADDRESS"] == metadata
    assert made["gateway"].health == f"http://127.0.0.1:{PORT['TAMS_GATEWAY_PORT']}/health"


def test_tables_are_shared_by_those_that_read_them_alone(tmp_path):
    made = parts(tmp_path, TAMS_STORE_URL="sqlite:////elsewhere.db")

    told = {
        name for name, part in made.items() if part.env.get("TAMS_STORE_URL") == "sqlite:////elsewhere.db"
    }
    assert told == {"metadata", "analytics"}


def test_what_the_user_set_comes_before_what_suits_one_machine(tmp_path):
    made = parts(tmp_path, TAMS_METADATA_DRAIN_SECONDS="3")

    assert made["metadata"].env["TAMS_METADATA_DRAIN_SECONDS"] == "3"
    assert made["media"].env["TAMS_MEDIA_DRAIN_SECONDS"] == "0"


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")])
def test_a_part_is_reached_at_the_host_it_was_told(tmp_path, host, reached):
    made = parts(tmp_path, TAMS_METADATA_HOST=host)

    assert made["media"].env["TAMS_MEDIA_METADATA_ADDRESS"] == f"{reached}:{PORT['TAMS_METADATA_PORT']}"
    assert made["metadata"].health.startswith(f"grpc://{reached}:")


def test_credentials_and_proxies_of_the_user_lead_nothing_astray(tmp_path):
    made = parts(tmp_path, AWS_ACCESS_KEY_ID="mine", HTTP_PROXY="http://proxy", NO_PROXY="example.com")

    assert not any(name.startswith("AWS_") for part in made.values() for name in part.env)
    assert made["media"].env["no_proxy"] == "example.com,127.0.0.1,localhost"


def test_object_storage_sees_nothing_of_the_users_environment(tmp_path):
    made = parts(tmp_path, WEED_MASTER="elsewhere", LD_PRELOAD="x")

    assert set(made["storage"].env) == {"PATH", "HOME", "GOMEMLIMIT"}


def test_object_storage_reports_to_nobody_and_listens_on_loopback_where_told(tmp_path):
    command = parts(tmp_path)["storage"].command

    assert "-master.telemetry=false" in command
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1"} <= set(command)
    assert f"-s3.port={PORT['TAMS_S3_PORT']}" in command
    assert f"-filer.port.grpc={PORT['TAMS_S3_FILER_GRPC_PORT']}" in command
    # SeaweedFS itself looks for it there.
    assert f"-admin.port.grpc={PORT['TAMS_S3_ADMIN_PORT'] + 10_000}" in command


def test_a_missing_program_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with data_dir.opened(tmp_path) as opened, pytest.raises(CannotRun, match="cannot find the program weed"):
        seaweedfs.command(opened, PORT, {"PATH": str(tmp_path)})


def test_everything_that_starts_is_stopped_storage_last(tmp_path):
    stopped = [name for group in STOP_ORDER for name in group]

    assert sorted(stopped) == sorted(parts(tmp_path))
    assert (stopped[0], stopped[-1]) == ("gateway", "storage")


def test_the_services_run_in_the_users_folder_so_that_relative_paths_are_theirs(tmp_path):
    assert parts(tmp_path)["metadata"].folder == Path.cwd()


def test_administration_is_offered_where_only_this_machine_reaches_the_gateway(tmp_path):
    assert parts(tmp_path)["gateway"].env["TAMS_GATEWAY_ADMIN"] == "true"
    assert parts(tmp_path, TAMS_GATEWAY_ADMIN="false")["gateway"].env["TAMS_GATEWAY_ADMIN"] == "false"
    assert "TAMS_GATEWAY_ADMIN" not in parts(tmp_path, TAMS_GATEWAY_HOST="0.0.0.0")["gateway"].env
