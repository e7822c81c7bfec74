"""Observes deliveries: their traces, durations and outcomes, and the subscribers that wait or fail."""

import time
from contextvars import Token
from types import TracebackType
from typing import Final
from urllib.parse import urlsplit

from services.events.application.ports import Undelivered
from services.events.domain.status import Summary
from services.events.domain.subscriber import Message, Subscriber
from services.shared.process.telemetry import Telemetry
from services.shared.telemetry.metrics import Metrics
from services.shared.telemetry.spans import PRODUCER
from services.shared.telemetry.trace import Attributes, Trace, current

_SPAN: Final = "send webhook"


class ObservedDeliveries:
    """The metrics of the deliveries of this process. `summary` is replaced from time to time."""

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        self.telemetry = telemetry or Telemetry("events")
        self.summary = Summary(0, 0, 0)
        metrics = self.telemetry.metrics
        outcomes = metrics.counter(
            "tams_webhook_deliveries",
            "Attempts to deliver an event, and events that were given up.",
            "outcome",
        )
        self.delivered, self.failed = outcomes.cell("delivered"), outcomes.cell("failed")
        self.given_up = outcomes.cell("given_up")
        self.durations = metrics.histogram(
            "tams_webhook_duration_seconds", "The time from an attempt to the answer of the subscriber."
        ).cell()
        self._add_gauges(metrics)

    def attempt(self, subscriber: Subscriber, message: Message) -> "ObservedAttempt":
        """Observe the block as an attempt to deliver the message; Undelivered in it is a failure."""
        return ObservedAttempt(self, subscriber, message)

    def _add_gauges(self, metrics: Metrics) -> None:
        metrics.gauge(
            "tams_webhook_subscribers",
            "The subscribers that this process serves.",
            lambda: self.summary.subscribers,
        )
        metrics.gauge(
            "tams_webhook_failing_subscribers",
            "Those of them that refuse events.",
            lambda: self.summary.failing,
        )
        metrics.gauge(
            "tams_webhook_lag_seconds",
            "The age of the oldest event that waits to be delivered.",
            lambda: self.summary.lag_seconds(time.time_ns()),
        )


class ObservedAttempt:
    """One attempt. It belongs to the trace of the change that the event reports, or to a trace of its own."""

    __slots__ = ("_deliveries", "_message", "_started", "_subscriber", "_token", "_trace")

    def __init__(self, deliveries: ObservedDeliveries, subscriber: Subscriber, message: Message) -> None:
        self._deliveries = deliveries
        self._subscriber = subscriber
        self._message = message

    def __enter__(self) -> None:
        self._started = time.perf_counter()
        self._trace: Trace = self._deliveries.telemetry.sampler.begin(self._message.traceparent)
        self._token: Token[Trace | None] = current.set(self._trace)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            # An attempt that was cancelled, or that ended with another error, has no outcome.
            if error is None or isinstance(error, Undelivered):
                self._count(error)
        finally:
            current.reset(self._token)

    def _count(self, refusal: Undelivered | None) -> None:
        deliveries, trace, failed = self._deliveries, self._trace, refusal is not None
        seconds = time.perf_counter() - self._started
        (deliveries.failed if failed else deliveries.delivered).add()
        deliveries.durations.observe(seconds)
        if deliveries.telemetry.records(trace, seconds, failed=failed) and trace.recorder is not None:
            attributes = _attributes(self._subscriber, self._message, refusal)
            trace.recorder.record(trace, _SPAN, PRODUCER, seconds, attributes, failed=failed)


def _attributes(subscriber: Subscriber, message: Message, refusal: Undelivered | None) -> Attributes:
    """The attributes of a span. Of the URL only the host: the path of a webhook is often its secret."""
    failure = {"error.type": type(refusal).__name__, "tams.refusal": str(refusal)} if refusal else {}
    return {
        "messaging.system": "webhook",
        "messaging.operation.type": "send",
        "messaging.message.id": str(message.id),
        "server.address": urlsplit(subscriber.url).hostname or "",
        "tams.webhook_id": subscriber.id,
        **failure,
    }
