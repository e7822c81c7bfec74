"""`tams stats`."""

import click
from mediatimestamp import TimeRange

from client.api import BackendUsage, Coverage, TamsClient
from client.cli.session import TIMERANGE, with_store
from client.cli.terminal.output import as_json, seconds, size, write_fields, write_json, write_table


@click.command()
@click.argument("flow_id", metavar="[FLOW]", required=False)
@click.option("--timerange", type=TIMERANGE, help="Only this range, such as [0:0_10:0); needs a flow.")
@as_json
@with_store
async def stats(
    store: TamsClient, *, flow_id: str | None, timerange: TimeRange | None, as_json: bool
) -> None:
    """Show storage usage; with a flow, show its coverage and its gaps."""
    if flow_id is None:
        if timerange is not None:
            raise click.UsageError("--timerange needs a flow")
        await _storage(store, as_json)
    else:
        await _coverage(store, flow_id, timerange, as_json)


async def _storage(store: TamsClient, as_json: bool) -> None:
    usage = await store.storage_usage()
    if as_json:
        write_json(usage)
        return
    rows = [_row(backend) for backend in usage.backends]
    write_table(("storage backend", "objects", "size", "allocated", "unused"), rows)


def _row(backend: BackendUsage) -> tuple[object, ...]:
    unmeasured = backend.objects - backend.measured_objects
    total = size(backend.bytes) + (f" + {unmeasured} not measured" if unmeasured else "")
    name = backend.storage_id or "(outside the store)"
    return name, backend.objects, total, backend.allocated_objects, backend.unreferenced_objects


async def _coverage(store: TamsClient, flow_id: str, timerange: TimeRange | None, as_json: bool) -> None:
    coverage = await store.coverage(flow_id, timerange)
    if as_json:
        write_json(coverage)
        return
    write_fields(_fields(coverage))
    if coverage.gaps:
        click.echo()
        write_table(("gap", "length"), [(gap, _length(gap)) for gap in coverage.gaps])
    if coverage.gap_count > len(coverage.gaps):
        click.echo(f"the first {len(coverage.gaps)} gaps; narrow the range with --timerange", err=True)


def _fields(coverage: Coverage) -> list[tuple[str, object]]:
    return [
        ("timerange", coverage.timerange),
        ("segments", str(coverage.segment_count)),
        ("covered", seconds(coverage.covered_ns)),
        ("covered ranges", str(coverage.covered_count)),
        ("missing", seconds(coverage.gap_ns)),
        ("gaps", str(coverage.gap_count)),
    ]


def _length(gap: TimeRange) -> str:
    return "" if gap.start is None or gap.end is None else seconds((gap.end - gap.start).to_nanosec())
