"""`tams segments`."""

from collections.abc import AsyncIterator

import click
from mediatimestamp import TimeRange

from client.api import Segment, TamsClient, builtins
from client.cli.session import TIMERANGE, with_store
from client.cli.terminal.listing import at_most, first_of, page_size, write_all, write_rows
from client.cli.terminal.output import as_json


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--timerange", type=TIMERANGE, help="Only segments that overlap it, such as [0:0_10:0).")
@click.option("--object", "object_id", metavar="OBJECT", help="Only segments of this object.")
@click.option("--reverse", is_flag=True, help="Latest first.")
@click.option("--urls", is_flag=True, help="Write one URL of each segment; with --json all URLs.")
@at_most
@as_json
@with_store
async def segments(
    store: TamsClient,
    *,
    flow_id: str,
    timerange: TimeRange | None,
    object_id: str | None,
    reverse: bool,
    urls: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """List the segments of a flow, in time order.

    Signed URLs expire soon.
    """
    listed = store.segments(
        flow_id,
        timerange,
        limit=page_size(limit),
        object_id=object_id,
        reverse_order=reverse or None,
        accept_get_urls=None if urls else "",
    )
    if as_json:
        count = await write_all(listed, limit, _document)
    elif urls:
        count = await _write_urls(listed, limit)
    else:
        count = await write_rows(listed, limit, ("timerange", "object"), lambda s: (s.timerange, s.object_id))
    if not count:
        # An unknown flow has an empty list, too; this call raises NotFound for it.
        await store.flow(flow_id)
        click.echo("no segments", err=True)


async def _write_urls(segments: AsyncIterator[Segment], limit: int | None) -> int:
    """Write a URL of each segment, a signed one if it has one; returns the number of segments."""
    count = 0
    async for segment in first_of(segments, limit):
        count += 1
        urls = sorted(segment.get_urls, key=lambda url: not url.presigned)
        if urls:
            click.echo(urls[0].url)
        else:
            click.echo(f"segment {segment.timerange} has no URL", err=True)
    return count


def _document(segment: Segment) -> object:
    return {name: value for name, value in builtins(segment).items() if value not in (None, [])}
