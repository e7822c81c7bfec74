"""A progress bar for long work; hidden if standard error is not a terminal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from client.cli.terminal.output import console

# Stage, done, total; a total of 0 is unknown.
Report = Callable[[str, int, int], None]


class Stopped(Exception):
    """Ends the work of a thread after its bar was closed."""


@contextmanager
def bar(name: str) -> Iterator[Report]:
    """A function that reports to a bar with this name; after the block it raises Stopped in its caller."""
    err = console(err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    ended = threading.Event()
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task(name, total=None)

        def report(stage: str, done: int, total: int) -> None:
            if ended.is_set():
                raise Stopped
            progress.update(task, description=f"{name} {stage}".strip(), completed=done, total=total or None)

        try:
            yield report
        finally:
            ended.set()
