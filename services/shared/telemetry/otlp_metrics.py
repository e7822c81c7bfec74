"""Sends the metrics of a process to a collector from time to time, over OTLP/HTTP."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from services.shared.telemetry.metrics import Labels, Metrics
from services.shared.telemetry.recording import SEND_SECONDS

INTERVAL_SECONDS: Final = 15.0
_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
_log = logging.getLogger(__name__)


class OtlpMetrics:
    """Converts the metrics and sends them. A failure is logged, and the next sending has all numbers."""

    def __init__(self, metrics: Metrics, resource: Resource, endpoint: str) -> None:
        """`endpoint` is the base URL of the collector, such as http://collector:4318."""
        self._metrics = metrics
        self._resource = resource
        self._exporter = OTLPMetricExporter(
            endpoint=f"{endpoint.rstrip('/')}/v1/metrics", timeout=SEND_SECONDS
        )
        self._started_ns = time.time_ns()
        self._fails = False

    async def run(self) -> NoReturn:
        """Send every INTERVAL_SECONDS until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            await self.send()

    async def send(self) -> None:
        """Send the present numbers."""
        result = await asyncio.to_thread(self._exporter.export, self._data())
        fails = result is not MetricExportResult.SUCCESS
        if fails and not self._fails:
            _log.warning("cannot send metrics to the collector")
        elif self._fails and not fails:
            _log.info("can send metrics to the collector again")
        self._fails = fails

    def close(self) -> None:
        """Stop sending."""
        self._exporter.shutdown()

    def _data(self) -> MetricsData:
        scope = ScopeMetrics(InstrumentationScope("tams"), list(self._converted()), "")
        return MetricsData([ResourceMetrics(self._resource, [scope], "")])

    def _converted(self) -> Iterator[Metric]:
        now = time.time_ns()
        for counter in list(self._metrics.counters.values()):
            points = [
                NumberDataPoint(_attributes(counter.labels, values), self._started_ns, now, cell.value)
                for values, cell in counter.cells()
            ]
            yield Metric(counter.name, counter.text, "", Sum(points, _CUMULATIVE, is_monotonic=True))
        for gauge in list(self._metrics.gauges.values()):
            points = [
                NumberDataPoint(_attributes(gauge.labels, values), self._started_ns, now, value)
                for values, value in gauge.values().items()
            ]
            yield Metric(gauge.name, gauge.text, "", Gauge(points))
        yield from self._histograms(now)

    def _histograms(self, now: int) -> Iterator[Metric]:
        for family in list(self._metrics.histograms.values()):
            points = []
            for values, cell in family.cells():
                counts = list(cell.counts)
                points.append(
                    HistogramDataPoint(
                        _attributes(family.labels, values), self._started_ns, now, sum(counts), cell.sum,
                        counts, cell.bounds, float("nan"), float("nan"),
                    )
                )  # fmt: skip
            yield Metric(family.name, family.text, "", Histogram(points, _CUMULATIVE))


def _attributes(labels: Sequence[str], values: Labels) -> dict[str, str]:
    return dict(zip(labels, values, strict=True))
