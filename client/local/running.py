"""The note of a store that runs, in its data directory, by which other commands find its processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from client.local.errors import CannotRun
from client.local.public_settings import public

_NAME: Final = "running.json"
_MAX_BYTES: Final = 1024 * 1024


class Running(msgspec.Struct, frozen=True):
    """The process id of the runner, the URLs of its store, and the settings that may be shown.

    `metrics` has the URL of each part that serves metrics.
    """

    pid: int
    api: str
    metrics: Mapping[str, str]
    settings: Mapping[str, str]


def write(root: Path, pid: int, api: str, metrics: Mapping[str, str], env: Mapping[str, str]) -> None:
    """Note that a store runs. `env` is the environment of the runner; secrets in it are left out."""
    note = Running(pid, api, metrics, public(env))
    fresh = root / f"{_NAME}.new"
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(note)) + b"\n")
    fresh.replace(root / _NAME)


def remove(root: Path) -> None:
    """Remove the note, if there is one."""
    (root / _NAME).unlink(missing_ok=True)


def read(root: Path) -> Running | None:
    """The note in a data directory; None if no store runs there. CannotRun if it cannot be read.

    It stays there when the runner is killed.
    """
    try:
        with (root / _NAME).open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=Running)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotRun(f"cannot read {root / _NAME}: {error.strerror}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CannotRun(f"{root / _NAME} is not the note of a store: {error}") from None
