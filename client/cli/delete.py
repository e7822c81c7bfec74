"""`tams delete`."""

import sys

import click

from client.api import TamsClient
from client.cli import exits
from client.cli.output import printable
from client.cli.session import with_store


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_store
async def delete(store: TamsClient, *, flow_id: str, yes: bool) -> None:
    """Delete a flow and its segments."""
    if not yes and not await _agreed(store, flow_id):
        raise exits.Failed("nothing deleted")
    pending = await store.delete_flow(flow_id)
    click.echo(f"deleting {flow_id} goes on in the store" if pending else f"deleted {flow_id}", err=True)


async def _agreed(store: TamsClient, flow_id: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody to ask; add --yes")
    flow = await store.flow(flow_id, include_timerange=True)
    named = f"{flow.id} ({printable(flow.label)})" if flow.label else flow.id
    return click.confirm(f"Delete flow {named}, timerange {flow.timerange}?", err=True)
