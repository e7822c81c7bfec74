"""`tams up` for other machines, for which another address of loopback stands, and on existing storage."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.processes.ports import free_ports
from tests.support.processes.system import System
from tests.support.services.gateway import a_flow
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

pytestmark = pytest.mark.slow

OTHER = "127.0.0.2"


@pytest.fixture
def abandoned() -> Iterator[list[System]]:
    """Systems that are ended after the test."""
    systems: list[System] = []
    yield systems
    for system in systems:
        system.abandon()


def started(abandoned: list[System], data_dir: Path, host: str = "", **env: str) -> System:
    system = System(data_dir, env)
    abandoned.append(system)
    if host:
        system.env["TAMS_GATEWAY_HOST"] = host
        system.url = f"http://{host}:{system.env['TAMS_GATEWAY_PORT']}"
    return system.start().ready()


def send(method: str, url: str, **arguments: Any) -> httpx.Response:
    """The response, which a busy machine may take long for."""
    return httpx.request(method, url, timeout=60, trust_env=False, **arguments)


def record(url: str) -> str:
    """Store an object by the URLs that the store hands out; returns the path of its flow's segments."""
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    send("PUT", f"{url}{path}", json=flow).raise_for_status()
    (media_object,) = send("POST", f"{url}{path}/storage", json={"limit": 1}).json()["media_objects"]
    put = media_object["put_url"]
    headers = {"content-type": put["content-type"], **put["headers"]}
    send("PUT", put["url"], content=b"media", headers=headers).raise_for_status()
    segment = {"object_id": media_object["object_id"], "timerange": "[0:0_1:0)"}
    send("POST", f"{url}{path}/segments", json=segment).raise_for_status()
    return f"{path}/segments"


def get_url(url: str, segments: str) -> str:
    """The URL that the store hands out for the one object, which must have its bytes."""
    (segment,) = send("GET", f"{url}{segments}").json()
    found: list[dict[str, Any]] = segment["get_urls"]
    assert send("GET", found[0]["url"]).content == b"media"
    return str(found[0]["url"])


def test_a_store_on_another_address_hands_out_urls_with_that_address(
    abandoned: list[System], tmp_path: Path
) -> None:
    before = started(abandoned, tmp_path / "data")
    segments = record(before.url)
    assert get_url(before.url, segments).startswith("http://127.0.0.1:")
    assert before.stop() == 0
    system = started(abandoned, tmp_path / "data", OTHER)
    assert get_url(system.url, segments).startswith(f"http://{OTHER}:")
    assert get_url(system.url, record(system.url)).startswith(f"http://{OTHER}:")


def test_a_store_on_every_address_hands_out_the_public_url(abandoned: list[System], tmp_path: Path) -> None:
    (port,) = free_ports(1)
    public = f"http://{OTHER}:{port}"
    env = {"TAMS_GATEWAY_HOST": "0.0.0.0", "TAMS_GATEWAY_UNPROTECTED": "true"}
    storage = {"TAMS_S3_PORT": str(port), "TAMS_S3_PUBLIC_URL": public}
    system = started(abandoned, tmp_path / "data", **env, **storage)
    url = system.url.replace("127.0.0.1", OTHER)
    assert get_url(url, record(url)).startswith(f"{public}/")
    assert f"Objects    {public}" in system.output()


def test_an_unprotected_store_does_not_start_for_others(abandoned: list[System], tmp_path: Path) -> None:
    system = System(tmp_path / "data", {"TAMS_GATEWAY_HOST": "0.0.0.0", "TAMS_S3_PUBLIC_URL": "http://x:1"})
    abandoned.append(system)
    assert system.start().wait() == 1
    assert "set TAMS_AUTH=required, or TAMS_GATEWAY_UNPROTECTED=true" in system.errors()


def test_a_store_on_existing_storage_starts_none(
    abandoned: list[System], tmp_path: Path, seaweedfs: SeaweedFS
) -> None:
    config = write_storage_config(tmp_path / "storage.json", seaweedfs.backend("existing", prefix="tams/"))
    system = started(abandoned, tmp_path / "data", TAMS_MEDIA_STORAGE_CONFIG=str(config))
    assert "storage" not in system.children()
    segments = record(system.url)
    assert get_url(system.url, segments).startswith(f"{seaweedfs.endpoint_url}/existing/tams/")
    assert system.stop() == 0
    without = System(tmp_path / "data")
    abandoned.append(without)
    assert without.start().wait() == 1
    assert (
        "the objects of this store are in storage of yours; set TAMS_MEDIA_STORAGE_CONFIG" in without.errors()
    )
    again = started(abandoned, tmp_path / "data", TAMS_MEDIA_STORAGE_CONFIG=str(config))
    get_url(again.url, segments)
