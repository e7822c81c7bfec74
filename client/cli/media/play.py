"""`tams play`."""

import subprocess

import click
from mediatimestamp import TimeRange

from client.api import NotFound, TamsClient
from client.cli import exits
from client.cli.session import TIMERANGE, with_store


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.option("--timerange", type=TIMERANGE, help="The range to play, such as [5:0_15:0).  [default: all]")
@click.option("--live", is_flag=True, help="Follow the recording from its end.")
@click.option(
    "--player", metavar="PROGRAM", help="Open the address with a player, such as ffplay, mpv or vlc."
)
@with_store
async def play(
    store: TamsClient, *, flow_id: str, timerange: TimeRange | None, live: bool, player: str | None
) -> None:
    """Print the address of a flow's HLS playlist, for a player; or play it.

    A multi flow gives picture and sound. In a store that asks who calls, the address has a token that is
    valid for an hour: whoever has the address can read what you can read.
    """
    if live and timerange is not None:
        raise click.UsageError("--live has no --timerange")
    await store.flow(flow_id)
    address = store.playback.address(
        flow_id, type="live" if live else None, timerange=timerange, access_token=await _token(store)
    )
    if player is None:
        click.echo(address)
        return
    try:
        code = subprocess.run([player, address], check=False).returncode  # noqa: ASYNC221 - nothing else runs
    except OSError as error:
        raise exits.Failed(f"cannot run {player}: {error.strerror or error}") from error
    if code:
        raise exits.Failed(f"{player} ended with {code}")


async def _token(store: TamsClient) -> str | None:
    if store.target.credentials is None:
        return None
    try:
        return await store.playback.token()
    except NotFound:  # the store does not ask who calls
        return None
