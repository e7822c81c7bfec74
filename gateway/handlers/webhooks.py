"""`/service/webhooks`."""

from http import HTTPStatus

from tams.event.v1.webhook_service_pb2 import ListWebhooksRequest

from gateway.clients.services import Services
from gateway.codecs import webhook
from gateway.http import responses
from gateway.http.body import BodyReader
from gateway.http.requests import Request
from gateway.http.responses import Response
from services.shared.errors import NotFound
from services.shared.rpc.client import call


class Webhooks:
    """Lists and keeps registrations of those who want to be told of changes."""

    def __init__(self, services: Services, bodies: BodyReader, *, offered: bool) -> None:
        self._webhooks = services.webhooks
        self._bodies = bodies
        self.offered = offered

    async def list(self, request: Request) -> Response:
        """GET /service/webhooks."""
        self._refuse_unless_offered()
        reply = await call(self._webhooks.ListWebhooks, ListWebhooksRequest())
        return responses.json(webhook.listing(reply.webhooks))

    async def post(self, request: Request) -> Response:
        """POST /service/webhooks: 201 when it is registered now, 204 when it is not any more."""
        self._refuse_unless_offered()
        async with self._bodies.read(request) as body:
            reply = await call(self._webhooks.RegisterWebhook, webhook.register_request(body))
        if not reply.HasField("webhook"):
            return responses.no_content()
        return responses.json(webhook.document(reply.webhook), status=HTTPStatus.CREATED)

    def _refuse_unless_offered(self) -> None:
        if not self.offered:
            raise NotFound("this store offers no webhooks", reason="WEBHOOKS_NOT_OFFERED")
