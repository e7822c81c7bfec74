"""The names of the settings of a local store, and which of them each part gets."""

import difflib
from collections.abc import Mapping
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
STORAGE: Final = (S3_HOST, S3_PUBLIC_URL)
# With this file of the user, objects are in other storage, and `tams up` starts no SeaweedFS.
STORAGE_CONFIG: Final = "TAMS_MEDIA_STORAGE_CONFIG"
# SeaweedFS looks for its admin gRPC port 10000 above this one.
S3_ADMIN_PORT: Final = "TAMS_S3_ADMIN_PORT"
SERVICE_PORTS: Final = tuple(f"TAMS_{part.upper()}_PORT" for part in PARTS)
METRICS_PORTS: Final = tuple(f"TAMS_{part.upper()}_METRICS_PORT" for part in PARTS)
PORTS: Final = (*SERVICE_PORTS, *METRICS_PORTS, *S3_PORTS, S3_ADMIN_PORT)

# The port for metrics of the first part, those of the others follow: processes cannot share one.
METRICS_PORT: Final = "TAMS_METRICS_PORT"
METRICS_HOST: Final = "TAMS_METRICS_HOST"

# The files for mutual TLS between the parts.
TLS: Final = ("TAMS_TLS_CERT", "TAMS_TLS_KEY", "TAMS_TLS_CA")
HTTPS: Final = "TAMS_GATEWAY_TLS_CERT"
# Those of OpenTelemetry. Each part has a name of its own in traces, so one for all is not passed on.
_OTEL: Final = "OTEL_"
_OTEL_SERVICE_NAME: Final = "OTEL_SERVICE_NAME"
# The file of settings that change while the store runs.
RUNTIME_FILE: Final = "TAMS_RUNTIME_FILE"
_FOR_EVERY_PART: Final = (
    RUNTIME_FILE,
    "TAMS_LOG_LEVEL",
    "TAMS_LOG_LEVELS",
    "TAMS_LOG_FORMAT",
    "TAMS_WEBHOOK_NETWORKS",
    METRICS_HOST,
    "TAMS_METRICS_OTLP",
    "TAMS_TRACE_RATIO",
    "TAMS_TRACE_SLOW_SECONDS",
    *TLS,
)
# The credentials of tables on VAST, for the parts that read or write them.
_VAST: Final = tuple(f"TAMS_VAST_{key}_KEY{form}" for key in ("ACCESS", "SECRET") for form in ("", "_FILE"))
ACCESS_LOG: Final = "TAMS_GATEWAY_ACCESS_LOG"
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
_SECRETS_OF_CLIENTS: Final = frozenset({"TAMS_TOKEN", "TAMS_API_KEY", "TAMS_PASSWORD"})
# Access control; every part has the same.
AUTH: Final = "TAMS_AUTH"
ACCESS: Final = (
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
_KNOWN_NAMES: Final = (
    DATA_DIR,
    STORE_URL,
    METRICS_PORT,
    STORAGE_CONFIG,
    *STORAGE,
    *_OF_CLIENTS,
    *_FOR_EVERY_PART,
    *ACCESS,
    *_VAST,
    *PORTS,
)
# Those that no process of the store reads, and that are no secrets.
NOT_SECRET: Final = frozenset(
    {DATA_DIR, _OTEL_SERVICE_NAME, *PORTS, *(name for name in _OF_CLIENTS if name not in _SECRETS_OF_CLIENTS)}
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


def port_name(part: str) -> str:
    """The name of a part's port."""
    return f"TAMS_{part.upper().replace('-', '_')}_PORT"


def metrics_port_name(part: str) -> str:
    """The name of the port at which a part serves its metrics."""
    return f"TAMS_{part.upper().replace('-', '_')}_METRICS_PORT"


def replicas(count: int) -> tuple[str, ...]:
    """The names of `count` metadata processes."""
    return ("metadata", *(f"metadata-{number}" for number in range(2, count + 1)))


def settings_in(env: Mapping[str, str]) -> dict[str, str]:
    """The settings in an environment, without empty ones. CannotRun for a name that nothing knows."""
    given = {name: value for name, value in env.items() if name.startswith(("TAMS_", _OTEL)) and value}
    for name in sorted(given):
        _check_name(name)
    return given


def _check_name(name: str) -> None:
    if name in _SET_HERE:
        raise CannotRun(f"{name} cannot be set here: `tams up` chooses it")
    if name in _KNOWN_NAMES or name.startswith((_OTEL, *map(_prefix, PARTS))):
        return
    close = difflib.get_close_matches(name, _KNOWN_NAMES, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known names: {', '.join(_KNOWN_NAMES)}"
    raise CannotRun(f"unknown setting {name}; {hint}")


def passed_on(part: str, given: Mapping[str, str]) -> dict[str, str]:
    """Those of the settings that a kind of part gets as they are."""
    return {
        name: value
        for name, value in given.items()
        if name in _FOR_EVERY_PART
        or (name.startswith(_OTEL) and name != _OTEL_SERVICE_NAME)
        or (name in _VAST and part in _WITH_TABLES)
        or (name.startswith(_prefix(part)) and name not in PORTS)
    }


def _prefix(part: str) -> str:
    return f"TAMS_{part.upper()}_"
