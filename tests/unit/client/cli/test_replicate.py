"""`tams replicate`."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from client.cli import exits
from client.replicating import replicating
from tests.support.http.scripted_server import ScriptedServer
from tests.unit.client.cli.conftest import Result

HERE = "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10"
COLD = "c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11"
BACKENDS = [
    {"id": one, "store_type": "http_object_store", "provider": "p", "store_product": "s", "label": label}
    for one, label in ((HERE, "near"), (COLD, "cold"))
]
NOT_FOUND = {"type": "OBJECT_NOT_FOUND", "summary": "no object in this store"}
Tams = Callable[..., Result]


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def outcome(object_id: str, state: str = "stored", **more: Any) -> dict[str, Any]:
    return {"object_id": object_id, "state": state, **more}


def segment(object_id: str) -> dict[str, Any]:
    return {"object_id": object_id, "timerange": "[0:0_1:0)"}


def results(*outcomes: dict[str, Any]) -> bytes:
    return body({"results": outcomes})


def test_objects_of_a_flow_are_copied_until_all_are_done(
    server: ScriptedServer, tams: Tams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicating, "PAUSE_SECONDS", 0)
    flow = {"id": "f", "source_id": "s", "format": "urn:x-nmos:format:video"}
    for content in (BACKENDS, flow, [segment("a"), segment("b"), segment("a"), segment("far")]):
        server.then(body=body(content))
    failed = outcome("far", "failed", status=404, error=NOT_FOUND)
    server.then(body=results(outcome("n", bytes=1500), outcome("a"), outcome("b", "copying"), failed))
    server.then(body=results(outcome("b", "copying")))
    server.then(body=results(outcome("b", bytes=500)))
    result = tams("replicate", "n", "--flow", "f", "--to", "cold", "--move")
    assert (result.code, result.out) == (0, "")
    assert result.err == "2 moved, 1 there already, 1 outside the store\n"
    sent = [json.loads(request.body) for request in server.requests if request.method == "POST"]
    assert [one["object_ids"] for one in sent] == [["n", "a", "b", "far"], ["b"], ["b"]]
    assert {(one["storage_id"], one["move"]) for one in sent} == {(COLD, True)}


def test_an_object_that_cannot_be_copied_fails_the_command(server: ScriptedServer, tams: Tams) -> None:
    for arguments in ((), ("--json",)):
        server.then(body=body(BACKENDS))
        server.then(body=results(outcome("a", bytes=1), outcome("b", "failed", status=404, error=NOT_FOUND)))
        result = tams("replicate", "a", "b", "--to", COLD, *arguments)
        assert result.code == exits.FAILED
        assert "1 of 2 objects failed" in result.err
    assert [one["state"] for one in json.loads(result.out)] == ["copied", "failed"]


def test_a_dry_run_lists_what_would_be_copied(server: ScriptedServer, tams: Tams) -> None:
    def copies(*places: tuple[str, str]) -> bytes:
        return body([{"storage_id": one, "storage_path": "k", "state": state} for one, state in places])

    server.then(body=body(BACKENDS))
    server.then(body=copies((HERE, "stored"), (COLD, "stored")))
    server.then(body=copies((HERE, "stored"), (COLD, "copying")))
    result = tams("replicate", "a", "b", "--to", "cold", "--dry-run")
    assert (result.code, result.out, result.err) == (0, "b\n", "1 to copy, 1 there already\n")


def test_wrong_usage_is_refused(server: ScriptedServer, tams: Tams) -> None:
    assert tams("replicate", "--to", "cold").code == exits.USAGE
    server.then(body=body(BACKENDS))
    result = tams("replicate", "a", "--to", "warm")
    assert result.code == exits.NOT_FOUND
    assert "there are: near, cold" in result.err
