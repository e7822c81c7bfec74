"""The option `--scope`, and scopes and times in tables."""

from collections.abc import Iterable
from datetime import UTC, datetime

import click

scope_choice = click.Choice(("read", "write", "delete", "admin"))
scope_option = click.option(
    "--scope",
    "scopes",
    type=scope_choice,
    multiple=True,
    required=True,
    help="A permission; repeat the option for more. admin includes the others.",
)


def scopes_text(scopes: Iterable[str]) -> str:
    """The scopes in one cell."""
    return " ".join(scopes)


def time_text(moment: datetime | None, missing: str) -> str:
    """A time in one cell, in UTC, and a word if there is no time."""
    return missing if moment is None else moment.astimezone(UTC).isoformat(" ", "minutes")[:16]
