"""Observes the calls of a server: their trace, their duration and their status."""

import time
from collections.abc import Mapping
from contextvars import Token
from typing import Final

from services.shared.process.telemetry import Telemetry
from services.shared.telemetry import spans
from services.shared.telemetry.metrics import Count, Distribution
from services.shared.telemetry.trace import Trace, current

OK: Final = "OK"
# The codes for which the server is at fault, not the caller.
FAULTS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)


class Observation:
    """One call from its begin to its end."""

    __slots__ = ("_method", "_started", "_token", "trace")

    def __init__(self, method: "ObservedMethod", traceparent: str | None) -> None:
        self._method = method
        self._started = time.perf_counter()
        self.trace = method.telemetry.sampler.begin(traceparent)
        self._token: Token[Trace | None] = current.set(self.trace)
        method.calls_in_flight.value += 1

    def end(self, code: str) -> float:
        """Count the call, and record its span if it is to be recorded; its seconds."""
        seconds = time.perf_counter() - self._started
        method = self._method
        method.calls_in_flight.value -= 1
        method.durations(code).observe(seconds)
        failed = code in FAULTS
        trace = self.trace
        if method.telemetry.records(trace, seconds, failed=failed) and trace.recorder is not None:
            attributes = {**method.attributes, "rpc.response.status_code": code}
            trace.recorder.record(trace, method.name, spans.SERVER, seconds, attributes, failed=failed)
        current.reset(self._token)
        return seconds


class ObservedMethod:
    """A method of a server; `name` is like tams.metadata.v1.FlowService/GetFlow."""

    def __init__(self, path: str, calls: "ObservedCalls") -> None:
        self.name = path.removeprefix("/")
        self.telemetry = calls.telemetry
        self.calls_in_flight = calls.in_flight
        self.attributes: Mapping[str, str] = {"rpc.system.name": "grpc", "rpc.method": self.name}
        self._family = calls.family
        self._durations: dict[str, Distribution] = {}

    def durations(self, code: str) -> Distribution:
        """The durations of calls that ended with this code."""
        cell = self._durations.get(code)
        if cell is None:
            cell = self._durations[code] = self._family.cell(self.name, code)
        return cell

    def begin(self, traceparent: str | None) -> Observation:
        """Begin a call with this header `traceparent`."""
        return Observation(self, traceparent)


class ObservedCalls:
    """The metrics of all calls of a server."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.in_flight = Count()
        self.family = telemetry.metrics.histogram(
            "rpc_server_call_duration_seconds",
            "The time from the arrival of a call to its reply.",
            "rpc_method",
            "rpc_response_status_code",
        )
        telemetry.metrics.gauge(
            "tams_requests_in_flight", "The calls that are in progress.", lambda: self.in_flight.value
        )

    def method(self, path: str) -> ObservedMethod:
        """The metrics of one method, by its path on the wire."""
        return ObservedMethod(path, self)
