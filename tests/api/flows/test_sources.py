from typing import Any

import httpx
import pytest

from tests.api.conftest import MakeFlow
from tests.support.services.gateway import new_id


async def test_a_source_is_created_with_its_first_flow(tams: httpx.AsyncClient, flow: dict[str, Any]) -> None:
    response = await tams.get(f"/sources/{flow['source_id']}")
    assert response.status_code == 200
    assert response.json().items() >= {"id": flow["source_id"], "format": flow["format"]}.items()


@pytest.mark.parametrize("source_id", [new_id(), "nothing", "a/b"])
async def test_unknown_and_malformed_ids_are_not_found(tams: httpx.AsyncClient, source_id: str) -> None:
    assert (await tams.get(f"/sources/{source_id}")).status_code == 404


async def test_the_list_filters_and_pages(tams: httpx.AsyncClient, make_flow: MakeFlow) -> None:
    label = new_id()
    flows = [await make_flow(label=label, tags={"x": label}) for _ in range(3)]
    single_page = await tams.get("/sources?limit=1000")
    assert single_page.headers["x-paging-limit"] == "1000"
    listed = [source["id"] for source in single_page.json()]
    assert {flow["source_id"] for flow in flows} <= set(listed)
    assert listed == sorted(listed)
    images = (await tams.get("/sources?format=urn:x-tam:format:image&limit=1000")).json()
    assert [source["id"] for source in images] == [
        source["id"] for source in single_page.json() if source["format"] == "urn:x-tam:format:image"
    ]
    assert (await tams.get(f"/sources?label={new_id()}")).json() == []
    assert (await tams.get(f"/sources?tag_exists.{new_id()}=true")).json() == []

    seen: list[str] = []
    url: str | None = "/sources?limit=2"
    while url:
        page = await tams.get(url)
        seen += [source["id"] for source in page.json()]
        url = page.links.get("next", {}).get("url")
    assert seen == listed


@pytest.mark.parametrize("query", ["format=x", "limit=0", "page=x", "tag_exists.a=maybe"])
async def test_the_list_refuses_an_invalid_query(tams: httpx.AsyncClient, query: str) -> None:
    assert (await tams.get(f"/sources?{query}")).status_code == 400
