"""The metrics of a process in the form of prometheus_client."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar as PublishedExemplar
from prometheus_client.utils import floatToGoString

from services.shared.telemetry.metrics import Count, Distribution, Family, Gauge, Metrics


class ProcessMetrics(Collector):
    """Collects the metrics of the process for a registry of prometheus_client."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Each metric with its present values."""
        yield from map(_counter, list(self._metrics.counters.values()))
        yield from map(_histogram, list(self._metrics.histograms.values()))
        yield from map(_gauge, list(self._metrics.gauges.values()))


def _counter(family: Family[Count]) -> Metric:
    metric = CounterMetricFamily(family.name, family.text, labels=family.labels)
    for labels, cell in family.cells():
        metric.add_metric(labels, cell.value)
    return metric


def _gauge(gauge: Gauge) -> Metric:
    metric = GaugeMetricFamily(gauge.name, gauge.text, labels=gauge.labels)
    for labels, value in gauge.values().items():
        metric.add_metric(labels, value)
    return metric


def _histogram(family: Family[Distribution]) -> Metric:
    metric = HistogramMetricFamily(family.name, family.text, labels=family.labels)
    for labels, cell in family.cells():
        metric.add_metric(labels, buckets=list(_buckets(cell)), sum_value=cell.sum)
    return metric


def _buckets(cell: Distribution) -> Iterator[tuple[str, float] | tuple[str, float, PublishedExemplar]]:
    """The upper bound of each bucket, the count up to it, and an exemplar if there is one."""
    bounds = (*map(floatToGoString, cell.bounds), "+Inf")
    for index, count in enumerate(accumulate(list(cell.counts))):
        if (found := cell.exemplars.get(index)) is None:
            yield bounds[index], count
        else:
            exemplar = PublishedExemplar({"trace_id": found.trace_id}, found.value, found.time)
            yield bounds[index], count, exemplar
