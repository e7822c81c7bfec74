"""Walks over all pages of a listing, by the Link header, on one connection."""

import http.client
import json
import re
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_NEXT: Final = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True)
class Walk:
    """The target, the time in ms and the number of items of each page."""

    targets: list[str]
    page_ms: list[float]
    items: list[int]

    @property
    def seconds(self) -> float:
        """The time of all requests and replies, without parsing."""
        return sum(self.page_ms) / 1000


def walk(port: int, target: str) -> Walk:
    """Read all pages, from a target on; RuntimeError unless each request succeeds."""
    found = Walk([], [], [])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        next_target: str | None = target
        while next_target is not None:
            next_target = _step(connection, next_target, found)
    finally:
        connection.close()
    return found


def _step(connection: http.client.HTTPConnection, target: str, found: Walk) -> str | None:
    started = time.perf_counter()
    connection.request("GET", target)
    reply = connection.getresponse()
    body = reply.read()
    found.page_ms.append((time.perf_counter() - started) * 1000)
    if reply.status != http.client.OK:
        raise RuntimeError(f"GET {target}: {reply.status} {body[:300]!r}")
    found.targets.append(target)
    found.items.append(len(json.loads(body)))
    link = _NEXT.search(reply.getheader("link", ""))
    return _target(link[1]) if link else None


def _target(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"
