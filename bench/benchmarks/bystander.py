"""The delay that wide changes cause: the slowest PUT of another flow's label while each of them runs."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx
import msgspec

from bench.benchmarks import Options
from bench.corpus import flow_document
from bench.figure import AtMost, Figure
from bench.running.system import running_system
from services.metadata.adapters.sqlite.store import open_store
from services.metadata.application.ports import Tables
from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.documents.tags import MAX_TAGS, TagChanges
from services.metadata.domain.flows.flow import FlowInput, parse_flow
from services.metadata.domain.source import new_source

# More than the limits allow, as in stores that are older than the limits.
_TAGS: Final = 60_000
_COLLECTORS: Final = 5000
_MEMBERS: Final = 1000
_CLIENTS: Final = 4
_SEGMENTS: Final = 60_000
_POSTED: Final = 5000
_MOST_MS: Final = 250
_WRITTEN_AT_ONCE: Final = 500

_Change = Callable[[httpx.AsyncClient], Awaitable[None]]


async def run(options: Options, folder: Path) -> list[Figure]:  # noqa: ARG001 - the signature of every benchmark
    """A figure for each wide change."""
    wide = _Wide()
    await wide.fill(folder / "tams.db")
    async with running_system(folder) as system:
        base = f"http://127.0.0.1:{system.gateway.port}"
        async with httpx.AsyncClient(base_url=base, timeout=60) as client:
            return [
                await _figure(client, wide.bystander, name, change, most)
                for name, change, most in wide.changes()
            ]


async def _figure(
    client: httpx.AsyncClient, flow_id: str, name: str, change: _Change, target: AtMost | None
) -> Figure:
    waits: list[float] = []
    writing = asyncio.create_task(_label(client, flow_id, waits))
    await asyncio.sleep(0.2)
    started, before = time.perf_counter(), len(waits)
    try:
        await change(client)
        seconds = time.perf_counter() - started
        await asyncio.sleep(0.05)
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
    during = waits[before:] or waits
    detail = {"p50_ms": round(median(during), 2), "writes": len(during), "change_seconds": round(seconds, 2)}
    name = f"slowest write during {name}"
    return Figure(name=name, value=max(during), unit="ms", target=target, detail=detail)


async def _label(client: httpx.AsyncClient, flow_id: str, waits: list[float]) -> None:
    for number in count():
        started = time.perf_counter()
        _checked(await client.put(f"/flows/{flow_id}/label", json=f"{number}"), 204)
        waits.append((time.perf_counter() - started) * 1000)


class _Wide:
    """Flows with many tags, members, collectors or segments, and changes of them."""

    def __init__(self) -> None:
        self.bystander, self._tagged, self._other_tagged, self._member, self._long = map(str, _ids(5))
        self._members = list(map(str, _ids(_MEMBERS)))
        self._collecting = list(map(str, _ids(_CLIENTS)))

    async def fill(self, database: Path) -> None:
        """Write the flows straight into the tables, because some exceed the limits of the rules."""
        tags = {f"{number:x}": "v" for number in range(_TAGS)}
        flows = [_flow(flow_id) for flow_id in (self.bystander, self._member, self._long, *self._members)]
        flows += [_flow(flow_id, tags=tags) for flow_id in (self._tagged, self._other_tagged)]
        item = {"id": self._member, "role": "video"}
        source = str(uuid.uuid4())
        flows += [
            _flow(str(collector), flow_collection=[item], source_id=source) for collector in _ids(_COLLECTORS)
        ]
        async with open_store(database, "NORMAL", 1) as store:
            for first in range(0, len(flows), _WRITTEN_AT_ONCE):
                await store.write(partial(_put, flows[first : first + _WRITTEN_AT_ONCE]))

    def changes(self) -> Sequence[tuple[str, _Change, AtMost | None]]:
        """The wide changes, each with a description and a limit for the delay of others."""
        wide = AtMost(_MOST_MS)
        collected = f"the deletion of a member of {_COLLECTORS} collections"
        tagged = f"the deletion of a flow with {_TAGS} tags"
        return [
            ("nothing", lambda _: asyncio.sleep(1), wide),
            (f"{_CLIENTS} clients that each put {_MEMBERS} members", self._collect, wide),
            (f"changes of a flow with {_TAGS} tags", self._describe, wide),
            (f"the removal of {_TAGS - MAX_TAGS} tags", self._drop_tags, wide),
            (tagged, partial(_delete, f"/flows/{self._other_tagged}"), wide),
            (collected, partial(_delete, f"/flows/{self._member}"), wide),
            # Segments of one call are stored together.
            (f"the registration of {_POSTED} segments at a time", self._register, None),
            (
                f"the deletion of {_SEGMENTS} segments",
                partial(_delete, f"/flows/{self._long}/segments"),
                wide,
            ),
        ]

    async def _collect(self, client: httpx.AsyncClient) -> None:
        await asyncio.gather(*(self._collect_as(client, flow_id) for flow_id in self._collecting))

    async def _collect_as(self, client: httpx.AsyncClient, flow_id: str) -> None:
        for role in ("audio", "video", "audio"):
            items = [{"id": member, "role": role} for member in self._members]
            document = ENCODE(_flow(flow_id, flow_collection=items).members)
            _checked(await client.put(f"/flows/{flow_id}", content=document, headers=_JSON), 201, 204)

    async def _describe(self, client: httpx.AsyncClient) -> None:
        for number in range(5):
            _checked(await client.put(f"/flows/{self._tagged}/description", json=f"{number}"), 204)

    async def _drop_tags(self, client: httpx.AsyncClient) -> None:
        tags = {f"{number:x}": "v" for number in range(MAX_TAGS)}
        document = ENCODE(_flow(self._tagged, tags=tags).members)
        _checked(await client.put(f"/flows/{self._tagged}", content=document, headers=_JSON), 204)

    async def _register(self, client: httpx.AsyncClient) -> None:
        for first in range(0, _SEGMENTS, _POSTED):
            segments = [_segment(second) for second in range(first, first + _POSTED)]
            response = await client.post(f"/flows/{self._long}/segments", json=segments)
            _checked(response, 201)


_JSON: Final = {"content-type": "application/json"}


async def _delete(path: str, client: httpx.AsyncClient) -> None:
    response = _checked(await client.delete(path), 202, 204)
    while response.status_code != 204 and response.json()["status"] != "done":  # noqa: PLR2004 - HTTP's
        await asyncio.sleep(0.05)
        response = await client.get(f"/flow-delete-requests/{response.json()['id']}")


def _put(flows: Sequence[FlowInput], tables: Tables) -> None:
    for flow in flows:
        source_id = flow.flow.source_id
        if tables.sources.get(source_id) is None:
            tables.sources.insert(source_id, flow.format, new_source(source_id, flow.format, "2026", None))
        document = ENCODE(flow.members | {"created": "2026", "metadata_updated": "2026"})
        tables.flows.put(flow, document, TagChanges(frozenset(), flow.tags, {}))


def _flow(flow_id: str, **members: Any) -> FlowInput:
    return parse_flow(ENCODE(msgspec.json.decode(flow_document(flow_id)) | members))


def _segment(second: int) -> dict[str, Any]:
    urls = [{"url": "https://elsewhere.example/object"}]
    return {"object_id": f"{second}", "timerange": f"[{second}:0_{second + 1}:0)", "get_urls": urls}


def _ids(number: int) -> Iterator[uuid.UUID]:
    return (uuid.uuid4() for _ in range(number))


def _checked(response: httpx.Response, *statuses: int) -> httpx.Response:
    if response.status_code not in statuses:
        raise RuntimeError(
            f"{response.request.method} {response.url}: {response.status_code} {response.text}"
        )
    return response
