"""The commands for backups of the tables: `python -m services.metadata backup create|check|restore FOLDER`.

They run beside the service, in a process of their own, with the same settings.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.manifest import Manifest
from services.metadata.adapters.sqlite.backup import copying, restoring
from services.metadata.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.process.settings import from_env
from services.shared.store_url import is_vast, sqlite_path


def main(arguments: Sequence[str]) -> None:
    """Run the command, print the manifest of the backup, and end the process with 1 after a failure."""
    action, folder = _parsed(arguments)
    try:
        settings = from_env(Settings, PREFIX, os.environ)
        manifest = _run(action, folder, settings)
    except (BackupFailed, StartupError) as error:
        sys.exit(f"tams metadata: {error}")
    sys.stdout.write(msgspec.json.encode(manifest).decode() + "\n")


def _parsed(arguments: Sequence[str]) -> tuple[str, Path]:
    parser = argparse.ArgumentParser(prog="python -m services.metadata")
    parser.add_argument("command", choices=["backup"])
    parser.add_argument("action", choices=["create", "check", "restore"])
    parser.add_argument("folder", type=Path)
    parsed = parser.parse_args(arguments)
    return parsed.action, parsed.folder


def _run(action: str, folder: Path, settings: Settings) -> Manifest:
    if is_vast(settings.store_url):
        raise BackupFailed("tables on VAST are backed up by the cluster's snapshots")
    database = sqlite_path(settings.store_url)
    if action == "create":
        return copying.back_up(database, folder)
    return copying.check(folder) if action == "check" else restoring.restore(folder, database)
