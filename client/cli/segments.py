"""`tams segments`."""

import click
from mediatimestamp import TimeRange

from client.api import Segment, TamsClient, builtins
from client.cli.listing import at_most, write_all, write_rows
from client.cli.output import as_json
from client.cli.session import TIMERANGE, with_store


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--timerange", type=TIMERANGE, help="Only those that overlap it, such as [0:0_10:0).")
@click.option("--urls", is_flag=True, help="Write the objects' URLs too (with --json); they expire.")
@at_most
@as_json
@with_store
async def segments(
    store: TamsClient,
    *,
    flow_id: str,
    timerange: TimeRange | None,
    urls: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """List the segments of a flow, in time order."""
    found = store.segments(flow_id, timerange, accept_get_urls=None if urls else "")
    if as_json:
        count = await write_all(found, limit, _document)
    else:
        count = await write_rows(found, limit, ("timerange", "object"), lambda s: (s.timerange, s.object_id))
    if not count:
        # A flow without segments and no such flow have the same list; only one of them is an error.
        await store.flow(flow_id)
        click.echo("no segments", err=True)


def _document(segment: Segment) -> object:
    return {name: value for name, value in builtins(segment).items() if value not in (None, [])}
