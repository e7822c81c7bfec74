"""Parses TAMS_STORE_URL, the URL of the tables that several deployables share."""

from pathlib import Path
from typing import Final, Literal

from services.shared.errors import StartupError

# The mode in which SQLite flushes commits to the disk.
Synchronous = Literal["FULL", "NORMAL"]
_SQLITE: Final = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """The file of sqlite:///relative/path.db or sqlite:////absolute/path.db. StartupError for another URL."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.endswith("/"):
        # Only the scheme, because the URL may contain a password.
        scheme = url.partition(":")[0]
        raise StartupError(
            f"unsupported store URL {scheme!r}…; use sqlite:///path/to/file.db or vast://host:port/bucket/schema"
        )
    return Path(path)


def is_vast(url: str) -> bool:
    """True if the tables are on VAST Database."""
    return url.startswith("vast:")
