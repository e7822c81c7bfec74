"""A store of all parts that publish metrics, with work and faults that give each metric a value."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx

from services.events import bootstrap as events
from services.events.settings import Settings as EventsSettings
from services.media import bootstrap as media
from services.media.settings import Settings as MediaSettings
from services.shared.errors import TamsError
from tests.support.events.sink import running_sink
from tests.support.processes.health import until_serving
from tests.support.processes.ports import free_ports
from tests.support.services.analytics import running_analytics
from tests.support.services.gateway import QUICK, a_flow, a_segment, new_id, running_gateway
from tests.support.services.metadata import metadata_channel, put_flow, running_metadata
from tests.support.services.replicas import settings_of
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config
from tests.support.vast.clusters import vast_server

LOOPBACK: Final = "127.0.0.0/8"
# The timelines of live feeds count TAI.
_TAI_OFFSET_SECONDS: Final = 37
_MEDIA: Final = b"media" * 100
_UNREACHABLE: Final = "b1d3c0de-7c1d-4b5e-9a52-0f6d5c1c7a11"


@asynccontextmanager
async def running_store(folder: Path, seaweedfs: SeaweedFS) -> AsyncIterator[list[int]]:
    """The ports at which the processes of the store serve metrics, once each has worked."""
    async with AsyncExitStack() as stack:
        ports = free_ports(7)
        tables, objects, deliveries, questions, edge, cluster, small = ports
        metadata = await stack.enter_async_context(
            running_metadata(folder, metrics_port=tables, webhook_networks=LOOPBACK)
        )
        address = f"127.0.0.1:{metadata.port}"
        media_port = await _media(stack, folder, seaweedfs, metadata_address=address, metrics_port=objects)
        events_port = await _events(
            stack,
            metadata_address=address,
            media_address=f"127.0.0.1:{media_port}",
            metrics_port=deliveries,
        )
        analytics_port = await stack.enter_async_context(
            running_analytics(folder, {"TAMS_METRICS_PORT": str(questions)})
        )
        for port in (metadata.port, media_port, analytics_port):
            await until_serving(port)
        gateway = await stack.enter_async_context(
            running_gateway(
                metadata_address=address,
                media_address=f"127.0.0.1:{media_port}",
                analytics_address=f"127.0.0.1:{analytics_port}",
                events_address=f"127.0.0.1:{events_port}",
                metrics_port=edge,
            )
        )
        await _work(gateway, stack)
        await _work_on_vast(folder, stack, cluster)
        await _work_without_room(folder / "small", stack, small)
        yield ports


async def _media(stack: AsyncExitStack, folder: Path, seaweedfs: SeaweedFS, **settings: Any) -> int:
    """Media with two backends, of which one cannot be reached."""
    (unused,) = free_ports(1)
    working = seaweedfs.backend(f"tams-{secrets.token_hex(6)}", region="here")
    broken = working | {
        "id": _UNREACHABLE,
        "label": "unreachable",
        "default_storage": False,
        "endpoint_url": f"http://127.0.0.1:{unused}",
    }
    config = write_storage_config(folder / "storage.json", working, broken)
    chosen = MediaSettings(storage_config=str(config), check_seconds=1, **(QUICK | settings))
    return (await stack.enter_async_context(media.running(chosen))).port


async def _events(stack: AsyncExitStack, **settings: Any) -> int:
    """Events that gives up soon."""
    chosen = EventsSettings(webhook_networks=LOOPBACK, give_up_seconds=0.1, **(QUICK | settings))
    return (await stack.enter_async_context(events.running(chosen))).port


async def _refuse(_event: dict[str, Any]) -> str:
    return "500 Internal Server Error"


async def _work(gateway: httpx.AsyncClient, stack: AsyncExitStack) -> None:
    """A live feed of two segments, webhooks that take and refuse its events, and requests that fail."""
    for answer in (None, _refuse):
        sink = await stack.enter_async_context(running_sink(*([answer] if answer else [])))
        webhook = {"url": sink.url, "events": ["flows/created", "flows/segments_added"]}
        _done(await gateway.post("/service/webhooks", json=webhook))
    flow = a_flow()
    path = f"/flows/{flow['id']}"
    _done(await gateway.put(path, json=flow))
    allocated = _done(await gateway.post(f"{path}/storage", json={"limit": 2})).json()["media_objects"]
    now = int(time.time()) + _TAI_OFFSET_SECONDS
    for number, each in enumerate(allocated):
        put = each["put_url"]
        headers = {"content-type": put["content-type"], **put["headers"]}
        _done(await gateway.put(put["url"], content=_MEDIA, headers=headers))
        segment = a_segment(now - 20 + number, now - 19 + number, object_id=each["object_id"])
        del segment["get_urls"]
        _done(await gateway.post(f"{path}/segments", json=segment))
    _done(await gateway.get(f"{path}/segments"))
    await asyncio.gather(*(gateway.get(path) for _ in range(20)))
    await gateway.get("/x/analytics/storage-usage")
    for missing in ("/flows/none", "/nowhere", "/health"):
        await gateway.get(missing)


async def _work_on_vast(folder: Path, stack: AsyncExitStack, metrics_port: int) -> None:
    """A flow in a metadata service whose tables are on VAST."""
    server = stack.enter_context(vast_server(with_store=True))
    settings = settings_of(server) | {"metrics_port": metrics_port}
    served = await stack.enter_async_context(running_metadata(folder, **settings))
    await until_serving(served.port)
    async with metadata_channel(served.port) as channel:
        await put_flow(channel, new_id())


async def _work_without_room(folder: Path, stack: AsyncExitStack, metrics_port: int) -> None:
    """Flows in a database of a few megabytes, until they no longer fit."""
    folder.mkdir()
    served = await stack.enter_async_context(
        running_metadata(folder, sqlite_max_bytes=6 * 1024 * 1024, metrics_port=metrics_port)
    )
    await until_serving(served.port)
    async with metadata_channel(served.port) as channel:
        with suppress(TamsError):
            for _ in range(50):
                await put_flow(channel, new_id(), description="x" * 500_000)


def _done(reply: httpx.Response) -> httpx.Response:
    assert reply.is_success, f"{reply.request.method} {reply.request.url}: {reply.status_code} {reply.text}"
    return reply
