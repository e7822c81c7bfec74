"""The processes of a local store: their commands, environments and health addresses."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.local.access import shared_settings
from client.local.data_dir import DataDir
from client.local.names import (
    ACCESS_LOG,
    METRICS_HOST,
    METRICS_PORT,
    PARTS,
    RUNTIME_FILE,
    STORAGE_CONFIG,
    STORE_URL,
    VAST_JOURNAL_DIR,
    metrics_port_name,
    port_name,
)
from client.local.settings import LocalSettings
from client.local.storage import credentials, seaweedfs
from client.local.storage.addresses import LOOPBACK, is_every_address, storage_addresses

S3_PORT: Final = "TAMS_S3_PORT"
STORAGE: Final = "storage"
_AWS: Final = "AWS_"
# Groups of parts that stop together, one group after the other.
STOP_ORDER: Final = (("gateway", "events"), ("media", "analytics"), ("metadata",), (STORAGE,))


def _never(_line: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process. `health` is an address that answers once it can serve: grpc, grpcs, http or https.

    `is_disk_failure` recognises a line of its output after which it cannot write until it is restarted,
    although its disk has room again.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    health: str
    folder: Path
    is_disk_failure: Callable[[str], bool] = _never


def all_parts(
    settings: LocalSettings, data_dir: DataDir, ports: Mapping[str, int], env: Mapping[str, str]
) -> list[Part]:
    """Every part, storage first; `env` is the environment of the runner."""
    access = shared_settings(settings, data_dir)
    connections = _connections(settings, data_dir, ports)
    storage = [] if settings.has_other_storage else [_storage(settings, data_dir, ports, env)]
    services = [
        _service(
            name,
            part,
            _health(name, part, settings, ports),
            {
                **_defaults(name, ports[port_name(part)], _host(name, settings)),
                METRICS_PORT: str(ports.get(metrics_port_name(part), -1)),
                RUNTIME_FILE: str(data_dir.runtime_settings),
                **sdk_credentials(name, settings, env),
                **settings.extra[name],
                **access,
                **connections[name],
            },
            env,
        )
        for name, part in _processes(settings)
    ]
    return [*storage, *services]


def _connections(
    settings: LocalSettings, data_dir: DataDir, ports: Mapping[str, int]
) -> Mapping[str, Mapping[str, str]]:
    """For each kind of part, the settings with what it connects to: tables, object storage, other parts."""
    peers = {name: _target(name, settings, ports) for name in PARTS}
    return {
        "metadata": {STORE_URL: settings.store_url, **_journal(settings)},
        "analytics": {
            STORE_URL: settings.store_url,
            "TAMS_ANALYTICS_METADATA_ADDRESS": peers["metadata"],
        },
        "media": {
            "TAMS_MEDIA_METADATA_ADDRESS": peers["metadata"],
            STORAGE_CONFIG: _storage_config(settings, data_dir, ports),
        },
        "events": {f"TAMS_EVENTS_{peer.upper()}_ADDRESS": peers[peer] for peer in ("metadata", "media")},
        "gateway": {
            f"TAMS_GATEWAY_{peer.upper()}_ADDRESS": peers[peer]
            for peer in ("metadata", "media", "analytics", "events")
        },
    }


def metrics_urls(settings: LocalSettings, ports: Mapping[str, int]) -> dict[str, str]:
    """The URL of the metrics of each part; empty if none serves any."""
    if not settings.metrics:
        return {}
    return {
        part: f"http://{_reached(settings.extra[name].get(METRICS_HOST, LOOPBACK))}:{port}/metrics"
        for name, part in _processes(settings)
        if (port := ports[metrics_port_name(part)])
    }


def _processes(settings: LocalSettings) -> Iterator[tuple[str, str]]:
    """The kind and the name of each process of the store but object storage."""
    for name in PARTS:
        for part in settings.replicas if name == "metadata" else (name,):
            yield name, part


def _storage(
    settings: LocalSettings, data_dir: DataDir, ports: Mapping[str, int], env: Mapping[str, str]
) -> Part:
    """Object storage on this machine."""
    addresses = storage_addresses(settings, ports[S3_PORT])
    return Part(
        name=STORAGE,
        command=seaweedfs.command(data_dir, addresses, ports, env),
        env=seaweedfs.environment(data_dir),
        health=f"{addresses.endpoint}{seaweedfs.HEALTH}",
        folder=data_dir.objects,
        is_disk_failure=seaweedfs.is_disk_failure,
    )


def _storage_config(settings: LocalSettings, data_dir: DataDir, ports: Mapping[str, int]) -> str:
    """The file that lists the storage backends: the user's, or one of the object storage on this machine."""
    if settings.has_other_storage:
        return settings.extra["media"][STORAGE_CONFIG]
    return str(credentials.storage_config(data_dir, storage_addresses(settings, ports[S3_PORT])))


