import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

ID, TEXT = "0123456789abcdef", "tams_0123456789abcdef_" + "ab" * 32
KEY = {
    "id": ID,
    "name": "ingest-1",
    "scopes": ["read"],
    "suspended": False,
    "created": "2026-01-01T00:00:00Z",
    "last_used": "2026-01-02T03:04:05Z",
}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def sent(server: ScriptedServer) -> tuple[str, str, object]:
    """The method, target and body of the last request."""
    request = server.requests[-1]
    return request.method, request.target, json.loads(request.body) if request.body else None


def test_the_text_of_a_new_key_is_alone_on_standard_output(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(201, body(KEY | {"key": TEXT}))
    result = tams("key", "add", "ingest-1", "--scope", "read")
    assert (result.code, result.out) == (0, f"{TEXT}\n")
    assert TEXT not in result.err
    assert sent(server) == (
        "POST",
        "/x/api-keys",
        {"name": "ingest-1", "scopes": ["read"], "expires": None},
    )


def test_a_key_has_the_given_classes(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(201, body(KEY | {"key": TEXT}))
    assert tams("key", "add", "ingest-1", "--scope", "read", "--classes", "news,sport").code == 0
    assert json.loads(server.requests[-1].body)["classes"] == ["news", "sport"]


def test_a_key_expires_after_the_given_days(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    before = datetime.now(UTC)
    server.then(201, body(KEY | {"key": TEXT}))
    assert tams("key", "add", "ingest-1", "--scope", "admin", "--days", "30").code == 0
    expires = datetime.fromisoformat(json.loads(server.requests[-1].body)["expires"])
    assert before + timedelta(days=30) <= expires <= datetime.now(UTC) + timedelta(days=30)


def test_keys_are_listed_without_their_texts(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    for _ in range(2):
        server.then(body=body({"api_keys": [KEY]}))
    assert tams("key", "list").out.splitlines()[1].split() == [
        "ingest-1", ID, "read", "*", "never", "2026-01-02", "03:04",
    ]  # fmt: skip
    # A store of an earlier version has no classes.
    assert tams("key", "list", "--json").json == [KEY | {"expires": None, "classes": ["*"]}]


@pytest.mark.parametrize("name", ["ingest-1", ID])
@pytest.mark.parametrize(
    ("command", "change"),
    [("rotate", {"rotate": True}), ("suspend", {"suspended": True}), ("activate", {"suspended": False})],
)
def test_a_key_is_changed_by_its_name_or_id(
    server: ScriptedServer, tams: Callable[..., Result], name: str, command: str, change: dict[str, bool]
) -> None:
    server.then(body=body({"api_keys": [KEY]}))
    server.then(body=body(KEY | change | {"key": TEXT}))
    result = tams("key", command, name)
    assert (result.code, result.out) == (0, f"{TEXT}\n" if command == "rotate" else "")
    assert sent(server) == ("PUT", f"/x/api-keys/{ID}", change)


def test_a_key_is_removed(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body({"api_keys": [KEY]}))
    server.then(204)
    result = tams("key", "remove", "ingest-1")
    assert (result.code, result.err) == (0, "removed ingest-1\n")
    assert sent(server) == ("DELETE", f"/x/api-keys/{ID}", None)


def test_an_unknown_key_has_its_own_exit_code(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body({"api_keys": [KEY]}))
    result = tams("key", "remove", "other")
    assert (result.code, result.err) == (3, "tams: there is no API key other\n")
    assert len(server.requests) == 1
