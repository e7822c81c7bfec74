"""`tams restore`: restores flows, sources and segments from the trash."""

from collections.abc import Sequence

import click

from client.api import TamsClient
from client.api.trash import TrashEntry
from client.cli.session import with_store


@click.group()
def restore() -> None:
    """Restore what was deleted softly."""


@restore.command()
@click.argument("flow_id", metavar="FLOW")
@with_store
async def flow(store: TamsClient, *, flow_id: str) -> None:
    """Restore a flow with its segments."""
    _report(await store.trash.restore_flow(flow_id))


@restore.command()
@click.argument("source_id", metavar="SOURCE")
@with_store
async def source(store: TamsClient, *, source_id: str) -> None:
    """Restore a source with the flows that were deleted with it."""
    _report(await store.trash.restore_source(source_id))


@restore.command()
@click.argument("entry_id", metavar="ENTRY")
@with_store
async def segments(store: TamsClient, *, entry_id: str) -> None:
    """Restore the segments of an entry of `tams trash list`, and all that was deleted with them."""
    _report(await store.trash.restore(entry_id))


def _report(entries: Sequence[TrashEntry]) -> None:
    for entry in entries:
        what = "flow" if entry.kind == "flow" else f"segments in {entry.timerange} of flow"
        click.echo(f"restored {what} {entry.flow_id}", err=True)
