"""What the environment tells the local store, and what of it goes on to each part."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun

PARTS: Final = ("metadata", "media", "analytics", "events", "gateway")

DATA_DIR: Final = "TAMS_DATA_DIR"
STORE_URL: Final = "TAMS_STORE_URL"
GATEWAY_PORT: Final = "TAMS_GATEWAY_PORT"
DEFAULT_GATEWAY_PORT: Final = 8000

# Object storage listens for S3, and on these for its own parts.
S3_PORTS: Final = (
    "TAMS_S3_PORT",
    "TAMS_S3_GRPC_PORT",
    "TAMS_S3_MASTER_PORT",
    "TAMS_S3_MASTER_GRPC_PORT",
    "TAMS_S3_VOLUME_PORT",
    "TAMS_S3_VOLUME_GRPC_PORT",
    "TAMS_S3_FILER_PORT",
    "TAMS_S3_FILER_GRPC_PORT",
)
# SeaweedFS looks for its admin gRPC port 10000 above this one.
S3_ADMIN_PORT: Final = "TAMS_S3_ADMIN_PORT"
SERVICE_PORTS: Final = tuple(f"TAMS_{part.upper()}_PORT" for part in PARTS)
PORTS: Final = (*SERVICE_PORTS, *S3_PORTS, S3_ADMIN_PORT)

_FOR_EVERY_PART: Final = ("TAMS_LOG_LEVEL", "TAMS_LOG_FORMAT", "TAMS_WEBHOOK_NETWORKS")
# What leads to tables on VAST, for those parts that read or write them.
_VAST: Final = tuple(f"TAMS_VAST_{key}_KEY{form}" for key in ("ACCESS", "SECRET") for form in ("", "_FILE"))
VAST_JOURNAL_DIR: Final = "TAMS_METADATA_VAST_JOURNAL_DIR"
_WITH_TABLES: Final = ("metadata", "analytics")
_KNOWN: Final = (DATA_DIR, STORE_URL, "TAMS_URL", *_FOR_EVERY_PART, *_VAST, *PORTS)
_SET_HERE: Final = (
    "TAMS_MEDIA_STORAGE_CONFIG",
    "TAMS_MEDIA_METADATA_ADDRESS",
    "TAMS_EVENTS_METADATA_ADDRESS",
    "TAMS_EVENTS_MEDIA_ADDRESS",
    "TAMS_GATEWAY_METADATA_ADDRESS",
    "TAMS_GATEWAY_MEDIA_ADDRESS",
    "TAMS_GATEWAY_ANALYTICS_ADDRESS",
)
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Where the data lies, which ports were asked for, and what each part is told besides."""

    data_dir: Path
    store_url: str
    ports: Mapping[str, int]
    # TAMS_* names and values by part, as the user set them.
    extra: Mapping[str, Mapping[str, str]]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "LocalSettings":
        """The settings in `env`; CannotRun for unknown names and unusable values. Empty is not set."""
        given = {name: value for name, value in env.items() if name.startswith("TAMS_") and value}
        for name in sorted(given):
            _check_name(name)
        data_dir = Path(given.get(DATA_DIR, ".tams")).absolute()
        return cls(
            data_dir=data_dir,
            store_url=given.get(STORE_URL, f"sqlite:///{data_dir / 'tams.db'}"),
            ports={name: _port(name, given[name]) for name in PORTS if name in given},
            extra={part: _passed_on(part, given) for part in PARTS},
        )


def _check_name(name: str) -> None:
    if name in _SET_HERE:
        raise CannotRun(f"{name} cannot be set here: `tams up` chooses it")
    if name in _KNOWN or any(name.startswith(_prefix(part)) for part in PARTS):
        return
    close = difflib.get_close_matches(name, _KNOWN, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known names: {', '.join(_KNOWN)}"
    raise CannotRun(f"unknown setting {name}; {hint}")


def _passed_on(part: str, given: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in given.items()
        if name in _FOR_EVERY_PART
        or (name in _VAST and part in _WITH_TABLES)
        or (name.startswith(_prefix(part)) and name not in PORTS)
    }


def _prefix(part: str) -> str:
    return f"TAMS_{part.upper()}_"


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _HIGHEST_PORT:
        raise CannotRun(f"{name}: not a port number: {text}")
    return int(text)
