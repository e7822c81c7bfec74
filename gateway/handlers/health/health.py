"""`/ready`, `/health`, `/health/live` and `/health/details`."""

import asyncio
from http import HTTPStatus
from typing import Final

from tams.metadata.v1 import status_service_pb2

from gateway.clients.health import SERVING, HealthChecks, HealthReport
from gateway.clients.recent import Recent
from gateway.handlers.health import documents as health_documents
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.access import caller

# The seconds for which a result is reused, so that many requests do not load the services. A bad result is
# reused for a shorter time, because a client may wait for the services to start.
_GOOD_SECONDS: Final = 1.0
_BAD_SECONDS: Final = 0.2
_BACKLOG_SECONDS: Final = 5.0


class Health:
    """Handlers that report whether all parts work. `draining` is set when the gateway is about to stop."""

    def __init__(self, checks: HealthChecks) -> None:
        self._metadata = Recent(checks.metadata, _state_seconds)
        self._report = Recent(checks.report, _report_seconds)
        self._backlog = Recent(checks.backlog, _backlog_seconds)
        self._deliveries = Recent(checks.deliveries, lambda _: _GOOD_SECONDS)
        self.draining = False

    async def get(self, request: Request) -> Response:
        """GET /health: 200 if every part is SERVING and the tables accept writes, else 503."""
        report = await self._report.get()
        return self._response(report, health_documents.summary(report, draining=self.draining))

    async def ready(self, request: Request) -> Response:
        """GET /ready: 200 if this gateway should get requests, 503 if it stops or metadata cannot work.

        Other parts do not count: requests that need nothing of them are answered.
        """
        # A gateway that stops asks nobody, as its balancers are to notice at once.
        state = SERVING if self.draining else await self._metadata.get()
        body = health_documents.readiness(state, draining=self.draining)
        return self._answer(body, good=state == SERVING)

    async def live(self, request: Request) -> Response:
        """GET /health/live: 204, for orchestrators that restart or avoid a gateway that does not answer.

        503 when it is about to stop, so that balancers leave it out while it still serves.
        """
        return Response(HTTPStatus.SERVICE_UNAVAILABLE if self.draining else HTTPStatus.NO_CONTENT)

    async def details(self, request: Request) -> Response:
        """GET /health/details: the same status with the details of all parts.

        The backlog and the failing webhooks are those of the whole store, so they are for callers with all
        classes.
        """
        if caller.principal.get().classes is not None:
            report = await self._report.get()
            body = health_documents.details(report, None, None, draining=self.draining)
            return self._response(report, body)
        report, backlog, deliveries = await asyncio.gather(
            self._report.get(), self._backlog.get(), self._deliveries.get()
        )
        body = health_documents.details(report, backlog, deliveries, draining=self.draining)
        return self._response(report, body)

    def _response(self, report: HealthReport, body: bytes) -> Response:
        return self._answer(body, good=report.is_serving)

    def _answer(self, body: bytes, *, good: bool) -> Response:
        if good and not self.draining:
            return responses.json(body)
        return responses.json(body, (("retry-after", "1"),), HTTPStatus.SERVICE_UNAVAILABLE)


def _state_seconds(state: str) -> float:
    return _GOOD_SECONDS if state == SERVING else _BAD_SECONDS


def _report_seconds(report: HealthReport) -> float:
    return _GOOD_SECONDS if report.is_serving else _BAD_SECONDS


def _backlog_seconds(backlog: status_service_pb2.Backlog | None) -> float:
    return _BAD_SECONDS if backlog is None else _BACKLOG_SECONDS
