"""Sends spans to a collector with the SDK of OpenTelemetry, over OTLP/HTTP."""

import time
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from services.shared.telemetry.trace import Attributes, Trace

# Spans that wait for the collector; more are dropped. A request never waits.
_MAX_WAITING: Final = 2048
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class OtlpRecorder:
    """Builds finished spans and sends them in batches, on a thread of its own."""

    def __init__(self, resource: Resource, endpoint: str) -> None:
        """`endpoint` is the base URL of the collector, such as http://collector:4318."""
        self._resource = resource
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._processor = BatchSpanProcessor(exporter, max_queue_size=_MAX_WAITING)

    def record(
        self,
        trace: Trace,
        name: str,
        kind: str,
        seconds: float,
        attributes: Attributes,
        *,
        failed: bool,
    ) -> None:
        """Take a span that ends now and began `seconds` ago."""
        ended = time.time_ns()
        parent = _context(trace.trace_id, trace.parent_id) if trace.parent_id else None
        self._processor.on_end(
            ReadableSpan(
                name,
                context=_context(trace.trace_id, trace.span_id),
                parent=parent,
                resource=self._resource,
                attributes=attributes,
                kind=SpanKind[kind],
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=ended - round(seconds * 1e9),
                end_time=ended,
            )
        )

    def close(self) -> None:
        """Send what waits, within seconds."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)
