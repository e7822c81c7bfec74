"""`tams sources`."""

from typing import Unpack

import click

from client.api import TamsClient
from client.cli.content.filtering import FilterOptions, by_tags_and_format, filters
from client.cli.session import with_store
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
@at_most
@as_ids
@as_json
@with_store
async def sources(
    store: TamsClient,
    /,
    *,
    limit: int | None,
    as_ids: bool,
    as_json: bool,
    **filter_options: Unpack[FilterOptions],
) -> None:
    """List sources that match all filters."""
    check_forms(as_ids=as_ids, as_json=as_json)
    matching = store.sources(limit=page_size(limit), **filters(**filter_options))
    if as_json:
        await write_all(matching, limit, lambda source: source.document)
        return
    if as_ids:
        count = await write_lines(matching, limit, lambda source: source.id)
    else:
        count = await write_rows(
            matching, limit, ("id", "format", "label"), lambda s: (s.id, short_format(s.format), s.label)
        )
    if not count:
        click.echo("no sources", err=True)
