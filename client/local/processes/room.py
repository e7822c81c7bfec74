"""Checks that a disk has room for what a part must write when it starts."""

import tempfile
from pathlib import Path
from typing import Final

# Databases open new files when they start.
_ROOM_BYTES: Final = 4 * 1024 * 1024


def has_room(folder: Path) -> bool:
    """True if a few megabytes can be written below the folder; unlike free bytes, this knows quotas."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            return file.write(bytes(_ROOM_BYTES)) == _ROOM_BYTES
    except OSError:
        return False
