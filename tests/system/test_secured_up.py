"""`tams up --auth` as users run it, with and without a token."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from tests.support.processes.commands import command_env, run_tams
from tests.support.processes.programs import needed
from tests.support.processes.system import System, poll
from tests.support.project.guides import blocks
from tests.support.project.repository import ROOT
from tests.support.services.gateway import a_flow, a_segment

pytestmark = pytest.mark.slow

SECONDS = 120


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A new store of `tams up --auth`."""
    new = System(tmp_path_factory.mktemp("secured") / "data", arguments=["--auth"])
    try:
        yield new.start().ready()
    finally:
        new.abandon()


@pytest.fixture
def env(secured: System, tmp_path: Path) -> Mapping[str, str]:
    """The environment of a second terminal."""
    return command_env(tmp_path / "config", TAMS_URL=secured.url, TAMS_DATA_DIR=str(secured.data_dir))


def token(env: Mapping[str, str], *arguments: str) -> str:
    printed = run_tams("token", *arguments, env=env)
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.strip()


def test_a_caller_without_a_token_is_refused_with_a_hint(secured: System, env: Mapping[str, str]) -> None:
    refused = run_tams("flows", env=env)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "set TAMS_TOKEN, TAMS_API_KEY or TAMS_USER, or run tams login" in refused.stderr
    answer = httpx.get(f"{secured.url}/flows")
    assert (answer.status_code, "Bearer" in answer.headers["WWW-Authenticate"]) == (401, True)
    assert httpx.get(f"{secured.url}/health").status_code == 200


def test_a_token_allows_what_its_scopes_do(secured: System, env: Mapping[str, str]) -> None:
    flow = a_flow()
    reading = {"Authorization": f"Bearer {token(env)}"}
    writing = {"Authorization": f"Bearer {token(env, '--scope', 'read,write')}"}
    url = f"{secured.url}/flows/{flow['id']}"
    assert httpx.put(url, json=flow, headers=reading).status_code == 403
    assert httpx.put(url, json=flow, headers=writing).status_code == 201
    assert httpx.get(url, headers=reading).status_code == 200
    assert httpx.delete(url, headers=writing).status_code == 403


def test_every_command_works_with_a_token(env: Mapping[str, str], tmp_path: Path) -> None:
    with_token = {**env, "TAMS_TOKEN": token(env, "--scope", "admin")}
    clip = str(tmp_path / "clip.mp4")
    for arguments in (
        ("sample", clip, "--seconds", "2", "--size", "320", "180"),
        ("ingest", clip),
        ("sources",),
        ("stats",),
        ("tables", "list"),
        ("doctor",),
    ):
        ran = run_tams(*arguments, env=with_token)
        assert ran.returncode == 0, (arguments, ran.stderr, ran.stdout)
    flow_id = run_tams("flows", "--ids", "--format", "multi", "--limit", "1", env=with_token).stdout.strip()
    exported = run_tams("export", flow_id, str(tmp_path / "part.mp4"), env=with_token)
    assert exported.returncode == 0, exported.stderr


def test_users_and_keys_log_in_until_they_are_suspended(env: Mapping[str, str], tmp_path: Path) -> None:
    admin = {**env, "TAMS_TOKEN": token(env, "--scope", "admin")}
    password = tmp_path / "password"
    password.write_text("correct horse\n")
    added = run_tams("user", "add", "alice", "--scope", "read", "--password-file", str(password), env=admin)
    assert added.returncode == 0, added.stderr
    made = run_tams("key", "add", "reader", "--scope", "read", env=admin)
    assert made.returncode == 0, made.stderr
    as_user = {**env, "TAMS_USER": "alice", "TAMS_PASSWORD": "correct horse"}
    as_key = {**env, "TAMS_API_KEY": made.stdout.strip()}
    for caller in (as_user, as_key):
        assert run_tams("flows", env=caller).returncode == 0
        assert run_tams("key", "list", env=caller).returncode == 1
    for kind, name in (("user", "alice"), ("key", "reader")):
        assert run_tams(kind, "suspend", name, env=admin).returncode == 0

    def are_refused() -> bool:
        return all(run_tams("flows", env=caller).returncode == 1 for caller in (as_user, as_key))

    # Valid credentials are remembered for some seconds.
    poll(are_refused, SECONDS)


def test_secrets_are_readable_by_the_owner_only_and_shown_nowhere(
    secured: System, env: Mapping[str, str]
) -> None:
    made = token(env)
    assert run_tams("flows", env={**env, "TAMS_TOKEN": made}).returncode == 0
    folder = secured.data_dir / "secrets"
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    secrets = [(folder / "service_secret").read_text(), made, made.rpartition(".")[2]]
    processes = secured.children().values()
    shown = [
        *(" ".join(process.cmdline()) for process in processes),
        *(value for process in processes for value in process.environ().values()),
        *(file.read_text() for file in (secured.data_dir / "logs").iterdir()),
        *secured.output(),
        secured.errors(),
    ]
    assert not any(secret in text for secret in secrets for text in shown)


def test_the_output_names_the_command_for_a_token(secured: System) -> None:
    [line] = [line for line in secured.output() if line.startswith("Access")]
    assert line == f"Access     export TAMS_TOKEN=$(tams token --scope admin --data-dir {secured.data_dir})"


def test_a_token_is_valid_after_a_restart(secured: System, env: Mapping[str, str]) -> None:
    made = token(env)
    assert secured.stop() == 0
    secured.start().ready()
    assert httpx.get(f"{secured.url}/flows", headers={"Authorization": f"Bearer {made}"}).status_code == 200


@needed("bash")
def test_the_secured_minute_of_the_readme_works_as_pasted(env: Mapping[str, str]) -> None:
    first, second = blocks("sh secured", ROOT / "README.md")
    assert "tams up --auth" in first
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    pasted = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", second.replace(". .venv/bin/activate", "")],
        env={**env, "PATH": tools}, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert pasted.returncode == 0, pasted.stderr


def test_the_address_of_a_player_needs_nothing_else(secured: System, env: Mapping[str, str]) -> None:
    flow = a_flow()
    writing = {"Authorization": f"Bearer {token(env, '--scope', 'read,write')}"}
    path = f"{secured.url}/flows/{flow['id']}"
    httpx.put(path, json=flow, headers=writing).raise_for_status()
    httpx.post(f"{path}/segments", json=a_segment(), headers=writing).raise_for_status()
    printed = run_tams("play", flow["id"], env={**env, "TAMS_TOKEN": token(env)})
    address = printed.stdout.strip()
    child = httpx.URL(address).join(httpx.get(address).text.splitlines()[-1])
    assert "#EXTINF" in httpx.get(child).text
