"""TAMS_STORE_URL: which table store the deployables share."""

from pathlib import Path
from typing import Final

from services.shared.errors import StartupError

_SQLITE: Final = "sqlite:///"


def sqlite_path(url: str) -> Path:
    """The file in sqlite:///relative/path.db or sqlite:////absolute/path.db; StartupError for other text."""
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.endswith("/"):
        # The URL of another engine may hold a password.
        scheme = url.partition(":")[0]
        raise StartupError(
            f"not a store this version can open: {scheme!r}…; write sqlite:///path/to/file.db"
            " or vast://host:port/bucket/schema"
        )
    return Path(path)


def is_vast(url: str) -> bool:
    """Whether the tables are on VAST Database."""
    return url.startswith("vast:")
