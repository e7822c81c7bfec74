"""Uploads in parts over HTTP, to real object storage."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from tests.support.services.gateway import a_segment, new_id

FIRST = b"a" * 5 * 1024**2
SECOND = b"the end"


@pytest_asyncio.fixture(loop_scope="package")
async def object_id(tams: httpx.AsyncClient, flow: dict[str, Any]) -> str:
    """An allocated object of the flow."""
    chosen = f"clips/{new_id()}"
    allocated = await tams.post(f"/flows/{flow['id']}/storage", json={"object_ids": [chosen]})
    found: str = allocated.json()["media_objects"][0]["object_id"]
    return found


@pytest.fixture
def uploads(object_id: str) -> str:
    """The path of the uploads of the object."""
    return f"/x/objects/{quote(object_id, safe='')}/uploads"


async def begin(tams: httpx.AsyncClient, uploads: str) -> str:
    created = await tams.post(uploads)
    assert created.status_code == 201, created.text
    assert created.json()["min_part_bytes"] == len(FIRST)
    return f"{uploads}/{created.json()['upload_id']}"


async def put_parts(tams: httpx.AsyncClient, upload: str, *contents: bytes) -> list[dict[str, Any]]:
    """PUT parts 1, 2, …; their numbers and ETags."""
    signed = await tams.post(f"{upload}/part-urls", json={"part_numbers": [*range(1, len(contents) + 1)]})
    assert signed.headers["cache-control"] == "no-store"
    parts = []
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        for part, content in zip(signed.json(), contents, strict=True):
            response = await storage.put(part["url"], content=content)
            assert response.status_code == 200, response.text
            parts.append({"part_number": part["part_number"], "etag": response.headers["etag"]})
    return parts


async def test_an_object_uploaded_in_parts_is_registered_and_read(
    tams: httpx.AsyncClient, flow: dict[str, Any], object_id: str, uploads: str
) -> None:
    upload = await begin(tams, uploads)
    segments, segment = f"/flows/{flow['id']}/segments", a_segment(object_id=object_id, get_urls=[])
    parts = await put_parts(tams, upload, FIRST, SECOND)
    listed = await tams.get(f"{upload}/parts", params={"limit": 1})
    assert listed.json() == [parts[0] | {"size": len(FIRST)}]
    rest = await tams.get(listed.links["next"]["url"])
    assert rest.json() == [parts[1] | {"size": len(SECOND)}]
    completed = await tams.post(f"{upload}/complete", json={"parts": parts})
    assert (completed.status_code, completed.json()) == (200, {"size": len(FIRST + SECOND)})
    created = await tams.post(segments, json=segment)
    assert created.status_code == 201, created.text
    (registered,) = (await tams.get(segments)).json()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        read = await storage.get(registered["get_urls"][0]["url"])
    assert read.content == FIRST + SECOND
    refused = await tams.post(uploads)
    assert (refused.status_code, refused.json()["type"]) == (400, "OBJECT_REGISTERED")


async def test_without_a_body_an_upload_is_completed_with_all_its_parts(
    tams: httpx.AsyncClient, uploads: str
) -> None:
    upload = await begin(tams, uploads)
    await put_parts(tams, upload, b"1")
    assert (await tams.post(f"{upload}/complete")).json() == {"size": 1}


async def test_open_uploads_are_listed_until_they_are_aborted(tams: httpx.AsyncClient, uploads: str) -> None:
    upload = await begin(tams, uploads)
    (found,) = (await tams.get(uploads)).json()
    assert upload.endswith(found["upload_id"])
    assert found["created"] < found["expiry"]
    for _ in range(2):
        assert (await tams.delete(upload)).status_code == 204
    assert (await tams.get(uploads)).json() == []
    missing = await tams.get(f"{upload}/parts")
    assert (missing.status_code, missing.json()["type"]) == (404, "UPLOAD_NOT_FOUND")


@pytest.mark.parametrize(
    ("action", "body", "path"),
    [
        ("part-urls", {"part_numbers": []}, "$.part_numbers"),
        ("part-urls", {"part_numbers": [0]}, "$.part_numbers[0]"),
        ("part-urls", {"part_numbers": [1, 1]}, "$.part_numbers"),
        ("part-urls", {"part_numbers": list(range(1, 1002))}, "$.part_numbers"),
        ("complete", {"parts": [{"part_number": 1, "etag": ""}]}, "$.parts[0].etag"),
        ("complete", {"parts": [{"part_number": 2, "etag": "a"}, {"part_number": 1, "etag": "a"}]},
         "$.parts[1].part_number"),
    ],
)  # fmt: skip
async def test_bad_parts_are_refused(
    tams: httpx.AsyncClient, uploads: str, action: str, body: dict[str, Any], path: str
) -> None:
    response = await tams.post(f"{uploads}/an-upload/{action}", json=body)
    assert (response.status_code, response.json().get("path")) == (400, path), response.text


async def test_an_unknown_object_has_no_uploads(tams: httpx.AsyncClient) -> None:
    for response in (
        await tams.get(f"/x/objects/{new_id()}/uploads"),
        await tams.post(f"/x/objects/{new_id()}/uploads"),
    ):
        assert (response.status_code, response.json()["type"]) == (404, "OBJECT_NOT_FOUND")
