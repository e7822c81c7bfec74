"""Fifty webhooks: delivered events per second, and the time that they add to the POST of a segment."""

import asyncio
import json
import time
from pathlib import Path
from statistics import median
from typing import Final

from grpc import aio

from bench import load
from bench.benchmarks import Options
from bench.corpus import Metadata, http_request, segment_json
from bench.figure import AtMost, Figure
from bench.load import Outcome, Plan
from bench.running.processes import cpu_seconds
from bench.running.system import System, running_system
from bench.webhooks.subscribers import Subscribers, running_subscribers

_WEBHOOKS: Final = 50
_EVENTS: Final = 1000
_FLOWS: Final = 20
# The time in which idle subscribers get all events of paced POSTs.
_DRAINED_SECONDS: Final = 30.0
# The longest time for which deliveries of a full load are counted.
_COUNTED_SECONDS: Final = 10.0
# A round registers webhooks, delivers all events and removes the webhooks. It takes about ten seconds.
_MOST_ROUNDS: Final = 3
# The pause between two POSTs, in which events are delivered, as with the segments of a camera.
_PAUSE_SECONDS: Final = 0.1


class Posts:
    """Requests with a new segment of one of several flows, each with an object that was reserved for it."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._second = 0
        self._reserved: dict[str, list[str]] = {}

    async def reserve(self, segments: int) -> None:
        """Create flows, and reserve objects for their segments."""
        async with aio.insecure_channel(f"127.0.0.1:{self._system.metadata.port}") as channel:
            metadata = Metadata(channel)
            for _ in range(_FLOWS):
                flow_id = await metadata.new_flow()
                self._reserved[flow_id] = await metadata.reserve(flow_id, segments // _FLOWS + 1)

    def requests(self, count: int) -> list[bytes]:
        """New requests."""
        return [self._request() for _ in range(count)]

    def _request(self) -> bytes:
        self._second += 1
        flow_id = list(self._reserved)[self._second % _FLOWS]
        body = json.dumps(segment_json(self._second, self._reserved[flow_id].pop())).encode()
        return http_request("POST", f"/flows/{flow_id}/segments", body)


async def run(options: Options, folder: Path) -> list[Figure]:
    """First the added time with idle subscribers, then the rate of deliveries under full load."""
    async with running_system(folder) as system, running_subscribers(system, folder) as subscribers:
        paced = int(options.seconds / _PAUSE_SECONDS)
        posts, rounds = Posts(system), min(options.rounds, _MOST_ROUNDS)
        await posts.reserve(2 * (rounds + 1) * paced + _EVENTS)
        return [
            await _added(subscribers, posts, rounds, paced),
            await _delivered(subscribers, posts),
        ]


async def _added(subscribers: Subscribers, posts: Posts, rounds: int, count: int) -> Figure:
    pairs: list[tuple[Outcome, Outcome]] = []
    for _ in range(rounds + 1):
        none = await _paced(subscribers, posts, count)
        await subscribers.register(_WEBHOOKS)
        fifty = await _paced(subscribers, posts, count)
        await _drained(subscribers, (len(pairs) + 1) * count * _WEBHOOKS)
        await subscribers.remove(_WEBHOOKS)
        pairs.append((none, fifty))
    # The first round only warms up.
    pairs = pairs[1:]
    return Figure(
        name=f"POST of one segment with {_WEBHOOKS} webhooks, time",
        value=median(fifty.p50_ms / none.p50_ms for none, fifty in pairs),
        unit="x with none",
        target=AtMost(1.05),
        detail={
            name: {
                "p50_ms": [round(pair[side].p50_ms, 3) for pair in pairs],
                "p99_ms": [round(pair[side].p99_ms, 3) for pair in pairs],
            }
            for side, name in enumerate(("none", "with_webhooks"))
        },
    )


async def _paced(subscribers: Subscribers, posts: Posts, count: int) -> Outcome:
    plan = Plan(
        port=subscribers.system.gateway.port,
        requests=posts.requests(count),
        connections=1,
        pause=_PAUSE_SECONDS,
    )
    return await load.run(plan)


async def _delivered(subscribers: Subscribers, posts: Posts) -> Figure:
    await subscribers.register(_WEBHOOKS)
    before = await subscribers.received()
    measured = [*subscribers.system.processes, subscribers.events, subscribers.sink]
    plan = Plan(port=subscribers.system.gateway.port, requests=posts.requests(_EVENTS), connections=4)
    cpu, started = cpu_seconds(measured), time.perf_counter()
    outcome = await load.run(plan)
    received = 0
    while received < _EVENTS * _WEBHOOKS and time.perf_counter() < started + _COUNTED_SECONDS:
        await asyncio.sleep(0.05)
        received = await subscribers.received() - before
    seconds = time.perf_counter() - started
    used = {name: round(value - cpu[name], 2) for name, value in cpu_seconds(measured).items()}
    return Figure(
        name=f"{_EVENTS} events to {_WEBHOOKS} webhooks each, delivered",
        value=received / seconds,
        unit="per s",
        detail={
            "delivered": received,
            "seconds": round(seconds, 2),
            "posted_per_second": round(outcome.rate, 1),
            "cpu_seconds": used,
        },
    )


async def _drained(subscribers: Subscribers, expected: int) -> None:
    """Return when the sink has got the expected number of events; RuntimeError if it takes too long."""
    deadline = time.monotonic() + _DRAINED_SECONDS
    while (received := await subscribers.received()) < expected:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{received} of {expected} events arrived in {_DRAINED_SECONDS} s")
        await asyncio.sleep(0.05)
