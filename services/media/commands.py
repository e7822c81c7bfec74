"""The commands of operators on object storage, which run beside the service with the same settings:

python -m services.media backends
python -m services.media objects
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from services.media.adapters.s3.inventory import list_stored, listed_backend
from services.media.adapters.storage_config import read_storage_backends
from services.media.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.process.settings import from_env


def main(arguments: Sequence[str]) -> None:
    """Print a JSON list for each backend or each stored object. After a failure, end with 1 and one line."""
    parser = argparse.ArgumentParser(prog="python -m services.media")
    parser.add_argument("command", choices=["backends", "objects"])
    command = parser.parse_args(arguments).command
    try:
        settings = from_env(Settings, PREFIX, os.environ)
        if not settings.storage_config:
            raise StartupError(f"set {PREFIX}STORAGE_CONFIG to the file that lists the storage backends")
        backends = read_storage_backends(Path(settings.storage_config))
        _write(map(listed_backend, backends) if command == "backends" else list_stored(backends))
    except StartupError as error:
        sys.exit(f"tams media: {error}")


def _write(values: Iterable[object]) -> None:
    for value in values:
        sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()
