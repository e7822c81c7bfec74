"""A thousand webhooks, of which ten work: the delay of their events, and the cost of the others."""

import asyncio
import http.client
import json
import time
from pathlib import Path
from statistics import quantiles
from typing import Final

import psutil

from bench.benchmarks import Options
from bench.figure import AtMost, Figure
from bench.http_reply import body_of
from bench.running import processes
from bench.running.processes import Process
from bench.running.system import System, running_system
from bench.webhooks.dead_hooks import WAYS
from bench.webhooks.subscribers import Subscribers, running_subscribers
from tests.support.events.sink import Sink, running_sink
from tests.support.metadata.flows import a_flow
from tests.support.processes.ports import free_ports

_HEALTHY: Final = 10
_DEAD: Final = 990
_FLOWS: Final = 300
# The pause between two changes of flows.
_PAUSE_SECONDS: Final = 0.1
_ARRIVED_SECONDS: Final = 120.0
# The time after which removed subscribers must get no connections, and for which these are counted.
_REMOVED_SECONDS: Final = 1.0
_WATCHED_SECONDS: Final = 3.0


async def run(options: Options, folder: Path) -> list[Figure]:
    """The figures with all faults of `dead_hooks` at once."""
    del options
    (dead_port,) = free_ports(1)
    async with running_system(folder) as system, running_subscribers(system, folder) as subscribers:
        with processes.running(
            "dead", dead_port, ["bench.webhooks.dead_hooks", str(dead_port)], folder
        ) as dead:
            await dead.listening()
            async with running_sink() as sink:
                return await _measure(system, subscribers, dead, sink)


async def _measure(system: System, subscribers: Subscribers, dead: Process, sink: Sink) -> list[Figure]:
    dead_urls = [
        f"http://127.0.0.1:{dead.port}/{WAYS[number % len(WAYS)]}/{number}" for number in range(_DEAD)
    ]
    healthy_urls = [f"{sink.url}/{number}" for number in range(_HEALTHY)]
    await asyncio.to_thread(_register, system.gateway.port, [*dead_urls, *healthy_urls], ["flows/created"])
    delays, most_bytes = await _delays(system, subscribers, sink)
    attempts = await _connections(dead)
    await asyncio.to_thread(_register, system.gateway.port, dead_urls, [])
    await asyncio.sleep(_REMOVED_SECONDS)
    before = await _connections(dead)
    await asyncio.sleep(_WATCHED_SECONDS)
    after = await _connections(dead)
    stopped = await _stopped(subscribers.events)
    detail = {
        "p50_s": round(quantiles(delays, n=100)[49], 3),
        "most_s": round(max(delays), 3),
        "attempts_at_dead_ones": attempts,
        "log_lines": len(subscribers.events.log.read_text().splitlines()),
    }
    name = f"{_HEALTHY} webhooks beside {_DEAD} dead ones"
    return [
        Figure(
            name=f"{name}: time until delivered, p99",
            value=quantiles(delays, n=100)[98],
            unit="s",
            target=AtMost(1.0),
            detail=detail,
        ),
        Figure(name=f"{name}: memory of events", value=most_bytes / 1e6, unit="MB", target=AtMost(200)),
        Figure(
            name="connections to removed webhooks a second later",
            value=float(after - before),
            unit="",
            target=AtMost(0),
        ),
        Figure(name=f"{name}: SIGTERM to end", value=stopped, unit="s", target=AtMost(5.0)),
    ]


async def _delays(system: System, subscribers: Subscribers, sink: Sink) -> tuple[list[float], int]:
    """The seconds from each PUT to each delivery, and the highest memory of events in bytes."""
    events, put, most = psutil.Process(subscribers.events.popen.pid), dict[str, float](), 0
    delays: list[float] = []

    async def arrived(event: dict[str, object]) -> str:
        delays.append(time.monotonic() - put[event["event"]["flow"]["id"]])  # type: ignore[index]
        return "204 No Content"

    sink.answer = arrived
    for number in range(_FLOWS):
        document = a_flow(number)
        put[str(document["id"])] = time.monotonic()
        await asyncio.to_thread(_put_flow, system.gateway.port, document)
        most = max(most, events.memory_info().rss)
        await asyncio.sleep(_PAUSE_SECONDS)
    end = time.monotonic() + _ARRIVED_SECONDS
    while len(delays) < _FLOWS * _HEALTHY:
        if time.monotonic() > end:
            raise RuntimeError(f"{len(delays)} of {_FLOWS * _HEALTHY} events arrived")
        most = max(most, events.memory_info().rss)
        await asyncio.sleep(0.05)
    return delays, most


async def _connections(dead: Process) -> int:
    return int(await asyncio.to_thread(body_of, dead.port, "/"))


async def _stopped(events: Process) -> float:
    began = time.monotonic()
    events.popen.terminate()
    await asyncio.to_thread(events.popen.wait, 60)
    return time.monotonic() - began


def _register(port: int, urls: list[str], events: list[str]) -> None:
    for url in urls:
        _send(port, "POST", "/service/webhooks", {"url": url, "events": events})


def _put_flow(port: int, document: dict[str, object]) -> None:
    _send(port, "PUT", f"/flows/{document['id']}", document)


def _send(port: int, method: str, path: str, body: object) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    if not http.client.OK <= reply.status < http.client.MULTIPLE_CHOICES:
        raise RuntimeError(f"{method} {path}: {reply.status} {text[:300]!r}")
