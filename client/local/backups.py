"""Backs up and restores the tables of a store, in a process of the service that owns them."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from client.local.errors import CannotRun
from client.local.output import parse
from client.local.parts import inherited
from client.local.settings import STORE_URL, LocalSettings

Action = Literal["create", "check", "restore"]


class Backup(msgspec.Struct, frozen=True):
    """A backup: its engine, the version of its tables, its time, and the number of rows of each table."""

    engine: str
    schema_version: int
    created: str
    tables: dict[str, int]


def run(action: Action, folder: Path, env: Mapping[str, str]) -> Backup:
    """Make, check or restore a backup of the tables that `env` names. CannotRun if that fails."""
    settings = LocalSettings.from_env(env)
    own = {**inherited(env), **settings.extra["metadata"], STORE_URL: settings.store_url}
    command = (sys.executable, "-P", "-m", "services.metadata", "backup", action, str(folder))
    result = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    if result.returncode:
        line = result.stderr.strip().rpartition("\n")[2]
        raise CannotRun(parse(line)[1].removeprefix("tams metadata: ") or "the command failed")
    return msgspec.json.decode(result.stdout, type=Backup)
