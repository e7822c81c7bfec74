"""The `tams` command.

Each subcommand has a module, which is imported when the subcommand runs. So the command starts fast, and
loads media and HTTP libraries only for subcommands that need them.
"""

from client.cli.main import main

__all__ = ["main"]
