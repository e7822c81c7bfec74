"""Turns errors of logins into exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from client.api import LoginFailed
from client.cli import exits


@contextmanager
def login_errors() -> Iterator[None]:
    """Turn LoginFailed into Failed, and the ValueError of an unusable option into click.UsageError."""
    try:
        yield
    except LoginFailed as error:
        raise exits.Failed(str(error)) from None
    except ValueError as error:
        raise click.UsageError(str(error)) from None
