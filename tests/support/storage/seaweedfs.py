"""A real S3 store for tests: SeaweedFS as `tams up` runs it, with its own keys and folder."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from client.local.data_dir import DataDir, opened
from client.local.names import S3_ADMIN_PORT, S3_PORTS
from client.local.ports import ADMIN_GRPC_OFFSET
from client.local.storage import seaweedfs
from client.local.storage.addresses import LOOPBACK, StorageAddresses
from tests.support.processes.ports import HIGHEST, free_ports, is_free
from tests.support.storage.s3_store import S3Store, wait_until_ready


@dataclass(frozen=True, kw_only=True)
class SeaweedFS(S3Store):
    """A running store."""

    ports: Mapping[str, int]


def write_storage_config(path: Path, *backends: dict[str, Any]) -> Path:
    """Write a storage configuration of these backends to `path`."""
    path.write_text(json.dumps(backends))
    return path


def on_loopback(port: int) -> StorageAddresses:
    """The addresses of object storage that this machine alone reaches."""
    return at(LOOPBACK, port)


def at(host: str, port: int) -> StorageAddresses:
    """The addresses of object storage that listens on one address."""
    endpoint = f"http://{host}:{port}"
    return StorageAddresses(host, endpoint, endpoint)


@contextmanager
def running_seaweedfs(
    folder: Path,
    *,
    guarded: bool = True,
    host: str = LOOPBACK,
    domain: str = "",
    configuration: Mapping[str, str] | None = None,
) -> Iterator[SeaweedFS]:
    """A store that keeps its data in `folder`, ready for requests. Unguarded, it is open to everybody.

    With a domain, buckets can also be named in the host, as {bucket}.{domain}. `configuration` has further
    variables of its environment.
    """
    with opened(folder) as data_dir:
        ports = _ports()
        addresses = at(host, ports["TAMS_S3_PORT"])
        process = _started(
            data_dir, addresses, ports, guarded=guarded, domain=domain, configuration=configuration or {}
        )
        try:
            endpoint_url = addresses.endpoint
            wait_until_ready(endpoint_url, process, _log(data_dir))
            yield SeaweedFS(endpoint_url=endpoint_url, secrets=data_dir.secrets, ports=ports, pid=process.pid)
        finally:
            _stop(process)


def _started(
    data_dir: DataDir,
    addresses: StorageAddresses,
    ports: Mapping[str, int],
    *,
    guarded: bool,
    domain: str,
    configuration: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    command = seaweedfs.command(data_dir, addresses, ports, os.environ)
    if domain:
        command = (*command, f"-s3.domainName={domain}")
    env = seaweedfs.environment(data_dir)
    if not guarded:
        command = tuple(argument for argument in command if argument != "-disableHttp")
        env = {name: value for name, value in env.items() if not name.startswith("WEED_")}
    with _log(data_dir).open("wb") as log:
        return subprocess.Popen(
            command,
            env={**env, **configuration},
            cwd=data_dir.objects,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _log(data_dir: DataDir) -> Path:
    return data_dir.logs / "storage.log"


def _ports() -> dict[str, int]:
    chosen = free_ports(len(S3_PORTS))
    admin = next(
        port
        for port in free_ports(100)
        if port not in chosen and port + ADMIN_GRPC_OFFSET < HIGHEST and is_free(port + ADMIN_GRPC_OFFSET)
    )
    return {**dict(zip(S3_PORTS, chosen, strict=True)), S3_ADMIN_PORT: admin}


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
