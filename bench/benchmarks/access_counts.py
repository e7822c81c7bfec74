"""Pages of 300 segments of a store that counts the URLs of each object, compared with one that does not."""

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from grpc import aio

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import Metadata, http_request
from bench.figure import AtMost, Figure
from bench.load import Plan
from bench.rounds import Series, Side
from bench.running.system import System, running_system
from services.media.application.access_counts import PAUSE_SECONDS

_SEGMENTS: Final = 100_000
_PAGE: Final = 300
_PAGES: Final = 2000
# Numbers are given to metadata within a round, so that it has their cost.
_SECONDS: Final = PAUSE_SECONDS + 1
_MOST: Final = 1.02


async def run(options: Options, folder: Path) -> list[Figure]:
    """The CPU time of a page in relation, for pages anywhere and for one page."""
    (folder / "without").mkdir()
    (folder / "counted").mkdir()
    async with (
        running_system(folder / "without", {"TAMS_MEDIA_COUNT_ACCESSES": "false"}) as without,
        running_system(folder / "counted") as counted,
    ):
        systems = {"without": without, "counted": counted}
        pages = {name: await _pages(system, options) for name, system in systems.items()}
        figures = []
        for kind, number in (("anywhere", _PAGES), ("one page", 1)):
            sides = {name: _side(system, pages[name][:number], options) for name, system in systems.items()}
            found = await rounds.alternate(options.rounds, sides)
            figures.append(_figure(kind, found))
    return figures


async def _pages(system: System, options: Options) -> list[str]:
    segments = min(options.segments, _SEGMENTS)
    async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
        metadata = Metadata(channel)
        flow_id = await metadata.new_flow()
        await metadata.fill(flow_id, segments)
    starts = (random.randrange(segments - _PAGE) for _ in range(_PAGES))
    return [f"/flows/{flow_id}/segments?timerange=[{start}:0_)&limit={_PAGE}" for start in starts]


def _side(system: System, pages: Sequence[str], options: Options) -> Side:
    plan = Plan(
        port=system.gateway.port,
        requests=[http_request("GET", page) for page in pages],
        connections=4,
        seconds=max(options.seconds, _SECONDS),
        repeat=True,
    )
    return Side.of(plan, system.processes)


def _figure(kind: str, found: dict[str, Series]) -> Figure:
    cpu = {name: median(sum(one.cpu_us.values()) for one in series.samples) for name, series in found.items()}
    return Figure(
        name=f"pages of 300 segments, accesses counted, {kind}",
        value=cpu["counted"] / cpu["without"],
        unit="x CPU",
        target=AtMost(_MOST),
        detail={name: series.detail() for name, series in found.items()},
    )
