"""The gateway and the services behind it."""

import time
from typing import Final

import httpx
import msgspec

from client.doctor.clocks import compare
from client.doctor.findings import Finding, fine, problem

_SLOW_SECONDS: Final = 1.0
_STEPS: Final = {
    "metadata": "look at its log; it says NOT_SERVING when its database cannot be reached or written",
    "media": "look at its log; it says NOT_SERVING when no bucket can be reached or credentials are refused",
    "analytics": "look at its log; it says NOT_SERVING when it cannot read the database",
}


class _Health(msgspec.Struct):
    status: str
    services: dict[str, str] = {}


async def check(http: httpx.AsyncClient, url: str) -> list[Finding]:
    """How the gateway and each service are. An httpx.RequestError when nothing answers."""
    began = time.monotonic()
    answer = await http.get(f"{url}/health")
    seconds = time.monotonic() - began
    findings = compare("clock", "the gateway", answer.headers.get("date"))
    try:
        health = msgspec.json.decode(answer.content, type=_Health)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        step = "look at --url; is this the address of a TAMS gateway of this kind?"
        return [*findings, problem("gateway", f"{url}/health is not what the gateway answers", step)]
    findings += _speed(seconds)
    return findings + [_service(name, state) for name, state in sorted(health.services.items())]


def _speed(seconds: float) -> list[Finding]:
    if seconds < _SLOW_SECONDS:
        return [fine("gateway", f"it answers in {seconds * 1000:.0f} ms")]
    step = "look at the load of its machine and at the services behind it"
    return [problem("gateway", f"it took {seconds:.1f} s to tell its health", step)]


def _service(name: str, state: str) -> Finding:
    if state == "SERVING":
        return fine(name, "it serves")
    return problem(name, f"it says {state}", _STEPS.get(name, "look at its log"))
