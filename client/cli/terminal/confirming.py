"""Confirmations that the user types."""

import sys

import click

from client.cli import exits
from client.cli.terminal.output import printable


def ask_to_type(action: str, name: str) -> str:
    """Ask the user to type a name before an action; returns it. Failed if the user types another text."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"there is no terminal to ask on; add --confirm {printable(name)}")
    answer: str = click.prompt(f"To {printable(action)}, type {printable(name)}", err=True)
    if answer != name:
        raise exits.Failed("nothing changed")
    return answer
