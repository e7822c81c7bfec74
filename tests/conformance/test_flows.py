"""Sources and flows: their life, lists and deletions."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.conformance.conftest import MakeFlow, checked
from tests.conformance.reaching import Client, reaches
from tests.support.processes.polling import until
from tests.support.services.gateway import a_flow, a_segment, new_id
from tests.support.services.metadata import running_metadata


@reaches("PUT /flows/{flowId}", 201, 204, 400, 403, 404)
@reaches("GET /flows/{flowId}", 200, 400, 404)
@reaches("GET /sources/{sourceId}", 200, 404)
@reaches("DELETE /flows/{flowId}", 204, 403, 404)
async def test_a_flow_is_created_replaced_protected_and_deleted(tams: Client) -> None:
    flow = a_flow(label="one", tags={"a": "b"}, generation=0)
    path, source = f"/flows/{flow['id']}", f"/sources/{flow['source_id']}"
    for absent in (path, source):
        assert (await tams.get(absent)).status_code == 404
    created = await tams.put(path, json=flow)
    assert created.status_code == 201
    assert (await tams.get(path)).json() == created.json()
    assert (await tams.get(f"{path}?include_timerange=true&timerange=_")).json()["timerange"] == "()"
    assert (await tams.get(f"{path}?include_timerange=maybe")).status_code == 400
    assert (await tams.get(source)).json()["format"] == flow["format"]

    for wrong in ({"codec": 5}, {"format": "urn:x-nmos:format:audio"}, {"essence_parameters": {"x": 1}}):
        assert (await tams.put(path, json=flow | wrong)).status_code == 400
    assert (await tams.put(path, content=b"{")).status_code == 400
    assert (await tams.put(f"/flows/{new_id()}", json=flow)).status_code == 404
    assert (await tams.get(path)).json() == created.json()

    assert (await tams.put(path, json=flow | {"read_only": True})).status_code == 204
    assert (await tams.put(path, json=flow)).status_code == 403
    assert (await tams.delete(path)).status_code == 403
    assert (await tams.put(f"{path}/read_only", json=False)).status_code == 204
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404
    for absent in (path, source):
        assert (await tams.get(absent)).status_code == 404


@reaches("GET /flows", 200, 400)
@reaches("GET /sources", 200, 400)
async def test_lists_of_flows_and_sources_have_filters_and_pages(tams: Client, make_flow: MakeFlow) -> None:
    label = new_id()
    flows = [await make_flow(label=label, tags={label: "x"}) for _ in range(3)]
    for flow in flows:
        await tams.put(f"/sources/{flow['source_id']}/label", json=label)
        await tams.put(f"/sources/{flow['source_id']}/tags/{label}", json="x")
    for path in ("/flows", "/sources"):
        for query in (f"label={label}", f"tag.{label}=x", f"label={label}&tag_exists.{label}=true"):
            assert len(await walk(tams, f"{path}?{query}&limit=2")) == 3
        for query in (f"tag.{label}=y", f"label={label}&tag_exists.{label}=false"):
            assert await walk(tams, f"{path}?{query}") == []
        for query in ("limit=0", "page=x", "format=film", "tag_exists.a=perhaps"):
            assert (await tams.get(f"{path}?{query}")).status_code == 400
        assert (await tams.get(f"{path}?limit=1000000")).headers["x-paging-limit"] == "1000"


async def walk(tams: Client, url: str | None) -> list[str]:
    """The ids on all pages of a list."""
    found: list[str] = []
    while url:
        page = await tams.get(url)
        assert page.status_code == 200
        found += [item["id"] for item in page.json()]
        url = page.links.get("next", {}).get("url")
    return found


@pytest_asyncio.fixture(loop_scope="package")
async def store(tmp_path: Path) -> AsyncIterator[Client]:
    """A store whose deletions all take longer than their HTTP request."""
    async with (
        running_metadata(tmp_path, deletion_budget_seconds=0) as server,
        checked(metadata_address=f"127.0.0.1:{server.port}") as tams,
    ):
        yield tams


@reaches("DELETE /flows/{flowId}", 202)
@reaches("DELETE /flows/{flowId}/segments", 202)
@reaches("GET /flow-delete-requests", 200)
@reaches("GET /flow-delete-requests/{requestId}", 200, 404)
async def test_a_long_deletion_has_a_deletion_request(store: Client) -> None:
    flow = a_flow()
    await store.put(f"/flows/{flow['id']}", json=flow)
    for path in (f"/flows/{flow['id']}/segments", f"/flows/{flow['id']}"):
        segments = [a_segment(second, second + 1) for second in range(3000)]
        assert (await store.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
        accepted = await store.delete(path)
        assert accepted.status_code == 202
        location = accepted.headers["location"]
        assert location.startswith(f"{store.base_url}/flow-delete-requests/")

        async def done(location: str = location) -> bool:
            # A plain GET without HEAD, as the status may change between both.
            return bool((await super(type(store), store).request("GET", location)).json()["status"] == "done")

        await until(done)
        finished = (await store.get(location)).json()
        assert finished in (await store.get("/flow-delete-requests")).json()
    assert (await store.get(f"/flow-delete-requests/{new_id()}")).status_code == 404
