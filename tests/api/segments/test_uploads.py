"""With `check_uploads`, segments are registered only if their objects were uploaded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from client.api import TamsClient
from client.doctor import Grade
from client.doctor import objects as doctor
from services.media import bootstrap as media
from services.media.settings import Settings as MediaSettings
from tests.api.conftest import MakeFlow
from tests.support.processes.health import until_serving
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import QUICK, a_flow, a_segment, new_id, running_gateway
from tests.support.services.metadata import running_metadata
from tests.support.storage.backends import OTHER_BACKEND_ID
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def checking_tams(services: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that checks that objects were uploaded."""
    async with running_gateway(**services, check_uploads=True) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="package")
async def storage() -> AsyncIterator[httpx.AsyncClient]:
    """A client of object storage."""
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        yield client


async def allocate(
    tams: httpx.AsyncClient, flow: dict[str, Any], count: int, **where: Any
) -> list[dict[str, Any]]:
    reply = await tams.post(f"/flows/{flow['id']}/storage", json={"limit": count, **where})
    objects: list[dict[str, Any]] = reply.json()["media_objects"]
    return objects


async def upload(storage: httpx.AsyncClient, *objects: dict[str, Any]) -> None:
    for allocated in objects:
        put_url = allocated["put_url"]
        headers = {"content-type": put_url["content-type"], **put_url["headers"]}
        assert (await storage.put(put_url["url"], content=b"media", headers=headers)).status_code == 200


def segment_of(allocated: dict[str, Any], start: int, end: int, **more: Any) -> dict[str, Any]:
    """The body of a segment that uses an allocated object."""
    return {"object_id": allocated["object_id"], "timerange": f"[{start}:0_{end}:0)", **more}


async def stored_timeranges(tams: httpx.AsyncClient, flow: dict[str, Any]) -> list[str]:
    listed = await tams.get(f"/flows/{flow['id']}/segments", params={"accept_get_urls": ""})
    return [segment["timerange"] for segment in listed.json()]


