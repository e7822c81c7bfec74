"""Flow listings: a walk over 1,000 flows, and pages of a tag's flows compared with pages by id."""

import asyncio
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from bench import rounds
from bench.benchmarks import Options
from bench.corpus import flow_document, http_request
from bench.figure import AtMost, Figure
from bench.load import Plan
from bench.rounds import Side
from bench.running.system import System, running_system
from bench.walk import Walk, walk
from services.metadata.adapters.sqlite.store import open_store
from services.metadata.application.ports import Tables
from services.metadata.domain.documents.jsons import ENCODE
from services.metadata.domain.documents.tags import tag_changes
from services.metadata.domain.flows.flow import FlowInput, parse_flow

_FLOWS: Final = 100_000
_PAGE: Final = 30
# The number of flows with a value of the tag, which is the number of flows of a walk.
_TAGGED: Final = 1000
_TAG: Final = "production"
_WRITTEN_AT_ONCE: Final = 2000
_CONNECTIONS: Final = 4
# Values whose pages are read. A walk finds the pages of each.
_VALUES: Final = 10


async def run(options: Options, folder: Path) -> list[Figure]:
    """All figures, on one system with flows."""
    await _fill(folder / "tams.db")
    async with running_system(folder) as system:
        tagged = [await _walk(system, _by_tag(value)) for value in range(_VALUES)]
        if any(sum(each.items) != _TAGGED for each in tagged):
            raise RuntimeError(f"a walk did not find {_TAGGED} flows")
        walks = [await _walk(system, _by_tag(0)) for _ in range(options.rounds)]
        return [_walked(walks), await _filtered(system, tagged, options)]


async def _fill(database: Path) -> None:
    """Write flows, spread evenly over the values of a tag, straight into the tables."""

    def put(flows: Sequence[FlowInput], tables: Tables) -> None:
        for flow in flows:
            tables.flows.put(flow, ENCODE(flow.members), tag_changes({}, flow.tags))

    async with open_store(database, "NORMAL", 1) as store:
        for first in range(0, _FLOWS, _WRITTEN_AT_ONCE):
            flows = [_flow(number) for number in range(first, first + _WRITTEN_AT_ONCE)]
            await store.write(partial(put, flows))


def _flow(number: int) -> FlowInput:
    return parse_flow(flow_document(str(uuid.uuid4()), {_TAG: str(number % (_FLOWS // _TAGGED))}))


def _by_tag(value: int) -> str:
    return f"/flows?tag.{_TAG}={value}&limit={_PAGE}"


async def _walk(system: System, target: str) -> Walk:
    return await asyncio.to_thread(walk, system.gateway.port, target)


def _walked(walks: Sequence[Walk]) -> Figure:
    return Figure(
        name=f"list {_TAGGED} flows of a tag among {_FLOWS} in pages of {_PAGE}, one after the other",
        value=median(each.seconds for each in walks) * 1000,
        unit="ms",
        detail={
            "pages": len(walks[0].targets),
            "page_p50_ms": round(median(median(each.page_ms) for each in walks), 3),
            "slowest_walk_ms": round(max(each.seconds for each in walks) * 1000, 1),
        },
    )


async def _filtered(system: System, tagged: Sequence[Walk], options: Options) -> Figure:
    """Full pages from all parts of the listings: pages of a tag, and pages by id after the same flows."""
    by_tag = [
        target
        for each in tagged
        for target, size in zip(each.targets, each.items, strict=True)
        if size == _PAGE
    ]
    by_id = [f"/flows?{target.partition('&')[2]}" for target in by_tag]
    sides = {"tag": _side(system, by_tag, options), "id": _side(system, by_id, options)}
    found = await rounds.alternate(options.rounds, sides)
    return Figure(
        name=f"page of {_PAGE} flows by a tag among {_FLOWS}, time",
        value=rounds.ratio(found["tag"], found["id"], lambda sample: sample.outcome.p50_ms),
        unit="x page by id",
        target=AtMost(2),
        detail={name: series.detail() for name, series in found.items()},
    )


def _side(system: System, targets: Sequence[str], options: Options) -> Side:
    plan = Plan(
        port=system.gateway.port,
        requests=[http_request("GET", target) for target in targets],
        connections=_CONNECTIONS,
        seconds=options.seconds,
        repeat=True,
    )
    return Side.of(plan, system.processes)
