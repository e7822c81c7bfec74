"""POST of segments, one and a hundred at a time, compared with the floor."""

import json
from pathlib import Path
from typing import Final

from grpc import aio

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import Metadata, http_request, segment_json
from bench.figure import AtLeast, Figure
from bench.floor.running import running_floor
from bench.load import Plan
from bench.rounds import Side
from bench.running.system import System, running_system

_SINGLES: Final = 4000
_BULKS: Final = 400
_BULK: Final = 100


class Posts:
    """Requests with new segments, each with an object that was reserved for it."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._second = 0
        self._reserved: list[str] = []

    async def reserve(self, segments: int) -> None:
        """Create a flow, and reserve objects for its segments."""
        async with aio.insecure_channel(f"127.0.0.1:{self._system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_id = await metadata.new_flow()
            self._target = f"/flows/{flow_id}/segments"
            self._reserved = await metadata.reserve(flow_id, segments)

    def singles(self) -> Plan:
        """A plan with a segment in each request."""
        bodies = [self._segment() for _ in range(_SINGLES)]
        return self._plan([json.dumps(body) for body in bodies])

    def bulks(self) -> Plan:
        """A plan with a list of segments in each request."""
        bodies = [[self._segment() for _ in range(_BULK)] for _ in range(_BULKS)]
        return self._plan([json.dumps(body) for body in bodies])

    def _segment(self) -> dict[str, object]:
        self._second += 1
        return segment_json(self._second, self._reserved.pop(0))

    def _plan(self, bodies: list[str]) -> Plan:
        requests = [http_request("POST", self._target, body.encode()) for body in bodies]
        return Plan(port=self._system.gateway.port, requests=requests)


async def run(options: Options, folder: Path) -> list[Figure]:
    """The rate of single POSTs compared with the floor, and of segments in bulk POSTs with single ones."""
    async with running_system(folder) as system, running_floor(folder) as floor:
        posts = Posts(system)
        await posts.reserve((options.rounds + 1) * (_SINGLES + _BULKS * _BULK))
        body = json.dumps(segment_json(123_456, "0" * 36)).encode()
        bare = Plan(port=floor[0].port, requests=[http_request("POST", "/0", body)] * _SINGLES)
        served_by = [system.gateway, system.metadata]
        sides = {
            "floor": Side.of(bare, floor),
            "single": Side(posts.singles, served_by),
            "bulk": Side(posts.bulks, served_by, items=_BULK),
        }
        found = await rounds.alternate(options.rounds, sides)
    detail = {name: series.detail() for name, series in found.items()} | {"request_bytes": len(body)}
    return [
        Figure(
            name="POST of one segment, 16 connections",
            value=rounds.ratio(found["single"], found["floor"]),
            unit="x floor",
            target=AtLeast(0.6),
            detail=detail,
        ),
        Figure(
            name="POST of 100 segments, segments per second",
            value=rounds.ratio(found["bulk"], found["single"]),
            unit="x single",
            target=AtLeast(15),
            detail=detail,
        ),
    ]