async def test_a_segment_is_refused_before_its_upload_and_stored_after_it(
    checking_tams: httpx.AsyncClient, storage: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    path = f"/flows/{flow['id']}/segments"
    (allocated,) = await allocate(checking_tams, flow, 1)
    refused = await checking_tams.post(path, json=segment_of(allocated, 0, 10))
    assert (refused.status_code, refused.json()["type"]) == (400, "OBJECT_NOT_STORED")
    assert refused.json()["path"] == "$.object_id"
    elsewhere = segment_of(allocated, 0, 10, get_urls=[{"url": "https://elsewhere.example/copy"}])
    assert (await checking_tams.post(path, json=elsewhere)).status_code == 400
    assert await stored_timeranges(checking_tams, flow) == []
    await upload(storage, allocated)
    assert (await checking_tams.post(path, json=segment_of(allocated, 0, 10))).status_code == 201
    (segment,) = (await checking_tams.get(path)).json()
    assert (await storage.get(segment["get_urls"][0]["url"])).content == b"media"


async def test_an_uploaded_object_is_registered_by_two_flows(
    checking_tams: httpx.AsyncClient, storage: httpx.AsyncClient, flow: dict[str, Any], make_flow: MakeFlow
) -> None:
    (allocated,) = await allocate(checking_tams, flow, 1)
    await upload(storage, allocated)
    for user in (flow, await make_flow()):
        reply = await checking_tams.post(f"/flows/{user['id']}/segments", json=segment_of(allocated, 0, 10))
        assert reply.status_code == 201


@pytest.mark.parametrize("count", [3, 12, 700])
async def test_a_missing_object_fails_only_its_own_segment(
    checking_tams: httpx.AsyncClient, storage: httpx.AsyncClient, flow: dict[str, Any], count: int
) -> None:
    objects = await allocate(checking_tams, flow, min(count, 12))
    missing = objects.pop(1)
    await upload(storage, *objects)
    segments = [segment_of(objects[second % len(objects)], second, second + 1) for second in range(count)]
    segments[1] = segment_of(missing, 1, 2)
    segments.append(a_segment(count, count + 1))
    reply = await checking_tams.post(f"/flows/{flow['id']}/segments", json=segments)
    assert reply.status_code == 200
    (failed,) = reply.json()["failed_segments"]
    assert (failed["object_id"], failed["error"]["type"]) == (missing["object_id"], "OBJECT_NOT_STORED")
    assert failed["error"]["path"] == "$[1].object_id"
    await upload(storage, missing)
    assert (await checking_tams.post(f"/flows/{flow['id']}/segments", json=[segments[1]])).status_code == 201


async def test_other_faults_are_reported_as_without_the_check(
    checking_tams: httpx.AsyncClient, flow: dict[str, Any], read_only_flow: dict[str, Any]
) -> None:
    (allocated,) = await allocate(checking_tams, flow, 1)
    path = f"/flows/{flow['id']}/segments"
    await checking_tams.post(path, json=a_segment(0, 10))
    for target, body, status, reason in (
        (f"/flows/{new_id()}/segments", segment_of(allocated, 0, 1), 404, "FLOW_NOT_FOUND"),
        (f"/flows/{read_only_flow['id']}/segments", segment_of(allocated, 0, 1), 403, "FLOW_READ_ONLY"),
        (path, segment_of({"object_id": "nobody"}, 10, 11), 400, "UNKNOWN_OBJECT"),
        (path, segment_of(allocated, 5, 11), 400, "SEGMENT_OVERLAP"),
        (path, segment_of(allocated, 10, 10), 400, "BAD_SEGMENT"),
    ):
        refused = await checking_tams.post(target, json=body)
        assert (refused.status_code, refused.json()["type"]) == (status, reason)


async def test_simultaneous_segments_are_checked_separately(
    checking_tams: httpx.AsyncClient, storage: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    objects = await allocate(checking_tams, flow, 40)
    await upload(storage, *objects[::2])
    path = f"/flows/{flow['id']}/segments"
    replies = await asyncio.gather(
        *(
            checking_tams.post(path, json=segment_of(allocated, second, second + 1))
            for second, allocated in enumerate(objects)
        )
    )
    assert [reply.status_code for reply in replies] == [201, 400] * 20


async def test_nothing_is_registered_while_media_is_unreachable(
    services: dict[str, str], flow: dict[str, Any], tams: httpx.AsyncClient
) -> None:
    (unused_port,) = free_ports(1)
    without_media = services | {"media_address": f"127.0.0.1:{unused_port}"}
    async with running_gateway(**without_media, check_uploads=True) as tams_without_media:
        for body in (a_segment(), [a_segment()]):
            refused = await tams_without_media.post(f"/flows/{flow['id']}/segments", json=body)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) > 0
        assert (await tams_without_media.post(f"/flows/{flow['id']}/segments", json=[])).status_code == 201
    assert await stored_timeranges(tams, flow) == []


@pytest_asyncio.fixture(loop_scope="package")
async def half_reachable(seaweedfs: SeaweedFS, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """The gateway settings that name a store of its own. One of its two storage backends is unreachable."""
    (unused_port,) = free_ports(1)
    reachable = seaweedfs.backend(f"tams-{new_id()[:8]}")
    cold = {"id": OTHER_BACKEND_ID, "label": "cold", "default_storage": False}
    unreachable = reachable | cold | {"endpoint_url": f"http://127.0.0.1:{unused_port}"}
    config = str(write_storage_config(tmp_path / "storage.json", reachable, unreachable))
    async with running_metadata(tmp_path) as metadata:
        address: dict[str, Any] = {"metadata_address": f"127.0.0.1:{metadata.port}"}
        async with media.running(MediaSettings(**QUICK, **address, storage_config=config)) as server:
            await until_serving(server.port)
            address["media_address"] = f"127.0.0.1:{server.port}"
            yield address


async def test_nothing_is_registered_while_its_storage_is_unreachable(
    half_reachable: dict[str, str], storage: httpx.AsyncClient
) -> None:
    async with running_gateway(**half_reachable, check_uploads=True) as tams:
        flow = a_flow()
        await tams.put(f"/flows/{flow['id']}", json=flow)
        (reachable,) = await allocate(tams, flow, 1)
        (unreachable,) = await allocate(tams, flow, 1, storage_id=OTHER_BACKEND_ID)
        await upload(storage, reachable)
        for body in (
            segment_of(unreachable, 0, 1),
            [segment_of(reachable, 0, 1), segment_of(unreachable, 1, 2)],
        ):
            refused = await tams.post(f"/flows/{flow['id']}/segments", json=body)
            assert (refused.status_code, refused.json()["type"]) == (503, "STORAGE_UNAVAILABLE")
            assert int(refused.headers["retry-after"]) > 0
        assert await stored_timeranges(tams, flow) == []
        reply = await tams.post(f"/flows/{flow['id']}/segments", json=segment_of(reachable, 0, 1))
        assert reply.status_code == 201


async def test_a_gateway_without_the_setting_does_not_check(
    tams: httpx.AsyncClient, flow: dict[str, Any]
) -> None:
    (allocated,) = await allocate(tams, flow, 1)
    assert (
        await tams.post(f"/flows/{flow['id']}/segments", json=segment_of(allocated, 0, 10))
    ).status_code == 201


async def test_the_doctor_finds_a_segment_without_an_uploaded_object(
    half_reachable: dict[str, str], storage: httpx.AsyncClient
) -> None:
    async with running_gateway(**half_reachable) as tams:
        flow = a_flow()
        await tams.put(f"/flows/{flow['id']}", json=flow)
        objects = await allocate(tams, flow, 30)
        not_uploaded = objects[14]
        await upload(storage, *(allocated for allocated in objects if allocated is not not_uploaded))
        segments = [segment_of(allocated, second, second + 1) for second, allocated in enumerate(objects)]
        assert (await tams.post(f"/flows/{flow['id']}/segments", json=segments)).status_code == 201
        async with TamsClient(str(tams.base_url)) as store:
            (found,) = await doctor.check(store, storage)
    assert found.grade is Grade.PROBLEM
    assert f"1 of 30 are missing, such as {not_uploaded['object_id']}" in found.summary
