"""`/health`."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from grpc import aio

from gateway.clients import health
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response


class Health:
    """Whether the gateway can do all of its work."""

    def __init__(self, channels: Mapping[str, aio.Channel]) -> None:
        self._channels = channels
        self.draining = False

    async def get(self, request: Request) -> Response:
        """GET /health: 200 when every service reports SERVING, else 503."""
        services = await health.states(self._channels)
        well = not self.draining and set(services.values()) == {health.SERVING}
        body = {"status": health.SERVING if well else health.NOT_SERVING, "services": services}
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        headers = () if well else (("retry-after", "1"),)
        return responses.json(msgspec.json.encode(body), headers, status)
