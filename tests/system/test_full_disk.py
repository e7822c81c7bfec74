"""A local store accepts uploads again when its full disk has free space."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes.small_disk import Disk, required_disk
from tests.support.processes.system import READY_SECONDS, System, poll
from tests.support.services.gateway import a_flow

pytestmark = pytest.mark.slow

DISK_MIB = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with required_disk(tmp_path / "disk", DISK_MIB) as mounted:
        yield mounted


@pytest.fixture
def store(disk: Disk) -> Iterator[System]:
    system = System(disk.folder / "data")
    try:
        yield system.start().ready()
    finally:
        system.abandon()


def upload(media_object: dict[str, Any]) -> int:
    """The status of a PUT of no bytes, for which storage writes a name alone; 0 without an answer."""
    put_url = media_object["put_url"]
    headers = {"content-type": put_url["content-type"], **put_url["headers"]}
    try:
        return httpx.put(put_url["url"], content=b"", headers=headers, timeout=30).status_code
    except httpx.TransportError:
        return 0


def test_uploads_work_again_after_a_full_disk(disk: Disk, store: System) -> None:
    flow = a_flow()
    path = f"{store.url}/flows/{flow['id']}"
    httpx.put(path, json=flow).raise_for_status()
    objects = iter(httpx.post(f"{path}/storage", json={"limit": 1000}).json()["media_objects"])
    disk.fill()
    while upload(next(objects)) == httpx.codes.OK:
        pass
    disk.free()
    poll(lambda: upload(next(objects)) == httpx.codes.OK, READY_SECONDS)
    assert "storage could not write while its disk was full; there is room again" in store.errors()
