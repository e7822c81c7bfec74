"""Starts and stops the processes that are measured, and reads their CPU time."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from services.shared.process.lifetime import GRPC_ENGINE

_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_STEERING: Final = ("TAMS_", "AWS_", "GRPC_")


@dataclass(frozen=True)
class Process:
    """A running process that listens on a loopback port."""

    name: str
    port: int
    popen: subprocess.Popen[bytes]
    log: Path

    def cpu_seconds(self) -> float:
        """The CPU time used so far, user and system, in seconds."""
        times = psutil.Process(self.popen.pid).cpu_times()
        return times.user + times.system

    async def listening(self) -> None:
        """Return once the port accepts connections."""
        deadline = time.monotonic() + _READY_SECONDS
        while not _accepts(self.port):
            if self.popen.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.name} did not start:\n{tail}")
            await asyncio.sleep(0.02)


@contextmanager
def running(
    name: str, port: int, command: Sequence[str], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """`python -m COMMAND` until the block ends; its output goes to a file in the folder."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-m", *command],
            env={**inherited(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Process(name, port, popen, log)
    finally:
        _stop(popen)


def cpu_seconds(processes: Sequence[Process]) -> dict[str, float]:
    """The CPU time used so far in seconds, by the name of the process."""
    return {process.name: process.cpu_seconds() for process in processes}


def own_memory(process: psutil.Process) -> int:
    """The bytes in memory that are the process's own, without mapped files: the system takes those back."""
    info = process.memory_info()
    return int(info.rss - info.shared)


def inherited() -> dict[str, str]:
    """The environment, without settings of the services and proxies for loopback calls.

    All processes use the gRPC event engine of the services, so that ratios to the floor are fair.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    return {**kept, **dict([GRPC_ENGINE]), "no_proxy": "127.0.0.1,localhost"}


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(popen: subprocess.Popen[bytes]) -> None:
    popen.terminate()
    try:
        popen.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
