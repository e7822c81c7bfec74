"""The exit codes of the command."""

from typing import Final

import click

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
UNREACHABLE: Final = 4
INTERRUPTED: Final = 130

EXPLAINED: Final = (
    "Exit codes: 0 success, 1 failed, 2 wrong usage, 3 not found, "
    "4 the store is unreachable, 130 interrupted."
)


class Failed(click.ClickException):
    """Ends the command with one line on standard error and an exit code."""

    def __init__(self, summary: str, code: int = FAILED) -> None:
        super().__init__(" ".join(summary.split()))
        self.code = code
