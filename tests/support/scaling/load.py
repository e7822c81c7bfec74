"""Clients that read and write at a steady rate through the fronts of a store, and check each answer."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.processes.polling import until
from tests.support.services.gateway import a_flow

# Clients of each front, and the pause of each between two requests.
CLIENTS = 2
PAUSE_SECONDS = 0.5
# Longer than a request that is repeated because a replica hangs.
TIMEOUT_SECONDS = 30
_OBJECTS = 10


@dataclass
class Outcome:
    """The answers that the clients got."""

    fronts: Sequence[str]
    # The ids of the objects whose segments were acknowledged, by flow.
    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    # Idempotent requests that were not answered as they should be.
    failures: list[str] = field(default_factory=list)
    # Other requests that were not answered: they may have been carried out.
    unknown: list[str] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)

    @property
    def objects(self) -> set[str]:
        """The objects of all acknowledged segments."""
        return {object_id for ids in self.acknowledged.values() for object_id in ids}


class Client:
    """One client of a front with a flow of its own."""

    def __init__(self, front: str, http: httpx.AsyncClient, outcome: Outcome, *, analytics: bool) -> None:
        self._front = front
        self._http = http
        self._outcome = outcome
        self._analytics = analytics
        self._flow = a_flow()
        self._path = f"/flows/{self._flow['id']}"
        self._objects: list[str] = []
        self._seconds = itertools.count()
        self._numbers = itertools.count()
        self._acknowledged = outcome.acknowledged.setdefault(self._flow["id"], [])

    async def run(self, stop: asyncio.Event) -> None:
        """Send requests of all kinds in turn until `stop` is set."""
        await self._repeatable("PUT", self._path, json=self._flow)
        kinds = (self._add_segment, self._read, self._list, self._label, self._read, self._list)
        steps = itertools.cycle(kinds)
        while not stop.is_set():
            await next(steps)()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _add_segment(self) -> None:
        if not self._objects:
            reply = await self._once(f"{self._path}/storage", json={"limit": _OBJECTS})
            if reply is None:
                return
            self._objects = [found["object_id"] for found in reply.json()["media_objects"]]
        second, object_id = next(self._seconds), self._objects.pop()
        segment = {"object_id": object_id, "timerange": f"[{second}:0_{second + 1}:0)"}
        if await self._once(f"{self._path}/segments", json=segment) is not None:
            self._acknowledged.append(object_id)

    async def _read(self) -> None:
        reply = await self._repeatable("GET", self._path)
        if reply is not None and reply.json()["id"] != self._flow["id"]:
            self._outcome.failures.append(f"{self._front} {self._path} is {reply.text[:200]}")

    async def _list(self) -> None:
        """A client sees its own segments, whichever replica answers."""
        before = set(self._acknowledged[-20:])
        params = {"limit": "30", "reverse_order": "true"}
        reply = await self._repeatable("GET", f"{self._path}/segments", params=params)
        if reply is not None and (lost := before - {segment["object_id"] for segment in reply.json()}):
            self._outcome.failures.append(f"{self._front} does not show {len(lost)} segments")

    async def _label(self) -> None:
        await self._repeatable("PUT", f"{self._path}/label", json=f"label {next(self._numbers)}")
        if self._analytics and next(self._numbers) % 4 == 0:
            await self._repeatable("GET", "/x/analytics/storage-usage")

    async def _repeatable(self, method: str, path: str, **more: Any) -> httpx.Response | None:
        """The answer of an idempotent request, which must succeed."""
        reply = await self._send(method, path, **more)
        if isinstance(reply, httpx.Response) and reply.is_success:
            return reply
        if not _database_is_slow(reply):
            self._outcome.failures.append(f"{self._front} {method} {path}: {_text(reply)}")
        return None

    async def _once(self, path: str, **more: Any) -> httpx.Response | None:
        """The answer of a POST; None if there is none, or it is that a part does not answer."""
        reply = await self._send("POST", path, **more)
        if isinstance(reply, httpx.Response) and reply.is_success:
            return reply
        if isinstance(reply, httpx.Response) and reply.is_client_error:
            self._outcome.failures.append(f"{self._front} POST {path}: {_text(reply)}")
        elif not _database_is_slow(reply):
            self._outcome.unknown.append(f"{self._front} POST {path}: {_text(reply)}")
        return None

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response | Exception:
        headers = {"x-request-id": f"{self._front}-{next(self._numbers)}"}
        try:
            reply = await self._http.request(method, path, headers=headers, **more)
        except httpx.TransportError as error:
            return error
        self._outcome.answered[self._front] += reply.is_success
        return reply


@asynccontextmanager
async def load_on(fronts: Mapping[str, str], *, analytics: bool = True) -> AsyncIterator[Outcome]:
    """Clients that work until the block ends; when it begins, each has been answered a few times.

    Without `analytics` they ask nothing of it.
    """
    outcome, stop = Outcome([*fronts]), asyncio.Event()
    async with AsyncExitStack() as stack:
        clients = [
            Client(front, await stack.enter_async_context(_http(url)), outcome, analytics=analytics)
            for front, url in fronts.items()
            for _ in range(CLIENTS)
        ]
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(stop))
            try:
                await more(outcome, 10)
                yield outcome
            finally:
                stop.set()


async def more(outcome: Outcome, count: int) -> None:
    """Wait until each front has answered that many more requests."""
    before = Counter(outcome.answered)

    def answered() -> bool:
        return all(outcome.answered[front] >= before[front] + count for front in outcome.fronts)

    await until(answered, pause=0.05)


def _http(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)


def _database_is_slow(reply: httpx.Response | Exception) -> bool:
    """Whether the database, of which there is one, had no time on a busy machine. No replica is at fault."""
    return isinstance(reply, httpx.Response) and "the database did not answer in time" in reply.text


def _text(reply: httpx.Response | Exception) -> str:
    return repr(reply) if isinstance(reply, Exception) else f"{reply.status_code} {reply.text[:300]}"
