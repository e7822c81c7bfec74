"""`tams sample-data`."""

from collections.abc import Callable, Iterator

import click
from mediatimestamp import Timestamp

from client.api import TamsClient
from client.api.tables import Kind
from client.cli import exits
from client.cli.output import printable
from client.cli.progress import bar
from client.cli.session import TIMESTAMP, with_patient_store
from client.loading import Loaded, Policy, load
from client.loading.samples import Samples

_MOST = 100_000_000


@click.command("sample-data")
@click.option("--sources", type=click.IntRange(1, _MOST), default=30, show_default=True)
@click.option("--flows", type=click.IntRange(0, _MOST), default=60, show_default=True)
@click.option("--segments", type=click.IntRange(0, _MOST), default=10_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--start", type=TIMESTAMP, default="0:0", show_default=True, help="Where the timelines begin.")
@with_patient_store
async def sample_data(
    store: TamsClient, *, sources: int, flows: int, segments: int, seed: int, start: Timestamp
) -> None:
    """Fill a store with made-up sources, flows and segments, by bulk loads.

    Video, audio and multi flows with essence parameters, collections, tags and gaps; their objects lie
    outside the store, at URLs that lead nowhere. One that was interrupted goes on when it is run again.
    """
    made = Samples(sources=sources, flows=flows, segments=segments, seed=seed, start_ns=start.to_nanosec())
    await _fill(store, made, "sources", made.source_rows, sources)
    await _fill(store, made, "flows", made.flow_rows, flows)
    await _fill(store, made, "segments", made.segment_rows, segments)


async def _fill(
    store: TamsClient, made: Samples, kind: Kind, rows: Callable[[], Iterator[bytes]], total: int
) -> None:
    started = await store.admin.start_load(made.load_id(kind), kind)
    if started.state == "open":
        with bar(kind) as report:
            loaded = await load(
                store.admin, started, rows(), Policy.RESUME, lambda done: report("", done, total)
            )
        _check(loaded, made)
    click.echo(f"{total} {kind}", err=True)


def _check(loaded: Loaded, made: Samples) -> None:
    if loaded.complete:
        return
    first = loaded.failures[0]
    if first.reason in {"ROW_EXISTS", "SEGMENT_OVERLAP"}:
        raise exits.Failed(f"other sample data of seed {made.seed} is there: choose another --seed")
    raise exits.Failed(f"{loaded.load.kind} row {first.row}: {printable(first.summary)}")
