"""`tams flows`."""

from typing import Unpack

import click
from mediatimestamp import TimeRange

from client.api import TamsClient
from client.cli.content.filtering import FilterOptions, by_tags_and_format, filters
from client.cli.session import TIMERANGE, with_store
from client.cli.terminal.listing import (
    as_ids,
    at_most,
    check_forms,
    page_size,
    write_all,
    write_lines,
    write_rows,
)
from client.cli.terminal.output import as_json, short_format


@click.command()
@by_tags_and_format
@click.option("--codec", help="Only this codec, such as video/h264.")
@click.option("--source", "source_id", help="Only flows of this source.")
@click.option("--timerange", type=TIMERANGE, help="Only with segments in this range, such as [0:0_10:0).")
@click.option("--frame-width", type=click.IntRange(0), help="Only this width, in pixels.")
@click.option("--frame-height", type=click.IntRange(0), help="Only this height, in pixels.")
@at_most
@as_ids
@as_json
@with_store
async def flows(
    store: TamsClient,
    /,
    *,
    codec: str | None,
    source_id: str | None,
    timerange: TimeRange | None,
    frame_width: int | None,
    frame_height: int | None,
    limit: int | None,
    as_ids: bool,
    as_json: bool,
    **filter_options: Unpack[FilterOptions],
) -> None:
    """List flows that match all filters."""
    check_forms(as_ids=as_ids, as_json=as_json)
    matching = store.flows(
        limit=page_size(limit),
        codec=codec,
        source_id=source_id,
        timerange=timerange,
        frame_width=frame_width,
        frame_height=frame_height,
        **filters(**filter_options),
    )
    if as_json:
        await write_all(matching, limit, lambda flow: flow.document)
        return
    if as_ids:
        count = await write_lines(matching, limit, lambda flow: flow.id)
    else:
        columns = ("id", "format", "codec", "label")
        count = await write_rows(
            matching, limit, columns, lambda f: (f.id, short_format(f.format), f.codec, f.label), whole=2
        )
    if not count:
        click.echo("no flows", err=True)
