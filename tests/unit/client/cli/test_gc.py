"""`tams gc`."""

import json
from collections.abc import Callable

from client.cli import exits
from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

BACKEND = "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10"
OTHER = "c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11"
UNUSED = {
    "id": "an/object",
    "storage_id": BACKEND,
    "storage_path": "objects/an/object",
    "cause": "unreferenced",
    "unused_since": "2026-03-04T12:00:00Z",
    "size": 1_500_000,
}
UNMEASURED = {
    **{name: value for name, value in UNUSED.items() if name != "size"},
    "id": "another",
    "storage_id": OTHER,
    "cause": "unregistered",
    "unused_since": "2026-03-03T12:00:00Z",
}
BACKENDS = [
    {"id": BACKEND, "store_type": "http_object_store", "provider": "p", "store_product": "s", "label": "near"}
]
Tams = Callable[..., Result]


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_dry_run_lists_objects_and_totals(server: ScriptedServer, tams: Tams) -> None:
    server.then(body=body([UNUSED]), Link='</x/admin/unused-objects?page=2>; rel="next"')
    server.then(body=body([UNUSED, UNMEASURED]))
    server.then(body=body(BACKENDS))
    result = tams("gc", "--dry-run", "--limit", "1")
    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines() if line]
    assert lines[1] == ["an/object", "unreferenced", UNUSED["unused_since"], "1.5", "MB", BACKEND]
    assert lines[2:] == [
        ["storage", "objects", "size", "not", "measured", "oldest"],
        ["near", "2", "3.0", "MB", UNUSED["unused_since"]],
        [OTHER, "1", "0", "B", "1", UNMEASURED["unused_since"]],
        ["total", "3", "3.0", "MB", "1", UNMEASURED["unused_since"]],
    ]
    assert "there are more" in result.err
    assert {request.method for request in server.requests} == {"GET"}


def test_a_dry_run_writes_json(server: ScriptedServer, tams: Tams) -> None:
    server.then(body=body([UNUSED, UNMEASURED]))
    assert tams("gc", "--dry-run", "--json").json == [UNUSED, {**UNMEASURED, "size": None}]


def test_nothing_to_delete_is_a_message(server: ScriptedServer, tams: Tams) -> None:
    server.then(body=b"[]")
    assert tams("gc", "--dry-run").err == "no bytes to delete\n"


def test_deletion_is_repeated_until_it_is_complete(server: ScriptedServer, tams: Tams) -> None:
    for _ in range(2):
        server.then(body=body({"deleted": 1000, "failed": 0, "complete": False}))
        server.then(body=body({"deleted": 5, "failed": 0, "complete": True}))
    assert tams("gc").err == "deleted the bytes of 1005 objects\n"
    assert tams("gc", "--json").json == {"deleted": 1005, "failed": 0}
    assert [request.method for request in server.requests] == ["DELETE"] * 4


def test_objects_that_could_not_be_deleted_fail_the_command(server: ScriptedServer, tams: Tams) -> None:
    server.then(body=body({"deleted": 900, "failed": 100, "complete": False}))
    server.then(body=body({"deleted": 0, "failed": 100, "complete": False}))
    result = tams("gc")
    assert result.code == exits.FAILED
    assert "the bytes of 200 objects could not be deleted" in result.err


def test_a_limit_is_for_a_dry_run(tams: Tams) -> None:
    result = tams("gc", "--limit", "1")
    assert result.code == exits.USAGE
    assert "--limit needs --dry-run" in result.err
