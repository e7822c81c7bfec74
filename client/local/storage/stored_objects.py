"""Detects that the files of object storage are missing or belong to another store, or are in other storage.

Object storage starts empty if it finds no files. Without this check the tables would then refer to objects
that do not exist.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.names import STORAGE_CONFIG

# SeaweedFS has the id of its folder of volumes in this file, and the names of objects in this folder.
_IDENTITY: Final = "vol_dir.uuid"
_NAMES: Final = "filerldb2"
_HEAD: Final = "CURRENT"
# The member of the note of a store whose objects are in the user's storage.
_ELSEWHERE: Final = "elsewhere"


def check(data_dir: DataDir, *, elsewhere: bool = False) -> None:
    """CannotRun if a part of object storage is missing that existed at the last run.

    `elsewhere` is True if objects are in the user's storage. CannotRun if that was otherwise at the last run.
    """
    last_run = _read(data_dir.stored_objects)
    if last_run and elsewhere != bool(last_run.get(_ELSEWHERE)):
        place = "storage of yours" if last_run.get(_ELSEWHERE) else str(data_dir.objects)
        raise CannotRun(
            f"the objects of this store are in {place}; {'unset' if elsewhere else 'set'} {STORAGE_CONFIG},"
            f" or remove {data_dir.stored_objects} to go on without them"
        )
    if last_run and not elsewhere and (problem := _problem(data_dir.objects, last_run)):
        raise CannotRun(
            f"the objects of this store are missing: {problem}; restore {data_dir.objects} from a backup,"
            f" or remove {data_dir.stored_objects} to go on without them"
        )


def remember(data_dir: DataDir, *, elsewhere: bool = False) -> None:
    """Store the parts that exist now, for the check of the next run."""
    names = sorted(path.parent.name for path in (data_dir.objects / _NAMES).glob(f"*/{_HEAD}"))
    identity = _identity(data_dir.objects)
    noted = {_ELSEWHERE: True} if elsewhere else {"volumes": identity, "names": names}
    # On a full disk the file of the last run stays.
    with suppress(OSError):
        fresh = data_dir.stored_objects.with_suffix(".new")
        fresh.write_text(json.dumps(noted) + "\n")
        fresh.chmod(0o600)
        fresh.replace(data_dir.stored_objects)


def _problem(objects: Path, last_run: dict[str, object]) -> str:
    if last_run.get("volumes") != _identity(objects):
        return f"{objects / _IDENTITY} is missing or belongs to another store"
    names = last_run.get("names")
    for name in names if isinstance(names, list) else ():
        if not (objects / _NAMES / str(name) / _HEAD).is_file():
            return f"{objects / _NAMES / str(name)} is missing"
    return ""


def _identity(objects: Path) -> str | None:
    try:
        return (objects / _IDENTITY).read_text().strip()
    except (OSError, ValueError):
        return None


def _read(path: Path) -> dict[str, object]:
    try:
        last_run = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    is_known = isinstance(last_run, dict) and (last_run.get("volumes") or last_run.get(_ELSEWHERE))
    return last_run if is_known else {}
