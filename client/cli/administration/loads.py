"""`tams tables load`, `tams tables loads` and `tams tables rollback`."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from client.api import TamsClient
from client.api.tables import Kind
from client.cli import exits
from client.cli.session import with_patient_store, with_store
from client.cli.terminal.output import as_json, printable, write_json, write_table
from client.cli.terminal.progress import bar
from client.loading import BadInput, Loaded, Policy, load, roll_back, rows_of

_SHOWN_FAILURES = 20
KINDS = ("sources", "flows", "objects", "segments")


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--table", "kind", type=click.Choice(KINDS), required=True, help="The kind of the rows.")
@click.option(
    "--on-error",
    type=click.Choice([policy.value for policy in Policy]),
    default=Policy.ROLLBACK.value,
    show_default=True,
    help="If a row is bad: remove all rows of the load, stop to resume later, or leave the row out.",
)
@click.option("--resume", metavar="LOAD", help="Continue the load with this id.")
@as_json
@with_patient_store
async def load_file(
    store: TamsClient, *, file: Path, kind: Kind, on_error: str, resume: str | None, as_json: bool
) -> None:
    """Load rows in bulk: FILE has a JSON object on each line, or a JSON list; it may be gzipped.

    \b
    sources   {"id", "format", "label"?, "description"?, "tags"?}
    flows     TAMS flow documents
    objects   {"id", "flow_id", "storage_id", "storage_path"}
    segments  as TAMS posts them, each with a "flow_id"

    Each batch is one transaction. Continue an interrupted load with --resume and its id.
    """
    if resume is None:
        started = await store.admin.start_load(str(uuid.uuid4()), kind)
    else:
        started = await store.admin.load(resume)
        if started.kind != kind:
            raise click.UsageError(f"load {resume} loads {started.kind}, not {kind}")
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


@click.command("loads")
@as_json
@with_store
async def list_loads(store: TamsClient, *, as_json: bool) -> None:
    """List bulk loads, the last changed first; an open load can be resumed or rolled back."""
    loads = await store.admin.loads()
    if as_json:
        write_json(loads)
        return
    rows = [(row.id, row.kind, row.state, row.rows, row.inserted, _time(row.changed_ms)) for row in loads]
    write_table(("load", "rows of", "state", "read", "inserted", "changed"), rows)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds")


@click.command("rollback")
@click.argument("load_id", metavar="LOAD")
@with_patient_store
async def rollback(store: TamsClient, *, load_id: str) -> None:
    """Remove all rows that an unfinished load has inserted."""
    removed, kept = await roll_back(store.admin, load_id)
    click.echo(f"removed {removed} rows, kept {kept} rows in use", err=True)


def _write(loaded: Loaded, as_json: bool) -> None:
    if as_json:
        failures = [failure._asdict() for failure in loaded.failures]
        write_json(loaded._asdict() | {"failures": failures})
    else:
        for failure in loaded.failures[:_SHOWN_FAILURES]:
            click.echo(f"row {failure.row}: {failure.reason}: {printable(failure.summary)}", err=True)
        if loaded.failed > _SHOWN_FAILURES:
            click.echo(f"… {loaded.failed} bad rows in total; --json lists the first thousand", err=True)
        click.echo(f"inserted {loaded.load.inserted} of {loaded.load.rows} rows", err=True)
    if not loaded.complete:
        raise exits.Failed(_outcome(loaded))


def _outcome(loaded: Loaded) -> str:
    if loaded.load.state == "open":
        return f"stopped at row {loaded.load.rows}; continue with --resume {loaded.load.id}"
    return f"rolled back: removed {loaded.removed} rows, kept {loaded.kept} rows in use"


COMMANDS: Final = (load_file, list_loads, rollback)
