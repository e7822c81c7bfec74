"""Facts about this machine, this installation and a data directory."""

import os
import platform
import resource
import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/proc/meminfo")
_RELEASE: Final = Path("/etc/os-release")
_MAX_NAMES: Final = 100


def facts(data_dir: Path) -> dict[str, object]:
    """The versions and the sizes of this machine."""
    return {
        "tams": metadata.version("tams-server"),
        "python": sys.version,
        "system": platform.platform(),
        "distribution": _fields(_RELEASE, "=").get("PRETTY_NAME", "").strip('"'),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "memory": {name: _fields(_MEMORY, ":").get(name, "") for name in ("MemTotal", "MemAvailable")},
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "disk": _disk(data_dir),
        "in_container": Path("/.dockerenv").exists() or "KUBERNETES_SERVICE_HOST" in os.environ,
    }


def packages() -> str:
    """All installed packages with their versions, one on each line."""
    lines = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    return "".join(f"{line}\n" for line in sorted(lines, key=str.lower))


def listing(data_dir: Path) -> dict[str, int | str]:
    """The names and sizes of the files in a data directory; folders are not opened. OSError."""
    return {
        path.name: "folder" if path.is_dir() else path.stat().st_size
        for path in sorted(data_dir.iterdir())[:_MAX_NAMES]
    }


def _disk(data_dir: Path) -> dict[str, int]:
    try:
        usage = shutil.disk_usage(data_dir)
    except OSError:
        return {}
    return {"total": usage.total, "free": usage.free}


def _fields(path: Path, separator: str) -> dict[str, str]:
    """The fields of a file with a name and a value on each line; none if it cannot be read."""
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    parts = (line.partition(separator) for line in lines)
    return {name.strip(): value.strip() for name, _, value in parts}
