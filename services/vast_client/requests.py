"""The number and the time of requests to the endpoints of a cluster."""

from services.shared.telemetry.metrics import Count, Distribution, Metrics
from services.vast_client.endpoints.endpoints import Endpoints
from services.vast_client.plans import Kind


class Requests:
    """Counts requests. Thread-safe."""

    def __init__(self, metrics: Metrics, endpoints: Endpoints) -> None:
        durations = metrics.histogram(
            "tams_vast_request_duration_seconds", "The time of requests to VAST.", "operation"
        )
        errors = metrics.counter(
            "tams_vast_request_errors", "Requests to VAST without an answer in time.", "endpoint"
        )
        self._durations: dict[Kind | None, Distribution] = {
            kind: durations.cell("change" if kind is None else kind.name.lower()) for kind in (None, *Kind)
        }
        healths = endpoints.health()
        self._errors: dict[str, Count] = {health.endpoint: errors.cell(health.endpoint) for health in healths}
        metrics.gauge(
            "tams_vast_endpoint_up",
            "1 if calls use the endpoint, 0 if they avoid it.",
            lambda: {(health.endpoint,): float(not health.open) for health in endpoints.health()},
            "endpoint",
        )

    def answered(self, kind: Kind | None, seconds: float) -> None:
        """Count a request that was answered, also with a refusal."""
        self._durations[kind].observe(seconds)

    def failed(self, endpoint: str) -> None:
        """Count a request that was not answered in time."""
        self._errors[endpoint].add()
