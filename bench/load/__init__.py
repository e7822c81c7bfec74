"""Load from a process of its own: the plan that it gets, and the outcome that it returns."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

# A run that takes this much longer than planned has failed.
_PATIENCE_SECONDS: Final = 60.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of requests, which each connection sends one after the other.

    Each request is sent once, in order. With `repeat`, they begin again until `seconds` are over.
    """

    protocol: Literal["http", "rpc"] = "http"
    port: int
    requests: Sequence[bytes]
    connections: int = 16
    seconds: float = 3600.0
    repeat: bool = False
    # For http: a file of certificate authorities. With it, the connections are of HTTPS.
    authorities: str = ""
    # For http: the pause after each reply, in seconds.
    pause: float = 0.0
    # For rpc: the full name of the method.
    method: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a plan. Times are in ms; errors are replies that are not a success."""

    replies: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    first_error: str

    @property
    def rate(self) -> float:
        """Replies per second."""
        return self.replies / self.seconds


class LoadError(RuntimeError):
    """The load failed, so it has no useful figures."""


async def run(plan: Plan) -> Outcome:
    """Run the plan in a new process. LoadError if a reply was not a success."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    limit = (plan.seconds if plan.repeat else 0) + _PATIENCE_SECONDS
    try:
        async with asyncio.timeout(limit):
            output, _ = await process.communicate(msgspec.msgpack.encode(plan))
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode:
        raise LoadError(f"the load generator ended with code {process.returncode}")
    outcome = msgspec.json.decode(output, type=Outcome)
    if outcome.errors or not outcome.replies:
        raise LoadError(f"{outcome.errors} of {outcome.replies} replies failed: {outcome.first_error}")
    return outcome
