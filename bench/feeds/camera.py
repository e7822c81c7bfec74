"""Cameras: each second, they allocate storage, upload an object and register the segment."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bench.corpus import segment_json
from bench.feeds import Outcome, Plan
from bench.feeds.connections import Connections

_JSON: Final = "content-type: application/json\r\n"
_SHOWN: Final = 300
_POLL_SECONDS: Final = 0.005
# A segment that the live edge does not have after this time is an error.
_VISIBLE_SECONDS: Final = 5.0


@dataclass
class _Times:
    """The times of the counted segments, in ms, and their errors."""

    allocate: list[float] = field(default_factory=list)
    upload: list[float] = field(default_factory=list)
    register: list[float] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)
    late: int = 0
    errors: list[str] = field(default_factory=list)


class _Camera:
    def __init__(self, plan: Plan, number: int, connections: Connections, times: _Times) -> None:
        self._plan = plan
        self._flow = f"http://127.0.0.1:{plan.port}/flows/{plan.flow_ids[number]}"
        self._offset = number / len(plan.flow_ids)
        self._watched = number < plan.watched
        self._send = connections.send
        self._times = times
        self._object = bytes(plan.object_bytes)

    async def film(self, started: float) -> None:
        """Make all segments, one per period."""
        for second in range(self._plan.warm_up + self._plan.seconds):
            due = started + (self._offset + second) * self._plan.period
            await asyncio.sleep(due - time.perf_counter())
            counts = second >= self._plan.warm_up
            try:
                await self._segment(self._plan.first_second + second, self._times if counts else _Times())
            except (RuntimeError, OSError, EOFError) as error:
                self._times.errors.append(f"{type(error).__name__}: {error}"[:_SHOWN])
            if counts and time.perf_counter() > due + self._plan.period:
                self._times.late += 1

    async def _segment(self, second: int, times: _Times) -> None:
        begin = time.perf_counter()
        allocated = json.loads(await self._send("POST", f"{self._flow}/storage", b'{"limit":1}', _JSON))
        media = allocated["media_objects"][0]
        times.allocate.append(_ms_since(begin))
        begin = time.perf_counter()
        await self._send("PUT", media["put_url"]["url"], self._object, _headers(media["put_url"]))
        times.upload.append(_ms_since(begin))
        body = json.dumps(segment_json(second, media["object_id"])).encode()
        begin = time.perf_counter()
        await self._send("POST", f"{self._flow}/segments", body, _JSON)
        times.register.append(_ms_since(begin))
        if self._watched:
            await self._wait_until_visible(media["object_id"])
            times.visible.append(_ms_since(begin))

    async def _wait_until_visible(self, object_id: str) -> None:
        end = time.perf_counter() + _VISIBLE_SECONDS
        while time.perf_counter() < end:
            page = await self._send("GET", f"{self._flow}/segments?reverse_order=true&limit=1")
            if json.loads(page)[0]["object_id"] == object_id:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise RuntimeError("a segment did not appear at the live edge")


def _headers(put_url: Mapping[str, Any]) -> str:
    """The headers that an upload needs, as lines."""
    kind = {"content-type": put_url["content-type"]} if "content-type" in put_url else {}
    headers: dict[str, str] = put_url.get("headers", {}) | kind
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


async def film(plan: Plan) -> Outcome:
    """Run all cameras of the plan."""
    times, connections = _Times(), Connections()
    cameras = [_Camera(plan, number, connections, times) for number in range(len(plan.flow_ids))]
    started = time.perf_counter()
    await asyncio.gather(*(camera.film(started) for camera in cameras))
    return Outcome(
        segments=len(times.register),
        late=times.late,
        errors=len(times.errors),
        first_error=times.errors[0] if times.errors else "",
        register_p50_ms=_quantile(times.register, 0.5),
        register_p99_ms=_quantile(times.register, 0.99),
        upload_p50_ms=_quantile(times.upload, 0.5),
        allocate_p50_ms=_quantile(times.allocate, 0.5),
        visible_p50_ms=_quantile(times.visible, 0.5),
        visible_max_ms=_quantile(times.visible, 1),
        cpu_seconds=time.process_time(),
    )


def _ms_since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000


def _quantile(values: list[float], fraction: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * fraction), len(ordered) - 1)] if ordered else 0.0
