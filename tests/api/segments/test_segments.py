from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.shared.ids import is_uuid
from tests.api.conftest import MakeFlow
from tests.support.services.gateway import a_segment, new_id


@pytest.fixture
def segments(flow: dict[str, Any]) -> str:
    """The path of the segments of the flow."""
    return f"/flows/{flow['id']}/segments"


@pytest_asyncio.fixture(loop_scope="package")
async def stored(tams: httpx.AsyncClient, flow: dict[str, Any], segments: str) -> list[dict[str, Any]]:
    """Five segments of ten seconds. Only the first uses an object of this store."""
    storage = await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
    own = {
        "object_id": storage.json()["media_objects"][0]["object_id"],
        "timerange": "[0:0_10:0)",
        "get_urls": [{"url": "https://elsewhere.example/copy", "label": "copy"}],
    }
    rest = [a_segment(start, start + 10) for start in (10, 20, 30, 40)]
    response = await tams.post(segments, json=[own, *rest])
    assert response.status_code == 201, response.text
    return [own, *rest]


def timeranges(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [segment["timerange"] for segment in response.json()]


async def test_segments_are_listed_in_order_with_their_urls(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]]
) -> None:
    response = await tams.get(segments)
    assert timeranges(response) == [segment["timerange"] for segment in stored]
    first, second = response.json()[:2]
    assert first["object_id"] == stored[0]["object_id"]
    assert first["ts_offset"] == "0:0"
    signed, copy = first["get_urls"]
    assert signed.keys() == {"url", "presigned", "label"}
    assert (signed["presigned"], signed["label"]) == (True, "local")
    assert copy == {"url": "https://elsewhere.example/copy", "label": "copy"}
    assert second["get_urls"] == stored[1]["get_urls"]


async def test_media_is_uploaded_and_read_by_signed_urls(
    tams: httpx.AsyncClient, flow: dict[str, Any], segments: str
) -> None:
    storage = (await tams.post(f"/flows/{flow['id']}/storage", json={"limit": 1})).json()
    allocated = storage["media_objects"][0]
    async with httpx.AsyncClient(trust_env=False) as http:
        put_url = allocated["put_url"]
        headers = {"content-type": put_url["content-type"], **put_url["headers"]}
        put = await http.put(put_url["url"], content=b"media", headers=headers)
        assert put.status_code == 200
        await tams.post(segments, json={"object_id": allocated["object_id"], "timerange": "[0:0_10:0)"})
        again = await http.put(put_url["url"], content=b"other", headers=headers)
        assert again.status_code == 412, "a registered object stays as it is"
        url = (await tams.get(segments)).json()[0]["get_urls"][0]["url"]
        downloaded = await http.get(url)
    assert downloaded.content == b"media"
    assert downloaded.headers["content-type"] == "video/mp2t"


async def test_verbose_storage_describes_the_backend_of_each_url(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]]
) -> None:
    response = await tams.get(f"{segments}?verbose_storage=true&limit=1")
    signed, copy = response.json()[0]["get_urls"]
    assert is_uuid(signed["storage_id"])
    assert (
        signed.items()
        >= {
            "controlled": True,
            "store_type": "http_object_store",
            "provider": "local",
            "store_product": "SeaweedFS",
            "region": "here",
        }.items()
    )
    assert copy == {"url": "https://elsewhere.example/copy", "label": "copy", "controlled": False}


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("", ["local", "copy"]),
        ("accept_get_urls=", []),
        ("accept_get_urls=local", ["local"]),
        ("accept_get_urls=copy,none", ["copy"]),
        ("accept_get_urls=none", []),
        ("accept_storage_ids=", ["local", "copy"]),
        ("accept_storage_ids=5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10", ["local"]),
        ("accept_storage_ids=c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11", []),
        ("presigned=true", ["local"]),
        ("presigned=false", ["copy"]),
        ("presigned=false&accept_get_urls=local", []),
        ("include_object_timerange=true", ["local", "copy"]),
    ],
)
async def test_filters_of_urls_keep_all_segments(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]], query: str, labels: list[str]
) -> None:
    response = await tams.get(f"{segments}?{query}")
    assert len(timeranges(response)) == 5
    assert [url["label"] for url in response.json()[0]["get_urls"]] == labels


