"""Clients find a restored store as it was, and it continues. It runs on the engine of the test run."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from services.events.bootstrap import running as running_events
from services.events.settings import Settings
from tests.support.events.sink import Sink, running_sink
from tests.support.http.walking import walk
from tests.support.processes.health import until_serving
from tests.support.processes.polling import until
from tests.support.services.engine import ENGINE
from tests.support.services.gateway import QUICK, a_flow, a_segment, running_gateway
from tests.support.services.metadata import running_metadata

LOOPBACK = "127.0.0.0/8"
# Without URLs, which only media makes.
BARE = {"accept_get_urls": ""}
LISTED = (
    "/service", "/flows", "/sources", "/service/webhooks", "/flow-delete-requests", "/x/trash", "/x/users",
    "/x/api-keys",
)  # fmt: skip
RANGES = ("[-5:0_-1:0)", "[0:0_0:0]", "[0:1_0:5]", "[1:999999999_2:0)", "[100000000:0_100000000:1)")


@asynccontextmanager
async def a_store(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    """A client of a store with its tables in a folder, and the address of metadata."""
    folder.mkdir(parents=True, exist_ok=True)
    rules: dict[str, Any] = {"audit": "on", "deletion_budget_seconds": 0, "webhook_networks": LOOPBACK}
    async with running_metadata(folder, **rules) as metadata:
        await until_serving(metadata.port)
        address = f"127.0.0.1:{metadata.port}"
        async with running_gateway(metadata_address=address, admin=True) as tams:
            yield tams, address


async def run(folder: Path, *arguments: str) -> None:
    """Run a command of operators on the tables of a folder."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAMS_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.metadata", "backup", *arguments,
        env={**inherited, **ENGINE.environment(folder)}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0


async def send(tams: httpx.AsyncClient, method: str, path: str, **more: Any) -> httpx.Response:
    answer = await tams.request(method, path, **more)
    assert answer.is_success, answer.text
    return answer


async def put_flow(tams: httpx.AsyncClient, segments: int = 0, **members: Any) -> str:
    flow = a_flow(**members)
    await send(tams, "PUT", f"/flows/{flow['id']}", json=flow)
    bodies = [a_segment(second, second + 1) for second in range(segments)]
    if bodies:
        await send(tams, "POST", f"/flows/{flow['id']}/segments", json=bodies)
    return str(flow["id"])


async def fill(tams: httpx.AsyncClient, hook: str) -> str:
    """Make rows of all kinds; returns a flow with segments of odd ranges that share an object."""
    await send(tams, "POST", "/service", json={"name": "a store", "description": "é"})
    webhook = {
        "url": hook,
        "events": ["flows/created"],
        "accept_get_urls": [],
        "api_key_name": "x-key",
        "api_key_value": "secret",
    }
    await send(tams, "POST", "/service/webhooks", json=webhook)
    await send(
        tams, "POST", "/x/users", json={"name": "alice", "password": "long enough", "scopes": ["read"]}
    )
    await send(tams, "POST", "/x/api-keys", json={"name": "key", "scopes": ["write"]})
    odd = await put_flow(tams, tags={"a": "1", "auth_classes": "news"}, label="odd ranges")
    body = a_segment()
    for timerange in RANGES:
        await send(tams, "POST", f"/flows/{odd}/segments", json=body | {"timerange": timerange})
    multi: dict[str, Any] = {"format": "urn:x-nmos:format:multi"}
    multi |= dict.fromkeys(("codec", "container", "essence_parameters"))
    await put_flow(tams, **multi, flow_collection=[{"id": odd, "role": "video"}])
    gone = await put_flow(tams, segments=3)
    await send(tams, "DELETE", f"/flows/{gone}", params={"soft_delete": "true", "deleted_by": "alice"})
    long = await put_flow(tams, segments=1500)
    await send(tams, "DELETE", f"/flows/{long}/segments")  # the request stays listed
    return odd


async def seen(tams: httpx.AsyncClient, odd: str) -> dict[str, Any]:
    """The answers of the store about everything that `fill` has made."""
    answers = {path: (await send(tams, "GET", path)).json() for path in LISTED}
    segments = (await send(tams, "GET", f"/flows/{odd}/segments", params=BARE)).json()
    answers["segments"] = segments
    answers["object"] = (await send(tams, "GET", f"/objects/{segments[0]['object_id']}", params=BARE)).json()
    return answers


async def deleted(tams: httpx.AsyncClient) -> bool:
    """True if all deletion requests are done."""
    requests = (await send(tams, "GET", "/flow-delete-requests")).json()
    return bool(requests) and all(request["status"] == "done" for request in requests)


@asynccontextmanager
async def writing(tams: httpx.AsyncClient, flow: str) -> AsyncIterator[None]:
    """Register segments of a flow during the block."""
    writer = asyncio.create_task(write(tams, flow))
    try:
        yield
        assert not writer.done()
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)


async def write(tams: httpx.AsyncClient, flow: str) -> None:
    """Register segments one after the other, until it is cancelled."""
    for second in range(10**6):
        await send(tams, "POST", f"/flows/{flow}/segments", json=a_segment(second, second + 1))


def created(sink: Sink) -> Counter[str]:
    """The ids of flows in the events of the subscriber."""
    return Counter(event["event"]["flow"]["id"] for event in sink.events)


async def test_a_store_restored_from_a_backup_beside_writers(tmp_path: Path) -> None:
    old, new, backup = tmp_path / "old", tmp_path / "new", str(tmp_path / "backup")
    async with running_sink() as sink:
        async with a_store(old) as (tams, _):
            odd = await fill(tams, sink.url)
            busy = await put_flow(tams)
            await until(lambda: deleted(tams))
            before = await seen(tams, odd)
            flows = [flow["id"] for flow in before["/flows"]]
            async with writing(tams, busy):
                await run(old, "create", backup)
        new.mkdir()
        await run(new, "restore", backup)
        async with a_store(new) as (tams, address):
            after = await seen(tams, odd)
            assert [without_writes(answer, busy) for answer in after.values()] == [
                without_writes(answer, busy) for answer in before.values()
            ]
            segments = await walk(tams, f"/flows/{busy}/segments", BARE, 1000)
            assert [segment["timerange"] for segment in segments] == [
                f"[{second}:0_{second + 1}:0)" for second in range(len(segments))
            ]
            await send(
                tams, "POST", f"/flows/{busy}/segments", json=a_segment(len(segments), len(segments) + 1)
            )
            await deliver(tams, address, sink, flows)
            await assert_consistent(tams)


async def assert_consistent(tams: httpx.AsyncClient) -> None:
    after, is_checked = "", False
    while not is_checked:
        checked = (await send(tams, "GET", "/x/admin/consistency", params={"after": after})).json()
        assert checked["inconsistencies"] == []
        after = checked.get("after", "")
        is_checked = not after


def without_writes(answer: Any, busy: str) -> Any:
    """An answer without the flow that is written meanwhile."""
    return [item for item in answer if item.get("id") != busy] if isinstance(answer, list) else answer


async def deliver(tams: httpx.AsyncClient, address: str, sink: Sink, flows: list[str]) -> None:
    """Deliver the events of the restored store: those of the backup, and new ones."""
    fresh = await put_flow(tams)
    settings = Settings(webhook_networks=LOOPBACK, metadata_address=address, **QUICK)
    async with running_events(settings):
        await until(lambda: fresh in created(sink))
        assert created(sink).keys() >= {*flows, fresh}
