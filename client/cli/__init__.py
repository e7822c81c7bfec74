"""The `tams` command.

Each command has a module, which is imported when the command is run; so the command starts fast, and
what one of them needs (media libraries, HTTP) is not loaded for another.
"""

from client.cli.main import main

__all__ = ["main"]
