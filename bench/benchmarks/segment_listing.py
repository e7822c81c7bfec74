"""Segment listings: a window in a long and a short flow, and the CPU time of pages with signed URLs."""

import asyncio
import json
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
from bench.floor.running import running_floor
from bench.http_reply import body_of
from bench.load import Plan
from bench.rounds import Series, Side
from bench.running.processes import Process
from bench.running.system import System, running_system

_SHORT: Final = 1000
_WINDOW: Final = 10
_PAGE: Final = 300
# Different requests of a side, enough for pages and URLs of a long flow to be requested rarely twice.
_REQUESTS: Final = 5000
_MAX_PAGE_CPU_MS: Final = 3.0
# Segments of the flows with and without copies.
_COPIED: Final = 5000


async def run(options: Options, folder: Path) -> list[Figure]:
    """All figures, on one system with segments."""
    async with running_system(folder) as system, running_floor(folder) as floor:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            short, long = await metadata.new_flow(), await metadata.new_flow()
            await metadata.fill(short, _SHORT)
            await metadata.fill(long, options.segments)
            plain, copied = await metadata.new_flow(), await metadata.new_flow()
            await metadata.fill(plain, _COPIED)
            await metadata.copy(await metadata.fill(copied, _COPIED))
        await _check(system, long)
        return [
            await _windows(system, short, long, options),
            *await _pages(system, floor, long, options),
            await _copies(system, plain, copied, options),
        ]


async def _windows(system: System, short: str, long: str, options: Options) -> Figure:
    sides = {
        name: _side(system.gateway, _windows_in(flow_id, length), 1, options, system.processes)
        for name, flow_id, length in (("short", short, _SHORT), ("long", long, options.segments))
    }
    found = await rounds.alternate(options.rounds, sides)
    return Figure(
        name=f"10 s window in {options.segments} segments, time",
        value=rounds.ratio(found["long"], found["short"], lambda sample: sample.outcome.p50_ms),
        unit=f"x in {_SHORT}",
        target=AtMost(1.3),
        detail={name: series.detail() for name, series in found.items()},
    )


async def _pages(system: System, floor: Sequence[Process], flow_id: str, options: Options) -> list[Figure]:
    anywhere = [_page(flow_id, random.randrange(options.segments - _PAGE)) for _ in range(_REQUESTS)]
    size = len(await asyncio.to_thread(body_of, system.gateway.port, anywhere[0]))
    sides = {
        "floor": _side(floor[0], [f"/{size}"], 4, options, floor),
        "new_urls": _side(system.gateway, anywhere, 4, options, system.processes),
        "known_urls": _side(system.gateway, anywhere[:1], 4, options, system.processes),
    }
    found = await rounds.alternate(options.rounds, sides)
    cpu_ms = {name: _cpu_ms(series) for name, series in found.items()}
    detail = {name: series.detail() | {"cpu_ms": cpu_ms[name]} for name, series in found.items()}
    of_floor = [page / bare for page, bare in zip(cpu_ms["new_urls"], cpu_ms["floor"], strict=True)]
    return [
        Figure(
            name="page of 300 segments with signed URLs, CPU",
            value=median(cpu_ms["new_urls"]),
            unit="ms",
            target=AtMost(_MAX_PAGE_CPU_MS),
            detail=detail,
        ),
        # The floor has the same number of bytes. A slow machine slows both.
        Figure(name="page of 300 segments with signed URLs", value=median(of_floor), unit="x floor"),
    ]


async def _copies(system: System, plain: str, copied: str, options: Options) -> Figure:
    """Pages where each object has a copy, beside pages without copies."""
    (target,) = _pages_of(copied)[:1]
    page = json.loads(await asyncio.to_thread(body_of, system.gateway.port, target))
    if [len(segment["get_urls"]) for segment in page] != [2] * _PAGE:
        raise RuntimeError(f"GET {target}: not two URLs for each of {_PAGE} segments")
    sides = {
        name: _side(system.gateway, _pages_of(flow_id), 4, options, system.processes)
        for name, flow_id in (("plain", plain), ("copied", copied))
    }
    found = await rounds.alternate(options.rounds, sides)
    cpu_ms = {name: _cpu_ms(series) for name, series in found.items()}
    return Figure(
        name=f"page of {_PAGE} segments with a copy each, CPU",
        value=median([two / one for two, one in zip(cpu_ms["copied"], cpu_ms["plain"], strict=True)]),
        unit="x one copy",
        target=AtMost(1.5),
        detail={name: series.detail() | {"cpu_ms": cpu_ms[name]} for name, series in found.items()},
    )


def _pages_of(flow_id: str) -> list[str]:
    return [_page(flow_id, random.randrange(_COPIED - _PAGE)) for _ in range(_REQUESTS)]


def _side(
    to: Process, targets: list[str], connections: int, options: Options, counted: Sequence[Process]
) -> Side:
    plan = Plan(
        port=to.port,
        requests=[http_request("GET", target) for target in targets],
        connections=connections,
        seconds=options.seconds,
        repeat=True,
    )
    return Side.of(plan, counted)


def _windows_in(flow_id: str, length: int) -> list[str]:
    return [_window(flow_id, length) for _ in range(_REQUESTS)]


def _window(flow_id: str, length: int) -> str:
    start = random.randrange(length - _WINDOW)
    return f"/flows/{flow_id}/segments?timerange=[{start}:0_{start + _WINDOW}:0)&limit=30"


def _page(flow_id: str, start: int) -> str:
    return f"/flows/{flow_id}/segments?timerange=[{start}:0_)&limit={_PAGE}"


def _cpu_ms(series: Series) -> list[float]:
    """The CPU time of all processes together in ms, by round."""
    return [round(sum(sample.cpu_us.values()) / 1000, 3) for sample in series.samples]


async def _check(system: System, flow_id: str) -> None:
    """RuntimeError unless the listings have the expected segments with signed URLs."""
    for target, expected in ((_window(flow_id, _SHORT), _WINDOW), (_page(flow_id, 0), _PAGE)):
        segments = json.loads(await asyncio.to_thread(body_of, system.gateway.port, target))
        signed = sum(
            any("X-Amz-Signature" in url["url"] for url in segment["get_urls"]) for segment in segments
        )
        if signed != expected:
            raise RuntimeError(f"GET {target}: {signed} segments with signed URLs, expected {expected}")
