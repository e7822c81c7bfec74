"""Samples of a running store: memory, open files, and the age of the oldest event that waits."""

from collections.abc import Sequence
from typing import NamedTuple

import httpx
import psutil

from bench.feeds import Outcome
from bench.running.processes import own_memory

_MIB = 1024 * 1024


class Sample(NamedTuple):
    """The state after a turn. Times are in ms and seconds.

    Memory is in MiB, by the name of the process, without mapped files.
    """

    memory: dict[str, float]
    files: dict[str, int]
    outbox_age_seconds: float
    register_p50_ms: float
    register_p99_ms: float
    visible_max_ms: float
    segments: int
    errors: int
    late: int
    first_error: str


async def sample(runner: psutil.Process, client: httpx.AsyncClient, outcome: Outcome) -> Sample:
    """The present state of the store that the process `runner` runs."""
    memory, files = {}, {}
    for process in runner.children(recursive=True):
        name = _name(process.cmdline())
        if name:
            memory[name] = own_memory(process) / _MIB
            files[name] = process.num_fds()
    details = (await client.get("/health/details")).raise_for_status().json()
    return Sample(
        memory,
        files,
        float(details["backlog"]["oldest_event_seconds"]),
        outcome.register_p50_ms,
        outcome.register_p99_ms,
        outcome.visible_max_ms,
        outcome.segments,
        outcome.errors,
        outcome.late,
        outcome.first_error,
    )


def _name(command: Sequence[str]) -> str:
    """The name of a process of the store; empty for others."""
    if "-m" in command:
        return command[command.index("-m") + 1].removeprefix("services.")
    return "storage" if command and command[0].endswith("weed") else ""
