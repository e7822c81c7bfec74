import json
import os
import pty
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from client.cli.access import Access
from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

SECRET = "s3cr3t-value"


def sent_credentials(server: ScriptedServer) -> str | None:
    return server.requests[-1].headers.get("Authorization")


def test_a_token_is_read_from_an_option_a_variable_or_a_file(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    for arguments, env in (
        (("--token", SECRET), {}),
        ((), {"TAMS_TOKEN": SECRET}),
        (("--token-file", str(file)), {}),
        ((), {"TAMS_TOKEN_FILE": str(file)}),
    ):
        server.then(body=b"[]")
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            assert tams(*arguments, "sources").code == 0
        assert sent_credentials(server) == f"Bearer {SECRET}"


def test_an_api_key_is_sent_as_a_bearer_token(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("tams_1_k3y\n")
    for arguments, env in (
        (("--api-key-file", str(file)), {}),
        ((), {"TAMS_API_KEY_FILE": str(file)}),
        ((), {"TAMS_API_KEY": "tams_1_k3y"}),
    ):
        server.then(body=b"[]")
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            assert tams(*arguments, "sources").code == 0
        assert sent_credentials(server) == "Bearer tams_1_k3y"


def test_the_password_of_a_user_is_read_from_a_variable_or_a_file(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    for arguments, env in (
        (("--user", "Aladdin"), {"TAMS_PASSWORD": "open sesame"}),
        (("--user", "Aladdin"), {"TAMS_PASSWORD_FILE": str(file)}),
        (("--password-file", str(file)), {"TAMS_USER": "Aladdin"}),
    ):
        server.then(body=b"[]")
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            assert tams(*arguments, "sources").code == 0
        assert sent_credentials(server) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


def test_the_password_of_a_user_is_asked_for_on_a_terminal(server: ScriptedServer, tmp_path: Path) -> None:
    """A real terminal, which must not show the password."""
    server.then(body=b"[]")
    env = {"PATH": os.environ["PATH"], "TAMS_URL": server.url, "XDG_CONFIG_HOME": str(tmp_path)}
    pid, terminal = pty.fork()
    if not pid:
        os.execvpe(sys.executable, [sys.executable, "-m", "client.cli", "--user", "Aladdin", "sources"], env)
    shown = b""
    while b"Password of Aladdin:" not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, b"open sesame\n")
    _, status = os.waitpid(pid, 0)
    while select.select([terminal], [], [], 0)[0]:
        try:
            shown += os.read(terminal, 1024)
        except OSError:
            break
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, shown
    assert b"sesame" not in shown
    assert sent_credentials(server) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        (("--token", "t", "--user", "u"), "a token and a user are given; a store takes one of them"),
        (("--user", "u"), "a user needs a password; set TAMS_PASSWORD or TAMS_PASSWORD_FILE"),
        (("--api-key-file", "/nowhere"), "cannot read the API key in /nowhere: No such file or directory"),
        (("--token", "t", "--api-key-file", "f"), "a token and an API key file are given"),
        (
            ("--user", "u", "--password-file", "/nowhere"),
            "cannot read the password in /nowhere: No such file",
        ),
        (("--token", "two words"), "the token is empty, or has characters that no token has"),
        (("--token-file", "/nowhere"), "cannot read the token in /nowhere: No such file or directory"),
        (("--ca-file", "/nowhere"), "cannot use the authorities of /nowhere: No such file or directory"),
    ],
)
def test_unusable_credentials_are_an_error_of_one_line(
    server: ScriptedServer, tams: Callable[..., Result], arguments: tuple[str, ...], summary: str
) -> None:
    result = tams(*arguments, "service")
    assert (result.code, result.out) == (2, "")
    assert summary in result.err
    assert result.err.count("\n") == 1
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "set TAMS_TOKEN, TAMS_API_KEY or TAMS_USER, or run tams login"),
        (("--token", SECRET), "the credentials are wrong or expired"),
    ],
)
def test_refused_credentials_are_an_error_with_a_hint(
    server: ScriptedServer, tams: Callable[..., Result], arguments: tuple[str, ...], hint: str
) -> None:
    server.then(401, b'{"type": "UNAUTHENTICATED", "summary": "no valid credentials"}')
    result = tams(*arguments, "service")
    assert (result.code, result.err) == (1, f"tams: no valid credentials; {hint}\n")
    assert SECRET not in result.err


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"summary": f"no such token: Bearer {SECRET}"}),
        (403, {"summary": f"{SECRET} lacks the scope read"}),
        (307, {}),
        (500, {}),
        (200, {"unexpected": SECRET}),
    ],
)
def test_no_failure_shows_the_token(
    server: ScriptedServer, tams: Callable[..., Result], status: int, body: dict[str, str]
) -> None:
    server.then(status, json.dumps(body).encode(), Location=f"{server.url}/elsewhere")
    result = tams("--token", SECRET, "flows")
    assert result.code == 1
    assert SECRET not in result.out + result.err
    assert len(server.requests) == 1


