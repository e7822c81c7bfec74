"""GET /flows/{id} against the floor."""

import asyncio
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
from bench.rounds import Side
from bench.system import running_system

_FLOWS: Final = 256


async def run(options: Options, folder: Path) -> list[Figure]:
    """Requests per second as a part of the floor's."""
    async with running_system(folder) as system, running_floor(folder) as floor:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_ids = [await metadata.new_flow() for _ in range(_FLOWS)]
        reads = [http_request("GET", f"/flows/{flow_id}") for flow_id in flow_ids]
        size = len(await asyncio.to_thread(body_of, system.gateway.port, f"/flows/{flow_ids[0]}"))
        bare = [http_request("GET", f"/{size}")]
        sides = {
            "floor": Side(lambda: _plan(floor[0].port, bare, options), floor),
            "flow": Side(
                lambda: _plan(system.gateway.port, reads, options), [system.gateway, system.metadata]
            ),
        }
        found = await rounds.alternate(options.rounds, sides)
    detail = {name: series.detail() for name, series in found.items()} | {"reply_bytes": size}
    value = rounds.ratio(found["flow"], found["floor"])
    return [
        Figure(
            name="GET /flows/{id}, 16 connections",
            value=value,
            unit="x floor",
            target=AtLeast(0.75),
            detail=detail,
        )
    ]


def _plan(port: int, requests: list[bytes], options: Options) -> Plan:
    return Plan(port=port, requests=requests, seconds=options.seconds, repeat=True)
