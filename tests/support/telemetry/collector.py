"""An OpenTelemetry collector that keeps what it receives: OTLP over HTTP, on a port of loopback."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Collector:
    """The data that a collector received so far. `url` is the base for OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[tuple[str, bytes]] = []

    def spans(self) -> list[tuple[str, Span]]:
        """Each span with the name of its service."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self._of("/v1/traces")]
        return [
            (_service(resource.resource.attributes), span)
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self) -> list[Metric]:
        """Each metric of each sending."""
        requests = [ExportMetricsServiceRequest.FromString(body) for body in self._of("/v1/metrics")]
        return [
            metric
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def metrics_of(self, service: str) -> list[ExportMetricsServiceRequest]:
        """The sendings of metrics of a service."""
        requests = [ExportMetricsServiceRequest.FromString(body) for body in self._of("/v1/metrics")]
        return [
            request
            for request in requests
            if any(_service(resource.resource.attributes) == service for resource in request.resource_metrics)
        ]

    def _of(self, path: str) -> list[bytes]:
        return [body for to, body in list(self.bodies) if to == path]


def _service(attributes: object) -> str:
    pairs = {pair.key: pair.value.string_value for pair in attributes}  # type: ignore[attr-defined]
    return str(pairs["service.name"])


@contextmanager
def running_collector() -> Iterator[Collector]:
    """A collector, until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            is_packed = self.headers.get("content-encoding") == "gzip"
            collector.bodies.append((self.path, gzip.decompress(body) if is_packed else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