def test_doctor_sends_the_credentials(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(503, b'{"status": "NOT_SERVING", "services": {}}')
    tams("--token", SECRET, "doctor", "--no-probe")
    assert {request.headers.get("Authorization") for request in server.requests} == {f"Bearer {SECRET}"}


def write_profiles(tmp_path: Path, text: str) -> None:
    """Write the file of profiles that the fixture `tams` has commands read."""
    folder = tmp_path / "config" / "tams"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "profiles.json").write_text(text)


def a_profile(tmp_path: Path, url: str) -> str:
    """Profiles with a current one for this URL, whose caller has an API key."""
    (tmp_path / "key").write_text("tams_1_k3y")
    profile = {"url": url, "api_key_file": str(tmp_path / "key")}
    return json.dumps(
        {"current": "mine", "profiles": {"mine": profile, "other": {"url": "http://127.0.0.1:1"}}}
    )


def test_the_current_profile_has_the_store_and_its_credentials(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_profiles(tmp_path, a_profile(tmp_path, server.url))
    monkeypatch.delenv("TAMS_URL")
    server.then(body=b"[]")
    assert tams("sources").code == 0
    assert sent_credentials(server) == "Bearer tams_1_k3y"


def test_a_profile_is_chosen_by_an_option_or_a_variable(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = a_profile(tmp_path, server.url).replace('"current": "mine"', '"current": "other"')
    write_profiles(tmp_path, text)
    monkeypatch.delenv("TAMS_URL")
    server.then(body=b"[]")
    assert tams("--profile", "mine", "sources").code == 0
    monkeypatch.setenv("TAMS_PROFILE", "mine")
    server.then(body=b"[]")
    assert tams("sources").code == 0
    assert sent_credentials(server) == "Bearer tams_1_k3y"


def test_the_credentials_of_a_profile_are_not_sent_to_another_store(
    server: ScriptedServer, tams: Callable[..., Result], tmp_path: Path
) -> None:
    write_profiles(tmp_path, a_profile(tmp_path, "http://127.0.0.1:1"))
    server.then(body=b"[]")
    assert tams("sources").code == 0
    assert sent_credentials(server) is None
    refused = tams("--profile", "mine", "sources")
    assert (refused.code, len(server.requests)) == (2, 1)
    assert "profile mine is for http://127.0.0.1:1, and another URL is given" in refused.err


def test_credentials_of_options_go_before_those_of_the_profile(
    server: ScriptedServer, tams: Callable[..., Result], tmp_path: Path
) -> None:
    write_profiles(tmp_path, a_profile(tmp_path, server.url))
    server.then(body=b"[]")
    assert tams("--token", SECRET, "--profile", "mine", "sources").code == 0
    assert sent_credentials(server) == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "profiles.json is damaged: "), ('{"profiles": {}}', "there is no profile 'mine'")],
)
def test_unusable_profiles_are_an_error_of_one_line(
    tams: Callable[..., Result], tmp_path: Path, text: str, reason: str
) -> None:
    write_profiles(tmp_path, text)
    result = tams("--profile", "mine", "sources")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert reason in result.err
    assert tams("--profile", "mine", "doctor").code == 2


def test_damaged_profiles_do_not_matter_where_all_is_given(
    server: ScriptedServer, tams: Callable[..., Result], tmp_path: Path
) -> None:
    write_profiles(tmp_path, "{")
    server.then(body=b"[]")
    assert tams("--token", SECRET, "sources").code == 0


def test_repr_of_the_options_has_no_token() -> None:
    names = ("url", "profile", "token_file", "api_key_file", "user", "password_file", "ca_file")
    assert SECRET not in repr(Access(token=SECRET, trace=False, **dict.fromkeys(names)))
