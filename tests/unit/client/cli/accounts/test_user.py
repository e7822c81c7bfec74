import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

PASSWORD = "correct horse"
USER = {
    "name": "alice",
    "scopes": ["read", "write"],
    "classes": ["news", "sport"],
    "suspended": True,
    "created": "2026-01-01T00:00:00Z",
    "changed": "2026-01-02T00:00:00Z",
}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def sent(server: ScriptedServer) -> tuple[str, str, object]:
    """The method, target and body of the last request."""
    request = server.requests[-1]
    return request.method, request.target, json.loads(request.body) if request.body else None


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return str(file)


def test_a_user_is_added_with_the_password_in_a_file(
    server: ScriptedServer, tams: Callable[..., Result], password_file: str
) -> None:
    server.then(201, body(USER))
    scopes = ("--scope", "read", "--scope", "write")
    result = tams("user", "add", "alice", *scopes, "--password-file", password_file)
    assert (result.code, result.out, result.err) == (0, "", "added alice: read write\n")
    assert sent(server) == (
        "POST",
        "/x/users",
        {"name": "alice", "password": PASSWORD, "scopes": ["read", "write"]},
    )


@pytest.mark.parametrize(
    ("given", "sent_classes"), [("news, sport", ["news", "sport"]), ("*", ["*"]), ("", [])]
)
def test_classes_are_given_with_commas(
    server: ScriptedServer,
    tams: Callable[..., Result],
    password_file: str,
    given: str,
    sent_classes: list[str],
) -> None:
    server.then(201, body(USER))
    arguments = ("--scope", "read", "--classes", given, "--password-file", password_file)
    assert tams("user", "add", "alice", *arguments).code == 0
    document = {"name": "alice", "password": PASSWORD, "scopes": ["read"], "classes": sent_classes}
    assert sent(server) == ("POST", "/x/users", document)
    server.then(200, body(USER))
    result = tams("user", "change", "alice", "--classes", given)
    assert result.err == "changed alice: read write, classes news sport\n"
    assert sent(server) == ("PUT", "/x/users/alice", {"classes": sent_classes})


def test_scopes_are_changed(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(200, body(USER | {"classes": []}))
    result = tams("user", "change", "alice", "--scope", "read", "--scope", "write")
    assert result.err == "changed alice: read write, classes none\n"
    assert sent(server) == ("PUT", "/x/users/alice", {"scopes": ["read", "write"]})


def test_a_change_of_nothing_is_an_error(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    result = tams("user", "change", "alice")
    assert (result.code, server.requests) == (2, [])
    assert "give --scope or --classes" in result.err


def test_the_own_password_is_changed_with_the_present_one(
    server: ScriptedServer,
    tams: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    password_file: str,
) -> None:
    monkeypatch.setenv("TAMS_PASSWORD", "present horse")
    server.then(204)
    result = tams("--user", "alice", "user", "password", "--password-file", password_file)
    assert (result.code, result.out) == (0, ""), result.err
    assert {PASSWORD, "present horse"} & set(result.err.split()) == set()
    passwords = {"old_password": "present horse", "new_password": PASSWORD}
    assert sent(server) == ("POST", "/x/users/me/password", passwords)


def test_a_caller_without_a_password_has_none_to_change(
    server: ScriptedServer, tams: Callable[..., Result], password_file: str
) -> None:
    result = tams("--token", "secret", "user", "password", "--password-file", password_file)
    assert (result.code, server.requests) == (2, [])
    assert "log in with --user, or give NAME" in result.err


def test_the_password_can_be_typed(
    server: ScriptedServer, tams: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([PASSWORD, PASSWORD])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(click.termui, "hidden_prompt_func", lambda _: next(typed))
    server.then(200, body(USER))
    result = tams("user", "password", "alice")
    assert (result.code, sent(server)) == (0, ("PUT", "/x/users/alice", {"password": PASSWORD}))
    assert PASSWORD not in result.out + result.err


def test_without_a_terminal_a_password_file_is_needed(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    result = tams("user", "add", "alice", "--scope", "read")
    assert result.code == 2
    assert "add --password-file" in result.err
    assert server.requests == []


def test_a_missing_password_file_is_an_error(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    result = tams("user", "password", "alice", "--password-file", "/nowhere")
    assert result.code == 2
    assert "cannot read the password in /nowhere: No such file or directory" in result.err
    assert server.requests == []


def test_a_password_is_no_argument(tams: Callable[..., Result]) -> None:
    assert tams("user", "add", "alice", PASSWORD, "--scope", "read").code == 2
    assert tams("user", "password", "alice", "--password", PASSWORD).code == 2


def test_users_are_listed(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    for _ in range(2):
        server.then(body=body({"users": [USER]}))
    assert tams("user", "list").out.splitlines()[1].split() == [
        "alice", "read", "write", "news", "sport", "suspended", "2026-01-02", "00:00",
    ]  # fmt: skip
    assert tams("user", "list", "--json").json == [USER]


@pytest.mark.parametrize("suspended", [True, False])
def test_a_user_is_suspended_and_activated(
    server: ScriptedServer, tams: Callable[..., Result], suspended: bool
) -> None:
    server.then(body=body(USER))
    result = tams("user", "suspend" if suspended else "activate", "a/b")
    assert (result.code, result.out) == (0, "")
    assert sent(server) == ("PUT", "/x/users/a%2Fb", {"suspended": suspended})


def test_a_user_is_removed(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(204)
    result = tams("user", "remove", "alice")
    assert (result.code, result.err) == (0, "removed alice\n")
    assert sent(server) == ("DELETE", "/x/users/alice", None)


def test_an_unknown_user_has_its_own_exit_code(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(404, b'{"type": "USER_NOT_FOUND", "summary": "there is no such user"}')
    result = tams("user", "suspend", "nobody")
    assert (result.code, result.err) == (3, "tams: there is no such user\n")
