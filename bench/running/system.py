"""The measured system: metadata, media, gateway and object storage, each in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.running import processes
from bench.running.processes import Process
from services.shared.process.settings import TLS
from services.shared.rpc.probe import is_serving
from tests.support.processes.polling import until
from tests.support.processes.ports import free_ports
from tests.support.storage.seaweedfs import SeaweedFS, running_seaweedfs, write_storage_config

BUCKET: Final = "bench"
STORAGE_ID: Final = "5e0b1a0e-7c1d-4b5e-9a52-0f6d5c1c7a10"
# The backend of copies.
COPIES_ID: Final = "c4b2a1a4-2d6e-4c57-8a7c-2f2f8b8c6a11"
# Objects of a benchmark have no bytes. Attempts to measure them would disturb it.
_NEVER: Final = "1000000"
# Allows webhooks on this machine.
LOOPBACK: Final = {"TAMS_WEBHOOK_NETWORKS": "127.0.0.0/8"}


@dataclass(frozen=True)
class System:
    """The processes that serve requests."""

    gateway: Process
    metadata: Process
    media: Process
    storage: SeaweedFS

    @property
    def processes(self) -> Sequence[Process]:
        """The processes of the project, without object storage."""
        return [self.gateway, self.metadata, self.media]


@asynccontextmanager
async def running_metadata(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[Process]:
    """The metadata service alone, on a new database in the folder; with these settings besides its own."""
    (port,) = free_ports(1)
    env = {
        "TAMS_STORE_URL": f"sqlite:///{folder / 'tams.db'}",
        "TAMS_METADATA_PORT": str(port),
        **LOOPBACK,
        **(settings or {}),
    }
    with _service("metadata", port, folder, env) as process:
        await serving(process, env)
        yield process


@asynccontextmanager
async def running_system(folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[System]:
    """All processes that a listing of segments needs, on a new database in the folder.

    Media has these settings besides its own.
    """
    async with AsyncExitStack() as stack:
        metadata = await stack.enter_async_context(running_metadata(folder))
        weed = stack.enter_context(running_seaweedfs(folder))
        config = write_storage_config(
            folder / "storage.json",
            weed.backend(BUCKET, id=STORAGE_ID),
            weed.backend("bench-copies", id=COPIES_ID, label="copies", default_storage=False),
        )
        media_port, gateway_port = free_ports(2)
        media_env = {
            "TAMS_MEDIA_PORT": str(media_port),
            "TAMS_MEDIA_METADATA_ADDRESS": f"127.0.0.1:{metadata.port}",
            "TAMS_MEDIA_STORAGE_CONFIG": str(config),
            "TAMS_MEDIA_MEASURE_BUSY_SECONDS": _NEVER,
            "TAMS_MEDIA_MEASURE_IDLE_SECONDS": _NEVER,
            **(settings or {}),
        }
        media = stack.enter_context(_service("media", media_port, folder, media_env))
        await serving(media)
        gateway_env = {
            "TAMS_GATEWAY_PORT": str(gateway_port),
            "TAMS_GATEWAY_METADATA_ADDRESS": f"127.0.0.1:{metadata.port}",
            "TAMS_GATEWAY_MEDIA_ADDRESS": f"127.0.0.1:{media_port}",
        }
        gateway = stack.enter_context(
            processes.running("gateway", gateway_port, ["gateway"], folder, gateway_env)
        )
        await gateway.listening()
        yield System(gateway, metadata, media, weed)


def _service(name: str, port: int, folder: Path, env: Mapping[str, str]) -> AbstractContextManager[Process]:
    return processes.running(name, port, [f"services.{name}"], folder, env)


async def serving(process: Process, env: Mapping[str, str] | None = None) -> None:
    """Return when the health check of a service succeeds; over TLS if its environment has the files."""
    await process.listening()
    files = {name: path for name, path in (env or {}).items() if name.startswith(TLS)}
    await until(lambda: asyncio.to_thread(is_serving, f"127.0.0.1:{process.port}", "", files))
