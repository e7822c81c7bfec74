"""The check whether objects were uploaded, with real object storage."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from tams.media.v1 import storage_service_pb2
from tams.media.v1.storage_service_pb2 import (
    PRESENCE_ELSEWHERE,
    PRESENCE_MISSING,
    PRESENCE_STORED,
    PRESENCE_UNREACHABLE,
    AllocatedObject,
    AllocateStorageRequest,
    LookForObjectsRequest,
)

from services.media.domain.object import ObjectLocation
from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.storage.backends import OTHER_BACKEND_ID


async def allocate(media: Media, **options: Any) -> Sequence[AllocatedObject]:
    return (await call(media.stub.AllocateStorage, AllocateStorageRequest(flow_id="flow", **options))).objects


async def upload(http: httpx.AsyncClient, *objects: AllocatedObject) -> None:
    for allocated in objects:
        headers = {"Content-Type": allocated.content_type, **allocated.headers}
        assert (await http.put(allocated.put_url, content=b"media", headers=headers)).status_code == 200


async def look_for(media: Media, *object_ids: str) -> list["storage_service_pb2.Presence.ValueType"]:
    return list(
        (await call(media.stub.LookForObjects, LookForObjectsRequest(object_ids=object_ids))).presences
    )


async def test_presences_are_in_the_order_of_the_request(media: Media, http: httpx.AsyncClient) -> None:
    uploaded, missing = await allocate(media, limit=2)
    await upload(http, uploaded)
    ids = [missing.object_id, "unknown", uploaded.object_id, missing.object_id, uploaded.object_id]
    assert await look_for(media, *ids) == [
        PRESENCE_MISSING,
        PRESENCE_ELSEWHERE,
        PRESENCE_STORED,
        PRESENCE_MISSING,
        PRESENCE_STORED,
    ]
    await upload(http, missing)
    assert await look_for(media, missing.object_id) == [PRESENCE_STORED]
    assert await look_for(media) == []


async def test_sizes_that_were_found_are_recorded(media: Media, http: httpx.AsyncClient) -> None:
    objects = await allocate(media, limit=12)
    await upload(http, *objects[:-1])
    ids = [allocated.object_id for allocated in objects]
    assert await look_for(media, *ids) == [PRESENCE_STORED] * 11 + [PRESENCE_MISSING]
    await until(lambda: media.registry.sizes == dict.fromkeys(ids[:-1], 5))


async def test_objects_that_another_process_allocated_are_located(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    without_reclaim = {"reclaim_unregistered_seconds": -1, "reclaim_unreferenced_seconds": -1}
    async with serve(backend, **without_reclaim) as media:
        first, second, third = await allocate(media, limit=3)
        await upload(http, first)
    media.registry.sizes[third.object_id] = 7
    async with serve(backend, **without_reclaim) as restarted:
        # The third object was not uploaded, but its size is recorded, so storage is not asked.
        assert await look_for(restarted, first.object_id, second.object_id, third.object_id) == [
            PRESENCE_STORED,
            PRESENCE_MISSING,
            PRESENCE_STORED,
        ]


async def test_an_object_is_looked_for_at_its_latest_path(media: Media, http: httpx.AsyncClient) -> None:
    old, new = await allocate(media, limit=2)
    await upload(http, new)
    location = media.registry.reserved[new.object_id]
    media.registry.reserved[old.object_id] = ObjectLocation(
        old.object_id, location.storage_id, location.storage_path
    )
    assert await look_for(media, old.object_id) == [PRESENCE_STORED]


async def test_an_unreachable_backend_does_not_hide_objects_of_others(
    serve: Serve, backend: dict[str, Any], http: httpx.AsyncClient
) -> None:
    (unused_port,) = free_ports(1)
    unreachable = backend | {
        "id": OTHER_BACKEND_ID,
        "label": "away",
        "default_storage": False,
        "endpoint_url": f"http://127.0.0.1:{unused_port}",
    }
    async with serve(backend, unreachable) as media:
        uploaded, missing = await allocate(media, limit=2)
        (hidden,) = await allocate(media, limit=1, storage_id=OTHER_BACKEND_ID)
        await upload(http, uploaded)
        ids = [allocated.object_id for allocated in (hidden, uploaded, missing)]
        assert await look_for(media, *ids) == [PRESENCE_UNREACHABLE, PRESENCE_STORED, PRESENCE_MISSING]


async def test_an_object_of_a_backend_that_is_not_configured_is_elsewhere(media: Media) -> None:
    media.registry.reserved["old"] = ObjectLocation("old", OTHER_BACKEND_ID, "old")
    assert await look_for(media, "old") == [PRESENCE_ELSEWHERE]


async def test_too_many_objects_are_refused(media: Media) -> None:
    object_ids = [str(number) for number in range(10_000)]
    assert await look_for(media, *object_ids) == [PRESENCE_ELSEWHERE] * 10_000
    with pytest.raises(InvalidArgument) as raised:
        await look_for(media, *object_ids, "more")
    assert raised.value.reason == "TOO_MANY_ITEMS"
