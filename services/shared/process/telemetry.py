"""Telemetry of one process: what its settings say is opened, and closed at its end."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from services.shared.ids import new_uuid
from services.shared.process.background import background
from services.shared.process.settings import ProcessSettings
from services.shared.telemetry.metrics import Metrics
from services.shared.telemetry.trace import Sampler, Trace

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_DISTRIBUTION: Final = "tams-server"


class Telemetry:
    """The metrics and the traces of a process. Operations that last `slow_seconds` are always recorded.

    `is_read` is True if the metrics are read by anyone, so that those which cost work are worth it.
    """

    def __init__(self, service: str, sampler: Sampler | None = None, slow_seconds: float = 0.0) -> None:
        self.service = service
        self.metrics = Metrics()
        self.sampler = sampler or Sampler()
        self.slow_seconds = slow_seconds
        self.metrics_port: int | None = None
        self.is_read = False
        self.metrics.gauge(
            "tams_build_info", "The version that runs.", lambda: {(service, version(_DISTRIBUTION)): 1.0},
            "service", "version",
        )  # fmt: skip

    def sample(self, ratio: float, slow_seconds: float) -> None:
        """Record this part of all traces that begin from now on, and operations that last as long."""
        self.sampler.ratio = ratio
        self.slow_seconds = slow_seconds

    def records(self, trace: Trace, seconds: float, *, failed: bool) -> bool:
        """True if the operation is to be recorded: it is sampled, it failed, or it was slow."""
        if trace.sampled:
            return True
        return trace.recorder is not None and (failed or 0 < self.slow_seconds <= seconds)


@asynccontextmanager
async def open_telemetry(service: str, settings: ProcessSettings) -> AsyncIterator[Telemetry]:
    """The telemetry of the process `service` until the block ends.

    StartupError if the port for metrics cannot be bound. A collector that does not answer is no error.
    """
    async with AsyncExitStack() as stack:
        sampler = Sampler(ratio=settings.trace_ratio)
        telemetry = Telemetry(service, sampler, settings.trace_slow_seconds)
        if settings.otlp_endpoint:
            await _send_to_collector(telemetry, settings, stack)
        is_sent = bool(settings.otlp_endpoint) and settings.otlp_metrics
        telemetry.is_read = is_sent or settings.metrics_port >= 0
        if settings.metrics_port >= 0:
            # The library takes 20 ms to load.
            from services.shared.telemetry.endpoint import registry_of, serving_metrics  # noqa: PLC0415

            registry = registry_of(telemetry.metrics)
            serving = serving_metrics(registry, settings.metrics_host, settings.metrics_port)
            telemetry.metrics_port = await stack.enter_async_context(serving)
        yield telemetry


async def _send_to_collector(telemetry: Telemetry, settings: ProcessSettings, stack: AsyncExitStack) -> None:
    # The SDK takes 200 ms and 20 MB to load.
    from services.shared.telemetry.otlp_metrics import OtlpMetrics  # noqa: PLC0415
    from services.shared.telemetry.recording import OtlpRecorder  # noqa: PLC0415

    # It logs each failure; the parts that send log the first one, and the recovery.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource = _resource(telemetry.service)
    recorder = OtlpRecorder(resource, settings.otlp_endpoint)
    stack.push_async_callback(asyncio.to_thread, recorder.close)
    telemetry.sampler.recorder = recorder
    if settings.otlp_metrics:
        sending = OtlpMetrics(telemetry.metrics, resource, settings.otlp_endpoint)
        stack.callback(sending.close)
        await stack.enter_async_context(background(sending.run()))


def _resource(service: str) -> "Resource":
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    # Resource.create adds OTEL_RESOURCE_ATTRIBUTES.
    return Resource.create(
        {
            "service.name": os.environ.get("OTEL_SERVICE_NAME", f"tams-{service}"),
            "service.version": version(_DISTRIBUTION),
            "service.instance.id": new_uuid(),
        }
    )
