"""`tams sample-data`."""

from collections.abc import Callable, Iterator

import click
from mediatimestamp import Timestamp

from client.api import TamsClient
from client.api.tables import Kind
from client.cli import exits
from client.cli.session import TIMESTAMP, with_patient_store
from client.cli.terminal.output import printable
from client.cli.terminal.progress import bar
from client.loading import Loaded, Policy, load
from client.loading.samples import Samples

_LIMIT = 100_000_000


@click.command("sample-data")
@click.option("--sources", type=click.IntRange(1, _LIMIT), default=30, show_default=True)
@click.option("--flows", type=click.IntRange(0, _LIMIT), default=60, show_default=True)
@click.option("--segments", type=click.IntRange(0, _LIMIT), default=10_000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--start", type=TIMESTAMP, default="0:0", show_default=True, help="Start of the timelines.")
@with_patient_store
async def sample_data(
    store: TamsClient, *, sources: int, flows: int, segments: int, seed: int, start: Timestamp
) -> None:
    """Fill a store with generated sources, flows and segments, by bulk loads.

    The data has video, audio and multi flows with essence parameters, collections, tags and gaps. The
    objects are outside the store and do not exist. Run an interrupted command again to continue it.
    """
    samples = Samples(sources=sources, flows=flows, segments=segments, seed=seed, start_ns=start.to_nanosec())
    await _fill(store, samples, "sources", samples.source_rows, sources)
    await _fill(store, samples, "flows", samples.flow_rows, flows)
    await _fill(store, samples, "segments", samples.segment_rows, segments)


async def _fill(
    store: TamsClient, samples: Samples, kind: Kind, rows: Callable[[], Iterator[bytes]], total: int
) -> None:
    started = await store.admin.start_load(samples.load_id(kind), kind)
    if started.state == "open":
        with bar(kind) as report:
            loaded = await load(
                store.admin, started, rows(), Policy.RESUME, lambda done: report("", done, total)
            )
        _check(loaded, samples)
    click.echo(f"{total} {kind}", err=True)


def _check(loaded: Loaded, samples: Samples) -> None:
    if loaded.complete:
        return
    first = loaded.failures[0]
    if first.reason in {"ROW_EXISTS", "SEGMENT_OVERLAP"}:
        raise exits.Failed(f"the store has other sample data of seed {samples.seed}: choose another --seed")
    raise exits.Failed(f"{loaded.load.kind} row {first.row}: {printable(first.summary)}")
