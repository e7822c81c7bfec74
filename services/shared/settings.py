"""Settings: one frozen dataclass per deployable, read from the environment once, in `__main__`."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from services.shared import logs
from services.shared.errors import StartupError

T = TypeVar("T")
Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(ge=0)]

# Names that several deployables read, so no single prefix owns them.
STORE_URL = "TAMS_STORE_URL"
WEBHOOK_NETWORKS = "TAMS_WEBHOOK_NETWORKS"
LOG_LEVEL = "TAMS_LOG_LEVEL"
LOG_FORMAT = "TAMS_LOG_FORMAT"


def shared(name: str, default: Any, *, secret: bool = False) -> Any:
    """A field read from `name`, whatever the deployable's prefix; a secret shows in no representation."""
    return dataclasses.field(default=default, metadata={"env": name}, repr=not secret)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """What every deployable can be told."""

    # Where to listen; port 0 takes a free one.
    host: str = "127.0.0.1"
    port: Port = 0
    # After SIGTERM: how long load balancers get to see NOT_SERVING, then how long calls may finish.
    drain_seconds: Seconds = 0.5
    grace_seconds: Seconds = 10.0
    # Least serious records to write to stderr, and how: auto is text on a terminal, JSON elsewhere.
    log_level: Literal["debug", "info", "warning", "error"] = shared(LOG_LEVEL, "info")
    log_format: logs.Format = shared(LOG_FORMAT, "auto")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StoreSettings(ProcessSettings):
    """What deployables that read or write the tables can be told."""

    # The tables: sqlite:///relative/path.db, sqlite:////absolute/path.db or, in a cluster,
    # vast://host:port[,host:port…]/bucket/schema[?tls=false].
    store_url: str = shared(STORE_URL, "sqlite:///.tams/tams.db")
    # The keys of VAST, or files that hold them: one of the two for each. There are no defaults.
    vast_access_key: str = shared("TAMS_VAST_ACCESS_KEY", "", secret=True)
    vast_access_key_file: str = shared("TAMS_VAST_ACCESS_KEY_FILE", "")
    vast_secret_key: str = shared("TAMS_VAST_SECRET_KEY", "", secret=True)
    vast_secret_key_file: str = shared("TAMS_VAST_SECRET_KEY_FILE", "")


def env_names(cls: type[Any], prefix: str) -> dict[str, str]:
    """Environment name of each field of the dataclass."""
    return {
        field.name: field.metadata.get("env", prefix + field.name.upper())
        for field in dataclasses.fields(cls)
    }


def from_env(cls: type[T], prefix: str, env: Mapping[str, str]) -> T:
    """The settings in `env`; StartupError for an unknown name with this prefix or an unusable value.

    An empty value counts as not set, as compose files and ConfigMaps write it.
    """
    names = env_names(cls, prefix)
    unknown = sorted(n for n in env if n.startswith(prefix) and n not in names.values())
    if unknown:
        raise StartupError(_unknown(unknown[0], sorted(names.values())))
    types = get_type_hints(cls, include_extras=True)
    values = {
        field: _coerced(name, env[name], types[field]) for field, name in names.items() if env.get(name)
    }
    return cls(**values)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known names: {', '.join(known)}"
    return f"unknown setting {name}; {hint}"


def _coerced(name: str, value: str, wanted: Any) -> Any:
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise StartupError(f"{name}: {error}") from None
