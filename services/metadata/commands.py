"""The commands of operators on the tables, which run beside the service with the same settings:

python -m services.metadata backup create FOLDER [--snapshot NAME]
python -m services.metadata backup check|restore FOLDER
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
            backup = _backup_on_vast if is_vast(settings.store_url) else _backup
            _write_line(backup(parsed.action, parsed.folder, parsed.snapshot, settings))
    except (BackupFailed, StartupError, TamsError) as error:
        sys.exit(f"tams metadata: {error}")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.metadata")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("objects")
    backup = commands.add_parser("backup")
    backup.add_argument("action", choices=["create", "check", "restore"])
    backup.add_argument("folder", type=Path)
    backup.add_argument("--snapshot", default="")
    parsed = parser.parse_args(arguments)
    if parsed.command == "backup" and parsed.snapshot and parsed.action != "create":
        parser.error("--snapshot is for create")
    return parsed


def _backup(action: str, folder: Path, snapshot: str, settings: Settings) -> Manifest:
    if snapshot:
        raise BackupFailed("only tables on VAST have snapshots")
    database = sqlite_path(settings.store_url)
    if action == "create":
        return copying.back_up(database, folder)
    return copying.check(folder) if action == "check" else restoring.restore(folder, database)


def _backup_on_vast(action: str, folder: Path, snapshot: str, settings: Settings) -> Manifest:
    from services.metadata.adapters.vast.backup import checking, copying, restoring  # noqa: PLC0415 - loads the SDK
    from services.vast_client.cluster import cluster_of  # noqa: PLC0415

    if action == "check":
        return checking.check(folder)
    cluster = cluster_of(settings, settings.vast_journal_dir, snapshot=snapshot)
    return copying.back_up(cluster, folder) if action == "create" else restoring.restore(cluster, folder)


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
