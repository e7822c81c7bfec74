"""`tams export`."""

from pathlib import Path

import click
from mediatimestamp import TimeRange

from client.api import TamsClient
from client.cli import exits
from client.cli.session import TIMERANGE, with_patient_store
from client.cli.terminal.output import as_json, write_json
from client.cli.terminal.progress import bar
from client.essence.errors import EssenceError
from client.export import Exported
from client.export import export as export_flow


@click.command()
@click.argument("flow_id", metavar="FLOW")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--timerange", type=TIMERANGE, help="The range to write, such as [5:0_15:0).  [default: all]")
@as_json
@with_patient_store
async def export(
    store: TamsClient, *, flow_id: str, out: Path, timerange: TimeRange | None, as_json: bool
) -> None:
    """Write a time range of a flow to a file, such as out.mp4.

    A multi flow gives a file with all the flows it collects. An existing file is replaced once the new file
    is complete.
    """
    exported = await _export(store, flow_id, out, timerange)
    if as_json:
        write_json(
            {
                "file": str(exported.path),
                "timerange": str(exported.timerange),
                "presented": str(exported.presented),
                "flows": exported.flows,
            }
        )
        return
    click.echo(f"wrote {exported.timerange} to {exported.path}")
    if exported.presented != exported.timerange:
        click.echo(f"players show {exported.presented}: this file format cannot hide the rest", err=True)


async def _export(store: TamsClient, flow_id: str, out: Path, timerange: TimeRange | None) -> Exported:
    try:
        with bar(out.name) as report:
            return await export_flow(
                store, flow_id, out, timerange, lambda done, total: report("", done, total)
            )
    except EssenceError as error:
        raise exits.Failed(str(error)) from error
    except OSError as error:
        raise exits.Failed(f"cannot write {out}: {error.strerror or error}") from error
