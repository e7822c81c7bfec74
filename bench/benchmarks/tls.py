"""Reads of flows over HTTPS and with mutual TLS between the processes, compared with reads in plain text.

The figures are CPU of the processes: the load generator pays for TLS too, which would be in the rates.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import flow_document, http_request
from bench.figure import AtMost, Figure
from bench.load import Plan
from bench.rounds import Sample, Series, Side
from bench.running.secured import Pair, running_pair
from services.shared.ids import new_uuid

_FLOWS: Final = 256
_CONNECTIONS: Final = 16
_MOST: Final = 1.25
_PAGE: Final = "/flows?limit=256"


async def run(options: Options, folder: Path) -> list[Figure]:
    """CPU per request with TLS at each place, as a multiple of that without."""
    async with (
        running_pair(folder / "plain") as plain,
        running_pair(folder / "https", https=True) as https,
        running_pair(folder / "mutual", mutual=True) as mutual,
        running_pair(folder / "both", https=True, mutual=True) as both,
    ):
        pairs = {"plain": plain, "https": https, "mutual": mutual, "both": both}
        flow_ids = [new_uuid() for _ in range(_FLOWS)]
        for pair in pairs.values():
            await pair.put_flows({flow_id: flow_document(flow_id) for flow_id in flow_ids})
        flows = [f"/flows/{flow_id}" for flow_id in flow_ids]
        one = {name: _side(pair, flows, options) for name, pair in pairs.items()}
        page = {name: _side(pair, [_PAGE], options) for name, pair in pairs.items()}
        single = await rounds.alternate(options.rounds, one)
        pages = await rounds.alternate(options.rounds, page)
    return [
        *(_figure(f"CPU of GET /flows/{{id}}, {_NAMES[kind]}", single, kind) for kind in _NAMES),
        *(_figure(f"CPU of GET {_PAGE}, {_NAMES[kind]}", pages, kind) for kind in _NAMES),
    ]


_NAMES: Final = {
    "https": "HTTPS, 16 connections",
    "mutual": "mutual TLS behind the gateway, 16 connections",
    "both": "HTTPS and mutual TLS, 16 connections",
}


def _side(pair: Pair, paths: Sequence[str], options: Options) -> Side:
    plan = Plan(
        port=pair.gateway.port,
        requests=[http_request("GET", path) for path in paths],
        connections=_CONNECTIONS,
        seconds=options.seconds,
        repeat=True,
        authorities=pair.authorities,
    )
    return Side.of(plan, [pair.gateway, pair.metadata])


def _figure(name: str, found: Mapping[str, Series], side: str) -> Figure:
    return Figure(
        name=name,
        value=rounds.ratio(found[side], found["plain"], _cpu),
        unit="x plain",
        target=AtMost(_MOST),
        detail={kind: found[kind].detail() for kind in ("plain", side)},
    )


def _cpu(sample: Sample) -> float:
    return sum(sample.cpu_us.values())
