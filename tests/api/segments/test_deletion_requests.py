"""Deletions that take longer than their HTTP request."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio

from tests.support.http.walking import walk
from tests.support.processes.polling import until
from tests.support.services.gateway import a_flow, a_segment, new_id, running_gateway
from tests.support.services.metadata import running_metadata


@pytest_asyncio.fixture(loop_scope="package")
async def tams_without_budget(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a store that answers every long DELETE with 202, because it gives it no time."""
    async with (
        running_metadata(tmp_path, deletion_budget_seconds=0) as server,
        running_gateway(metadata_address=f"127.0.0.1:{server.port}") as tams,
    ):
        yield tams


async def put_flow_of_objects(
    tams: httpx.AsyncClient, object_ids: Sequence[str], count: int
) -> tuple[str, list[dict[str, Any]]]:
    """Store a flow of `count` segments of a second each, which use the objects in turn.

    Returns its id and the bodies of its segments.
    """
    flow = a_flow()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    bodies = [
        a_segment(second, second + 1, object_id=object_ids[second % len(object_ids)])
        for second in range(count)
    ]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=bodies)).status_code == 201
    return flow["id"], bodies


async def put_long_flow(tams: httpx.AsyncClient) -> str:
    """Store a flow of 3000 segments, and return its id."""
    flow_id, _ = await put_flow_of_objects(tams, [new_id() for _ in range(3000)], 3000)
    return flow_id


async def until_deleted(tams: httpx.AsyncClient, url: str) -> None:
    """Wait until the deletion request at the URL is done."""

    async def done() -> bool:
        return bool((await tams.get(url)).json()["status"] == "done")

    await until(done)


async def test_a_long_deletion_of_segments_can_be_followed(tams_without_budget: httpx.AsyncClient) -> None:
    flow_id = await put_long_flow(tams_without_budget)
    response = await tams_without_budget.delete(f"/flows/{flow_id}/segments?timerange=[0:0_2999:0)")
    assert response.status_code == 202
    request = response.json()
    assert (
        response.headers["location"] == f"{tams_without_budget.base_url}/flow-delete-requests/{request['id']}"
    )
    expected = {"flow_id": flow_id, "timerange_to_delete": "[0:0_2999:0)", "delete_flow": False}
    assert expected.items() <= request.items()
    assert request["status"] in ("created", "started")
    await until_deleted(tams_without_budget, response.headers["location"])
    finished = (await tams_without_budget.get(response.headers["location"])).json()
    assert finished["timerange_remaining"] == "()"
    moments = [datetime.fromisoformat(finished[name]) for name in ("created", "updated", "expiry")]
    assert moments == sorted(moments)
    assert (await tams_without_budget.get("/flow-delete-requests")).json() == [finished]
    left = (await tams_without_budget.get(f"/flows/{flow_id}/segments?accept_get_urls=")).json()
    assert [segment["timerange"] for segment in left] == ["[2999:0_3000:0)"]


async def test_a_deleted_flow_is_not_found_at_once(tams_without_budget: httpx.AsyncClient) -> None:
    flow_id = await put_long_flow(tams_without_budget)
    response = await tams_without_budget.delete(f"/flows/{flow_id}")
    assert (response.status_code, response.json()["delete_flow"]) == (202, True)
    assert (await tams_without_budget.get(f"/flows/{flow_id}")).status_code == 404
    await until_deleted(tams_without_budget, response.headers["location"])


async def test_deletions_are_listed_and_delete_only_what_they_name(
    tams_without_budget: httpx.AsyncClient,
) -> None:
    partly_deleted, bodies = await put_flow_of_objects(tams_without_budget, ["a", "b"], 2200)
    emptied, _ = await put_flow_of_objects(tams_without_budget, ["a"], 1001)
    deleted, _ = await put_flow_of_objects(tams_without_budget, ["a", "c"], 1001)
    answers = [
        await tams_without_budget.delete(path)
        for path in (
            f"/flows/{partly_deleted}/segments?object_id=a&timerange=(9:0_2188:5)",
            f"/flows/{emptied}/segments",
            f"/flows/{deleted}",
        )
    ]
    assert [answer.status_code for answer in answers] == [202] * 3
    for answer in answers:
        await until_deleted(tams_without_budget, answer.headers["location"])
    listed = {
        request["id"]: request for request in (await tams_without_budget.get("/flow-delete-requests")).json()
    }
    assert listed.keys() == {answer.json()["id"] for answer in answers}
    for answer in answers:
        assert (await tams_without_budget.get(answer.headers["location"])).json() == listed[
            answer.json()["id"]
        ]
    left = [
        segment["timerange"]
        for number, segment in enumerate(bodies)
        if segment["object_id"] == "b" or not 10 <= number < 2188
    ]
    path = f"/flows/{partly_deleted}/segments"
    assert [
        segment["timerange"]
        for segment in await walk(tams_without_budget, path, {"accept_get_urls": ""}, 1000)
    ] == left
    assert (await tams_without_budget.get(f"/flows/{emptied}/segments")).json() == []
    assert (await tams_without_budget.get("/objects/a")).json()["referenced_by_flows"] == [partly_deleted]
    assert (await tams_without_budget.get("/objects/c")).status_code == 404


async def test_an_unknown_deletion_is_not_found(tams: httpx.AsyncClient) -> None:
    for request_id in (new_id(), "x"):
        assert (await tams.get(f"/flow-delete-requests/{request_id}")).status_code == 404
