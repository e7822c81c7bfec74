"""Checks the gateway and the services behind it."""

import time
from collections.abc import Sequence
from typing import Final

import httpx
import msgspec

from client.api import Target
from client.doctor.clocks import compare
from client.doctor.findings import Finding, fine, problem

_SLOW_SECONDS: Final = 1.0
_STEPS: Final = {
    "metadata": "read its log; it is NOT_SERVING while it cannot read its database",
    "media": "read its log; it is NOT_SERVING while it can reach no bucket or storage refuses its keys",
    "storage": "check that the media service can reach object storage",
    "events": "read its log; it is NOT_SERVING while metadata does not give it subscribers",
    "analytics": "read its log; it is NOT_SERVING while it cannot read the database",
}

# The gateway begins this reason so.
_REFUSED: Final = "writes are refused"
_ROOM: Final = (
    "free space on the disk of the database, or fix the named cause; writes then resume by themselves"
)


class _Health(msgspec.Struct):
    status: str
    services: dict[str, str] = {}
    reasons: list[str] = []


async def check(http: httpx.AsyncClient, target: Target) -> list[Finding]:
    """Check the gateway and each service; httpx.RequestError if nothing answers."""
    began = time.monotonic()
    url = f"{target.url}/health"
    answer = await http.get(url, headers=await target.headers_for(url))
    seconds = time.monotonic() - began
    findings = compare("clock", "the gateway", answer.headers.get("date"))
    try:
        health = msgspec.json.decode(answer.content, type=_Health)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        step = "check that --url is the address of the gateway of this store"
        return [*findings, problem("gateway", f"{url} is not the answer of a gateway", step)]
    findings += _speed(seconds)
    findings += [_service(name, state, health.reasons) for name, state in sorted(health.services.items())]
    refusals = [reason for reason in health.reasons if reason.startswith(_REFUSED)]
    return findings + [problem("writes", reason, _ROOM) for reason in refusals]


def _speed(seconds: float) -> list[Finding]:
    if seconds < _SLOW_SECONDS:
        return [fine("gateway", f"it answers in {seconds * 1000:.0f} ms")]
    step = "check the load of its machine and the services behind it"
    return [problem("gateway", f"it took {seconds:.1f} s to report its health", step)]


def _service(name: str, state: str, reasons: Sequence[str]) -> Finding:
    if state == "SERVING":
        return fine(name, "it serves")
    prefix = f"{name}: "
    reason = next((reason.removeprefix(prefix) for reason in reasons if reason.startswith(prefix)), "")
    summary = f"{state}: {reason}" if reason else f"it is {state}"
    return problem(name, summary, _STEPS.get(name, "read its log"))
