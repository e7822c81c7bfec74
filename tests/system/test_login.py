"""`tams login` as users run it: real processes, a real OIDC server, and a store that checks its tokens."""

import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import jwt
import pytest

from client.login import ConfigFolder, Profile, Profiles
from client.login.token_file import StoredToken, TokenFile
from tests.support.http.scripted_server import scripted_server
from tests.support.login.oidc_server import AUDIENCE, PERSON, ROBOT, ROBOT_SECRET, OidcServer, oidc_server
from tests.support.processes.commands import command_env, run_tams, start_tams
from tests.support.processes.system import System, poll, running_system
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def oidc() -> Iterator[OidcServer]:
    with oidc_server() as server:
        yield server


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, oidc: OidcServer) -> Iterator[System]:
    """A system that accepts the tokens of the OIDC server alone."""
    env = {
        "TAMS_AUTH": "required",
        "TAMS_AUTH_ISSUER": oidc.issuer,
        "TAMS_AUTH_AUDIENCE": AUDIENCE,
        "TAMS_AUTH_JWKS": f"{oidc.issuer}/jwks",
    }
    with running_system(tmp_path_factory.mktemp("secured") / "data", env) as running:
        yield running


@pytest.fixture
def env(tmp_path: Path) -> Mapping[str, str]:
    return command_env(tmp_path / "config")


def test_a_client_logs_in_works_and_logs_out(
    secured: System, oidc: OidcServer, env: Mapping[str, str], tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(ROBOT_SECRET)
    oidc.scope = "tams-api/read tams-api/write"
    issuer = ("--issuer", oidc.issuer, "--client-id", ROBOT, "--client-secret-file", str(tmp_path / "secret"))
    logged_in = run_tams("login", "--url", secured.url, "--profile", "s", *issuer, env=env)
    assert logged_in.returncode == 0, logged_in.stderr
    flows = run_tams("flows", "--json", env=env)
    assert (flows.returncode, flows.stdout.strip()) == (0, "[]"), flows.stderr
    deleted = run_tams("delete", str(a_flow()["id"]), "--yes", env=env)
    assert "lacks the scope delete" in deleted.stderr
    assert modes(tmp_path / "config" / "tams") == {0o600}
    assert stat.S_IMODE((tmp_path / "config" / "tams").stat().st_mode) == 0o700
    assert run_tams("logout", env=env).returncode == 0
    refused = run_tams("flows", env=env)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "run tams login --profile s" in refused.stderr
    assert not any(holds_a_token(path) for path in (tmp_path / "config").rglob("*") if path.is_file())


def test_a_person_logs_in_and_the_login_outlives_its_token(
    secured: System, oidc: OidcServer, env: Mapping[str, str]
) -> None:
    oidc.scope = "tams-api/read"
    issuer = ("--issuer", oidc.issuer, "--client-id", PERSON)
    login = start_tams("login", "--url", secured.url, *issuer, env=env)
    assert login.stderr is not None
    assert login.stderr.readline() == f"Open {oidc.issuer}/activate\n"
    assert login.stderr.readline().startswith("and enter the code WXYZ-")
    oidc.lifetime = 1
    oidc.allow()
    _, errors = login.communicate(timeout=120)
    assert login.returncode == 0, errors
    before = oidc.grants().count("refresh_token")
    poll(lambda: "renewed at the next use" in run_tams("profile", "list", env=env).stdout, 30)
    oidc.lifetime = 3600
    flows = run_tams("flows", "--json", env=env)
    assert (flows.returncode, flows.stdout.strip()) == (0, "[]"), flows.stderr
    assert oidc.grants().count("refresh_token") == before + 1
    assert "logged in" in run_tams("profile", "list", env=env).stdout


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def holds_a_token(path: Path) -> bool:
    return "eyJ" in path.read_text()


def test_a_token_for_another_audience_is_refused(
    secured: System, oidc: OidcServer, env: Mapping[str, str]
) -> None:
    claims = {"iss": oidc.issuer, "aud": "other", "sub": "x", "exp": int(time.time()) + 60}
    token = jwt.encode(claims, oidc.key, algorithm="EdDSA", headers={"kid": "1"})
    refused = run_tams("flows", env={**env, "TAMS_URL": secured.url, "TAMS_TOKEN": token})
    assert refused.returncode == 1
    assert "it is for another audience; the credentials are wrong or expired" in refused.stderr
    assert token not in refused.stderr


def test_processes_that_find_an_expired_token_refresh_it_once(env: Mapping[str, str], tmp_path: Path) -> None:
    """The server takes a refresh token once, so a second use of it would end the login."""
    folder = ConfigFolder(tmp_path / "config" / "tams")
    count = 4
    with oidc_server() as oidc, scripted_server() as store:
        oidc.refresh_tokens.add("first")
        profile = Profile(url=store.url, issuer=oidc.issuer, client_id=PERSON, device=True)
        folder.write("profiles.json", Profiles(current="p", profiles={"p": profile}))
        expired = StoredToken(access_token="old", refresh_token="first", expires_at=1.0, renew_at=1.0)
        TokenFile(folder, "p").write(expired)
        for _ in range(count):
            store.then(body=b"[]")
        running = [start_tams("sources", env=env) for _ in range(count)]
        ended = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    fresh = TokenFile(folder, "p").read()
    assert fresh is not None
    assert [code for _, code in ended] == [0] * count, ended
    assert oidc.grants() == ["refresh_token"]
    assert {request.headers["Authorization"] for request in store.requests} == {
        f"Bearer {fresh.access_token}"
    }
