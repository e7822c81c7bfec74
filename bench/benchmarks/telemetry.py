"""Reads and registrations of a store with metrics and traces, compared with one that has neither."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import flow_document, http_request
from bench.figure import AtLeast, Figure
from bench.load import Plan
from bench.rounds import Sample, Series, Side
from bench.running.secured import Pair, running_pair
from services.shared.ids import new_uuid
from tests.support.telemetry.collector import running_collector

_FLOWS: Final = 256
_SEGMENTS: Final = 3000
_CONNECTIONS: Final = 16
_LEAST: Final = 0.9


async def run(options: Options, folder: Path) -> list[Figure]:
    """The throughput and CPU with metrics and 1 % of the traces, as a fraction of those without."""
    with running_collector() as collector:
        async with (
            running_pair(folder / "without") as without,
            running_pair(folder / "observed", collector=collector.url) as observed,
        ):
            flow_ids = [new_uuid() for _ in range(_FLOWS)]
            pairs = {"without": without, "observed": observed}
            for pair in pairs.values():
                await pair.put_flows({flow_id: flow_document(flow_id) for flow_id in flow_ids})
            reads = await rounds.alternate(
                options.rounds, {name: _reads(pair, flow_ids, options) for name, pair in pairs.items()}
            )
            posts = await rounds.alternate(
                options.rounds, {name: Posts(pair, flow_ids[0]).side() for name, pair in pairs.items()}
            )
    return [
        *_figures("GET /flows/{id}, observed, 16 connections", reads),
        *_figures("POST of one segment, observed, 16 connections", posts),
    ]


def _reads(pair: Pair, flow_ids: Sequence[str], options: Options) -> Side:
    plan = Plan(
        port=pair.gateway.port,
        requests=[http_request("GET", f"/flows/{flow_id}") for flow_id in flow_ids],
        connections=_CONNECTIONS,
        seconds=options.seconds,
        repeat=True,
    )
    return Side.of(plan, [pair.gateway, pair.metadata])


class Posts:
    """Requests with one new segment each, whose object is elsewhere."""

    def __init__(self, pair: Pair, flow_id: str) -> None:
        self._pair = pair
        self._target = f"/flows/{flow_id}/segments"
        self._second = 0

    def side(self) -> Side:
        """The side of a comparison that posts them."""
        return Side(self._plan, [self._pair.gateway, self._pair.metadata])

    def _plan(self) -> Plan:
        requests = [http_request("POST", self._target, self._body()) for _ in range(_SEGMENTS)]
        return Plan(port=self._pair.gateway.port, requests=requests, connections=_CONNECTIONS)

    def _body(self) -> bytes:
        self._second += 1
        object_id = new_uuid()
        return (
            f'{{"object_id":"{object_id}","timerange":"[{self._second}:0_{self._second + 1}:0)",'
            f'"get_urls":[{{"url":"https://elsewhere.example/{object_id}"}}]}}'
        ).encode()


def _figures(name: str, found: Mapping[str, Series]) -> list[Figure]:
    detail = {kind: series.detail() for kind, series in found.items()}
    throughput, cpu = (
        rounds.ratio(found["observed"], found["without"]),
        rounds.ratio(found["without"], found["observed"], _cpu),
    )
    return [
        Figure(name=name, value=throughput, unit="x without", target=AtLeast(_LEAST), detail=detail),
        Figure(name=f"{name}: CPU", value=cpu, unit="x without", target=AtLeast(_LEAST), detail=detail),
    ]


def _cpu(sample: Sample) -> float:
    return sum(sample.cpu_us.values())
