"""Bulk loads of flows on the VAST engine, with a delay added to each request to the database.

The batches go through the rules of bulk loads, as the gateway's calls do. The client chooses their sizes from
the time that they take, which must not make them small where requests, and not rows, take the time.
"""

import time
import uuid
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from bench.benchmarks import Options
from bench.figure import AtLeast, Figure
from bench.floor.vast import cluster, running_vast
from client.loading.samples import Samples
from client.loading.sizing import BatchSize
from services.metadata.adapters.vast.store import open_vast_store
from services.metadata.application.clock import utc_now
from services.metadata.application.loads.batches import Batch
from services.metadata.application.loads.loads import BulkLoads
from services.metadata.domain.load import Kind
from services.shared.process.memory import tune_collector

_DELAY: Final = 0.005
_FLOWS: Final = 10_000
_ROUNDS: Final = 3


class _Loaded(NamedTuple):
    """A load: how long it took, its CPU time, and the sizes of its batches but the last.

    The last batch has what was left.
    """

    seconds: float
    cpu_seconds: float
    sizes: list[int]


async def run(options: Options, folder: Path) -> list[Figure]:
    """Flows a second, and the smallest batch."""
    tune_collector()  # as the service does
    with running_vast(folder, delay=_DELAY) as (address, server):
        await server.listening()
        opening = open_vast_store(
            cluster(address), cache_entries=10_000, cache_seconds=3600, max_waiting=10_000
        )
        async with opening as store:
            loads = BulkLoads(store, utc_now)
            seeds = range(min(options.rounds, _ROUNDS))
            loaded = [await _load(loads, _rows(seed)) for seed in seeds]
    rates = [_FLOWS / one.seconds for one in loaded]
    sizes = [size for one in loaded for size in one.sizes]
    detail = {
        "rates": [round(rate) for rate in rates],
        "cpu_ms_a_flow": [round(1000 * one.cpu_seconds / _FLOWS, 2) for one in loaded],
        "sizes": [one.sizes for one in loaded],
    }
    name = "VAST: bulk load of 10,000 flows, 5 ms added to each request"
    return [
        Figure(name=name, value=median(rates), unit="flows/s", target=AtLeast(300), detail=detail),
        Figure(name=f"{name}: smallest batch", value=min(sizes), unit="rows", target=AtLeast(100)),
    ]


def _rows(seed: int) -> Iterator[bytes]:
    return Samples(sources=_FLOWS // 2, flows=_FLOWS, segments=0, seed=seed).flow_rows()


async def _load(loads: BulkLoads, rows: Iterator[bytes]) -> _Loaded:
    load_id = (await loads.start(str(uuid.uuid4()), Kind.FLOWS)).id
    size, sizes, first = BatchSize(), list[int](), 0
    started, cpu_before = time.perf_counter(), time.process_time()
    while batch := list(islice(rows, size.rows)):
        began = time.perf_counter()
        report = await loads.load(Batch(load_id, first, b"[%b]" % b",".join(batch)))
        if not report.committed:
            raise RuntimeError(str(report.failures[0].error))
        size.took(time.perf_counter() - began, len(batch))
        sizes.append(len(batch))
        first += len(batch)
    await loads.finish(load_id)
    return _Loaded(time.perf_counter() - started, time.process_time() - cpu_before, sizes[:-1])
