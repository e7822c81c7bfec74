"""Reads settings from the environment into one frozen dataclass for each deployable."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from services.shared.errors import StartupError
from services.shared.process import logs

T = TypeVar("T")
S = TypeVar("S", bound="ProcessSettings")
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0)]

# The names of the settings of a process begin with its prefix.
PREFIXES = ("TAMS_GATEWAY_", "TAMS_METADATA_", "TAMS_MEDIA_", "TAMS_ANALYTICS_", "TAMS_EVENTS_")
# Names that several deployables read, so they do not have the prefix of one.
STORE_URL = "TAMS_STORE_URL"
WEBHOOK_NETWORKS = "TAMS_WEBHOOK_NETWORKS"
LOG_LEVEL = "TAMS_LOG_LEVEL"
LOG_LEVELS = "TAMS_LOG_LEVELS"
LOG_FORMAT = "TAMS_LOG_FORMAT"
RUNTIME_FILE = "TAMS_RUNTIME_FILE"
# Names that begin like this are about access control. A mistake in one of them could leave a store open.
AUTH = "TAMS_AUTH"
# Names that begin like this are about mutual TLS, where the same is true.
TLS = "TAMS_TLS_"
TLS_CERT = f"{TLS}CERT"
TLS_KEY = f"{TLS}KEY"
TLS_CA = f"{TLS}CA"
# The mark of fields that may change while the process runs.
_CHANGEABLE = "changeable"


def shared(name: str, default: T, *, secret: bool = False, changeable: bool = False) -> T:
    """A field that is read from `name` without a prefix. A secret is left out of repr."""
    metadata = {"env": name, _CHANGEABLE: changeable}
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def changeable(default: T) -> T:
    """A field that may change while the process runs. It is never a secret, since changes are logged."""
    return dataclasses.field(default=default, metadata={_CHANGEABLE: True})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """Settings that every deployable has."""

    # The address to listen on; port 0 selects a free one.
    host: str = "127.0.0.1"
    port: Port = 0
    # After SIGTERM: seconds for which load balancers see NOT_SERVING, then seconds in which calls may finish.
    drain_seconds: Seconds = 0.5
    grace_seconds: Seconds = 10.0
    # The lowest level of records to write to stderr, and a comma list of levels for single loggers and those
    # below them, such as services.media=debug,gateway.app=warning. JSON lines have the name of their logger.
    log_level: logs.Level = shared(LOG_LEVEL, "info", changeable=True)
    log_levels: Annotated[str, Meta(max_length=2000)] = shared(LOG_LEVELS, "", changeable=True)
    # The format of records: auto is text on a terminal, else JSON.
    log_format: logs.Format = shared(LOG_FORMAT, "auto")
    # A file with a line NAME=value for each setting that shall be another one while the process runs.
    runtime_file: str = shared(RUNTIME_FILE, "")
    # Files for mutual TLS between the processes of the store, in PEM: the certificate of this process, its
    # key, and the authorities of all certificates. All three or none. Renewed files need no restart.
    rpc_cert: str = shared(TLS_CERT, "")
    rpc_key: str = shared(TLS_KEY, "")
    rpc_ca: str = shared(TLS_CA, "")
    # The address and port at which this process serves its metrics for Prometheus, at /metrics. -1: none; 0
    # selects a free port. Do not let the outside reach it: it has no access control.
    metrics_host: str = shared("TAMS_METRICS_HOST", "127.0.0.1")
    metrics_port: Annotated[int, Meta(ge=-1, le=65535)] = shared("TAMS_METRICS_PORT", -1)
    # The base URL of an OpenTelemetry collector that takes OTLP over HTTP, such as http://127.0.0.1:4318.
    # Unset: no traces are recorded. The SDK also reads its own names, such as OTEL_EXPORTER_OTLP_HEADERS.
    otlp_endpoint: Annotated[str, Meta(pattern=r"^(https?://[^\s?#]+)?$")] = shared(
        "OTEL_EXPORTER_OTLP_ENDPOINT", ""
    )
    # Send the metrics to the collector too, every 15 seconds.
    otlp_metrics: bool = shared("TAMS_METRICS_OTLP", default=False)
    # The part of all traces that is recorded, from 0 to 1, for traces that begin in this process.
    trace_ratio: Annotated[float, Meta(ge=0, le=1)] = shared("TAMS_TRACE_RATIO", 0.01, changeable=True)
    # Calls that fail, or last this many seconds, are recorded in any case; 0: only those that fail.
    trace_slow_seconds: Seconds = shared("TAMS_TRACE_SLOW_SECONDS", 1.0, changeable=True)

    def __post_init__(self) -> None:
        """StartupError for values that do not go together."""
        try:
            logs.levels_of(self.log_levels)
        except ValueError as error:
            raise StartupError(f"{LOG_LEVELS}: {error}") from None

    @property
    def tls_files(self) -> dict[str, str]:
        """The files for mutual TLS by the names of their settings; the paths are empty if they are unset."""
        return {TLS_CERT: self.rpc_cert, TLS_KEY: self.rpc_key, TLS_CA: self.rpc_ca}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreSettings(ProcessSettings):
    """Settings of deployables that read or write the tables."""

    # URL of the tables: sqlite:///relative/path.db, sqlite:////absolute/path.db or, for a cluster,
    # vast://host:port[,host:port…]/bucket/schema[?tls=false].
    store_url: str = shared(STORE_URL, "sqlite:///.tams/tams.db")
    # The keys of VAST, or files that contain them: one of the two for each key. There are no defaults.
    vast_access_key: str = shared("TAMS_VAST_ACCESS_KEY", "", secret=True)
    vast_access_key_file: str = shared("TAMS_VAST_ACCESS_KEY_FILE", "")
    vast_secret_key: str = shared("TAMS_VAST_SECRET_KEY", "", secret=True)
    vast_secret_key_file: str = shared("TAMS_VAST_SECRET_KEY_FILE", "")


def env_names(cls: type[Any], prefix: str) -> dict[str, str]:
    """The name of the environment variable of each field of the dataclass."""
    return {
        field.name: field.metadata.get("env", prefix + field.name.upper())
        for field in dataclasses.fields(cls)
    }


def changeable_names(cls: type[Any], prefix: str) -> dict[str, str]:
    """The names of the environment variables of those fields that may change while the process runs."""
    names = env_names(cls, prefix)
    return {
        field.name: names[field.name] for field in dataclasses.fields(cls) if field.metadata.get(_CHANGEABLE)
    }


def from_env(cls: type[T], prefix: str, env: Mapping[str, str]) -> T:
    """The settings in `env`. StartupError for a bad value, and an unknown name with this prefix, AUTH or TLS.

    An empty value counts as not set, because compose files and ConfigMaps write it so.
    """
    names = env_names(cls, prefix)
    unknown = sorted(n for n in env if n.startswith((prefix, AUTH, TLS)) and n not in names.values())
    if unknown:
        raise StartupError(_unknown(unknown[0], sorted(names.values())))
    return cls(**_values(cls, names, env))


def replaced(settings: S, prefix: str, lines: Mapping[str, str]) -> S:
    """The settings with the values in `lines`. Names with the prefixes of other processes are left out.

    StartupError for a bad value, an unknown name, and one that cannot change while the process runs. An empty
    value counts as not set.
    """
    known, names = env_names(type(settings), prefix), changeable_names(type(settings), prefix)
    own = {name: value for name, value in lines.items() if not _is_of_another_process(name, prefix)}
    for name in own:
        if name in known.values() and name not in names.values():
            raise StartupError(f"{name} cannot change while the process runs")
        if name not in names.values():
            raise StartupError(_unknown(name, sorted(names.values())))
    return dataclasses.replace(settings, **_values(type(settings), names, own))


def _is_of_another_process(name: str, prefix: str) -> bool:
    return name.startswith(PREFIXES) and not name.startswith(prefix)


def _values(cls: type[Any], names: Mapping[str, str], given: Mapping[str, str]) -> dict[str, Any]:
    types = get_type_hints(cls, include_extras=True)
    return {
        field: _converted(name, given[name], types[field]) for field, name in names.items() if given.get(name)
    }


def _unknown(name: str, known: list[str]) -> str:
    similar = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {similar[0]}?" if similar else f"known names: {', '.join(known)}"
    return f"unknown setting {name}; {hint}"


def _converted(name: str, value: str, field_type: object) -> Any:
    try:
        return msgspec.convert(value, field_type, strict=False)
    except msgspec.ValidationError as error:
        raise StartupError(f"{name}: {error}") from None