def _journal(settings: LocalSettings) -> dict[str, str]:
    """The folder for metadata's journal of open transactions, for tables on VAST."""
    configured = settings.extra["metadata"].get(VAST_JOURNAL_DIR)
    return {VAST_JOURNAL_DIR: configured or str(settings.data_dir / "transactions")}


def _target(name: str, settings: LocalSettings, ports: Mapping[str, int]) -> str:
    """The target of calls from other parts; it names all metadata processes, which take turns."""
    if name != "metadata" or settings.metadata == 1:
        return address(name, settings, ports)
    return "ipv4:" + ",".join(address(part, settings, ports) for part in settings.replicas)


def address(part: str, settings: LocalSettings, ports: Mapping[str, int]) -> str:
    """The address of a part on this machine: its configured host, or loopback if that is every address."""
    host = _host(kind(part), settings)
    return f"{_reached(host)}:{ports[port_name(part)]}"


def _reached(host: str) -> str:
    """The host at which a part on this machine is reached."""
    if is_every_address(host):
        return LOOPBACK
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def kind(part: str) -> str:
    """The kind of a part: metadata for metadata-2."""
    return part.partition("-")[0]


def _host(name: str, settings: LocalSettings) -> str:
    return settings.extra[name].get(f"TAMS_{name.upper()}_HOST", LOOPBACK)


def _health(name: str, part: str, settings: LocalSettings, ports: Mapping[str, int]) -> str:
    host = address(part, settings, ports)
    if name == "gateway":
        return f"{settings.api_scheme}://{host}/health"
    return f"{settings.rpc_scheme}://{host}"


def _service(name: str, part: str, health: str, own: Mapping[str, str], env: Mapping[str, str]) -> Part:
    gateway = name == "gateway"
    return Part(
        name=part,
        command=(sys.executable, "-P", "-m", name if gateway else f"services.{name}"),
        env={**inherited(env), **own},
        health=health,
        folder=Path.cwd(),
    )


def _defaults(name: str, port: int, host: str) -> dict[str, str]:
    """The default settings of a part. There is no load balancer here, so draining needs no time.

    Only this machine can reach the gateway on loopback, so its users are operators.
    """
    prefix = f"TAMS_{name.upper()}_"
    gateway = {f"{prefix}CHECK_UPLOADS": "true", ACCESS_LOG: "true"} if name == "gateway" else {}
    admin = {f"{prefix}ADMIN": "true"} if name == "gateway" and host == LOOPBACK else {}
    return {
        **gateway,
        **admin,
        f"{prefix}PORT": str(port),
        f"{prefix}DRAIN_SECONDS": "0",
        f"{prefix}GRACE_SECONDS": "5",
    }


def sdk_credentials(name: str, settings: LocalSettings, env: Mapping[str, str]) -> dict[str, str]:
    """The variables of AWS's SDK for media, if its objects are in storage that the user names.

    A backend of the user may have no files of keys, so that the SDK looks for credentials.
    """
    is_wanted = name == "media" and settings.has_other_storage
    return {key: value for key, value in env.items() if key.startswith(_AWS)} if is_wanted else {}


def inherited(env: Mapping[str, str]) -> dict[str, str]:
    """The runner's environment without settings and credentials, and with no proxy for loopback."""
    kept = {name: value for name, value in env.items() if not name.startswith(("TAMS_", _AWS, "OTEL_"))}
    bypass = ",".join(filter(None, [env.get("no_proxy") or env.get("NO_PROXY"), LOOPBACK, "localhost"]))
    return {**kept, "no_proxy": bypass, "NO_PROXY": bypass}
