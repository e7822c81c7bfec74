"""The tag `loop_recorder_duration` over HTTP: who may set it, and its values."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import a_flow, running_gateway
from tests.support.services.secured import caller, running_secured_services
from tests.support.storage.seaweedfs import SeaweedFS

TAGS = {"loop_recorder_duration": "86400"}


@pytest_asyncio.fixture(loop_scope="package")
async def secured(tmp_path: Path, seaweedfs: SeaweedFS) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        running_secured_services(tmp_path, seaweedfs) as settings,
        running_gateway(**settings) as client,
    ):
        yield client


async def test_a_caller_without_the_scope_delete_cannot_make_a_loop(secured: httpx.AsyncClient) -> None:
    writer, deleter = caller("ingest", "read", "write"), caller("editor", "read", "write", "delete")
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    assert (await secured.put(path, json=flow, headers=writer)).status_code == 201
    attempts: list[tuple[str, str, Any]] = [
        ("PUT", path, flow | {"tags": TAGS}),
        ("PUT", f"{path}/tags/loop_recorder_duration", "86400"),
        ("PUT", f"/x{path}/tags", TAGS),
        ("POST", f"/x{path}/tags", TAGS),
    ]
    for method, target, body in attempts:
        refused = await secured.request(method, target, json=body, headers=writer)
        assert (refused.status_code, refused.json()["type"]) == (403, "MISSING_SCOPE"), target
        assert "scope delete" in refused.json()["summary"]
    batch = await secured.post("/x/flows/batch", json=[flow | {"tags": TAGS}], headers=writer)
    assert "MISSING_SCOPE" in batch.text
    assert (await secured.get(f"{path}/tags", headers=writer)).json() == {}
    for method, target, body in attempts:
        allowed = await secured.request(method, target, json=body, headers=deleter)
        assert allowed.status_code == 204, allowed.text
    assert (await secured.put(path, json=flow | {"tags": TAGS}, headers=writer)).status_code == 204


@pytest.mark.parametrize("value", ["PT24H", "0", "-1", ""])
async def test_a_value_that_is_no_number_of_seconds_is_refused(
    tams: httpx.AsyncClient, flow: dict[str, Any], value: str
) -> None:
    for method, path, body in (
        ("PUT", f"/flows/{flow['id']}/tags/loop_recorder_duration", value),
        ("POST", f"/x/flows/{flow['id']}/tags", {"other": "1", "loop_recorder_duration": value}),
        ("PUT", f"/flows/{flow['id']}", flow | {"tags": {"loop_recorder_duration": value}}),
    ):
        refused = await tams.request(method, path, json=body)
        assert (refused.status_code, refused.json()["type"]) == (400, "BAD_LOOP_DURATION")
        assert "$.tags.loop_recorder_duration" in refused.text
    assert (await tams.get(f"/flows/{flow['id']}/tags")).json() == {}
    # On a source it is a tag like any other.
    source = f"/sources/{flow['source_id']}/tags/loop_recorder_duration"
    assert (await tams.put(source, json=value)).status_code == 204
