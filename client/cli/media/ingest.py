"""`tams ingest`."""

from pathlib import Path

import click
from mediatimestamp import Timestamp

from client.api import TamsClient
from client.cli import exits
from client.cli.session import TIMESTAMP, with_store
from client.cli.terminal.output import as_json, printable, write_json
from client.cli.terminal.progress import bar
from client.essence.errors import EssenceError
from client.ingest import Ingested
from client.ingest import ingest as ingest_file


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE...",
    type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path),
)
@click.option("--label", help="Label of the flows.  [default: the file's name]")
@click.option(
    "--start",
    type=TIMESTAMP,
    default="0:0",
    show_default=True,
    help="The position of the file's time zero on the timeline.",
)
@as_json
@with_store
async def ingest(
    store: TamsClient, *, files: tuple[Path, ...], label: str | None, start: Timestamp, as_json: bool
) -> None:
    """Store media files; writes the ids of their sources and flows.

    The streams are copied into segments, not encoded again; tams upload keeps files as they are. A second
    ingest of a file continues an interrupted one, and does nothing after a complete one.
    """
    documents = []
    for file in files:
        ingested = await _ingest(store, file, label, start)
        for stream in ingested.left_out:
            click.echo(f"{printable(file.name)}: left out {printable(stream)}", err=True)
        if as_json:
            documents.append(_document(file, ingested))
        else:
            _write(file, ingested)
    if as_json:
        write_json(documents)


async def _ingest(store: TamsClient, file: Path, label: str | None, start: Timestamp) -> Ingested:
    try:
        with bar(printable(file.name)) as report:
            return await ingest_file(store, file, label=label, origin=start.to_nanosec(), progress=report)
    except EssenceError as error:
        raise exits.Failed(f"{file}: {error}") from error
    except OSError as error:
        raise exits.Failed(f"{file}: {error.strerror or error}") from error


def _write(file: Path, ingested: Ingested) -> None:
    click.echo(printable(file.name))
    multi = [("multi", ingested.flow_id, ingested.source_id)] if len(ingested.flows) > 1 else []
    for role, flow_id, source_id in multi + [(f.role, f.flow_id, f.source_id) for f in ingested.flows]:
        click.echo(f"  {role:<8} source {source_id}")
        click.echo(f"  {'':<8} flow   {flow_id}")


def _document(file: Path, ingested: Ingested) -> dict[str, object]:
    flows = [
        {"role": f.role, "flow_id": f.flow_id, "source_id": f.source_id, "segments_added": f.added}
        for f in ingested.flows
    ]
    return {
        "file": str(file),
        "flow_id": ingested.flow_id,
        "source_id": ingested.source_id,
        "flows": flows,
        "left_out": list(ingested.left_out),
    }
