"""`tams support`."""

import dataclasses
import os
from datetime import UTC, datetime
from pathlib import Path

import click

from client.cli import exits
from client.cli.access import Access
from client.cli.monitoring.processes import local_store, named_urls, process_options
from client.cli.target import open_target
from client.cli.terminal.output import printable
from client.local.running import Running
from client.support import gathering
from client.support.gathering import Subject


@click.command()
@process_options
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The file to write; it must not exist.  [default: tams-support-TIME.tar.gz]")  # fmt: skip
@click.option("--doctor/--no-doctor", default=True, help="Add what `tams doctor` finds, without its probe.")
@click.pass_obj
def support(
    access: Access, *, metrics: tuple[str, ...], data_dir: Path, output: Path | None, doctor: bool
) -> None:
    """Write a bundle for a bug report.

    It has versions, settings, health, metrics, the last lines of the logs of `tams up`, what `tams doctor`
    finds, and facts about this machine. It has no media and no documents of flows. Secrets are removed:
    values of secret settings, credentials, and the queries of URLs. It does have host names, ids and paths,
    so look at it before you send it. What cannot be read is left out and named.
    """
    store = local_store(data_dir)
    path = output or Path(f"tams-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    urls = named_urls(metrics) or (dict(store.metrics) if store else {})
    try:
        subject = Subject(
            target=open_target(_of_local_store(access, store)),
            data_dir=data_dir,
            metrics=urls,
            settings=store.settings if store else {},
            env=os.environ,
            doctor=doctor,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        missing = gathering.write(path, subject)
    except OSError as error:
        raise exits.Failed(f"cannot write {path}: {error.strerror}") from None
    for fault in missing:
        click.echo(f"missing: {printable(fault)}", err=True)
    click.echo(str(path))


def _of_local_store(access: Access, store: Running | None) -> Access:
    """The options, with the address of the store in the data directory unless they name one."""
    if store is None or access.url or access.profile:
        return access
    return dataclasses.replace(access, url=store.api)
