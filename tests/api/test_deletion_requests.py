"""Deletions that take longer than their call."""

from datetime import datetime

import pytest_asyncio

from tests.support.gateway import a_flow, a_segment, new_id, running_gateway
from tests.support.metadata_service import running_metadata
from tests.support.polling import until
from tests.support.walking import walk


@pytest_asyncio.fixture(loop_scope="package")
async def hasty(tmp_path):
    """A store that gives a DELETE no time at all."""
    async with (
        running_metadata(tmp_path, deletion_budget_seconds=0) as server,
        running_gateway(metadata_address=f"127.0.0.1:{server.port}") as tams,
    ):
        yield tams


async def with_turns(tams, object_ids, count):
    """A flow of so many segments of a second, of one object after the other in turn."""
    flow = a_flow()
    await tams.put(f"/flows/{flow['id']}", json=flow)
    bodies = [
        a_segment(second, second + 1, object_id=object_ids[second % len(object_ids)])
        for second in range(count)
    ]
    assert (await tams.post(f"/flows/{flow['id']}/segments", json=bodies)).status_code == 201
    return flow["id"], bodies


async def with_segments(tams):
    flow_id, _ = await with_turns(tams, [new_id() for _ in range(3000)], 3000)
    return flow_id


async def until_done(tams, url):
    async def done():
        return (await tams.get(url)).json()["status"] == "done"

    await until(done)


async def test_a_long_deletion_of_segments_can_be_followed(hasty):
    flow_id = await with_segments(hasty)
    response = await hasty.delete(f"/flows/{flow_id}/segments?timerange=[0:0_2999:0)")
    assert response.status_code == 202
    asked = response.json()
    assert response.headers["location"] == f"{hasty.base_url}/flow-delete-requests/{asked['id']}"
    expected = {"flow_id": flow_id, "timerange_to_delete": "[0:0_2999:0)", "delete_flow": False}
    assert expected.items() <= asked.items()
    assert asked["status"] in ("created", "started")
    await until_done(hasty, response.headers["location"])
    finished = (await hasty.get(response.headers["location"])).json()
    assert finished["timerange_remaining"] == "()"
    moments = [datetime.fromisoformat(finished[name]) for name in ("created", "updated", "expiry")]
    assert moments == sorted(moments)
    assert (await hasty.get("/flow-delete-requests")).json() == [finished]
    left = (await hasty.get(f"/flows/{flow_id}/segments?accept_get_urls=")).json()
    assert [segment["timerange"] for segment in left] == ["[2999:0_3000:0)"]


async def test_a_deleted_flow_is_gone_at_once(hasty):
    flow_id = await with_segments(hasty)
    response = await hasty.delete(f"/flows/{flow_id}")
    assert (response.status_code, response.json()["delete_flow"]) == (202, True)
    assert (await hasty.get(f"/flows/{flow_id}")).status_code == 404
    await until_done(hasty, response.headers["location"])


async def test_all_deletions_are_listed_and_take_only_what_they_should(hasty):
    turns, bodies = await with_turns(hasty, ["a", "b"], 2200)
    whole, _ = await with_turns(hasty, ["a"], 1000)
    gone, _ = await with_turns(hasty, ["a", "c"], 1001)
    answers = [
        await hasty.delete(path)
        for path in (
            f"/flows/{turns}/segments?object_id=a&timerange=(9:0_2188:5)",
            f"/flows/{whole}/segments",
            f"/flows/{gone}",
        )
    ]
    assert [one.status_code for one in answers] == [202] * 3
    for one in answers:
        await until_done(hasty, one.headers["location"])
    listed = {one["id"]: one for one in (await hasty.get("/flow-delete-requests")).json()}
    assert listed.keys() == {one.json()["id"] for one in answers}
    for one in answers:
        assert (await hasty.get(one.headers["location"])).json() == listed[one.json()["id"]]
    left = [
        one["timerange"]
        for number, one in enumerate(bodies)
        if one["object_id"] == "b" or not 10 <= number < 2188
    ]
    path = f"/flows/{turns}/segments"
    assert [one["timerange"] for one in await walk(hasty, path, {"accept_get_urls": ""}, 1000)] == left
    assert (await hasty.get(f"/flows/{whole}/segments")).json() == []
    assert (await hasty.get("/objects/a")).json()["referenced_by_flows"] == [turns]
    assert (await hasty.get("/objects/c")).status_code == 404


async def test_an_unknown_deletion_is_not_found(tams):
    for request_id in (new_id(), "x"):
        assert (await tams.get(f"/flow-delete-requests/{request_id}")).status_code == 404
