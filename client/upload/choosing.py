"""Chooses the files to upload."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path


def chosen(paths: Iterable[Path], extensions: Collection[str]) -> list[Path]:
    """The files among the paths, and the files below the folders among them, in order and none twice.

    In folders, only those with one of the extensions are taken, if any is given, and no hidden ones. OSError
    for a folder that cannot be read.
    """
    wanted = {extension.lower().lstrip(".") for extension in extensions}
    found: dict[Path, None] = {}
    for path in paths:
        below = (file for file in _below(path) if not wanted or file.suffix.lower().lstrip(".") in wanted)
        found |= dict.fromkeys(below if path.is_dir() else [path])
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=_raised):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(parent, name) for name in sorted(names) if not name.startswith("."))
        yield from (file for file in files if file.is_file())


def _raised(error: OSError) -> None:
    raise error
