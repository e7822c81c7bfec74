import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from client.login import ConfigFolder, Profile, Profiles
from client.login.token_file import StoredToken, TokenFile
from tests.support.http.scripted_server import ScriptedServer
from tests.support.login.oidc_server import PERSON, ROBOT, ROBOT_SECRET, OidcServer
from tests.unit.client.cli.conftest import Result

Tams = Callable[..., Result]


@pytest.fixture
def as_robot(oidc: OidcServer, secret_file: str) -> tuple[str, ...]:
    """Options with which a client logs in by its secret."""
    Path(secret_file).write_text(ROBOT_SECRET)
    return ("--issuer", oidc.issuer, "--client-id", ROBOT, "--client-secret-file", secret_file)


def token_of(folder: ConfigFolder, name: str) -> StoredToken:
    token = TokenFile(folder, name).read()
    assert token is not None
    return token


def test_a_client_logs_in_and_commands_send_its_token(
    tams: Tams, server: ScriptedServer, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    result = tams("login", "--scope", "tams-api/read", *as_robot)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"logged in: {server.url} is profile default\n"
    token = token_of(folder, "default").access_token
    server.then(body=b"[]")
    assert tams("sources").code == 0
    assert server.requests[-1].headers["Authorization"] == f"Bearer {token}"
    assert token not in result.err


def test_a_person_logs_in_with_the_code_that_is_shown(
    tams: Tams, oidc: OidcServer, folder: ConfigFolder
) -> None:
    def allow() -> None:
        while not oidc.grants():
            threading.Event().wait(0.01)
        oidc.allow()

    person = threading.Thread(target=allow)
    person.start()
    result = tams("login", "--profile", "mine", "--issuer", oidc.issuer, "--client-id", PERSON)
    person.join()
    assert result.code == 0, result.err
    assert f"Open {oidc.issuer}/activate\nand enter the code WXYZ-0000\n" in result.err
    stored = token_of(folder, "mine")
    assert not any(
        secret in result.err + result.out for secret in (stored.access_token, stored.refresh_token)
    )
    assert Profiles.load(folder).find("mine").device


def test_a_second_login_needs_no_options(
    tams: Tams, oidc: OidcServer, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    tams("login", "--profile", "mine", "--audience", "tams", *as_robot)
    first = token_of(folder, "mine")
    assert tams("login", "--profile", "mine").code == 0
    assert token_of(folder, "mine") != first
    assert [form["audience"] for _, form in oidc.requests] == ["tams", "tams"]


def test_profiles_have_logins_of_their_own(
    tams: Tams, server: ScriptedServer, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    tams("login", "--profile", "a", "--url", "http://127.0.0.1:1", *as_robot)
    tams("login", "--profile", "b", *as_robot)
    profiles = Profiles.load(folder)
    assert profiles.current == "a"
    assert {name: profile.url for name, profile in profiles.profiles.items()} == {
        "a": "http://127.0.0.1:1",
        "b": server.url,
    }
    assert token_of(folder, "a") != token_of(folder, "b")


def test_files_of_secrets_are_remembered_by_their_absolute_names(
    tams: Tams, folder: ConfigFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ScriptedServer
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("tams_1_k3y")
    assert tams("--api-key-file", "key", "login").err == f"remembered: {server.url} is profile default\n"
    profile = Profiles.load(folder).find("default")
    assert profile == Profile(url=server.url, api_key_file=str(tmp_path / "key"))
    assert "k3y" not in (folder.root / "profiles.json").read_text()


def test_a_wrong_secret_is_an_error_and_nothing_is_stored(
    tams: Tams, folder: ConfigFolder, as_robot: tuple[str, ...], secret_file: str
) -> None:
    Path(secret_file).write_text("wr0ng")
    result = tams("login", *as_robot)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "refuses: invalid_client" in result.err
    assert "wr0ng" not in result.err
    assert not folder.root.exists()


@pytest.mark.parametrize(
    ("arguments", "summary"),
    [
        ((), "a login needs --issuer and --client-id, an --api-key-file or a --user"),
        (("--issuer", "https://id.example"), "--issuer needs --client-id"),
        (("--url", "https://ann:hunter2@x", "--issuer", "https://x", "--client-id", "c"), "a password in it"),
        (("--url", "ftp://x", "--issuer", "https://x", "--client-id", "c"), "not an http or https URL"),
        (("--profile", "../x", "--issuer", "https://id.example"), "cannot be the name of a profile"),
        (("--issuer", "http://id.example", "--client-id", "c"), "is not an https URL; logins need one"),
        (
            ("--issuer", "https://x", "--client-id", "c", "--ca-file", "/nowhere"),
            "cannot use the authorities of /nowhere",
        ),
    ],
)
def test_unusable_options_are_an_error_of_one_line(
    tams: Tams, folder: ConfigFolder, arguments: tuple[str, ...], summary: str
) -> None:
    result = tams("login", *arguments)
    assert result.code in (1, 2)
    assert result.err.count("\n") == 1
    assert summary in result.err
    assert not folder.root.exists()


def test_a_new_profile_needs_a_url(
    tams: Tams, monkeypatch: pytest.MonkeyPatch, as_robot: tuple[str, ...]
) -> None:
    monkeypatch.delenv("TAMS_URL")
    assert "a new profile needs --url" in tams("login", *as_robot).err


def test_a_second_login_does_not_move_a_profile_to_another_store(
    tams: Tams, monkeypatch: pytest.MonkeyPatch, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    tams("login", *as_robot)
    before = Profiles.load(folder)
    monkeypatch.setenv("TAMS_URL", "http://127.0.0.1:1")
    refused = tams("login")
    assert (refused.code, refused.err.count("\n"), Profiles.load(folder)) == (2, 1, before)
    assert "profile default is for" in refused.err
    assert tams("login", "--profile", "default", "--url", "http://127.0.0.1:2").code == 0
    assert Profiles.load(folder).find("default").url == "http://127.0.0.1:2"


def test_a_profile_with_an_issuer_has_no_other_way_to_log_in(
    tams: Tams, monkeypatch: pytest.MonkeyPatch, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TAMS_USER", "ann")
    assert tams("login", *as_robot).code == 0
    assert Profiles.load(folder).find("default").user == ""


def test_a_person_logs_in_again_although_the_client_has_a_secret(
    tams: Tams, oidc: OidcServer, folder: ConfigFolder, as_robot: tuple[str, ...]
) -> None:
    oidc.errors = ["access_denied", "access_denied"]
    assert "the login was denied" in tams("login", "--device", *as_robot).err
    assert not folder.root.exists()
    assert tams("login", *as_robot).code == 1
    known = Profile(
        url=os.environ["TAMS_URL"],
        issuer=oidc.issuer,
        client_id=ROBOT,
        client_secret_file=as_robot[-1],
        device=True,
    )
    folder.write("profiles.json", Profiles(current="mine", profiles={"mine": known}))
    oidc.errors = ["access_denied"]
    assert "the login was denied" in tams("login").err
    assert tams("login", *as_robot, "--profile", "mine").code == 0
    assert not Profiles.load(folder).find("mine").device


def test_a_store_without_encryption_is_a_warning(tams: Tams, as_robot: tuple[str, ...]) -> None:
    result = tams("login", "--url", "http://tams.example", *as_robot)
    assert (result.code, result.err.count("\n")) == (0, 2)
    assert "this URL is not https, so others on the network can read the credentials" in result.err


def test_a_second_login_replaces_the_api_key_by_a_user(
    tams: Tams, folder: ConfigFolder, server: ScriptedServer, tmp_path: Path
) -> None:
    key, password = str(tmp_path / "key"), str(tmp_path / "password")
    assert tams("--api-key-file", key, "login").code == 0
    assert tams("--user", "ann", "--password-file", password, "login").code == 0
    profile = Profile(url=server.url, user="ann", password_file=password)
    assert Profiles.load(folder).find("default") == profile
    assert tams("--api-key-file", key, "login").code == 0
    assert Profiles.load(folder).find("default") == Profile(url=server.url, api_key_file=key)
    both = tams("--api-key-file", key, "--user", "ann", "login")
    assert "an API key file and a user are given" in both.err
