"""Cameras in a process of their own: the plan that it gets, and the outcome that it returns."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

_PATIENCE_SECONDS: Final = 30.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Feeds that each allocate, upload and register a segment of a second in every period, evenly spread.

    `period` is in seconds. The first `warm_up` segments of a feed do not count, the next `seconds` do.
    `first_second` is the start of the first segments.
    """

    port: int
    flow_ids: Sequence[str]
    first_second: int
    warm_up: int
    seconds: int
    # The number of feeds whose live edge is read after each segment.
    watched: int
    object_bytes: int
    period: float = 1.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a plan. Times are in ms; `late` segments were ready a period or more too late."""

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
        async with asyncio.timeout((plan.warm_up + plan.seconds) * plan.period + _PATIENCE_SECONDS):
            output, _ = await process.communicate(msgspec.msgpack.encode(plan))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise RuntimeError(f"the cameras ended with code {process.returncode}")
    return msgspec.json.decode(output, type=Outcome)
