"""A hash that names the content of a file."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

_BLOCK: Final = 1 << 20


def fingerprint(path: Path, progress: Callable[[int, int], None]) -> str:
    """A hash of a file's whole content; `progress` gets the bytes read and their total."""
    digest = hashlib.blake2b(digest_size=32)
    with path.open("rb") as file:
        total, done = path.stat().st_size, 0
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(done, total)
    return digest.hexdigest()
