"""The store as the campaign's clients see it. Every outcome is checked, counted and recorded."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from tests.campaign.fault_log import FaultLog
from tests.campaign.report import Outcome, Report

# A request may have to wait for a stall, a restart and the deadline of a bulk request.
TIMEOUT_SECONDS: Final = 90.0
# A read is repeated until it is answered. No fault lasts as long as this.
READ_SECONDS: Final = 240.0
_RECORDED: Final = 30
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SERVER_FAULT: Final = 500
# The statuses that are allowed while a fault is under way.
_UNAVAILABLE: Final = frozenset({httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT})
_NAMED: Final = frozenset({"flows", "sources", "objects", "tags", "flow-delete-requests", "loads"})


class Unknown(Exception):
    """A request whose effect is unknown."""


class Store:
    """Connections to the gateway, direct ones and others through the campaign's own network."""

    def __init__(
        self,
        urls: Sequence[str],
        faults: FaultLog,
        report: Report,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self.faults = faults
        self.report = report
        self._urls = urls
        self._transport = transport
        self._clients: list[httpx.AsyncClient] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Store":
        for url in self._urls:
            # Shorter than in the gateway, so that both sides never close an idle connection at once.
            limits = httpx.Limits(keepalive_expiry=5)
            client = httpx.AsyncClient(
                base_url=url,
                timeout=TIMEOUT_SECONDS,
                trust_env=False,
                limits=limits,
                transport=self._transport,
            )
            self._clients.append(await self._stack.enter_async_context(client))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def channel(self, name: str, numbers: random.Random) -> "Channel":
        """A channel to the store for one user, with its own history."""
        return Channel(self, name, numbers)

    async def send(self, number: int, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request over one of the connections."""
        return await self._clients[number % len(self._clients)].request(method, path, **more)

    def broken_for_a_reason(self, began: float, url: str) -> bool:
        """Whether a fault may have broken a connection since a time."""
        reasons = ("kill", "kill-runner", "stall", "disk")
        proxied = urlsplit(url).netloc != urlsplit(self._urls[0]).netloc
        return self.faults.since(began, *reasons, *(("network",) if proxied else ()))


class Channel:
    """Sends requests as an httpx client does, and checks the outcomes."""

    def __init__(self, store: Store, name: str, numbers: random.Random) -> None:
        self.name = name
        self.history: deque[str] = deque(maxlen=_RECORDED)
        self._store = store
        self._numbers = numbers

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """GET, repeated until it is answered."""
        return await self.request("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        """POST once."""
        return await self.request("POST", path, **more)

    async def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A response below 500. Unknown if there is none; reads are repeated."""
        if method not in _SAFE:
            return await self._once(method, path, **more)
        deadline = time.monotonic() + READ_SECONDS
        while True:
            try:
                return await self._once(method, path, **more)
            except Unknown as error:
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"{method} {path}: no answer for {READ_SECONDS} s: {error}"
                    ) from error
                await asyncio.sleep(0.5)

    def shaken(self, began: float) -> bool:
        """Whether the services may have repeated a request since a time."""
        return self._store.faults.since(began)

    def find(self, text: str) -> None:
        """Report a finding with the last requests."""
        self._store.report.find(self.name, text, self.history)

    async def _once(self, method: str, path: str, **more: Any) -> httpx.Response:
        began, number = time.monotonic(), self._numbers.randrange(2)
        try:
            response = await self._store.send(number, method, path, **more)
        except httpx.TransportError as error:
            self._broken(began, error, method, path, more)
            raise Unknown(f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            self._record(method, path, more, "cancelled")
            raise
        if response.status_code >= _SERVER_FAULT:
            self._failed(began, response, more)
            raise Unknown(f"{response.status_code} {response.text[:200]}")
        self._count(method, path, "refused" if response.is_client_error else "done")
        self._record(method, path, more, str(response.status_code))
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            # The request changed nothing and may be repeated. It may count as unknown.
            raise Unknown(f"429 {response.text[:200]}")
        return response

    def _broken(self, began: float, error: httpx.TransportError, method: str, path: str, more: Any) -> None:
        self._count(method, path, "unknown")
        self._record(method, path, more, type(error).__name__)
        if not self._store.broken_for_a_reason(began, str(error.request.url)):
            self.find(
                f"{method} {path}: {type(error).__name__} {error} after {time.monotonic() - began:.1f} s"
            )

    def _failed(self, began: float, response: httpx.Response, more: Any) -> None:
        method, path = response.request.method, response.request.url.raw_path.decode()
        self._count(method, path, "unknown")
        self._record(method, path, more, str(response.status_code))
        if response.status_code not in _UNAVAILABLE or not self.shaken(began):
            self.find(
                f"{method} {path}: {response.status_code} {response.text[:300]} after"
                f" {time.monotonic() - began:.1f} s, meanwhile {self._store.faults.during(began)}"
            )
        elif method != "HEAD" and not _has_reason(response):
            self.find(f"{method} {path}: {response.status_code} without a reason: {response.text[:300]}")

    def _count(self, method: str, path: str, outcome: Outcome) -> None:
        self._store.report.operations[f"{method} {_kind(path)}", outcome] += 1

    def _record(self, method: str, path: str, more: Any, outcome: str) -> None:
        sent = {name: value for name, value in more.items() if name in {"json", "params", "content"}}
        self.history.append(f"{self._store.report.age():8.2f} {method} {path} {str(sent)[:400]} -> {outcome}")


def _kind(path: str) -> str:
    """The path with placeholders, so that operations of one kind count together."""
    words = urlsplit(path).path.strip("/").split("/")
    kept = [
        "{}" if index and words[index - 1] in _NAMED and word != "batch" else word
        for index, word in enumerate(words)
    ]
    if "tags" in kept:
        kept = kept[: kept.index("tags") + 2]
    return "/" + "/".join(kept[:6] if kept[0] != "objects" else kept[:2])


def _has_reason(response: httpx.Response) -> bool:
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and bool(body.get("type")) and bool(body.get("summary"))
