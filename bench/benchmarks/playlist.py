"""HLS playlists of six segments, beside listings of the same segments with their URLs.

Objects in MPEG-TS have no bytes here. Those in fragmented MP4 have short ones, whose heads are read once.
"""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grpc import aio

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import Metadata, http_request
from bench.figure import AtMost, Figure
from bench.http_reply import body_of
from bench.load import Plan
from bench.rounds import Side
from bench.running.system import BUCKET, System, running_system
from tests.support.playback.boxes import box, section

_LENGTH: Final = 10_000
_WINDOW: Final = 6
_FRAGMENTED: Final = 200
# Different windows of a side.
_REQUESTS: Final = 5000
_CONNECTIONS: Final = 4


async def run(options: Options, folder: Path) -> list[Figure]:
    """All figures, on one system with segments."""
    async with running_system(folder) as system:
        async with aio.insecure_channel(f"127.0.0.1:{system.metadata.port}") as channel:
            metadata = Metadata(channel)
            flow_id = await metadata.new_flow()
            await metadata.fill(flow_id, _LENGTH)
            fragmented = await metadata.new_flow("video/mp4")
            keys = await metadata.fill(fragmented, _FRAGMENTED)
        await asyncio.to_thread(_store, system, keys)
        live = await _live(system, flow_id)
        starts = [random.randrange(_LENGTH - _WINDOW) for _ in range(_REQUESTS)]
        ranges = [f"timerange=[{start}:0_{start + _WINDOW}:0)" for start in starts]
        few = [f"timerange=[{start}:0_{start + _WINDOW}:0)" for start in range(_FRAGMENTED - _WINDOW)]
        targets = {
            "listing": [f"/flows/{flow_id}/segments?{each}" for each in ranges],
            "range": [f"/x/flows/{flow_id}/playlist.m3u8?{each}" for each in ranges],
            "edge": [f"/flows/{flow_id}/segments?reverse_order=true&limit={_WINDOW}"],
            "live": [live],
            "mp4 listing": [f"/flows/{fragmented}/segments?{each}" for each in few],
            "mp4": [f"/x/flows/{fragmented}/playlist.m3u8?{each}" for each in few],
        }
        await _check(system, (*targets["range"][:1], live, *targets["mp4"][::_WINDOW]))
        found = await rounds.alternate(
            options.rounds, {name: _side(system, each, options) for name, each in targets.items()}
        )
    detail = {name: series.detail() for name, series in found.items()}
    return [
        Figure(
            name=f"{name} of {_WINDOW} segments, time",
            value=rounds.ratio(found[playlist], found[listing], lambda sample: sample.outcome.p50_ms),
            unit="x listing",
            target=AtMost(1.3),
            detail=detail,
        )
        for name, playlist, listing in (
            ("playlist of a range", "range", "listing"),
            ("live playlist", "live", "edge"),
            ("playlist of fragmented MP4", "mp4", "mp4 listing"),
        )
    ]


async def _live(system: System, flow_id: str) -> str:
    """The live playlist that the multivariant one names."""
    folder = f"/x/flows/{flow_id}"
    text = await asyncio.to_thread(body_of, system.gateway.port, f"{folder}/playlist.m3u8?type=live")
    return f"{folder}/{text.decode().splitlines()[-1]}"


def _store(system: System, keys: Sequence[str]) -> None:
    """Give objects bytes in fragmented MP4."""
    content = section() + box(b"moof") + box(b"mdat")
    client = system.storage.client()
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=content)


def _side(system: System, targets: list[str], options: Options) -> Side:
    plan = Plan(
        port=system.gateway.port,
        requests=[http_request("GET", target) for target in targets],
        connections=_CONNECTIONS,
        seconds=options.seconds,
        repeat=True,
    )
    return Side.of(plan, system.processes)


async def _check(system: System, targets: tuple[str, ...]) -> None:
    """RuntimeError unless the playlists have the expected segments with signed URLs."""
    for target in targets:
        text = await asyncio.to_thread(body_of, system.gateway.port, target)
        signed = text.count(b"X-Amz-Signature") - text.count(b"#EXT-X-MAP")
        if text.count(b"#EXTINF") != _WINDOW or signed != _WINDOW:
            raise RuntimeError(f"GET {target} has not {_WINDOW} segments with signed URLs")
