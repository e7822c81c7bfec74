import threading

import pytest
from prometheus_client.openmetrics import exposition, parser

from services.shared.telemetry.endpoint import registry_of
from services.shared.telemetry.metrics import MAX_CELLS, Metrics
from services.shared.telemetry.trace import Sampler, current
from tests.support.telemetry.spans import KeptSpans


def published(metrics: Metrics) -> str:
    """The text that Prometheus reads."""
    return str(exposition.generate_latest(registry_of(metrics)), "utf-8")  # type: ignore[no-untyped-call]


def scraped(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """The value of each sample by its name and the values of its labels, in the order of their names."""
    values: dict[str, dict[tuple[str, ...], float]] = {}
    for family in parser.text_string_to_metric_families(published(metrics)):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            values.setdefault(sample.name, {})[
                tuple(sample.labels[name] for name in sorted(sample.labels))
            ] = sample.value
    return values


def test_counters_gauges_and_distributions_are_published() -> None:
    metrics = Metrics()
    metrics.counter("segments", "Segments.", "format").cell("video").add(3)
    metrics.gauge("waiting", "Waiting.", lambda: 7)
    metrics.gauge("up", "Up.", lambda: {("a",): 1, ("b",): 0}, "endpoint")
    cell = metrics.histogram("seconds", "Seconds.", "route", bounds=(0.1, 1.0)).cell("/flows")
    for seconds in (0.05, 0.1, 0.5, 3.0):
        cell.observe(seconds)
    found = scraped(metrics)
    assert found["segments_total"] == {("video",): 3}
    assert found["waiting"] == {(): 7}
    assert found["up"] == {("a",): 1, ("b",): 0}
    assert found["seconds_bucket"] == {("0.1", "/flows"): 2, ("1.0", "/flows"): 3, ("+Inf", "/flows"): 4}
    assert found["seconds_count"] == {("/flows",): 4}
    assert found["seconds_sum"][("/flows",)] == 3.65
    assert found["process_open_fds"][()] > 0


def test_a_gauge_that_cannot_be_read_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> float:
        raise OSError("no such disk")

    metrics = Metrics()
    metrics.gauge("free", "Free.", fail)
    metrics.gauge("waiting", "Waiting.", lambda: 7)
    found = scraped(metrics)
    assert ("free" in found, found["waiting"]) == (False, {(): 7})
    assert "cannot read the metric free" in caplog.text


def test_a_metric_that_exists_is_the_same() -> None:
    metrics = Metrics()
    metrics.counter("a", "A.").cell().add()
    metrics.counter("a", "A.").cell().add()
    assert scraped(metrics)["a_total"] == {(): 2}


def test_values_of_recorded_traces_are_exemplars() -> None:
    cell = Metrics().histogram("seconds", "Seconds.", bounds=(1.0,)).cell()
    current.set(Sampler(KeptSpans(), ratio=0.0).begin(None))
    cell.observe(0.5)
    assert cell.exemplars == {}
    trace = Sampler(KeptSpans(), ratio=1.0).begin(None)
    current.set(trace)
    cell.observe(2.0)
    current.set(None)
    assert cell.exemplars[1][:2] == (2.0, trace.trace_id)


def test_exemplars_are_published() -> None:
    metrics = Metrics()
    trace = Sampler(KeptSpans(), ratio=1.0).begin(None)
    current.set(trace)
    metrics.histogram("seconds", "Seconds.", bounds=(1.0,)).cell().observe(0.5)
    current.set(None)
    assert f'# {{trace_id="{trace.trace_id}"}} 0.5' in published(metrics)


def test_labels_beyond_the_limit_are_counted_together() -> None:
    metrics = Metrics()
    family = metrics.counter("a", "A.", "route", "status")
    for number in range(MAX_CELLS + 50):
        family.cell(str(number), "200").add()
    found = scraped(metrics)["a_total"]
    assert (len(found), found[("other", "other")]) == (MAX_CELLS + 1, 50)


def test_threads_lose_no_count() -> None:
    cell = Metrics().histogram("seconds", "Seconds.").cell()

    def observe() -> None:
        for _ in range(20_000):
            cell.observe(0.5)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(cell.counts), cell.sum) == (80_000, 40_000.0)
