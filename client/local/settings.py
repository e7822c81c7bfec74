"""The settings of a local store from the environment, and those passed on to each part."""

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun

PARTS: Final = ("metadata", "media", "analytics", "events", "gateway")

DATA_DIR: Final = "TAMS_DATA_DIR"
STORE_URL: Final = "TAMS_STORE_URL"
DEFAULT_DATA_DIR: Final = Path(".tams")
GATEWAY_PORT: Final = "TAMS_GATEWAY_PORT"
DEFAULT_GATEWAY_PORT: Final = 8000

# The ports of object storage: S3, and its internal parts.
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
# The address on which object storage listens, and the URL at which clients reach it.
S3_HOST: Final = "TAMS_S3_HOST"
S3_PUBLIC_URL: Final = "TAMS_S3_PUBLIC_URL"
# With this file of the user, objects are in other storage, and there is none on this machine.
STORAGE_CONFIG: Final = "TAMS_MEDIA_STORAGE_CONFIG"
# SeaweedFS looks for its admin gRPC port 10000 above this one.
S3_ADMIN_PORT: Final = "TAMS_S3_ADMIN_PORT"
SERVICE_PORTS: Final = tuple(f"TAMS_{part.upper()}_PORT" for part in PARTS)
PORTS: Final = (*SERVICE_PORTS, *S3_PORTS, S3_ADMIN_PORT)

# The files for mutual TLS between the parts.
TLS: Final = ("TAMS_TLS_CERT", "TAMS_TLS_KEY", "TAMS_TLS_CA")
HTTPS: Final = "TAMS_GATEWAY_TLS_CERT"
_FOR_EVERY_PART: Final = ("TAMS_LOG_LEVEL", "TAMS_LOG_FORMAT", "TAMS_WEBHOOK_NETWORKS", *TLS)
# The credentials of tables on VAST, for the parts that read or write them.
_VAST: Final = tuple(f"TAMS_VAST_{key}_KEY{form}" for key in ("ACCESS", "SECRET") for form in ("", "_FILE"))
VAST_JOURNAL_DIR: Final = "TAMS_METADATA_VAST_JOURNAL_DIR"
_WITH_TABLES: Final = ("metadata", "analytics")
# Of the commands that talk to a store.
_OF_CLIENTS: Final = (
    "TAMS_URL",
    "TAMS_PROFILE",
    "TAMS_TOKEN",
    "TAMS_TOKEN_FILE",
    "TAMS_API_KEY",
    "TAMS_API_KEY_FILE",
    "TAMS_USER",
    "TAMS_PASSWORD",
    "TAMS_PASSWORD_FILE",
    "TAMS_CA_FILE",
)
# Access control; every part has the same.
AUTH: Final = "TAMS_AUTH"
_ACCESS: Final = (
    AUTH,
    "TAMS_AUTH_SERVICE_SECRET",
    "TAMS_AUTH_SERVICE_SECRET_FILE",
    "TAMS_AUTH_ISSUER",
    "TAMS_AUTH_AUDIENCE",
    "TAMS_AUTH_JWKS",
    "TAMS_AUTH_HS256_SECRET",
    "TAMS_AUTH_HS256_SECRET_FILE",
    "TAMS_AUTH_CA_FILE",
    "TAMS_AUTH_SCOPE_CLAIM",
    "TAMS_AUTH_SCOPE_PREFIX",
    "TAMS_AUTH_ROLES_CLAIM",
    "TAMS_AUTH_ROLES",
    "TAMS_AUTH_CLASSES_CLAIM",
    "TAMS_AUTH_CLASSES_PREFIX",
    "TAMS_AUTH_SKEW_SECONDS",
)
_STORAGE: Final = (S3_HOST, S3_PUBLIC_URL)
_KNOWN_NAMES: Final = (
    *(DATA_DIR, STORE_URL, STORAGE_CONFIG),
    *(*_STORAGE, *_OF_CLIENTS, *_FOR_EVERY_PART, *_ACCESS, *_VAST, *PORTS),
)
_SET_HERE: Final = (
    "TAMS_MEDIA_METADATA_ADDRESS",
    "TAMS_ANALYTICS_METADATA_ADDRESS",
    "TAMS_EVENTS_METADATA_ADDRESS",
    "TAMS_EVENTS_MEDIA_ADDRESS",
    "TAMS_GATEWAY_METADATA_ADDRESS",
    "TAMS_GATEWAY_MEDIA_ADDRESS",
    "TAMS_GATEWAY_ANALYTICS_ADDRESS",
    "TAMS_GATEWAY_EVENTS_ADDRESS",
)
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """The data directory, the tables, the configured ports, and the settings of each part."""

    data_dir: Path
    store_url: str
    ports: Mapping[str, int]
    # TAMS_* names and values by part, as the user set them.
    extra: Mapping[str, Mapping[str, str]]
    # The settings of access control, as the user set them, and whether callers need credentials.
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: bool = False
    # The settings of object storage on this machine, as the user set them.
    storage: Mapping[str, str] = field(default_factory=dict)
    # Metadata processes that run side by side.
    metadata: int = 1

    @classmethod
    def from_env(cls, env: Mapping[str, str], metadata: int = 1, *, auth: bool = False) -> "LocalSettings":
        """The settings in `env`, without empty ones; CannotRun for unknown names and invalid values.

        With `auth` callers need credentials, as with TAMS_AUTH=required.
        """
        given = {name: value for name, value in env.items() if name.startswith("TAMS_") and value}
        for name in sorted(given):
            _check_name(name)
        data_dir = Path(given.get(DATA_DIR, DEFAULT_DATA_DIR)).absolute()
        store_url = given.get(STORE_URL, f"sqlite:///{data_dir / 'tams.db'}")
        if metadata > 1:
            _check_replicas(metadata, store_url, given.get("TAMS_METADATA_HOST", "127.0.0.1"))
        if STORAGE_CONFIG in given:
            _check_no_local_storage(given)
        return cls(
            data_dir=data_dir,
            store_url=store_url,
            metadata=metadata,
            access={name: value for name, value in given.items() if name in _ACCESS},
            storage={name: given[name] for name in _STORAGE if name in given},
            auth=_requires_credentials(given.get(AUTH, ""), auth=auth),
            ports={name: _port(name, given[name]) for name in PORTS if name in given},
            extra={part: _passed_on(part, given) for part in PARTS},
        )

    @property
    def on_vast(self) -> bool:
        """True if the tables are on VAST, which may be unreachable when the store starts."""
        return _is_vast(self.store_url)

    @property
    def has_other_storage(self) -> bool:
        """True if objects are in the storage of TAMS_MEDIA_STORAGE_CONFIG, and none runs on this machine."""
        return STORAGE_CONFIG in self.extra["media"]

    @property
    def gateway_host(self) -> str:
        """The host on which the gateway listens."""
        return self.extra["gateway"].get("TAMS_GATEWAY_HOST", "127.0.0.1")

    @property
    def api_scheme(self) -> str:
        """The scheme of the API: https if the gateway has a certificate."""
        return "https" if HTTPS in self.extra["gateway"] else "http"

    @property
    def rpc_scheme(self) -> str:
        """The scheme of the health addresses of the services: grpcs with mutual TLS."""
        return "grpcs" if TLS[0] in self.extra["metadata"] else "grpc"

    @property
    def replicas(self) -> tuple[str, ...]:
        """The names of all metadata processes."""
        return ("metadata", *(f"metadata-{number}" for number in range(2, self.metadata + 1)))

    @property
    def port_names(self) -> tuple[str, ...]:
        """The names of all ports."""
        ports = SERVICE_PORTS if self.has_other_storage else PORTS
        return (*ports, *(port_name(name) for name in self.replicas[1:]))

    @property
    def database(self) -> str:
        """The name of the SQLite file with the tables, `tams.db` for other engines."""
        return Path(self.store_url).name if self.store_url.startswith("sqlite:") else "tams.db"


