"""GET /flows/{id} compared with the floor."""

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

_FLOWS: Final = 256


async def run(options: Options, folder: Path) -> list[Figure]:
    """Requests per second, as a fraction of those of the floor."""
    async with running_system(folder) as system, running_floor(folder) as floor:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_ids = [await metadata.new_flow() for _ in range(_FLOWS)]
        reads = [http_request("GET", f"/flows/{flow_id}") for flow_id in flow_ids]
        size = len(await asyncio.to_thread(body_of, system.gateway.port, f"/flows/{flow_ids[0]}"))
        served_by = [system.gateway, system.metadata]
        bare = [http_request("GET", f"/{size}")]
        found = {
            connections: await rounds.alternate(
                options.rounds,
                {
                    "floor": Side.of(_plan(floor[0], bare, connections, options), floor),
                    "flow": Side.of(_plan(system.gateway, reads, connections, options), served_by),
                },
            )
            for connections in (16, 1)
        }
    return [
        _figure("GET /flows/{id}, 16 connections", found[16], AtLeast(0.75)),
        _figure("GET /flows/{id}, 1 connection", found[1], None),
    ]


def _plan(to: Process, requests: Sequence[bytes], connections: int, options: Options) -> Plan:
    return Plan(
        port=to.port, requests=requests, connections=connections, seconds=options.seconds, repeat=True
    )


def _figure(name: str, found: Mapping[str, Series], target: AtLeast | None) -> Figure:
    return Figure(
        name=name,
        value=rounds.ratio(found["flow"], found["floor"]),
        unit="x floor",
        target=target,
        detail={side: series.detail() for side, series in found.items()},
    )
