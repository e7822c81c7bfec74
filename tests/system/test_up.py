"""`tams up` as users run it: real processes, real ports, real signals."""

import contextlib
import os
import pty
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from client.local import running
from tests.support.processes.ports import free_ports
from tests.support.processes.system import PARTS, READY_SECONDS, System, has_ended, poll
from tests.support.services.gateway import a_flow
from tests.support.telemetry.collector import running_collector

pytestmark = pytest.mark.slow

FLOW = {
    "id": "8b7c6d5e-4f3a-4b2c-9d1e-0f9e8d7c6b5a",
    "source_id": "1a2b3c4d-5e6f-4a1b-8c2d-3e4f5a6b7c8d",
    "format": "urn:x-nmos:format:multi",
    "label": "kept",
}


@pytest.fixture
def systems(tmp_path: Path) -> Iterator["Systems"]:
    started = Systems(tmp_path)
    yield started
    started.abandon()


class Systems:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[System] = []

    def start(self, name: str = "data", hangup: str = "default", **env: str) -> System:
        system = System(self._folder / name, env, hangup)
        self._started.append(system)
        return system.start()

    def abandon(self) -> None:
        for system in self._started:
            system.abandon()


def test_the_runner_starts_all_parts_and_prints_the_url(system: System) -> None:
    assert system.output()[-1] == f"ready {system.url}"
    assert set(system.children()) == set(PARTS)
    assert httpx.get(f"{system.url}/service").json()["api_version"] == "7.0"


def test_all_parts_listen_on_loopback_only(system: System) -> None:
    for process in system.children().values():
        listening = [c.laddr.ip for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}, process.cmdline()


def test_each_part_serves_its_metrics_where_the_note_of_the_store_says(system: System) -> None:
    note = running.read(system.data_dir)
    assert note is not None
    assert (note.pid, note.api) == (system.pid, system.url)
    assert {*note.metrics, "storage"} == set(PARTS)
    for part, url in note.metrics.items():
        assert f'service="{part}"' in httpx.get(url).text


def test_requests_are_logged_apart_from_the_log_of_the_gateway(system: System) -> None:
    httpx.get(f"{system.url}/flows", headers={"x-request-id": "looked-for"}).raise_for_status()

    logs = system.data_dir / "logs"
    poll(lambda: '"looked-for"' in (logs / "access.log").read_text(), READY_SECONDS)
    assert '"looked-for"' not in (logs / "gateway.log").read_text()
    assert "/flows" not in system.errors()


@pytest.mark.parametrize(
    ("env", "arguments", "shown"),
    [({}, (), True), ({}, ("--quiet",), False), ({"TAMS_GATEWAY_ACCESS_LOG": "false"}, (), False)],
)
def test_a_terminal_shows_requests_unless_told_otherwise(
    tmp_path: Path, env: dict[str, str], arguments: tuple[str, ...], *, shown: bool
) -> None:
    reading, terminal = pty.openpty()
    system = System(tmp_path / "data", env, arguments=arguments)
    try:
        system.start(errors=terminal).ready()
        for path in ("/flows", "/sources"):
            httpx.get(f"{system.url}{path}").raise_for_status()
        assert system.stop() == 0
    finally:
        system.abandon()
        os.close(terminal)
    text = _rest(reading)
    assert "stopped, data kept" in text
    assert bool(re.search(r"200 +[0-9.]+ ms +2 B +GET /flows\r?\n", text)) is shown
    assert "/health" not in text


def _rest(reading: int) -> str:
    """The text that a terminal has still to show."""
    data = b""
    with contextlib.suppress(OSError):
        while chunk := os.read(reading, 65536):
            data += chunk
    os.close(reading)
    return data.decode()


def test_traces_of_all_parts_reach_a_collector(systems: Systems) -> None:
    with running_collector() as collector:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "TAMS_TRACE_RATIO": "1"}
        system = systems.start(OTEL_SERVICE_NAME="one-for-all", **env).ready()
        flow = a_flow()
        httpx.put(f"{system.url}/flows/{flow['id']}", json=flow).raise_for_status()
        assert system.stop() == 0
    services = {service for service, _ in collector.spans()}
    assert {"tams-gateway", "tams-metadata"} <= services
    assert "one-for-all" not in services


def test_a_stopped_store_leaves_no_note(systems: Systems) -> None:
    system = systems.start().ready()
    assert running.read(system.data_dir) is not None
    system.stop()
    assert running.read(system.data_dir) is None


def test_credentials_are_readable_by_the_owner_only_and_never_printed(system: System) -> None:
    secrets = system.data_dir / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in secrets.iterdir()} == {0o600}
    secret = (secrets / "secret_key").read_text()
    commands = [" ".join(process.cmdline()) for process in system.children().values()]
    logs = [file.read_text() for file in (system.data_dir / "logs").iterdir()]
    shown = [*commands, *logs, *system.output(), system.errors()]
    assert len(secret) == 40
    assert not any(secret in text for text in shown)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_runner_and_its_children_in_order(
    systems: Systems, number: signal.Signals
) -> None:
    system = systems.start().ready()
    children = system.children()

    system.signal(number)

    assert system.wait() == 0
    assert all(has_ended(child) for child in children.values())
    assert system.errors().endswith("stopped, data kept\n")


