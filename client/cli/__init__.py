"""The `tams` command."""

from client.cli.command import main

__all__ = ["main"]
