"""`tams tables load` and `tams tables rollback`."""

import uuid
from pathlib import Path

import click

from client.api import TamsClient
from client.api.tables import Kind
from client.cli import exits
from client.cli.output import as_json, printable, write_json
from client.cli.progress import bar
from client.cli.session import with_patient_store
from client.loading import BadInput, Loaded, Policy, load, roll_back, rows_of

_SHOWN_FAILURES = 20
KINDS = ("sources", "flows", "objects", "segments")


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--table", "kind", type=click.Choice(KINDS), required=True, help="What the rows are.")
@click.option(
    "--on-error",
    type=click.Choice([policy.value for policy in Policy]),
    default=Policy.ROLLBACK.value,
    show_default=True,
    help="When a row is bad: remove what was loaded, stop to go on later, or leave the row out.",
)
@click.option("--resume", metavar="LOAD", help="Go on with a load that stopped, from where it is.")
@as_json
@with_patient_store
async def load_file(
    store: TamsClient, *, file: Path, kind: Kind, on_error: str, resume: str | None, as_json: bool
) -> None:
    """Load rows in bulk: FILE has one JSON object a line, or a JSON list; it may be gzipped.

    \b
    sources   {"id", "format", "label"?, "description"?, "tags"?}
    flows     TAMS flow documents
    objects   {"id", "flow_id", "storage_id", "storage_path"}
    segments  as TAMS posts them, each with a "flow_id"

    Each batch is one transaction. A load that was interrupted goes on with --resume and its id.
    """
    if resume is None:
        started = await store.admin.start_load(str(uuid.uuid4()), kind)
    else:
        started = await store.admin.load(resume)
        if started.kind != kind:
            raise click.UsageError(f"load {resume} is of {started.kind}")
    click.echo(f"load {started.id}", err=True)
    try:
        total = sum(1 for _ in rows_of(file))
        with bar(printable(file.name)) as report:
            loaded = await load(
                store.admin,
                started,
                rows_of(file),
                Policy(on_error),
                lambda rows: report("", rows, total),
            )
    except BadInput as error:
        raise exits.Failed(str(error)) from error
    _write(loaded, as_json)


@click.command("rollback")
@click.argument("load_id", metavar="LOAD")
@with_patient_store
async def rollback(store: TamsClient, *, load_id: str) -> None:
    """Remove all that an unfinished load has inserted."""
    removed, kept = await roll_back(store.admin, load_id)
    click.echo(f"removed {removed}, kept {kept} that are in use", err=True)


def _write(loaded: Loaded, as_json: bool) -> None:
    if as_json:
        failures = [one._asdict() for one in loaded.failures]
        write_json(loaded._asdict() | {"failures": failures})
    else:
        for one in loaded.failures[:_SHOWN_FAILURES]:
            click.echo(f"row {one.row}: {one.reason}: {printable(one.summary)}", err=True)
        if loaded.failed > _SHOWN_FAILURES:
            click.echo(f"… {loaded.failed} bad rows in all; --json tells a thousand", err=True)
        click.echo(f"inserted {loaded.load.inserted} of {loaded.load.rows} rows", err=True)
    if not loaded.complete:
        raise exits.Failed(_outcome(loaded))


def _outcome(loaded: Loaded) -> str:
    if loaded.load.state == "open":
        return f"stopped at row {loaded.load.rows}; go on with --resume {loaded.load.id}"
    return f"rolled back: removed {loaded.removed}, kept {loaded.kept} that are in use"
