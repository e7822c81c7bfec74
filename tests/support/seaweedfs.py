"""A real S3 store for tests: one `weed mini` process on loopback, with its own keys and folder."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.ports import HIGHEST, free_ports, is_free

READY_SECONDS = 120
_PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
)
# Its workers look for the admin server there, whatever port that was given.
_ADMIN_GRPC_OFFSET = 10_000


@dataclass(frozen=True, kw_only=True)
class SeaweedFS:
    """A running store."""

    endpoint_url: str
    access_key: str
    secret_key: str
    folder: Path
    pid: int

    def backend(self, bucket: str, **changes: Any) -> dict[str, Any]:
        """An entry of the storage configuration for a bucket here."""
        access, secret = self.folder / "access_key", self.folder / "secret_key"
        access.write_text(self.access_key)
        secret.write_text(self.secret_key)
        return {
            "id": "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10",
            "label": "local",
            "provider": "local",
            "store_product": "SeaweedFS",
            "default_storage": True,
            "endpoint_url": self.endpoint_url,
            "bucket": bucket,
            "access_key_file": str(access),
            "secret_key_file": str(secret),
            "create_bucket": True,
        } | changes


def write_storage_config(path: Path, *backends: dict[str, Any]) -> Path:
    """A storage configuration of these backends."""
    path.write_text(json.dumps(backends))
    return path


@contextmanager
def running_seaweedfs(folder: Path) -> Iterator[SeaweedFS]:
    """A store that keeps its data in `folder`, ready for requests."""
    access_key, secret_key = secrets.token_hex(10), secrets.token_hex(20)
    ports = _ports()
    with (folder / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            _command(folder, ports, access_key, secret_key),
            env={"PATH": os.defpath, "HOME": str(folder), "GOMEMLIMIT": "256MiB"},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        endpoint_url = f"http://127.0.0.1:{ports['s3.port']}"
        _wait_until_ready(endpoint_url, process, folder / "weed.log")
        yield SeaweedFS(
            endpoint_url=endpoint_url,
            access_key=access_key,
            secret_key=secret_key,
            folder=folder,
            pid=process.pid,
        )
    finally:
        _stop(process)


def _ports() -> dict[str, int]:
    chosen = free_ports(len(_PORTS))
    admin = next(
        port
        for port in free_ports(100)
        if port not in chosen and port + _ADMIN_GRPC_OFFSET < HIGHEST and is_free(port + _ADMIN_GRPC_OFFSET)
    )
    ports = dict(zip(_PORTS, chosen, strict=True))
    return ports | {"admin.port": admin, "admin.port.grpc": admin + _ADMIN_GRPC_OFFSET}


def _command(folder: Path, ports: dict[str, int], access_key: str, secret_key: str) -> list[str]:
    data, identities = folder / "data", folder / "s3.json"
    data.mkdir(exist_ok=True)
    identity = {
        "name": "tams",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    identities.write_text(json.dumps({"identities": [identity]}))
    return [
        str(Path(sys.executable).parent / "weed"),
        "-logtostderr=true",
        "mini",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        *(f"-{name}={port}" for name, port in ports.items()),
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.localSocket=s3.sock",
        f"-s3.config={identities}",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
    ]


def _wait_until_ready(endpoint_url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(endpoint_url):
            return
        time.sleep(0.05)
    raise RuntimeError(f"SeaweedFS did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(endpoint_url, timeout=2).close()
    except urllib.error.HTTPError:
        # It refuses the unsigned request, so it is up.
        return True
    except OSError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
