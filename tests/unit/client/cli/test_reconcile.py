import json
from collections.abc import Callable

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result


def body(value: object) -> bytes:
    return json.dumps(value).encode()


MISSING = {"kind": "missing", "storage_id": "s", "storage_path": "a/b", "object_id": "o"}
ORPHANED = {
    "kind": "orphaned", "storage_id": "s", "storage_path": "a/c", "size": 1_200_000,
    "modified": "2026-03-04T12:00:00Z",
}  # fmt: skip


def a_step(*differences: object, **more: object) -> dict[str, object]:
    return {"differences": differences, "stored": 10, "objects": 0, "recent": 1, **more}


def test_differences_are_listed_step_by_step(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body(a_step(MISSING, next="k")))
    server.then(body=body(a_step(ORPHANED)))

    result = tams("reconcile")

    assert [request.target for request in server.requests] == [
        "/x/admin/reconciliation", "/x/admin/reconciliation?page=k",
    ]  # fmt: skip
    assert result.out == "missing   o: s/a/b\norphaned     1.2 MB: s/a/c\n"
    assert "missing: 1\norphaned: 1, 1.2 MB\n" in result.err
    assert "not judged: 2" in result.err
    assert result.code == 1


def test_json_has_a_line_for_each_difference_and_step(
    server: ScriptedServer, tams: Callable[..., Result]
) -> None:
    server.then(body=body(a_step(next="k2")))
    server.then(body=body(a_step(MISSING)))

    result = tams("reconcile", "--from", "k", "--json")

    assert server.requests[0].target == "/x/admin/reconciliation?page=k"
    assert result.out.splitlines() == [
        '{"kind":"progress","differences":0,"stored":10,"objects":0,"recent":1,"next":"k2"}',
        '{"kind":"missing","storage_id":"s","storage_path":"a/b","object_id":"o"}',
        '{"kind":"progress","differences":1,"stored":10,"objects":0,"recent":1,"next":null}',
    ]


def test_a_store_without_differences_is_fine(server: ScriptedServer, tams: Callable[..., Result]) -> None:
    server.then(body=body(a_step()))

    assert tams("reconcile").code == 0
