"""The figures of a view, from texts as the processes publish them."""

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from client.top.scraping import Scrape, parse
from client.top.summing import view
from client.top.view import View
from services.shared.telemetry.families import ProcessMetrics
from services.shared.telemetry.metrics import Metrics


class Process:
    """The metrics of a process, scraped twice: at the times 0 and 10 s."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.metrics = Metrics()
        self.metrics.gauge("tams_build_info", "", lambda: {(service, "1"): 1.0}, "service", "version")

    def publish(self, name: str, **by_backend: float) -> None:
        self.metrics.gauge(
            name, "", lambda: {(label,): value for label, value in by_backend.items()}, "backend"
        )

    def scrape(self, time: float) -> Scrape:
        registry = CollectorRegistry()
        registry.register(ProcessMetrics(self.metrics))
        return Scrape(self.service, time, parse(generate_latest(registry).decode()))


def test_requests_are_counted_by_route_and_outcome() -> None:
    process = Process("gateway")
    family = process.metrics.histogram(
        "http_server_request_duration_seconds",
        "",
        "http_request_method",
        "http_route",
        "http_response_status_code",
    )
    family.cell("GET", "/flows", "200").observe(5)
    before = process.scrape(0)
    for status, count in (("200", 60), ("404", 30), ("503", 10)):
        for _ in range(count):
            family.cell("GET", "/flows", status).observe(0.002)
    family.cell("PUT", "/flows/{flowId}", "204").observe(0.002)

    seen = view([before], [process.scrape(10)])

    assert seen.requests.per_second == pytest.approx(10.1)
    assert seen.requests.failed_per_second == 1
    busiest, other = seen.routes
    assert (busiest.name, busiest.per_second, busiest.refused_per_second) == ("GET /flows", 10, 3)
    assert busiest.p99 is not None
    assert 0.001 < busiest.p99 <= 0.0025
    assert other.name == "PUT /flows/{flowId}"


def test_the_state_of_tables_feeds_webhooks_and_backlog_is_shown() -> None:
    process = Process("metadata")
    metrics = process.metrics
    metrics.gauge("tams_store_takes_writes", "", lambda: 0)
    metrics.gauge("tams_vast_endpoint_up", "", lambda: {("a",): 1.0, ("b",): 0.0}, "endpoint")
    metrics.gauge("tams_backlog", "", lambda: {("events",): 7.0}, "kind")
    metrics.gauge("tams_live_feeds", "", lambda: 3)
    reads = metrics.counter("tams_cache_reads", "", "result")
    errors = metrics.counter("tams_store_errors", "", "operation", "reason")
    store = metrics.histogram("tams_store_duration_seconds", "", "operation")
    outcomes = metrics.counter("tams_webhook_deliveries", "", "outcome")
    before = process.scrape(0)
    reads.cell("hit").add(30)
    reads.cell("miss").add(10)
    errors.cell("write", "STORAGE_FULL").add(5)
    store.cell("write").observe(0.1)
    outcomes.cell("given_up").add(20)

    seen = view([before], [process.scrape(10)])

    assert (seen.tables.takes_writes, seen.tables.cache_hits) == (False, 0.75)
    assert seen.tables.endpoints == {"a": True, "b": False}
    (writes,) = seen.tables.operations
    assert (writes.name, writes.failed_per_second) == ("write", 0.5)
    assert (seen.feeds.live, seen.webhooks.given_up_per_second) == (3, 2)
    assert seen.backlog == {"events": 7}


def test_backends_that_some_process_does_not_reach_or_ask_are_shown() -> None:
    first, second = Process("media"), Process("media")
    for process, up, circuit in ((first, 1.0, 0.0), (second, 0.0, 1.0)):
        process.publish("tams_storage_backend_up", cold=up, hot=1.0)
        process.publish("tams_storage_circuit_open", cold=circuit, hot=0.0)
    scrapes = [[process.scrape(time) for process in (first, second)] for time in (0, 10)]
    seen = view(*scrapes)
    assert seen.media.backends == {"cold": False, "hot": True}
    assert seen.media.open_circuits == ["cold"]


def test_the_backlog_of_the_store_is_not_added_up_over_processes() -> None:
    scrapes = []
    for name in ("metadata", "metadata-2"):
        process = Process(name)
        process.metrics.gauge("tams_backlog", "", lambda: {("events",): 7.0}, "kind")
        scrapes.append(process.scrape(0))
    assert view(scrapes, scrapes).backlog == {"events": 7}


def test_a_process_that_does_not_answer_is_shown_with_its_fault() -> None:
    seen: View = view([], [Scrape("media", 0, {}, "no answer")])
    (process,) = seen.processes
    assert (process.name, process.fault, process.cpu) == ("media", "no answer", None)
