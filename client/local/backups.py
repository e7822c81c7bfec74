"""Backs up and restores the tables of a store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from client.local import commands

Action = Literal["create", "check", "restore"]


class Backup(msgspec.Struct, frozen=True):
    """A backup: its engine, the version of its tables, its time, and the number of rows of each table."""

    engine: str
    schema_version: int
    created: str
    tables: dict[str, int]


def run(action: Action, folder: Path, env: Mapping[str, str], snapshot: str = "") -> Backup:
    """Make, check or restore a backup of the tables that `env` names. CannotRun if that fails.

    With `snapshot`, one is made of the tables as they are in that snapshot of a bucket on VAST.
    """
    option = ("--snapshot", snapshot) if snapshot else ()
    output = commands.run("metadata", ("backup", action, str(folder), *option), env)
    return msgspec.json.decode(output, type=Backup)
