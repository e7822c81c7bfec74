"""Reads rows from files: a JSON object on each line, or a JSON list."""

import gzip
from collections.abc import Iterator
from io import BufferedReader
from itertools import chain
from pathlib import Path

import msgspec


class BadInput(Exception):
    """A file does not hold rows."""


def rows_of(path: Path) -> Iterator[bytes]:
    """The rows of a file, gzipped or not, one at a time; a JSON list is held in memory as a whole."""
    try:
        with _open(path) as file:
            first = file.readline()
            if first.lstrip()[:1] == b"[":
                yield from map(bytes, msgspec.json.decode(first + file.read(), type=list[msgspec.Raw]))
                return
            yield from filter(None, map(bytes.strip, chain((first,), file)))
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        raise BadInput(f"{path}: {error}") from error


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    if path.suffix == ".gz":
        return gzip.open(path)
    return path.open("rb")