def port_name(part: str) -> str:
    """The name of a part's port."""
    return f"TAMS_{part.upper().replace('-', '_')}_PORT"


def _is_vast(store_url: str) -> bool:
    return store_url.startswith("vast:")


def _check_replicas(metadata: int, store_url: str, host: str) -> None:
    """CannotRun if only one metadata process can run, or other parts cannot address several."""
    if not _is_vast(store_url):
        raise CannotRun(
            f"--metadata {metadata} needs tables on VAST: an SQLite file has one writer; set TAMS_STORE_URL"
        )
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        raise CannotRun(
            f"--metadata {metadata} needs an IPv4 address; set TAMS_METADATA_HOST to one"
        ) from None


def _check_no_local_storage(given: Mapping[str, str]) -> None:
    """CannotRun if there are settings of object storage on this machine, which then does not run."""
    unused = next((name for name in (*_STORAGE, *S3_PORTS, S3_ADMIN_PORT) if name in given), None)
    if unused:
        raise CannotRun(
            f"{unused} has no effect with {STORAGE_CONFIG}: no object storage runs on this machine"
        )


def _requires_credentials(value: str, *, auth: bool) -> bool:
    if value not in {"", "off", "required"}:
        raise CannotRun(f"{AUTH} is neither off nor required: {value}")
    if auth and value == "off":
        raise CannotRun(f"--auth and {AUTH}=off contradict each other")
    return auth or value == "required"


def _check_name(name: str) -> None:
    if name in _SET_HERE:
        raise CannotRun(f"{name} cannot be set here: `tams up` chooses it")
    if name in _KNOWN_NAMES or any(name.startswith(_prefix(part)) for part in PARTS):
        return
    close = difflib.get_close_matches(name, _KNOWN_NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known names: {', '.join(_KNOWN_NAMES)}"
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
        raise CannotRun(f"{name} is not a port number from 1 to {_HIGHEST_PORT}: {text}")
    return int(text)
