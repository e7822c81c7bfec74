"""Progress bars for long work; hidden if standard error is not a terminal."""

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
    ended = threading.Event()
    with _progress() as progress:
        task = progress.add_task(name, total=None)

        def report(stage: str, done: int, total: int) -> None:
            if ended.is_set():
                raise Stopped
            progress.update(task, description=f"{name} {stage}".strip(), completed=done, total=total or None)

        try:
            yield report
        finally:
            ended.set()


class Bars:
    """A bar for each file that is worked on, and one for all of them, which counts their bytes."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._ended = threading.Event()
        self._all = progress.add_task("all files", total=total or None)

    @contextmanager
    def file(self, name: str, size: int) -> Iterator[Report]:
        """A function that reports to a bar with this name; its `size` counts as done after the block."""
        task = self._progress.add_task(name, total=size or None)

        def report(stage: str, done: int, total: int) -> None:
            if self._ended.is_set():
                raise Stopped
            self._progress.update(
                task, description=f"{name} {stage}".strip(), completed=done, total=total or None
            )

        try:
            yield report
        finally:
            self._progress.remove_task(task)
            self._progress.advance(self._all, size)

    def end(self) -> None:
        """Have the functions of all bars raise Stopped from now on."""
        self._ended.set()


@contextmanager
def bars(total: int) -> Iterator[Bars]:
    """Bars for files with `total` bytes together."""
    with _progress() as progress:
        shown = Bars(progress, total)
        try:
            yield shown
        finally:
            shown.end()


def _progress() -> Progress:
    err = console(err=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, disable=not err.is_terminal)
