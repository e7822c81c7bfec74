"""Finds where the processes of a store serve their metrics."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import click

from client.cli import exits
from client.local import running
from client.local.errors import CannotRun
from client.local.running import Running
from client.top.scraping import MAX_PROCESSES, NotMetrics, metrics_url

F = TypeVar("F", bound=Callable[..., object])


def process_options(command: F) -> F:
    """Add --metrics and --data-dir to a command."""
    command = click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        default=".tams",
        envvar="TAMS_DATA_DIR",
        show_envvar=True,
        show_default=True,
        help="The data directory of the store of `tams up`.",
    )(command)
    return click.option(
        "--metrics",
        "metrics",
        multiple=True,
        metavar="URL",
        help="Where a process serves its metrics; repeat it for more.  [default: the store of `tams up`]",
    )(command)


def local_store(data_dir: Path) -> Running | None:
    """The store of `tams up` in a data directory; None if none runs there. Failed for an unusable note."""
    try:
        return running.read(data_dir)
    except CannotRun as error:
        raise exits.Failed(str(error)) from None


def named_urls(urls: tuple[str, ...]) -> dict[str, str]:
    """The URLs of --metrics by host and port. UsageError for one that cannot be used, or too many."""
    if len(urls) > MAX_PROCESSES:
        raise click.UsageError(f"--metrics is given {len(urls)} times, more than {MAX_PROCESSES}")
    try:
        complete = [metrics_url(url) for url in urls]
    except (NotMetrics, ValueError) as error:
        raise click.UsageError(f"--metrics: {error}") from None
    return {urlsplit(url).netloc + urlsplit(url).path.removesuffix("/metrics"): url for url in complete}
