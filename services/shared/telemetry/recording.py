"""Sends spans to a collector with the SDK of OpenTelemetry, over OTLP/HTTP."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from services.shared.telemetry.trace import Attributes, Trace

# Spans that wait for the collector; more are dropped. A request never waits.
_MAX_WAITING: Final = 2048
# One sending, with its repetitions. The process waits a little longer for the last one before it ends.
SEND_SECONDS: Final = 5.0
_END_SECONDS: Final = SEND_SECONDS + 1
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_log = logging.getLogger(__name__)


class OtlpRecorder:
    """Builds finished spans and sends them in batches, on a thread of its own."""

    def __init__(self, resource: Resource, endpoint: str) -> None:
        """`endpoint` is the base URL of the collector, such as http://collector:4318."""
        self._resource = resource
        url = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = _Exporter(OTLPSpanExporter(endpoint=url, timeout=SEND_SECONDS))
        self._processor = BatchSpanProcessor(exporter, max_queue_size=_MAX_WAITING)

    def record(
        self, trace: Trace, name: str, kind: str, seconds: float, attributes: Attributes, *, failed: bool
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
        """Send the spans that wait. Blocks for some seconds at most, whatever the collector does."""
        # The SDK would wait for a collector that hangs, so it has a thread that ends with the process.
        closing = threading.Thread(target=self._processor.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(_END_SECONDS)


class _Exporter(SpanExporter):
    """Logs when sending begins to fail, and when it works again; the SDK would log each time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch. One that fails is lost."""
        result = self._exporter.export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails and not self._fails:
            _log.warning("cannot send traces to the collector")
        elif self._fails and not fails:
            _log.info("can send traces to the collector again")
        self._fails = fails
        return result

    def shutdown(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=_SAMPLED)
