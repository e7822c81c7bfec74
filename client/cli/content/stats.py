"""`tams stats`."""

import click
from mediatimestamp import TimeRange

from client.api import BackendUsage, Coverage, TamsClient
from client.cli.session import TIMERANGE, with_store
from client.cli.terminal.output import as_json, seconds, size, write_fields, write_json, write_table


@click.command()
@click.argument("flow_id", metavar="[FLOW]", required=False)
@click.option("--timerange", type=TIMERANGE, help="Only this range, such as [0:0_10:0); needs a flow.")
@click.option(
    "--accessed", "order", type=click.Choice(["most", "least"]), help="Objects by URLs that were signed."
)
@click.option("--duplicates", is_flag=True, help="Groups of objects with the same bytes.")
@click.option("--limit", type=click.IntRange(1, 1000), help="Most objects or groups to list.  [default: 20]")
@as_json
@with_store
async def stats(
    store: TamsClient,
    *,
    flow_id: str | None,
    timerange: TimeRange | None,
    order: str | None,
    duplicates: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """Show storage usage; with a flow, show its coverage and its gaps.

    --accessed lists objects by how often URLs to read them were signed. --duplicates lists groups of objects
    with the same size and ETag, and how many bytes they take more than once.
    """
    if sum((flow_id is not None, order is not None, duplicates)) > 1:
        raise click.UsageError("give a flow, --accessed or --duplicates")
    if limit is not None and order is None and not duplicates:
        raise click.UsageError("--limit needs --accessed or --duplicates")
    if order is not None:
        await _accesses(store, order, limit, as_json)
    elif duplicates:
        await _duplicates(store, limit, as_json)
    elif flow_id is None:
        if timerange is not None:
            raise click.UsageError("--timerange needs a flow")
        await _storage(store, as_json)
    else:
        await _coverage(store, flow_id, timerange, as_json)


async def _accesses(store: TamsClient, order: str, limit: int | None, as_json: bool) -> None:
    found = await store.object_accesses(order, limit)
    if as_json:
        write_json(found)
        return
    rows = [
        (one.object_id, one.urls, one.last_time or "", "" if one.size is None else size(one.size))
        for one in found.objects
    ]
    write_table(("object", "URLs", "last", "size"), rows)
    if not found.complete:
        click.echo("more may follow that you see", err=True)


async def _duplicates(store: TamsClient, limit: int | None, as_json: bool) -> None:
    found = await store.duplicates(limit)
    if as_json:
        write_json(found)
        return
    rows = [
        (group.object_ids[0], group.objects, size(group.size), size((group.places - 1) * group.size))
        for group in found.groups
    ]
    write_table(("one of the objects", "objects", "size of each", "could be saved"), rows)
    click.echo(f"{found.group_count} groups, {size(found.savable_bytes)} could be saved", err=True)
    if found.unknown_objects:
        click.echo(f"objects whose size or ETag is not known: {found.unknown_objects}", err=True)


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
