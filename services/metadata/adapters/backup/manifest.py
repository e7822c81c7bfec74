"""The manifest of a backup: the engine, the version and the rows of its tables, and its files."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.metadata.adapters.backup.errors import BackupFailed

NAME: Final = "manifest.json"
# The version of the folder's layout.
FORMAT: Final = 1
_MOST_BYTES: Final = 64 * 1024 * 1024
_FILE_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_.-]*")

Engine = Literal["sqlite", "vast"]


class StoredFile(msgspec.Struct, frozen=True):
    """A file of a backup: its name in the folder, its size in bytes, and its SHA-256 in hexadecimal."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup. `tables` has the number of rows of each table, `created` is a time of RFC 3339."""

    format: int = FORMAT
    engine: Engine
    schema_version: int
    created: str
    # The id of the store; empty if the engine has none.
    store: str = ""
    tables: dict[str, int]
    files: list[StoredFile]


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest into the folder."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    folder.joinpath(NAME).write_bytes(text + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest in the folder. BackupFailed if there is none, or this program cannot read it."""
    path = folder / NAME
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES)
        version = msgspec.json.decode(text, type=_Format).format
        if version > FORMAT:
            raise BackupFailed(f"{path} has format {version}, newer than this program; update the program")
        manifest = msgspec.json.decode(text, type=Manifest)
    except OSError as error:
        raise BackupFailed(f"{folder} is not a backup: cannot read {NAME}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise BackupFailed(f"{path} is damaged: {error}") from None
    for stored in manifest.files:
        if not _FILE_NAME.fullmatch(stored.name):
            raise BackupFailed(f"{path} is damaged: {stored.name!r} is not the name of a file of a backup")
    return manifest


def check_engine(manifest: Manifest, engine: Engine) -> None:
    """BackupFailed if the backup is one of another engine."""
    if manifest.engine != engine:
        raise BackupFailed(
            f"the backup is one of tables on {manifest.engine}, and TAMS_STORE_URL names {engine}"
        )


def now() -> str:
    """The present time, as `created` has it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Format(msgspec.Struct, frozen=True):
    format: int
