"""The commands of operators on the tables, which run beside the service with the same settings:

python -m services.metadata backup create|check|restore FOLDER
python -m services.metadata objects
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from services.metadata.adapters.backup.errors import BackupFailed
from services.metadata.adapters.backup.manifest import Manifest
from services.metadata.adapters.sqlite.backup import copying, restoring
from services.metadata.adapters.sqlite.inventory import ListedObject, list_objects
from services.metadata.settings import PREFIX, Settings
from services.shared.errors import StartupError, TamsError
from services.shared.process.settings import from_env
from services.shared.store_url import is_vast, sqlite_path


def main(arguments: Sequence[str]) -> None:
    """Run the command and print its result. After a failure, end the process with 1 and one line.

    `backup` prints the manifest of the backup, `objects` one JSON list for each object with a place.
    """
    parsed = _parsed(arguments)
    try:
        settings = from_env(Settings, PREFIX, os.environ)
        if parsed.command == "objects":
            _write_objects(_objects(settings))
        else:
            _write_line(_backup(parsed.action, parsed.folder, settings))
    except (BackupFailed, StartupError, TamsError) as error:
        sys.exit(f"tams metadata: {error}")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.metadata")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("objects")
    backup = commands.add_parser("backup")
    backup.add_argument("action", choices=["create", "check", "restore"])
    backup.add_argument("folder", type=Path)
    return parser.parse_args(arguments)


def _backup(action: str, folder: Path, settings: Settings) -> Manifest:
    if is_vast(settings.store_url):
        raise BackupFailed("tables on VAST are backed up by the cluster's snapshots")
    database = sqlite_path(settings.store_url)
    if action == "create":
        return copying.back_up(database, folder)
    return copying.check(folder) if action == "check" else restoring.restore(folder, database)


def _objects(settings: Settings) -> Iterator[ListedObject]:
    if not is_vast(settings.store_url):
        return list_objects(sqlite_path(settings.store_url))
    from services.metadata.adapters.vast.inventory import list_vast_objects  # noqa: PLC0415 - loads the SDK
    from services.vast_client.cluster import cluster_of  # noqa: PLC0415

    return list_vast_objects(cluster_of(settings))


def _write_objects(objects: Iterator[ListedObject]) -> None:
    for found in objects:
        sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")
    sys.stdout.buffer.flush()


def _write_line(manifest: Manifest) -> None:
    sys.stdout.write(msgspec.json.encode(manifest).decode() + "\n")
