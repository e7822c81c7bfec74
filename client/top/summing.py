"""Sums the metrics of all processes up as the figures that are shown."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from client.top.numbers import Numbers, levels, rates
from client.top.scraping import Scrape
from client.top.view import Feeds, Media, Process, Tables, Traffic, View, Webhooks

_REQUESTS: Final = "http_server_request_duration_seconds"
_CALLS: Final = "rpc_server_call_duration_seconds"
_STATUS: Final = "http_response_status_code"
_CODE: Final = "rpc_response_status_code"
# The gRPC codes for which the server is at fault.
_FAULTS: Final = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)

Outcome = Callable[[str], str]


def view(before: Sequence[Scrape], after: Sequence[Scrape]) -> View:
    """The figures at the time of `after`; rates are those since `before`."""
    level, rate = levels(after), rates(before, after)
    seconds = max((scrape.time for scrape in after), default=0.0) - max(
        (scrape.time for scrape in before), default=0.0
    )
    return View(
        time=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=round(seconds, 3),
        requests=_traffic("all", rate, _REQUESTS, _STATUS, _outcome_of_status),
        connections=level.total("tams_connections"),
        held_bytes=level.total("tams_held_bytes"),
        routes=_routes(rate),
        calls=_calls(rate),
        tables=_tables(level, rate),
        media=_media(level, rate),
        feeds=_feeds(level, rate),
        webhooks=_webhooks(level, rate),
        backlog=_backlog(level),
        processes=[_process(scrape, rate) for scrape in after],
    )


def _traffic(
    name: str, rate: Numbers, histogram: str, status: str, outcome: Outcome, **labels: str
) -> Traffic:
    sums = {"": 0.0, "refused": 0.0, "failed": 0.0}
    for (value,), count in rate.groups(f"{histogram}_count", status, **labels).items():
        sums[outcome(value)] += count
    return Traffic(
        name=name,
        per_second=sum(sums.values()),
        refused_per_second=sums["refused"],
        failed_per_second=sums["failed"],
        p50=rate.quantile(0.5, histogram, **labels),
        p99=rate.quantile(0.99, histogram, **labels),
    )


def _outcome_of_status(status: str) -> str:
    code = int(status) if status.isdecimal() else 0
    if code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "failed"
    return "refused" if code >= HTTPStatus.BAD_REQUEST else ""


def _outcome_of_code(code: str) -> str:
    if code in _FAULTS:
        return "failed"
    return "" if code in {"OK", "CANCELLED"} else "refused"


def _routes(rate: Numbers) -> list[Traffic]:
    """The traffic of each route that was used, the busiest first."""
    labels = ("http_request_method", "http_route")
    used = _busiest(rate.groups(f"{_REQUESTS}_count", *labels))
    return [
        _traffic(
            f"{method} {route or '(no route)'}", rate, _REQUESTS, _STATUS, _outcome_of_status,
            http_request_method=method, http_route=route,
        )
        for method, route in used
    ]  # fmt: skip


def _calls(rate: Numbers) -> list[Traffic]:
    """The traffic of each method of the services that was called, the busiest first."""
    used = _busiest(rate.groups(f"{_CALLS}_count", "service", "rpc_method"))
    return [
        _traffic(
            f"{service} {method.rpartition('.')[2]}", rate, _CALLS, _CODE, _outcome_of_code,
            service=service, rpc_method=method,
        )
        for service, method in used
    ]  # fmt: skip


def _busiest(counts: dict[tuple[str, ...], float]) -> list[tuple[str, ...]]:
    return sorted((key for key, count in counts.items() if count > 0), key=lambda key: (-counts[key], key))


def _operations(rate: Numbers, histogram: str, errors: str, *by: str) -> list[Traffic]:
    """The traffic of each operation of an engine, which counts its errors apart."""
    failed = rate.groups(errors, *by)
    found = []
    for key in _busiest(rate.groups(f"{histogram}_count", *by)):
        labels = dict(zip(by, key, strict=True))
        found.append(
            Traffic(
                name=" ".join(key),
                per_second=rate.total(f"{histogram}_count", **labels),
                refused_per_second=0.0,
                failed_per_second=failed.get(key, 0.0),
                p50=rate.quantile(0.5, histogram, **labels),
                p99=rate.quantile(0.99, histogram, **labels),
            )
        )
    return found


def _tables(level: Numbers, rate: Numbers) -> Tables:
    takes = level.lowest("tams_store_takes_writes")
    reads = {result: count for (result,), count in rate.groups("tams_cache_reads_total", "result").items()}
    return Tables(
        operations=_operations(rate, "tams_store_duration_seconds", "tams_store_errors_total", "operation"),
        takes_writes=None if takes is None else takes > 0,
        waiting_writes=level.total("tams_store_waiting_writes"),
        free_bytes=level.lowest("tams_store_free_bytes"),
        cache_hits=reads.get("hit", 0.0) / sum(reads.values()) if sum(reads.values()) else None,
        commits_per_second=rate.total("tams_changes_committed_total"),
        endpoints=_ups(level, "tams_vast_endpoint_up", "endpoint"),
    )


def _media(level: Numbers, rate: Numbers) -> Media:
    return Media(
        operations=_operations(
            rate, "tams_s3_request_duration_seconds", "tams_s3_request_errors_total", "backend", "operation"
        ),
        backends=_ups(level, "tams_storage_backend_up", "backend"),
        open_circuits=sorted(
            {
                labels.get("backend", "")
                for labels, value in level.where("tams_storage_circuit_open")
                if value > 0
            }
        ),
        allocated_per_second=rate.total("tams_objects_allocated_total"),
        signed_per_second=rate.total("tams_urls_signed_total"),
        ingested_bytes_per_second=rate.total("tams_bytes_ingested_total"),
        reclaimed_per_second=rate.total("tams_objects_reclaimed_total"),
    )


def _ups(level: Numbers, name: str, label: str) -> dict[str, bool]:
    """Whether each is up for all processes that use it."""
    found: dict[str, bool] = {}
    for labels, value in level.where(name):
        found[labels.get(label, "")] = found.get(labels.get(label, ""), True) and value > 0
    return dict(sorted(found.items()))


def _feeds(level: Numbers, rate: Numbers) -> Feeds:
    return Feeds(
        live=level.total("tams_live_feeds"),
        lag=level.highest("tams_live_feed_lag_seconds"),
        segments_per_second=rate.total("tams_segments_registered_total"),
        segment_p50=rate.quantile(0.5, "tams_segment_lag_seconds"),
        segment_p99=rate.quantile(0.99, "tams_segment_lag_seconds"),
    )


def _backlog(level: Numbers) -> dict[str, float]:
    """The work that waits, by kind. Each metadata process reports that of the whole store."""
    kinds = sorted({labels.get("kind", "") for labels, _ in level.where("tams_backlog")})
    return {kind: level.highest("tams_backlog", kind=kind) or 0.0 for kind in kinds}


def _webhooks(level: Numbers, rate: Numbers) -> Webhooks:
    deliveries = rate.groups("tams_webhook_deliveries_total", "outcome")
    return Webhooks(
        subscribers=level.total("tams_webhook_subscribers"),
        failing=level.total("tams_webhook_failing_subscribers"),
        delivered_per_second=deliveries.get(("delivered",), 0.0),
        failed_per_second=deliveries.get(("failed",), 0.0),
        given_up_per_second=deliveries.get(("given_up",), 0.0),
        p99=rate.quantile(0.99, "tams_webhook_duration_seconds"),
        lag=level.highest("tams_webhook_lag_seconds"),
        outbox_age=level.highest("tams_outbox_age_seconds"),
    )


def _process(scrape: Scrape, rate: Numbers) -> Process:
    if scrape.fault:
        return Process(scrape.name, scrape.fault)
    started = scrape.value("process_start_time_seconds")
    known = "process_cpu_seconds_total" in rate
    return Process(
        name=scrape.name,
        version=scrape.build.get("version", ""),
        cpu=rate.total("process_cpu_seconds_total", process=scrape.name) if known else None,
        memory_bytes=scrape.value("process_resident_memory_bytes"),
        open_files=scrape.value("process_open_fds"),
        in_flight=scrape.value("tams_requests_in_flight"),
        uptime=None if started is None else max(0.0, datetime.now(UTC).timestamp() - started),
    )
