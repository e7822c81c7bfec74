"""Initialization sections, read from real object storage."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from tams.media.v1 import init_section_service_pb2 as pb
from tams.media.v1.init_section_service_pb2_grpc import InitSectionServiceStub
from tams.media.v1.storage_service_pb2 import AllocateStorageRequest, StoredObjects

from services.shared.errors import InvalidArgument
from services.shared.rpc.client import call
from tests.rpc.media.conftest import Media, Serve
from tests.support.playback.boxes import box, section
from tests.support.processes.ports import free_ports

MEDIA = box(b"moof", b"a") + box(b"mdat", b"b")


async def read(media: Media, *objects: StoredObjects) -> list[pb.InitSection]:
    request = pb.ReadInitSectionsRequest(objects=objects)
    stub = InitSectionServiceStub(media.channel)
    return list((await call(stub.ReadInitSections, request)).sections)


async def store(media: Media, http: httpx.AsyncClient, contents: Sequence[bytes]) -> list[bytes]:
    """The paths of new objects with these contents, and of one without."""
    request = AllocateStorageRequest(flow_id="flow", limit=len(contents) + 1)
    allocated = (await call(media.stub.AllocateStorage, request)).objects
    for one, content in zip(allocated, contents, strict=False):
        headers = {"Content-Type": one.content_type, **one.headers}
        (await http.put(one.put_url, content=content, headers=headers)).raise_for_status()
    located = await media.registry.locate([one.object_id for one in allocated])
    paths = {each.location.object_id: each.location.storage_path for each in located}
    return [paths[one.object_id].encode() + b"\n" for one in allocated]


async def test_sections_are_read_whatever_their_length(media: Media, http: httpx.AsyncClient) -> None:
    contents = [section() + MEDIA, section(extra=box(b"udta", bytes(9000))) + MEDIA, b"G" * 188, b""]
    paths = await store(media, http, contents)
    storage_id = media.backend["id"]
    sections = await read(
        media,
        StoredObjects(storage_id=storage_id, url_paths=b"".join(paths)),
        StoredObjects(storage_id="00000000-0000-4000-8000-000000000000", url_paths=paths[0]),
    )
    assert [each.state for each in sections] == [
        pb.INIT_SECTION_STATE_READ,
        pb.INIT_SECTION_STATE_READ,
        pb.INIT_SECTION_STATE_NOT_FRAGMENTED,
        pb.INIT_SECTION_STATE_NOT_FRAGMENTED,
        pb.INIT_SECTION_STATE_MISSING,
        pb.INIT_SECTION_STATE_ELSEWHERE,
    ]
    lengths = [(each.length, each.object_size) for each in sections[:2]]
    assert lengths == [(len(content) - len(MEDIA), len(content)) for content in contents[:2]]
    assert sections[0].parameters == sections[1].parameters
    assert sections[0].digest != sections[1].digest


async def test_storage_that_does_not_answer_is_unreachable(serve: Serve, backend: dict[str, Any]) -> None:
    (port,) = free_ports(1)
    gone = backend | {"id": "2b4e1f6a-6b55-4c6a-9e43-2a6d3e5f7a10", "default_storage": False}
    gone |= {"endpoint_url": f"http://127.0.0.1:{port}"}
    async with serve(backend | {"default_storage": True}, gone) as media:
        (found,) = await read(media, StoredObjects(storage_id=gone["id"], url_paths=b"a/b\n"))
    assert found.state == pb.INIT_SECTION_STATE_UNREACHABLE


@pytest.mark.parametrize(
    ("lines", "reason"), [(b"a\n" * 1001, "TOO_MANY_ITEMS"), (b"a/../b\n", "BAD_STORAGE_PATH")]
)
async def test_bad_requests_are_refused(media: Media, lines: bytes, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await read(media, StoredObjects(storage_id=media.backend["id"], url_paths=lines))
    assert refused.value.reason == reason
