"""Observes the requests of the gateway: their trace and id, their duration and their status."""

import time
from http import HTTPStatus
from typing import Final

from gateway.http.request_id import harmless
from gateway.http.rsgi import Scope
from services.shared.process import logs
from services.shared.process.telemetry import Telemetry
from services.shared.telemetry import spans
from services.shared.telemetry.metrics import Distribution
from services.shared.telemetry.trace import TRACEPARENT, Trace, current, is_trace_id

_METHODS: Final = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD: Final = "_OTHER"


class Observation:
    """One request from its begin to its end. `route` is the template of the path; empty if none fits."""

    __slots__ = ("_requests", "_started", "id", "route", "trace")

    def __init__(self, requests: "ObservedRequests", scope: Scope) -> None:
        self._requests = requests
        self._started = time.perf_counter()
        self.route = ""
        wanted, traceparent = harmless(scope.headers.get("x-request-id")), scope.headers.get(TRACEPARENT)
        named = wanted if wanted and is_trace_id(wanted) else ""
        self.trace: Trace = requests.telemetry.sampler.begin(traceparent, named)
        self.id = wanted or self.trace.trace_id
        logs.request_id.set(self.id)
        current.set(self.trace)
        requests.in_flight += 1

    def end(self, scope: Scope, status: int) -> float:
        """Count the request, and record its span if it is to be recorded; its seconds."""
        seconds = time.perf_counter() - self._started
        requests = self._requests
        requests.durations(scope.method, self.route, status).observe(seconds)
        failed = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        trace = self.trace
        if requests.telemetry.records(trace, seconds, failed=failed) and trace.recorder is not None:
            attributes = _attributes(scope, self.route, status, self.id)
            name = f"{_method(scope)} {self.route}".rstrip()
            trace.recorder.record(trace, name, spans.SERVER, seconds, attributes, failed=failed)
        return seconds

    def close(self) -> None:
        """Note that the request is over, also if its client left before it had a response."""
        self._requests.in_flight -= 1


class ObservedRequests:
    """The metrics of all requests."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.in_flight = 0
        self._family = telemetry.metrics.histogram(
            "http_server_request_duration_seconds",
            "The time from the headers of a request to its response.",
            "http_request_method",
            "http_route",
            "http_response_status_code",
        )
        self._durations: dict[tuple[str, str, int], Distribution] = {}
        telemetry.metrics.gauge(
            "tams_requests_in_flight", "The requests that are in progress.", lambda: self.in_flight
        )

    def begin(self, scope: Scope) -> Observation:
        """Begin a request. Its id and its trace are those of the current task from here on."""
        return Observation(self, scope)

    def durations(self, method: str, route: str, status: int) -> Distribution:
        """The durations of requests with this method, route and status."""
        key = (method, route, status)
        cell = self._durations.get(key)
        if cell is None:
            cell = self._family.cell(method if method in _METHODS else _OTHER_METHOD, route, str(int(status)))
            if method in _METHODS:
                self._durations[key] = cell
        return cell


def _method(scope: Scope) -> str:
    return scope.method if scope.method in _METHODS else "HTTP"


def _attributes(scope: Scope, route: str, status: int, request_id: str) -> dict[str, str | int | float]:
    """The attributes of OpenTelemetry's semantic conventions. The query is left out: it may hold a token."""
    return {
        "http.request.method": scope.method if scope.method in _METHODS else _OTHER_METHOD,
        "http.route": route,
        "http.response.status_code": int(status),
        "url.scheme": scope.scheme,
        "url.path": scope.path,
        "client.address": scope.client,
        "tams.request_id": request_id,
    }