def test_an_ignored_hangup_stops_nothing(systems: Systems) -> None:
    system = systems.start(hangup="ignore").ready()

    system.signal(signal.SIGHUP)

    system.kill("gateway")
    system.healthy()


def test_a_second_start_keeps_data_and_ports(systems: Systems) -> None:
    first = systems.start().ready()
    httpx.put(f"{first.url}/flows/{FLOW['id']}", json=FLOW).raise_for_status()
    ports = (first.data_dir / "ports.json").read_text()
    backends = httpx.get(f"{first.url}/service/storage-backends").json()
    first.stop()

    second = systems.start().ready()

    assert httpx.get(f"{second.url}/flows/{FLOW['id']}").json()["label"] == "kept"
    assert (second.data_dir / "ports.json").read_text() == ports
    assert httpx.get(f"{second.url}/service/storage-backends").json() == backends


def test_two_stores_run_on_neighbouring_ports(systems: Systems) -> None:
    lower = _neighbours()
    # The stores start one after the other, as each chooses among the ports that are free then.
    first = systems.start("one", TAMS_GATEWAY_PORT=str(lower)).ready()
    second = systems.start("two", TAMS_GATEWAY_PORT=str(lower + 1)).ready()

    httpx.put(f"{first.url}/flows/{FLOW['id']}", json=FLOW).raise_for_status()

    assert httpx.get(f"{second.url}/flows/{FLOW['id']}").status_code == 404


def test_a_taken_port_is_reported_in_one_line(systems: Systems) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        system = systems.start(TAMS_GATEWAY_PORT=str(port))

        assert system.wait() == 1

    assert system.errors() == f"tams: port {port} is taken; set TAMS_GATEWAY_PORT to another port\n"


def test_a_data_directory_in_use_is_reported_in_one_line(systems: Systems, system: System) -> None:
    second = systems.start(TAMS_DATA_DIR=str(system.data_dir))

    assert second.wait() == 1
    assert second.errors().startswith(f"tams: data directory {system.data_dir} is in use by another")
    assert second.errors().count("\n") == 1
    assert httpx.get(f"{system.url}/health").status_code == 200


def test_an_impossible_data_directory_is_reported_in_one_line(systems: Systems, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    system = systems.start(TAMS_DATA_DIR=str(tmp_path / "file" / "below"))

    assert system.wait() == 1
    assert system.errors() == f"tams: cannot use data directory {tmp_path}/file/below: Not a directory\n"


def test_an_unknown_setting_is_reported_in_one_line_with_a_hint(systems: Systems) -> None:
    system = systems.start(TAMS_GATEWAY_PROT="1")

    assert system.wait() == 1
    (line,) = [line for line in system.errors().splitlines() if line.startswith("tams:")]
    assert "TAMS_GATEWAY_PORT" in line
    assert "Traceback" not in system.errors()


def test_a_segment_before_its_upload_is_refused(system: System) -> None:
    flow = a_flow()
    path = f"{system.url}/flows/{flow['id']}"
    httpx.put(path, json=flow).raise_for_status()
    (media_object,) = httpx.post(f"{path}/storage", json={"limit": 1}).json()["media_objects"]
    segment = {"object_id": media_object["object_id"], "timerange": "[0:0_1:0)"}
    refused = httpx.post(f"{path}/segments", json=segment)
    assert (refused.status_code, refused.json()["type"]) == (400, "OBJECT_NOT_STORED")
    put_url = media_object["put_url"]
    headers = {"content-type": put_url["content-type"], **put_url["headers"]}
    httpx.put(put_url["url"], content=b"media", headers=headers).raise_for_status()
    assert httpx.post(f"{path}/segments", json=segment).status_code == 201


@pytest.mark.parametrize("part", PARTS)
def test_a_killed_part_is_started_again(system: System, part: str) -> None:
    httpx.put(f"{system.url}/flows/{FLOW['id']}", json=FLOW).raise_for_status()

    system.kill(part)
    system.healthy()

    assert f"{part} was ended by SIGKILL; restarting it" in system.errors()
    assert httpx.get(f"{system.url}/flows/{FLOW['id']}").json()["label"] == "kept"


def test_children_end_with_a_killed_runner_and_a_new_runner_replaces_it(systems: Systems) -> None:
    first = systems.start().ready()
    children = first.children()
    ports = (first.data_dir / "ports.json").read_text()

    first.signal(signal.SIGKILL)
    first.wait()
    second = systems.start().ready()

    assert all(has_ended(child) for child in children.values())
    assert (second.data_dir / "ports.json").read_text() == ports


def test_a_signal_during_the_start_stops_the_runner(systems: Systems) -> None:
    system = systems.start()
    poll(lambda: bool(system.children()), READY_SECONDS)

    assert system.stop() == 0
    assert system.output() == []


def _neighbours() -> int:
    """A free port whose next port is free as well."""
    while True:
        (port,) = free_ports(1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port + 1)):
                return port
