"""A walk over all segments of a flow, page after page by the Link header."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from grpc import aio

from bench.benchmarks import Options
from bench.corpus import Metadata
from bench.figure import Figure
from bench.running.system import running_system
from bench.walk import Walk, walk

_SEGMENTS: Final = 20_000
_PAGE: Final = 300
# The first and last pages that are compared.
_COMPARED: Final = 10


async def run(options: Options, folder: Path) -> list[Figure]:
    """The time of the walk, and that of its last pages compared with the first ones."""
    async with running_system(folder) as system:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_id = await metadata.new_flow()
            await metadata.fill(flow_id, _SEGMENTS)
        target = f"/flows/{flow_id}/segments?limit={_PAGE}"
        # The first walk warms up.
        walks = [
            await asyncio.to_thread(walk, system.gateway.port, target) for _ in range(options.rounds + 1)
        ][1:]
    if any(sum(each.items) != _SEGMENTS for each in walks):
        raise RuntimeError(f"a walk did not find {_SEGMENTS} segments")
    return _figures(walks)


def _figures(walks: Sequence[Walk]) -> list[Figure]:
    name = f"walk of {_SEGMENTS} segments in pages of {_PAGE}"
    detail = {
        "pages": len(walks[0].targets),
        "page_p50_ms": round(median(median(each.page_ms) for each in walks), 3),
        "walks_ms": [round(each.seconds * 1000, 1) for each in walks],
    }
    return [
        Figure(
            name=f"{name}, one after the other",
            value=median(each.seconds for each in walks) * 1000,
            unit="ms",
            detail=detail,
        ),
        Figure(
            name=f"{name}, time of the last {_COMPARED}",
            value=median(map(_last_over_first, walks)),
            unit=f"x the first {_COMPARED}",
            detail=detail,
        ),
    ]


def _last_over_first(measured: Walk) -> float:
    full = [ms for ms, size in zip(measured.page_ms, measured.items, strict=True) if size == _PAGE]
    return median(full[-_COMPARED:]) / median(full[:_COMPARED])
