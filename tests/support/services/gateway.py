"""The gateway with the real services behind it, each on its own port; only analytics has its own process."""

import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway import bootstrap
from gateway.settings import Settings
from services.events.domain.status import Status
from services.events.servicers import deliveries
from services.media import bootstrap as media
from services.media.settings import Settings as MediaSettings
from services.shared.process.settings import ProcessSettings
from services.shared.rpc.server import serving
from tests.support.processes.health import until_serving
from tests.support.processes.ports import free_ports
from tests.support.services.analytics import running_analytics
from tests.support.services.metadata import running_metadata
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

QUICK: dict[str, Any] = {"port": 0, "drain_seconds": 0, "grace_seconds": 2}


@asynccontextmanager
async def running_services(
    folder: Path, store: SeaweedFS, *more: dict[str, Any]
) -> AsyncIterator[dict[str, str]]:
    """Metadata, media and analytics, all SERVING; yields the gateway settings that name them.

    `more` are further storage backends.
    """
    async with AsyncExitStack() as stack:
        metadata_port = (await stack.enter_async_context(running_metadata(folder))).port
        first = store.backend(f"tams-{secrets.token_hex(6)}", region="here")
        config = write_storage_config(folder / "storage.json", first, *more)
        chosen = MediaSettings(
            metadata_address=f"127.0.0.1:{metadata_port}", storage_config=str(config), **QUICK
        )
        media_port = (await stack.enter_async_context(media.running(chosen))).port
        analytics_port = await stack.enter_async_context(running_analytics(folder))
        # The gateway asks for its health. The real service would post to the webhooks that tests register.
        registrations = [deliveries.registration(lambda: Status(0, 0, []))]
        events_port = (await stack.enter_async_context(serving(ProcessSettings(**QUICK), registrations))).port
        for port in (metadata_port, media_port, analytics_port):
            await until_serving(port)
        yield {
            "metadata_address": f"127.0.0.1:{metadata_port}",
            "media_address": f"127.0.0.1:{media_port}",
            "analytics_address": f"127.0.0.1:{analytics_port}",
            "events_address": f"127.0.0.1:{events_port}",
        }


@asynccontextmanager
async def running_gateway(**settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway with these settings. Services that they do not name are unreachable."""
    names = ("metadata", "media", "analytics", "events")
    unused = (f"127.0.0.1:{port}" for port in free_ports(len(names)))
    addresses = {f"{name}_address": address for name, address in zip(names, unused, strict=True)}
    async with bootstrap.running(Settings(**(QUICK | addresses | settings))) as server:
        base = f"http://127.0.0.1:{server.port}"
        async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=20) as client:
            yield client


def new_id() -> str:
    """A fresh TAMS id."""
    return str(uuid.uuid4())


def a_flow(**changes: Any) -> dict[str, Any]:
    """A video flow with its own source. A member that is None is left out."""
    flow = {
        "id": new_id(),
        "source_id": new_id(),
        "format": "urn:x-nmos:format:video",
        "codec": "video/h264",
        "container": "video/mp2t",
        "essence_parameters": {"frame_width": 1920, "frame_height": 1080},
    } | changes
    return {name: value for name, value in flow.items() if value is not None}


def a_segment(start: int = 0, end: int = 10, **changes: Any) -> dict[str, Any]:
    """A segment of whole seconds whose object is outside the store."""
    object_id = secrets.token_hex(8)
    return {
        "object_id": object_id,
        "timerange": f"[{start}:0_{end}:0)",
        "get_urls": [{"url": f"https://elsewhere.example/{object_id}"}],
    } | changes
