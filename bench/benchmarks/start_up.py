"""`tams up`: the time until it is ready, and its memory when idle."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

import psutil

from bench.benchmarks import Options
from bench.figure import AtMost, Figure
from bench.running.processes import inherited
from services.shared.process.lifetime import GRPC_ENGINE
from tests.support.processes.ports import free_ports

_READY: Final = re.compile(rb"^ready http://", re.MULTILINE)
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 30.0
# After this time, the work of the start has ended.
_IDLE_SECONDS: Final = 3.0
_MAX_SECONDS: Final = 10.0
_MAX_MB: Final = 400.0


async def run(options: Options, folder: Path) -> list[Figure]:
    """The median of some starts, each on a new data directory, and the memory after the last one."""
    seconds = []
    memory: dict[str, dict[str, float]] = {}
    for number in range(options.rounds):
        with _started(folder / str(number)) as (process, took):
            seconds.append(took)
            await asyncio.sleep(_IDLE_SECONDS)
            memory = _memory(process)
    python = [sizes for name, sizes in memory.items() if not name.startswith("storage")]
    rss, pss = (sum(sizes[kind] for sizes in python) for kind in ("rss_mb", "pss_mb"))
    return [
        Figure(
            name="start to ready",
            value=median(seconds),
            unit="s",
            target=AtMost(_MAX_SECONDS),
            detail={"each": [round(each, 2) for each in seconds]},
        ),
        Figure(
            name="idle memory of the Python processes, RSS",
            value=rss,
            unit="MB",
            target=AtMost(_MAX_MB),
            detail=memory,
        ),
        Figure(name="idle memory of the Python processes, PSS", value=pss, unit="MB", detail=memory),
    ]


@contextmanager
def _started(data_dir: Path) -> Iterator[tuple[psutil.Process, float]]:
    """A local store that is ready, and the seconds until then."""
    (port,) = free_ports(1)
    env = {**inherited(), "TAMS_DATA_DIR": str(data_dir), "TAMS_GATEWAY_PORT": str(port)}
    # Users start it without this setting, with which the probe of `tams up` waits some seconds longer.
    del env[GRPC_ENGINE[0]]
    output = data_dir.with_suffix(".out")
    started = time.monotonic()
    with output.open("wb") as file:
        popen = subprocess.Popen(
            [Path(sys.executable).parent / "tams", "up"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        while not _READY.search(output.read_bytes()):
            if popen.poll() is not None or time.monotonic() - started > _READY_SECONDS:
                raise RuntimeError(f"not ready:\n{output.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        yield psutil.Process(popen.pid), time.monotonic() - started
    finally:
        popen.terminate()
        try:
            popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def _memory(runner: psutil.Process) -> dict[str, dict[str, float]]:
    """RSS and PSS of each process in MB. PSS divides shared pages among the processes."""
    found = {}
    for process in [runner, *runner.children(recursive=True)]:
        memory = process.memory_full_info()
        found[f"{_name(process)} {process.pid}"] = {
            "rss_mb": round(memory.rss / 2**20, 1),
            "pss_mb": round(memory.pss / 2**20, 1),
        }
    return found


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    if Path(command[0]).name == "weed":
        return "storage"
    return command[command.index("-m") + 1] if "-m" in command else "tams up"
