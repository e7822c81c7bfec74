import asyncio
import socket

import httpx
import pytest
from opentelemetry.sdk.resources import Resource

from services.shared.errors import StartupError
from services.shared.process.settings import ProcessSettings, from_env
from services.shared.process.telemetry import open_telemetry
from services.shared.telemetry.otlp_metrics import OtlpMetrics
from services.shared.telemetry.recording import SEND_SECONDS
from services.shared.telemetry.spans import span
from services.shared.telemetry.trace import current
from tests.support.telemetry.collector import running_collector


async def test_metrics_are_served_on_a_port_of_their_own() -> None:
    async with open_telemetry("media", ProcessSettings(metrics_port=0)) as telemetry:
        telemetry.metrics.counter("things", "Things.").cell().add(2)
        async with httpx.AsyncClient() as client:
            response = await client.get(f"http://127.0.0.1:{telemetry.metrics_port}/metrics")
    assert response.status_code == 200
    assert "things_total 2.0" in response.text
    assert 'tams_build_info{service="media",version="' in response.text


async def test_no_port_is_opened_by_default() -> None:
    async with open_telemetry("media", ProcessSettings()) as telemetry:
        assert telemetry.metrics_port is None


async def test_a_taken_port_refuses_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ProcessSettings(metrics_port=taken.getsockname()[1])
        with pytest.raises(StartupError, match=r"cannot serve metrics on 127\.0\.0\.1:\d+: Address already"):
            async with open_telemetry("media", settings):
                pass


async def test_spans_reach_the_collector_before_the_process_ends() -> None:
    with running_collector() as collector:
        settings = ProcessSettings(otlp_endpoint=collector.url, trace_ratio=1.0)
        async with open_telemetry("media", settings) as telemetry:
            trace = telemetry.sampler.begin(None)
            token = current.set(trace)
            with span("part", rows=3):
                await asyncio.sleep(0.01)
            current.reset(token)
        ((service, found),) = collector.spans()
    assert (service, found.name) == ("tams-media", "part")
    assert (found.trace_id.hex(), found.parent_span_id.hex()) == (trace.trace_id, trace.span_id)
    assert found.end_time_unix_nano - found.start_time_unix_nano >= 10_000_000
    assert found.attributes[0].value.int_value == 3


async def end_with_a_span(url: str) -> None:
    """Begin a process, record a span, and end."""
    settings = ProcessSettings(otlp_endpoint=url, trace_ratio=1.0)
    async with open_telemetry("media", settings) as telemetry:
        current.set(telemetry.sampler.begin(None))
        with span("part"):
            pass
        current.set(None)


async def test_a_collector_that_is_not_there_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with asyncio.timeout(60):
        await end_with_a_span(f"http://127.0.0.1:{port}")
    assert [record.message for record in caplog.records] == ["cannot send traces to the collector"]


async def test_a_collector_that_hangs_does_not_keep_the_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with asyncio.timeout(6 * SEND_SECONDS):
            await end_with_a_span(f"http://127.0.0.1:{silent.getsockname()[1]}")


async def test_a_silent_scraper_does_not_keep_others_out() -> None:
    async with open_telemetry("media", ProcessSettings(metrics_port=0)) as telemetry:
        port = telemetry.metrics_port or 0
        with socket.create_connection(("127.0.0.1", port)):
            async with httpx.AsyncClient(timeout=60) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "grpc://collector"),
        ("TAMS_TRACE_RATIO", "2"),
        ("TAMS_TRACE_RATIO", "often"),
        ("TAMS_TRACE_SLOW_SECONDS", "-1"),
        ("TAMS_METRICS_PORT", "65536"),
        ("TAMS_METRICS_OTLP", "maybe"),
    ],
)
def test_bad_settings_refuse_the_start(name: str, value: str) -> None:
    with pytest.raises(StartupError, match=f"^{name}: "):
        from_env(ProcessSettings, "TAMS_MEDIA_", {name: value})


async def test_metrics_reach_the_collector() -> None:
    with running_collector() as collector:
        settings = ProcessSettings(otlp_endpoint=collector.url, otlp_metrics=True)
        async with open_telemetry("media", settings) as telemetry:
            metrics = telemetry.metrics
            metrics.counter("things", "Things.", "kind").cell("a").add(2)
            cell = metrics.histogram("seconds", "Seconds.", bounds=(0.1, 1.0)).cell()
            cell.observe(0.5)
            await OtlpMetrics(metrics, Resource.create({"service.name": "tams-media"}), collector.url).send()
        found = {metric.name: metric for metric in collector.metrics()}
    (things,) = found["things"].sum.data_points
    assert (things.as_double, things.attributes[0].value.string_value) == (2.0, "a")
    (seconds,) = found["seconds"].histogram.data_points
    assert (seconds.count, list(seconds.bucket_counts)) == (1, [0, 1, 0])
    assert found["tams_build_info"].gauge.data_points[0].as_double == 1.0
