import os
import sys
from pathlib import Path

import pytest

from client.local import data_dir
from client.local.errors import CannotRun
from client.local.names import PARTS, PORTS
from client.local.parts import STOP_ORDER, Part, all_parts, metrics_urls
from client.local.settings import LocalSettings
from client.local.storage import seaweedfs
from client.local.storage.certificate import new_pem
from tests.support.storage.seaweedfs import on_loopback

CERTIFICATE = new_pem()
PORT = {name: 20_000 + index for index, name in enumerate(PORTS)}


@pytest.fixture(autouse=True)
def certificate(tmp_path: Path) -> None:
    """The certificate of an earlier start, as making a new one for each test takes long."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "certificate.pem").write_text(CERTIFICATE)


def parts_of(tmp_path: Path, **env: str) -> dict[str, Part]:
    env = {"TAMS_DATA_DIR": str(tmp_path), "PATH": os.defpath, **env}
    settings = LocalSettings.from_env(env)
    with data_dir.opened(tmp_path) as opened:
        return {part.name: part for part in all_parts(settings, opened, PORT, env)}


def test_parts_have_the_addresses_of_each_other(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)

    metadata = f"127.0.0.1:{PORT['TAMS_METADATA_PORT']}"
    assert parts["metadata"].health == f"grpc://{metadata}"
    assert parts["media"].env["TAMS_MEDIA_METADATA_ADDRESS"] == metadata
    assert parts["analytics"].env["TAMS_ANALYTICS_METADATA_ADDRESS"] == metadata
    assert parts["gateway"].env["TAMS_GATEWAY_METADATA_ADDRESS"] == metadata
    assert parts["gateway"].health == f"http://127.0.0.1:{PORT['TAMS_GATEWAY_PORT']}/health"


def test_certificates_are_passed_on_and_health_is_asked_over_tls(tmp_path: Path) -> None:
    tls = {f"TAMS_TLS_{name}": f"/{name}" for name in ("CERT", "KEY", "CA")}
    https = {"TAMS_GATEWAY_TLS_CERT": "/cert", "TAMS_GATEWAY_TLS_KEY": "/key"}
    parts = parts_of(tmp_path, **tls, **https)

    for name in PARTS:
        assert {key: parts[name].env[key] for key in tls} == tls
    assert {key: parts["gateway"].env[key] for key in https} == https
    assert "TAMS_GATEWAY_TLS_CERT" not in parts["metadata"].env
    assert "TAMS_TLS_KEY" not in parts["storage"].env
    assert parts["media"].health == f"grpcs://127.0.0.1:{PORT['TAMS_MEDIA_PORT']}"
    assert parts["gateway"].health == f"https://127.0.0.1:{PORT['TAMS_GATEWAY_PORT']}/health"


def test_only_parts_that_read_tables_have_their_url(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, TAMS_STORE_URL="sqlite:////elsewhere.db")

    with_tables = {
        name for name, part in parts.items() if part.env.get("TAMS_STORE_URL") == "sqlite:////elsewhere.db"
    }
    assert with_tables == {"metadata", "analytics"}


def test_settings_of_the_user_precede_those_for_a_single_machine(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, TAMS_METADATA_DRAIN_SECONDS="3")

    assert parts["metadata"].env["TAMS_METADATA_DRAIN_SECONDS"] == "3"
    assert parts["media"].env["TAMS_MEDIA_DRAIN_SECONDS"] == "0"


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("192.0.2.7", "192.0.2.7")])
def test_a_part_is_reached_at_its_configured_host(tmp_path: Path, host: str, reached: str) -> None:
    parts = parts_of(tmp_path, TAMS_METADATA_HOST=host)

    assert parts["media"].env["TAMS_MEDIA_METADATA_ADDRESS"] == f"{reached}:{PORT['TAMS_METADATA_PORT']}"
    assert parts["metadata"].health.startswith(f"grpc://{reached}:")


def test_parts_use_no_credentials_or_proxies_of_the_user(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, AWS_ACCESS_KEY_ID="mine", HTTP_PROXY="http://proxy", NO_PROXY="example.com")

    assert not any(name.startswith("AWS_") for part in parts.values() for name in part.env)
    assert parts["media"].env["no_proxy"] == "example.com,127.0.0.1,localhost"


def test_object_storage_has_no_environment_of_the_user(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, WEED_MASTER="elsewhere", LD_PRELOAD="x")

    env = parts["storage"].env
    assert {name for name in env if not name.startswith("WEED_")} == {"PATH", "HOME", "GOMEMLIMIT"}
    assert "elsewhere" not in env.values()


def test_object_storage_sends_no_telemetry_and_listens_on_loopback(tmp_path: Path) -> None:
    command = parts_of(tmp_path)["storage"].command

    assert "-master.telemetry=false" in command
    assert {"-ip=127.0.0.1", "-ip.bind=127.0.0.1"} <= set(command)
    assert f"-s3.port={PORT['TAMS_S3_PORT']}" in command
    assert f"-filer.port.grpc={PORT['TAMS_S3_FILER_GRPC_PORT']}" in command
    # SeaweedFS expects this offset.
    assert f"-admin.port.grpc={PORT['TAMS_S3_ADMIN_PORT'] + 10_000}" in command


def test_a_missing_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    with data_dir.opened(tmp_path) as opened, pytest.raises(CannotRun, match="cannot find the program weed"):
        seaweedfs.command(opened, on_loopback(1), PORT, {"PATH": str(tmp_path)})


def test_all_parts_are_stopped_and_storage_last(tmp_path: Path) -> None:
    stopped = [name for group in STOP_ORDER for name in group]

    assert sorted(stopped) == sorted(parts_of(tmp_path))
    assert (stopped[0], stopped[-1]) == ("gateway", "storage")


def test_services_of_a_secured_store_have_the_file_of_the_secret_and_storage_has_not(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, TAMS_AUTH="required")

    secret = (tmp_path / "secrets" / "service_secret").read_text()
    file = "TAMS_AUTH_SERVICE_SECRET_FILE"
    assert {name for name, part in parts.items() if part.env.get("TAMS_AUTH") == "required"} == set(PARTS)
    assert {part.env.get(file) for name, part in parts.items() if name != "storage"} == {
        str(tmp_path / "secrets" / "service_secret")
    }
    assert not any(secret in text for part in parts.values() for text in (*part.env.values(), *part.command))


def test_services_run_in_the_folder_of_the_user(tmp_path: Path) -> None:
    assert parts_of(tmp_path)["metadata"].folder == Path.cwd()


def test_administration_is_offered_if_the_gateway_is_on_loopback(tmp_path: Path) -> None:
    assert parts_of(tmp_path)["gateway"].env["TAMS_GATEWAY_ADMIN"] == "true"
    assert parts_of(tmp_path, TAMS_GATEWAY_ADMIN="false")["gateway"].env["TAMS_GATEWAY_ADMIN"] == "false"
    assert "TAMS_GATEWAY_ADMIN" not in parts_of(tmp_path, TAMS_GATEWAY_HOST="0.0.0.0")["gateway"].env


VAST = "vast://127.0.0.1:9301/vastdb/tams?tls=false"


def parts_with_several(tmp_path: Path, count: int = 3, **env: str) -> dict[str, Part]:
    env = {"TAMS_DATA_DIR": str(tmp_path), "PATH": os.defpath, "TAMS_STORE_URL": VAST, **env}
    settings = LocalSettings.from_env(env, count)
    ports = PORT | {name: 21_000 + number for number, name in enumerate(settings.port_names[len(PORTS) :])}
    with data_dir.opened(tmp_path) as opened:
        return {part.name: part for part in all_parts(settings, opened, ports, env)}


def test_several_metadata_processes_have_their_own_ports(tmp_path: Path) -> None:
    parts = parts_with_several(tmp_path, TAMS_METADATA_VAST_CACHE_SECONDS="0")

    first = PORT["TAMS_METADATA_PORT"]
    ports = {name: part.env["TAMS_METADATA_PORT"] for name, part in parts.items() if "metadata" in name}
    assert ports == {"metadata": str(first), "metadata-2": "21000", "metadata-3": "21001"}
    assert parts["metadata-3"].health == "grpc://127.0.0.1:21001"
    assert parts["metadata-3"].env["TAMS_METADATA_VAST_CACHE_SECONDS"] == "0"
    target = f"ipv4:127.0.0.1:{first},127.0.0.1:21000,127.0.0.1:21001"
    for name in ("gateway", "media", "analytics", "events"):
        assert parts[name].env[f"TAMS_{name.upper()}_METADATA_ADDRESS"] == target


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"TAMS_STORE_URL": ""}, "--metadata 3 needs tables on VAST"),
        ({"TAMS_METADATA_HOST": "metadata.example"}, "needs an IPv4 address"),
    ],
)
def test_several_metadata_processes_need_vast_and_an_ipv4_address(
    tmp_path: Path, env: dict[str, str], message: str
) -> None:
    with pytest.raises(CannotRun, match=message):
        parts_with_several(tmp_path, 3, **env)


def test_each_part_serves_metrics_at_a_port_of_its_own(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    urls = metrics_urls(LocalSettings.from_env({}), PORT)

    assert set(urls) == set(PARTS)
    for name in PARTS:
        port = PORT[f"TAMS_{name.upper()}_METRICS_PORT"]
        assert parts[name].env["TAMS_METRICS_PORT"] == str(port)
        assert urls[name] == f"http://127.0.0.1:{port}/metrics"
    assert "TAMS_METRICS_PORT" not in parts["storage"].env


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:"), ("::1", "http://[::1]:"), ("192.0.2.7", "http://192.0.2.7:")],
)
def test_metrics_are_read_at_their_configured_host(host: str, url: str) -> None:
    urls = metrics_urls(LocalSettings.from_env({"TAMS_METRICS_HOST": host}), PORT)
    assert all(found.startswith(url) for found in urls.values())


def test_a_store_without_metrics_has_no_ports_for_them(tmp_path: Path) -> None:
    settings = LocalSettings.from_env({"TAMS_METRICS_PORT": "-1"})
    ports = {name: PORT[name] for name in settings.port_names}
    with data_dir.opened(tmp_path) as opened:
        parts = all_parts(settings, opened, ports, {"PATH": os.defpath})

    assert metrics_urls(settings, ports) == {}
    assert {part.env.get("TAMS_METRICS_PORT") for part in parts} == {"-1", None}


def test_settings_of_opentelemetry_reach_the_services_but_not_a_name_for_all(tmp_path: Path) -> None:
    parts = parts_of(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318", OTEL_SERVICE_NAME="tams")

    reached = {n for n, part in parts.items() if "OTEL_EXPORTER_OTLP_ENDPOINT" in part.env}
    assert reached == set(PARTS)
    assert not any("OTEL_SERVICE_NAME" in part.env for part in parts.values())


def test_requests_are_logged_unless_the_user_turns_that_off(tmp_path: Path) -> None:
    name = "TAMS_GATEWAY_ACCESS_LOG"
    assert parts_of(tmp_path)["gateway"].env[name] == "true"
    assert parts_of(tmp_path, **{name: "false"})["gateway"].env[name] == "false"


def test_every_part_follows_the_same_file_of_settings(tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    assert {parts[name].env["TAMS_RUNTIME_FILE"] for name in PARTS} == {str(tmp_path / "runtime.env")}
    parts = parts_of(tmp_path, TAMS_RUNTIME_FILE="/elsewhere.env")
    assert {parts[name].env["TAMS_RUNTIME_FILE"] for name in PARTS} == {"/elsewhere.env"}


def test_media_has_the_credentials_of_the_sdk_where_the_user_names_the_storage(tmp_path: Path) -> None:
    aws = {"AWS_PROFILE": "tams", "AWS_SECRET_ACCESS_KEY": "planted"}
    assert aws.keys().isdisjoint(parts_of(tmp_path, **aws)["media"].env)
    parts = parts_of(tmp_path, TAMS_MEDIA_STORAGE_CONFIG="/storage.json", **aws)
    assert {name for name in PARTS if aws.items() <= parts[name].env.items()} == {"media"}
    assert aws.keys().isdisjoint(parts["gateway"].env)
