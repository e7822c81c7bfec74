"""The processes of a local store: how each is started, and where it can be asked for its health."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.local import credentials, seaweedfs
from client.local.data_dir import DataDir
from client.local.settings import PARTS, STORE_URL, VAST_JOURNAL_DIR, LocalSettings

LOOPBACK: Final = "127.0.0.1"
STORAGE: Final = "storage"
# Which parts stop together, one group after the other.
STOP_ORDER: Final = (("gateway", "events"), ("media", "analytics"), ("metadata",), (STORAGE,))


@dataclass(frozen=True, kw_only=True)
class Part:
    """One process. `health` is a grpc:// or http:// address that answers once the part can serve."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    health: str
    folder: Path


def all_parts(
    settings: LocalSettings, data_dir: DataDir, ports: Mapping[str, int], env: Mapping[str, str]
) -> list[Part]:
    """Every part, storage first; `env` is what the runner itself was given."""
    peers = {name: address(name, settings, ports) for name in PARTS}
    told = {
        "metadata": {STORE_URL: settings.store_url, **_journal(settings)},
        "analytics": {STORE_URL: settings.store_url},
        "media": {
            "TAMS_MEDIA_METADATA_ADDRESS": peers["metadata"],
            "TAMS_MEDIA_STORAGE_CONFIG": str(credentials.storage_config(data_dir, ports["TAMS_S3_PORT"])),
        },
        "events": {f"TAMS_EVENTS_{peer.upper()}_ADDRESS": peers[peer] for peer in ("metadata", "media")},
        "gateway": {
            f"TAMS_GATEWAY_{peer.upper()}_ADDRESS": peers[peer] for peer in ("metadata", "media", "analytics")
        },
    }
    storage = Part(
        name=STORAGE,
        command=seaweedfs.command(data_dir, ports, env),
        env=seaweedfs.environment(data_dir),
        health=f"http://{LOOPBACK}:{ports['TAMS_S3_PORT']}{seaweedfs.HEALTH}",
        folder=data_dir.objects,
    )
    services = [
        _service(
            name,
            peers[name],
            {**_own(name, ports, _host(name, settings)), **settings.extra[name], **told[name]},
            env,
        )
        for name in PARTS
    ]
    return [storage, *services]


def _journal(settings: LocalSettings) -> dict[str, str]:
    """Where metadata notes open transactions, for tables on VAST."""
    given = settings.extra["metadata"].get(VAST_JOURNAL_DIR)
    return {VAST_JOURNAL_DIR: given or str(settings.data_dir / "transactions")}


def address(name: str, settings: LocalSettings, ports: Mapping[str, int]) -> str:
    """Where a part is reached from this machine: the host it was told, loopback if that is all of them."""
    host = _host(name, settings)
    port = ports[f"TAMS_{name.upper()}_PORT"]
    return f"{LOOPBACK if host in {'0.0.0.0', '::', '[::]'} else host}:{port}"  # noqa: S104 - compared, not bound


def _host(name: str, settings: LocalSettings) -> str:
    return settings.extra[name].get(f"TAMS_{name.upper()}_HOST", LOOPBACK)


def _service(name: str, where: str, told: Mapping[str, str], env: Mapping[str, str]) -> Part:
    gateway = name == "gateway"
    return Part(
        name=name,
        command=(sys.executable, "-P", "-m", name if gateway else f"services.{name}"),
        env={**_inherited(env), **told},
        health=f"http://{where}/health" if gateway else f"grpc://{where}",
        folder=Path.cwd(),
    )


def _own(name: str, ports: Mapping[str, int], host: str) -> dict[str, str]:
    """What a part is told of itself. Nothing balances load here, so nothing needs time to see it go.

    Whoever reaches the gateway is its operator, as long as only this machine does.
    """
    prefix = f"TAMS_{name.upper()}_"
    admin = {f"{prefix}ADMIN": "true"} if name == "gateway" and host == LOOPBACK else {}
    return admin | {
        f"{prefix}PORT": str(ports[f"{prefix}PORT"]),
        f"{prefix}DRAIN_SECONDS": "0",
        f"{prefix}GRACE_SECONDS": "5",
    }


def _inherited(env: Mapping[str, str]) -> dict[str, str]:
    """The runner's environment without settings, and with nothing that leads loopback calls astray."""
    kept = {name: value for name, value in env.items() if not name.startswith(("TAMS_", "AWS_"))}
    bypass = ",".join(filter(None, [env.get("no_proxy") or env.get("NO_PROXY"), LOOPBACK, "localhost"]))
    return {**kept, "no_proxy": bypass, "NO_PROXY": bypass}
