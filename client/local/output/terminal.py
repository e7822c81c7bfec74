"""Lines for the person who runs a local store."""

import contextlib
import select
import sys
from collections.abc import Callable
from typing import TextIO


def print_result(line: str) -> None:
    """Print a result on standard output."""
    _print(sys.stdout, line)


def print_status(line: str) -> None:
    """Print the progress on standard error."""
    _print(sys.stderr, line)


def _print(stream: TextIO, line: str) -> None:
    # A closed terminal must not keep the store from stopping in order.
    with contextlib.suppress(OSError):
        stream.write(f"{line}\n")
        stream.flush()


def terminal() -> Callable[[str], None] | None:
    """Writes to standard error if that is a terminal; a line is lost while the terminal is held up."""
    if not sys.stderr.isatty():
        return None

    def write(line: str) -> None:
        # Ctrl-S holds a terminal up; waiting for it would hold up the store.
        if select.select([], [sys.stderr], [], 0)[1]:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    return write
