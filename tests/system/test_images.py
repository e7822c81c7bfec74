"""The content of the images: each holds what its process needs, and all together are a store."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from docs.generate_settings import DEPLOYABLES
from tests.support.containers.dockerfile import health_check
from tests.support.containers.image import Image, built_images
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.services.gateway import a_flow
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

# On a busy machine the images take minutes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
SECONDS = 120


@pytest.fixture(scope="module")
def images() -> Iterator[dict[str, Image]]:
    with built_images(*DEPLOYABLES, "storage") as built:
        yield built


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return dict(zip(DEPLOYABLES, free_ports(len(DEPLOYABLES)), strict=True))


def environment(image: Image, ports: dict[str, int], folder: Path) -> dict[str, str]:
    """The settings of a part, with the peers on this machine and its files in a folder."""
    own = {
        f"TAMS_{image.name.upper()}_PORT": str(ports[image.name]),
        f"TAMS_{image.name.upper()}_HOST": "127.0.0.1",
        f"TAMS_{image.name.upper()}_DRAIN_SECONDS": "0",
        "TAMS_STORE_URL": f"sqlite:///{folder}/tams.db",
        "TAMS_MEDIA_STORAGE_CONFIG": f"{folder}/storage.json",
    }
    peers = {
        f"TAMS_{image.name.upper()}_{peer.upper()}_ADDRESS": f"127.0.0.1:{port}"
        for peer, port in ports.items()
        if f"{peer}_address" in dir(DEPLOYABLES[image.name].Settings)
    }
    return own | peers


def prepare(folder: Path, store: SeaweedFS) -> None:
    """Write what the parts mount: the configuration of storage, and its keys."""
    for name in ("access_key", "secret_key"):
        shutil.copyfile(store.secrets / name, folder / name)
        (folder / name).chmod(0o444)
    places = {f"{name}_file": str(folder / name) for name in ("access_key", "secret_key")}
    write_storage_config(folder / "storage.json", store.backend("images", **places)).chmod(0o444)


def is_healthy(image: Image, port: int) -> bool:
    """The outcome of the health check of an image, for a port."""
    check = [argument.replace(f":{DEPLOYABLES[image.name].Settings().port}", f":{port}") for argument in
             health_check(f"run-{image.name}")]  # fmt: skip
    return image.run(*check, TAMS_GATEWAY_PORT=str(port)).wait(SECONDS) == 0


async def test_the_processes_of_the_images_are_a_store(
    images: dict[str, Image], ports: dict[str, int], seaweedfs: SeaweedFS
) -> None:
    data = images["metadata"].root / "data"
    prepare(data, seaweedfs)
    with ExitStack() as stack:
        processes = [
            stack.enter_context(images[name].running(**environment(images[name], ports, data)))
            for name in DEPLOYABLES
        ]
        for name in DEPLOYABLES:
            await until(partial(is_healthy, images[name], ports[name]), pause=0.5)
        url = f"http://127.0.0.1:{ports['gateway']}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=SECONDS) as client:
            await until(lambda: healthy(client))
            flow = a_flow()
            assert (await client.put(f"/flows/{flow['id']}", json=flow)).status_code == 201
            places = await client.post(f"/flows/{flow['id']}/storage", json={"limit": 1})
            assert places.status_code == 201
    assert [process.returncode for process in processes] == [0] * len(DEPLOYABLES)


async def healthy(client: httpx.AsyncClient) -> bool:
    return (await client.get("/health")).status_code == 200


def test_the_list_of_an_image_names_its_packages_and_no_others(images: dict[str, Image]) -> None:
    name = next(iter(images))
    listed = json.loads((images[name].root / "app" / "sbom.cdx.json").read_text("utf-8"))
    assert listed["bomFormat"] == "CycloneDX"
    script = (
        "from importlib import metadata as m; print(*(d.name + '==' + d.version for d in m.distributions()))"
    )
    printed = subprocess.run([images[name].python, "-c", script], capture_output=True, text=True, check=True)
    named = {f"{item['name']}=={item['version']}" for item in listed["components"]}
    assert named == set(printed.stdout.split())


def test_an_image_holds_nothing_of_other_parts(images: dict[str, Image]) -> None:
    def has(name: str, module: str) -> bool:
        return subprocess.run([images[name].python, "-c", f"import {module}"], check=False,
                              capture_output=True).returncode == 0  # fmt: skip

    owners = {"boto3": "media", "duckdb": "analytics", "granian": "gateway", "httpcore": "events"}
    for module, owner in owners.items():
        assert [name for name in DEPLOYABLES if has(name, module)] == [owner]
    assert not any(has(name, "pytest") or has(name, "uv") for name in images)


def test_the_image_of_object_storage_has_its_program(images: dict[str, Image]) -> None:
    protected = ("python", "-m", "client.local.storage.protection", "weed", "version")
    assert images["storage"].run(*protected, TMPDIR=str(images["storage"].root / "data")).wait(SECONDS) == 0
