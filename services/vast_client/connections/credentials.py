"""Reads the keys of VAST from settings or files."""

from dataclasses import dataclass, field
from pathlib import Path

from services.shared.errors import StartupError


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and a secret key. Both are left out of repr."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @classmethod
    def read(cls, access: str, access_file: str, secret: str, secret_file: str) -> "Credentials":
        """The given keys, or the keys in the files.

        StartupError if a key is missing or given twice, or if a file cannot be read or is empty.
        """
        return cls(
            _read("TAMS_VAST_ACCESS_KEY", access, access_file),
            _read("TAMS_VAST_SECRET_KEY", secret, secret_file),
        )


def _read(name: str, value: str, path: str) -> str:
    if bool(value) == bool(path):
        raise StartupError(f"set either {name} or {name}_FILE")
    if value:
        return value
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StartupError(f"cannot read {name}_FILE: {error}") from None
    if not text:
        raise StartupError(f"{name}_FILE is empty")
    return text
