from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import a_segment, new_id


@pytest.mark.parametrize("name", ["plain", "with/slash", "a b?c#d%2F&é", "/leading", "trailing/", "50%"])
async def test_an_object_may_have_any_text_as_its_id(
    tams: httpx.AsyncClient, flow: dict[str, Any], name: str
) -> None:
    object_id = f"{new_id()}{name}" if not name.startswith("/") else f"{name}{new_id()}"
    created = await tams.post(f"/flows/{flow['id']}/segments", json=a_segment(object_id=object_id))
    assert created.status_code == 201
    response = await tams.get(f"/objects/{quote(object_id, safe='')}")
    assert response.status_code == 200
    assert response.json() == {
        "id": object_id,
        "referenced_by_flows": [flow["id"]],
        "first_referenced_by_flow": flow["id"],
    }


async def test_the_flows_of_an_object_are_paged(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    object_id = f"shared/{new_id()}"
    ids = []
    for _ in range(3):
        flow = await make_flow()
        ids.append(flow["id"])
        await tams.post(f"/flows/{flow['id']}/segments", json=a_segment(object_id=object_id))
    seen: list[str] = []
    url: str | None = f"/objects/shared%2F{object_id.removeprefix('shared/')}?limit=2"
    while url:
        page = await tams.get(url)
        assert page.headers["x-paging-limit"] == "2"
        assert page.json()["first_referenced_by_flow"] == ids[0]
        seen += page.json()["referenced_by_flows"]
        url = page.links.get("next", {}).get("url")
        assert url is None or "/objects/shared%2F" in url
    assert seen == sorted(ids)


async def test_an_object_without_references_is_not_found(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    segment = a_segment()
    await tams.post(f"/flows/{flow['id']}/segments", json=segment)
    await tams.delete(f"/flows/{flow['id']}/segments")
    assert (await tams.get(f"/objects/{segment['object_id']}")).status_code == 404


@pytest.mark.parametrize("path", ["/objects/none", "/objects/", "/objects"])
async def test_unknown_objects_are_not_found(tams: httpx.AsyncClient, path: str) -> None:
    assert (await tams.get(path)).status_code == 404


@pytest.mark.parametrize("query", ["limit=0", "page=x", "limit=x"])
async def test_an_invalid_query_is_refused(tams: httpx.AsyncClient, query: str) -> None:
    assert (await tams.get(f"/objects/none?{query}")).status_code == 400
