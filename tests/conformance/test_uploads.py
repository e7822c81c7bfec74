"""Uploads of large objects in parts, an extension."""

from typing import Any

import httpx

from tests.conformance.reaching import Client, reaches
from tests.support.services.gateway import a_segment, new_id

_UPLOADS = "/x/objects/{objectId}/uploads"
_UPLOAD = f"{_UPLOADS}/{{uploadId}}"
NUMBERS = {"part_numbers": [1]}


async def allocated(client: Client, flow: dict[str, Any]) -> str:
    response = await client.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
    object_id: str = response.json()["media_objects"][0]["object_id"]
    return object_id


async def statuses(client: Client, uploads: str, upload: str) -> set[int]:
    """The status of each operation on an upload."""
    answers = [
        await client.get(uploads),
        await client.post(uploads),
        await client.delete(upload),
        await client.get(f"{upload}/parts"),
        await client.post(f"{upload}/part-urls", json=NUMBERS),
        await client.post(f"{upload}/complete"),
    ]
    return {answer.status_code for answer in answers}


@reaches(f"POST {_UPLOADS}", 201)
@reaches(f"GET {_UPLOADS}", 200)
@reaches(f"POST {_UPLOAD}/part-urls", 200)
@reaches(f"GET {_UPLOAD}/parts", 200)
@reaches(f"POST {_UPLOAD}/complete", 200)
@reaches(f"DELETE {_UPLOAD}", 204)
async def test_an_object_is_uploaded_in_parts(tams: Client, flow: dict[str, Any]) -> None:
    uploads = f"/x/objects/{await allocated(tams, flow)}/uploads"
    created, other = [(await tams.post(uploads)).json() for _ in range(2)]
    assert {found["upload_id"] for found in (await tams.get(uploads)).json()} == {
        created["upload_id"],
        other["upload_id"],
    }
    upload = f"{uploads}/{created['upload_id']}"
    (part,) = (await tams.post(f"{upload}/part-urls", json=NUMBERS)).json()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as storage:
        etag = (await storage.put(part["url"], content=b"all")).headers["etag"]
    parts = (await tams.get(f"{upload}/parts")).json()
    assert parts == [{"part_number": 1, "etag": etag, "size": 3}]
    completed = await tams.post(f"{upload}/complete", json={"parts": [{"part_number": 1, "etag": etag}]})
    assert completed.json() == {"size": 3}
    assert (await tams.delete(f"{uploads}/{other['upload_id']}")).status_code == 204


@reaches(f"POST {_UPLOADS}", 400, 403, 404)
@reaches(f"GET {_UPLOADS}", 400, 403, 404)
@reaches(f"POST {_UPLOAD}/part-urls", 400, 403, 404)
@reaches(f"GET {_UPLOAD}/parts", 400, 403, 404)
@reaches(f"POST {_UPLOAD}/complete", 400, 403, 404)
@reaches(f"DELETE {_UPLOAD}", 400, 403, 404)
async def test_objects_that_cannot_be_uploaded_are_refused(tams: Client, flow: dict[str, Any]) -> None:
    unknown = f"/x/objects/{new_id()}/uploads"
    assert await statuses(tams, unknown, f"{unknown}/x") == {404}
    registered, waiting = [await allocated(tams, flow) for _ in range(2)]
    created = await tams.post(f"/flows/{flow['id']}/segments", json=a_segment(object_id=registered))
    assert created.status_code == 201
    uploads = f"/x/objects/{registered}/uploads"
    assert await statuses(tams, uploads, f"{uploads}/x") == {400}
    await tams.put(f"/flows/{flow['id']}/read_only", json=True)
    uploads = f"/x/objects/{waiting}/uploads"
    assert await statuses(tams, uploads, f"{uploads}/x") == {403}
