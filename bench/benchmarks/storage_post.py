"""POST of storage, ten objects at a time, compared with the floor."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from grpc import aio

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import Metadata, http_request
from bench.figure import AtLeast, Figure
from bench.floor.running import running_floor
from bench.http_reply import body_of
from bench.load import Plan
from bench.rounds import Series, Side
from bench.running.processes import Process
from bench.running.system import running_system

_FLOWS: Final = 16
_BODY: Final = b'{"limit":10}'


async def run(options: Options, folder: Path) -> list[Figure]:
    """Requests per second, as a fraction of those of the floor."""
    async with running_system(folder) as system, running_floor(folder) as floor:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_ids = [await metadata.new_flow() for _ in range(_FLOWS)]
        targets = [f"/flows/{flow_id}/storage" for flow_id in flow_ids]
        size = len(await asyncio.to_thread(body_of, system.gateway.port, targets[0], _BODY))
        posts = [http_request("POST", target, _BODY) for target in targets]
        bare = [http_request("POST", f"/{size}", _BODY)]
        found = {
            connections: await rounds.alternate(
                options.rounds,
                {
                    "floor": Side.of(_plan(floor[0], bare, connections, options), floor),
                    "storage": Side.of(_plan(system.gateway, posts, connections, options), system.processes),
                },
            )
            for connections in (1, 8, 64)
        }
    return [
        _figure("POST of storage for 10 objects, 1 connection", found[1], None),
        _figure("POST of storage for 10 objects, 8 connections", found[8], AtLeast(0.6)),
        _figure("POST of storage for 10 objects, 64 connections", found[64], AtLeast(0.75)),
    ]


def _plan(to: Process, requests: Sequence[bytes], connections: int, options: Options) -> Plan:
    return Plan(
        port=to.port, requests=requests, connections=connections, seconds=options.seconds, repeat=True
    )


def _figure(name: str, found: Mapping[str, Series], target: AtLeast | None) -> Figure:
    return Figure(
        name=name,
        value=rounds.ratio(found["storage"], found["floor"]),
        unit="x floor",
        target=target,
        detail={side: series.detail() for side, series in found.items()},
    )
