"""`tams backup`: backs up the tables of a store, and restores them."""

import os
from pathlib import Path

import click

from client.cli import exits
from client.cli.terminal.output import as_json, write_json, write_table
from client.local import backups
from client.local.backups import Action, Backup
from client.local.errors import CannotRun

_folder = click.argument("folder", type=click.Path(path_type=Path))


@click.group()
def backup() -> None:
    """Back up the tables of a store, and restore them.

    The tables are those of TAMS_STORE_URL, or of `tams up` in TAMS_DATA_DIR. The bytes of the objects are
    not part of a backup; copy them after the tables.
    """


@backup.command()
@_folder
@click.option(
    "--snapshot", default="", metavar="NAME", help="Read this snapshot of the bucket on VAST instead."
)
@as_json
def create(*, folder: Path, snapshot: str, as_json: bool) -> None:
    """Write the tables into a new folder.

    The store may run: the backup has all changes up to one moment. It holds hashes of passwords, and the keys
    of webhooks; only its owner can read it.
    """
    _report(_run("create", folder, snapshot), as_json=as_json)
    click.echo(f"backed up to {folder}", err=True)


@backup.command()
@_folder
@as_json
def check(*, folder: Path, as_json: bool) -> None:
    """Check that the files of a backup are whole and can be read."""
    _report(_run("check", folder), as_json=as_json)
    click.echo(f"{folder} is intact", err=True)


@backup.command()
@_folder
@as_json
def restore(*, folder: Path, as_json: bool) -> None:
    """Make the tables of a stopped store from a backup. Existing tables are not replaced.

    On VAST, a restore that was stopped continues when it runs again.
    """
    _report(_run("restore", folder), as_json=as_json)
    click.echo(f"restored from {folder}", err=True)


def _run(action: Action, folder: Path, snapshot: str = "") -> Backup:
    try:
        return backups.run(action, folder, os.environ, snapshot)
    except CannotRun as error:
        raise exits.Failed(str(error)) from error


def _report(found: Backup, *, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    write_table(("table", "rows"), [(name, rows) for name, rows in found.tables.items() if rows])
    click.echo(f"{found.engine}, schema version {found.schema_version}, of {found.created}", err=True)
