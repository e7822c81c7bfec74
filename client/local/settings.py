"""The settings of a local store from the environment, and those passed on to each part."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.local.errors import CannotRun
from client.local.names import (
    ACCESS,
    AUTH,
    DATA_DIR,
    DEFAULT_DATA_DIR,
    HTTPS,
    METRICS_PORT,
    METRICS_PORTS,
    PARTS,
    PORTS,
    S3_ADMIN_PORT,
    S3_PORTS,
    STORAGE,
    STORAGE_CONFIG,
    STORE_URL,
    TLS,
    metrics_port_name,
    passed_on,
    port_name,
    replicas,
    settings_in,
)

_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """The data directory, the tables, the configured ports, and the settings of each part."""

    data_dir: Path
    store_url: str
    ports: Mapping[str, int]
    # TAMS_* and OTEL_* names and values by part, as the user set them.
    extra: Mapping[str, Mapping[str, str]]
    # The settings of access control, as the user set them, and whether callers need credentials.
    access: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: bool = False
    # The settings of object storage on this machine, as the user set them.
    storage: Mapping[str, str] = field(default_factory=dict)
    # Metadata processes that run side by side.
    metadata: int = 1
    # True if the parts serve metrics.
    metrics: bool = True

    @classmethod
    def from_env(cls, env: Mapping[str, str], metadata: int = 1, *, auth: bool = False) -> "LocalSettings":
        """The settings in `env`, without empty ones; CannotRun for unknown names and invalid values.

        With `auth` callers need credentials, as with TAMS_AUTH=required.
        """
        given = settings_in(env)
        data_dir = Path(given.get(DATA_DIR, DEFAULT_DATA_DIR)).absolute()
        store_url = given.get(STORE_URL, f"sqlite:///{data_dir / 'tams.db'}")
        if metadata > 1:
            _check_replicas(metadata, store_url, given.get("TAMS_METADATA_HOST", "127.0.0.1"))
        if STORAGE_CONFIG in given:
            _check_no_local_storage(given)
        metrics = given.get(METRICS_PORT, "0") != "-1"
        return cls(
            data_dir=data_dir,
            store_url=store_url,
            metadata=metadata,
            access={name: value for name, value in given.items() if name in ACCESS},
            storage={name: given[name] for name in STORAGE if name in given},
            auth=_requires_credentials(given.get(AUTH, ""), auth=auth),
            metrics=metrics,
            ports=_ports(given, metadata, metrics=metrics),
            extra={part: passed_on(part, given) for part in PARTS},
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
        return replicas(self.metadata)

    @property
    def port_names(self) -> tuple[str, ...]:
        """The names of all ports."""
        further = self.replicas[1:]
        metrics = (*METRICS_PORTS, *map(metrics_port_name, further))
        names = (*PORTS, *map(port_name, further), *metrics[len(METRICS_PORTS) :])
        unused = () if self.metrics else metrics
        if self.has_other_storage:
            unused = (*unused, *S3_PORTS, S3_ADMIN_PORT)
        return tuple(name for name in names if name not in unused)

    @property
    def database(self) -> str:
        """The name of the SQLite file with the tables, `tams.db` for other engines."""
        return Path(self.store_url).name if self.store_url.startswith("sqlite:") else "tams.db"


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
    unused = next((name for name in (*STORAGE, *S3_PORTS, S3_ADMIN_PORT) if name in given), None)
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


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= _HIGHEST_PORT:
        raise CannotRun(f"{name} is not a port number from 1 to {_HIGHEST_PORT}: {text}")
    return int(text)


def _ports(given: Mapping[str, str], metadata: int, *, metrics: bool) -> dict[str, int]:
    """The configured ports."""
    names = PORTS if metrics else [name for name in PORTS if name not in METRICS_PORTS]
    own = {name: _port(name, given[name]) for name in names if name in given}
    return _metrics_ports(given, metadata) | own if metrics else own


def _metrics_ports(given: Mapping[str, str], metadata: int) -> dict[str, int]:
    """From the configured port for metrics on, one for each part; further metadata processes are last."""
    if given.get(METRICS_PORT, "0") == "0":
        return {}
    first = _port(METRICS_PORT, given[METRICS_PORT])
    names = (*METRICS_PORTS, *map(metrics_port_name, replicas(metadata)[1:]))
    if first + len(names) - 1 > _HIGHEST_PORT:
        raise CannotRun(f"{METRICS_PORT} is the first of {len(names)} ports, so {first} is too high")
    return {name: first + number for number, name in enumerate(names)}
