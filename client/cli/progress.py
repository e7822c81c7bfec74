"""A bar on the terminal for what takes long; nothing where standard error is no terminal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from client.cli.output import console

# Stage, done, total; a total of 0 is not known.
Report = Callable[[str, int, int], None]


class Stopped(Exception):
    """Ends the work of a thread whose result nobody waits for any more."""


@contextmanager
def bar(name: str) -> Iterator[Report]:
    """What reports to a bar with this name; once the block has ended it ends the thread that reports."""
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
