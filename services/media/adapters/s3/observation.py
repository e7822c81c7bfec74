"""Observes each request to a bucket: its duration, its errors and its span."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from services.media.domain.storage_backend import StorageBackend
from services.shared.telemetry.metrics import Metrics
from services.shared.telemetry.spans import CLIENT
from services.shared.telemetry.trace import Attributes, Trace, current

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# The member of the context of a request with what is known at its begin.
_BEGUN: Final = "tams_begun"
# Statuses that answer the question of the service: missing, exists already, not offered by this storage.
_ANSWERS: Final = frozenset({404, 405, 409, 501})
_FIRST_ERROR: Final = 400


class _Begun(NamedTuple):
    operation: str
    key: str
    seconds: float
    trace: Trace | None


class ObservedRequests:
    """The metrics and spans of the requests to the bucket of one backend.

    They have no URL, because those are signed, and no credentials. The span of a request is a part of the
    operation that is current on the thread that sends it.
    """

    def __init__(self, backend: StorageBackend, metrics: Metrics) -> None:
        self._backend = backend
        self._durations = metrics.histogram(
            "tams_s3_request_duration_seconds",
            "The time of requests to object storage.",
            "backend",
            "operation",
        )
        self._errors = metrics.counter(
            "tams_s3_request_errors",
            "Requests that object storage failed or refused.",
            "backend",
            "operation",
        )

    def attach(self, client: "S3Client") -> None:
        """Observe all requests of the client."""
        events = client.meta.events
        events.register("before-parameter-build.s3", self._begin)
        events.register("after-call.s3", self._end)
        events.register("after-call-error.s3", self._fail)

    def _begin(self, model: Any, params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        parent = current.get()
        trace = parent.child() if parent is not None and parent.sampled else None
        context[_BEGUN] = _Begun(model.name, str(params.get("Key", "")), time.perf_counter(), trace)

    def _end(self, http_response: Any, context: dict[str, Any], **_: object) -> None:
        status: int = http_response.status_code
        failed = status >= _FIRST_ERROR and status not in _ANSWERS
        found = {"http.response.status_code": status}
        if request_id := http_response.headers.get("x-amz-request-id"):
            found["aws.request_id"] = request_id
        self._count(context, found, failed=failed)

    def _fail(self, exception: Exception, context: dict[str, Any], **_: object) -> None:
        self._count(context, {"error.type": type(exception).__name__}, failed=True)

    def _count(self, context: Mapping[str, Any], found: Attributes, *, failed: bool) -> None:
        begun: _Begun | None = context.get(_BEGUN)
        if begun is None:
            return
        seconds = time.perf_counter() - begun.seconds
        labels = self._backend.label, begun.operation
        self._durations.cell(*labels).observe(seconds)
        if failed:
            self._errors.cell(*labels).add()
        trace = begun.trace
        if trace is not None and trace.recorder is not None:
            attributes = {**self._attributes(begun), **found}
            trace.recorder.record(trace, f"S3.{begun.operation}", CLIENT, seconds, attributes, failed=failed)

    def _attributes(self, begun: _Begun) -> Attributes:
        """The attributes of OpenTelemetry's semantic conventions for S3."""
        return {
            "rpc.system.name": "aws-api",
            "rpc.method": f"S3/{begun.operation}",
            "aws.s3.bucket": self._backend.bucket,
            **({"aws.s3.key": begun.key} if begun.key else {}),
            "tams.storage_backend": self._backend.label,
        }
