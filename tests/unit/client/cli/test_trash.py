"""`tams trash`, `tams restore` and soft deletion with `tams delete`."""

import json
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

FLOW_ID = "d7a2d2f7-3a6f-4d3a-9f0e-0c9e1c0f5a11"
ENTRY_ID = "9c8e7d6f-5a4b-4c3d-8e2f-1a0b9c8d7e44"
ENTRY = {
    "id": ENTRY_ID,
    "operation": "9c8e7d6f-5a4b-4c3d-8e2f-1a0b9c8d7e45",
    "kind": "segments",
    "flow_id": FLOW_ID,
    "source_id": "2f2b1d4c-6d1e-4f57-8a3e-6a1f4c3b2d10",
    "timerange": "[0:0_2:0)",
    "deleted_by": "user:alice",
    "deleted": "2026-03-04T12:00:00Z",
    "expiry": "2026-03-11T12:00:00Z",
    "purging": False,
}
ENTRIES = json.dumps([ENTRY]).encode()
Tams = Callable[..., Result]


def test_the_trash_is_listed(server: ScriptedServer, tams: Tams) -> None:
    for body in (ENTRIES, ENTRIES, b"[]"):
        server.then(body=body)
    table = tams("trash", "list", "--flow", FLOW_ID)
    assert all(text in table.out for text in (ENTRY_ID, FLOW_ID, "user:alice", "[0:0_2:0)"))
    assert tams("trash", "list", "--json").json == [ENTRY]
    assert tams("trash", "list").err == "the trash is empty\n"
    assert f"flow_id={FLOW_ID}" in urlsplit(server.requests[0].target).query


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("flow", f"/x/flows/{ENTRY_ID}/restore"),
        ("source", f"/x/sources/{ENTRY_ID}/restore"),
        ("segments", f"/x/trash/{ENTRY_ID}/restore"),
    ],
)
def test_entries_are_restored(server: ScriptedServer, tams: Tams, kind: str, path: str) -> None:
    server.then(body=ENTRIES)
    result = tams("restore", kind, ENTRY_ID)
    assert (result.code, result.err) == (0, f"restored segments in [0:0_2:0) of flow {FLOW_ID}\n")
    assert [(request.method, request.target) for request in server.requests] == [("POST", path)]


def test_an_entry_is_purged(server: ScriptedServer, tams: Tams) -> None:
    server.then(204)
    server.then(202)
    assert tams("trash", "purge", ENTRY_ID, "--yes").err == f"purged {ENTRY_ID}\n"
    assert tams("trash", "purge", ENTRY_ID, "--yes").err == f"the store is still purging {ENTRY_ID}\n"
    assert {request.method for request in server.requests} == {"DELETE"}


def test_a_flow_is_deleted_softly(server: ScriptedServer, tams: Tams) -> None:
    server.then(204)
    assert tams("delete", FLOW_ID, "--soft", "--yes").code == 0
    assert server.requests[0].target == f"/flows/{FLOW_ID}?soft_delete=true"
