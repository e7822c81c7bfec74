"""Cameras in a process of their own: what to do, and what came of it."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

_PATIENCE_SECONDS: Final = 30.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Feeds that each allocate, upload and register one segment a second, spread over the second.

    The first `warm_up` seconds do not count. `first_second` is where the segments begin in time.
    """

    port: int
    flow_ids: Sequence[str]
    first_second: int
    warm_up: int
    seconds: int
    # Feeds whose live edge is watched, and the size of an object.
    watched: int
    object_bytes: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan. Times in ms; `late` segments were due a second or more before they were ready."""

    segments: int
    late: int
    errors: int
    first_error: str
    register_p50_ms: float
    register_p99_ms: float
    upload_p50_ms: float
    allocate_p50_ms: float
    visible_p50_ms: float
    visible_max_ms: float
    cpu_seconds: float


async def run(plan: Plan) -> Outcome:
    """Run the plan in a new process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.feeds", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(plan.warm_up + plan.seconds + _PATIENCE_SECONDS):
            output, _ = await process.communicate(msgspec.msgpack.encode(plan))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"the cameras ended with code {process.returncode}")
    return msgspec.json.decode(output, type=Outcome)
