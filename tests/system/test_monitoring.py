"""`tams top` and `tams support` for a running store."""

import json
import os
import pty
import secrets
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest

from tests.support.processes.commands import command_env, run_tams
from tests.support.processes.system import PARTS, System, poll
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow
SECONDS = 60


def test_top_shows_the_requests_and_processes_of_a_store(system: System, tmp_path: Path) -> None:
    env = command_env(tmp_path, TAMS_DATA_DIR=str(system.data_dir))
    command = [sys.executable, "-m", "client.cli", "top", "--json", "--interval", "0.5"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as watching:
        lines = watching.stdout
        assert lines is not None
        views = [json.loads(lines.readline())]
        for _ in range(5):
            httpx.get(f"{system.url}/flows").raise_for_status()

        def is_seen() -> bool:
            views.append(json.loads(lines.readline()))
            return any(route["name"] == "GET /flows" for route in views[-1]["routes"])

        try:
            poll(is_seen, SECONDS)
        finally:
            watching.send_signal(signal.SIGINT)
        assert watching.wait(SECONDS) == 0
    seen = views[-1]
    assert {process["name"] for process in seen["processes"]} == set(PARTS) - {"storage"}
    assert all(process["memory_bytes"] > 0 for process in seen["processes"])
    assert seen["tables"]["takes_writes"] is True
    assert any(call["name"] == "metadata FlowService/ListFlows" for call in seen["calls"])


def test_top_draws_on_a_terminal_until_ctrl_c(system: System, tmp_path: Path) -> None:
    env = command_env(tmp_path, TAMS_DATA_DIR=str(system.data_dir), TERM="xterm", COLUMNS="120", LINES="50")
    reading, terminal = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "client.cli", "top", "--interval", "0.2"], env=env, stdout=terminal
    )
    os.close(terminal)
    drawn = ""
    while "metadata" not in drawn:
        drawn += os.read(reading, 65536).decode(errors="replace")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(SECONDS) == 0
    os.close(reading)
    assert "5 processes answer" in drawn


def test_a_bundle_has_what_a_report_needs_and_no_secret(tmp_path: Path) -> None:
    """Secrets are planted in every place from which a bundle could take them."""
    planted = {name: f"pl4nted{secrets.token_hex(12)}" for name in ("env", "file", "url", "log", "label")}
    service_secret = tmp_path / "service_secret"
    service_secret.write_text(planted["file"] + "0" * 32)
    system = System(
        tmp_path / "data",
        {
            "TAMS_AUTH_SERVICE_SECRET_FILE": str(service_secret),
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={planted['env']}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:{planted['url']}@127.0.0.1:1",
            "TAMS_METADATA_TRASH_SECONDS": "12345",
        },
        arguments=("--auth",),
    )
    command = {**command_env(tmp_path, TAMS_DATA_DIR=str(system.data_dir))}
    try:
        system.start().ready()
        token = run_tams("token", "--scope", "admin,read,write", env=command).stdout.strip()
        flow = a_flow(label=planted["label"])
        caller = {"authorization": f"Bearer {token}"}
        httpx.put(f"{system.url}/flows/{flow['id']}", json=flow, headers=caller).raise_for_status()
        httpx.get(f"{system.url}/flows?access_token={planted['log']}")
        with (system.data_dir / "logs" / "media.log").open("a") as log:
            log.write(f'{{"message": "told https://s3/o?X-Amz-Signature={planted["log"]}"}}\n')
            log.write(f"password={planted['log']}\n")
        output = tmp_path / "bundle.tar.gz"
        result = run_tams(
            "support", "--output", str(output),
            env={**command, "TAMS_TOKEN": token, "TAMS_PASSWRD": planted["env"]},
        )  # fmt: skip
        assert (result.returncode, result.stdout, result.stderr) == (0, f"{output}\n", "")
        kept = [file.read_text(errors="replace").strip() for file in (system.data_dir / "secrets").iterdir()]
    finally:
        system.abandon()
    with tarfile.open(output) as archive:
        files = {
            entry.name.removeprefix("tams-support/"): content.read().decode()
            for entry in archive
            if (content := archive.extractfile(entry)) is not None
        }
    _check_content(files)
    for name, text in files.items():
        for secret in (*planted.values(), "pl4nted", token, *kept):
            assert secret not in text, name
            assert secret not in name


def _check_content(files: dict[str, str]) -> None:
    settings = json.loads(files["settings.json"])
    assert settings["of_the_running_store"]["TAMS_METADATA_TRASH_SECONDS"] == "12345"
    assert {"TAMS_PASSWRD", "TAMS_TOKEN"} <= set(settings["set_here_and_not_shown"])
    assert {f"logs/{part}.log" for part in PARTS} | {"logs/access.log"} <= set(files)
    assert {f"metrics/{part}.txt" for part in PARTS if part != "storage"} <= set(files)
    in_force = json.loads(files["runtime-settings.json"])
    assert {part for part in PARTS if in_force.get(part, {}).get("TAMS_LOG_LEVEL") == "info"} == {
        *PARTS,
    } - {"storage"}
    assert json.loads(files["health-details.json"])["status"] == "SERVING"
    assert json.loads(files["ready.json"]) == {"status": "SERVING"}
    assert {finding["check"] for finding in json.loads(files["doctor.json"])} >= {"gateway", "schema"}
    assert json.loads(files["machine.json"])["tams"]
    assert json.loads(files["bundle.json"])["missing"] == []


def test_a_bundle_of_a_store_that_does_not_run_names_what_is_missing(tmp_path: Path) -> None:
    env = command_env(tmp_path, TAMS_DATA_DIR=str(tmp_path / "none"), TAMS_URL="http://127.0.0.1:1")
    output = tmp_path / "bundle.tar.gz"
    result = run_tams("support", "--output", str(output), env=env)
    assert result.returncode == 0
    assert {"/ready", "/health", "/health/details", "doctor", "logs", "files.json"} >= {
        line.removeprefix("missing: ").partition(":")[0] for line in result.stderr.splitlines()
    }
    assert output.exists()
    again = run_tams("support", "--output", str(output), env=env)
    assert (again.returncode, again.stderr) == (1, f"tams: cannot write {output}: File exists\n")