async def test_a_range_selects_the_segments_that_overlap_it(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]]
) -> None:
    async def found(query: str) -> list[str]:
        return timeranges(await tams.get(f"{segments}?{query}"))

    assert await found("timerange=[15:0_20:0)") == ["[10:0_20:0)"]
    assert await found("timerange=[15:0_20:0]") == ["[10:0_20:0)", "[20:0_30:0)"]
    assert await found("timerange=_5:0)") == ["[0:0_10:0)"]
    assert await found("timerange=[50:0_") == []
    assert await found("timerange=()") == []
    assert len(await found("timerange=")) == 5
    assert await found(f"object_id={stored[2]['object_id']}") == ["[20:0_30:0)"]
    assert await found("object_id=none") == []


@pytest.mark.parametrize("reverse", [False, True])
async def test_pages_lead_through_all_segments_in_both_directions(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]], reverse: bool
) -> None:
    in_query = str(reverse).lower()
    seen: list[str] = []
    url: str | None = f"{segments}?limit=2&reverse_order={in_query}&timerange=[5:0_45:0)"
    spans = []
    while url:
        page = await tams.get(url)
        seen += timeranges(page)
        assert page.headers["x-paging-limit"] == "2"
        assert page.headers["x-paging-reverse-order"] == in_query
        assert page.headers["x-paging-count"] == str(len(page.json()))
        spans.append(page.headers["x-paging-timerange"])
        url = page.links.get("next", {}).get("url")
    expected = [segment["timerange"] for segment in stored]
    assert seen == (expected[::-1] if reverse else expected)
    assert spans[0] == ("[30:0_50:0)" if reverse else "[0:0_20:0)")


async def test_an_unknown_flow_has_no_segments(tams: httpx.AsyncClient) -> None:
    response = await tams.get(f"/flows/{new_id()}/segments")
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["x-paging-count"] == "0"
    assert response.headers["x-paging-timerange"] == "()"
    assert "link" not in response.headers


async def test_a_malformed_flow_id_is_not_found(tams: httpx.AsyncClient) -> None:
    assert (await tams.get("/flows/x/segments")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "timerange=1",
        "limit=0",
        "page=x",
        "reverse_order=1",
        "verbose_storage=TRUE",
        "presigned=",
        "accept_get_urls=a,,b",
        "accept_storage_ids=x",
    ],
)
async def test_an_invalid_query_is_refused(tams: httpx.AsyncClient, segments: str, query: str) -> None:
    response = await tams.get(f"{segments}?{query}")
    assert response.status_code == 400
    assert response.json()["summary"]


async def test_a_page_key_of_another_list_is_refused(
    tams: httpx.AsyncClient, segments: str, make_flow: MakeFlow
) -> None:
    for _ in range(2):
        await make_flow()
    key = (await tams.get("/flows?limit=1")).headers["x-paging-nextkey"]
    assert (await tams.get(f"{segments}?page={key}")).status_code == 400


async def test_a_deletion_deletes_only_segments_within_its_range(
    tams: httpx.AsyncClient, segments: str, stored: list[dict[str, Any]]
) -> None:
    deleted = await tams.delete(f"{segments}?timerange=[5:0_35:0)")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert timeranges(await tams.get(segments)) == ["[0:0_10:0)", "[30:0_40:0)", "[40:0_50:0)"]
    assert (await tams.delete(f"{segments}?object_id={stored[4]['object_id']}")).status_code == 204
    assert timeranges(await tams.get(segments)) == ["[0:0_10:0)", "[30:0_40:0)"]
    assert (await tams.delete(segments)).status_code == 204
    assert timeranges(await tams.get(segments)) == []
    assert (await tams.delete(segments)).status_code == 204


async def test_a_deletion_of_an_unknown_or_read_only_flow_is_refused(
    tams: httpx.AsyncClient, segments: str, read_only_flow: dict[str, Any]
) -> None:
    assert (await tams.delete(f"/flows/{new_id()}/segments")).status_code == 404
    assert (await tams.delete("/flows/x/segments")).status_code == 404
    assert (await tams.delete(f"/flows/{read_only_flow['id']}/segments")).status_code == 403
    assert (await tams.delete(f"{segments}?timerange=x")).status_code == 400
