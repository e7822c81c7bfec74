"""Users and API keys from the command line, with the whole system."""

import json
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.support.processes.system import System

pytestmark = pytest.mark.slow

PASSWORD = "planted-correct-horse"

# Runs the command `tams` with arguments and standard input.
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tams(system: System) -> Run:
    def run(*arguments: str, stdin: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "TAMS_URL": system.url}
        command = [sys.executable, "-m", "client.cli", *arguments]
        ran = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, check=False
        )
        assert ran.returncode == code, ran.stderr + ran.stdout
        return ran

    return run


def test_users_and_keys_are_administered_and_leave_no_secret_in_any_file(system: System, tams: Run) -> None:
    added = tams("user", "add", "alice", "--scope", "read", "--password-file", "-", stdin=f"{PASSWORD}\n")
    assert (added.stdout, added.stderr) == ("", "added alice: read\n")
    text = tams("key", "add", "ingest", "--scope", "write", "--days", "1").stdout.removesuffix("\n")
    rotated = tams("key", "rotate", "ingest").stdout.removesuffix("\n")
    assert text.startswith("tams_")
    assert rotated.rpartition("_")[0] == text.rpartition("_")[0]
    tams("user", "suspend", "alice")
    tams("key", "suspend", "ingest")
    (user,) = json.loads(tams("user", "list", "--json").stdout)
    (key,) = json.loads(tams("key", "list", "--json").stdout)
    assert (user["name"], user["suspended"], key["name"], key["suspended"]) == ("alice", True, "ingest", True)
    secrets = [
        secret.encode() for secret in (PASSWORD, *(each.rpartition("_")[2] for each in (text, rotated)))
    ]
    assert files_with(system, secrets) == []
    tams("user", "remove", "alice")
    tams("key", "remove", "ingest")
    assert tams("user", "remove", "alice", code=3).stderr == "tams: there is no such user\n"
    assert json.loads(tams("key", "list", "--json").stdout) == []


def files_with(system: System, secrets: list[bytes]) -> list[str]:
    """The files of the store, with its tables and logs, that contain one of the secrets."""
    files = [path for path in system.data_dir.parent.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert any("logs" in path.parts for path in files)
    return [str(path) for path in files if any(secret in path.read_bytes() for secret in secrets)]
