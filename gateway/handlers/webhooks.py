"""`/service/webhooks`."""

from http import HTTPStatus

from tams.event.v1 import webhook_service_pb2

from gateway.clients.services import Services
from gateway.codecs import webhook
from gateway.codecs.decoding import decode_async
from gateway.http import responses
from gateway.http.requests import Request
from gateway.http.responses import Response
from gateway.http.wire.body import BodyReader
from services.shared.errors import NotFound
from services.shared.rpc.client import call


class Webhooks:
    """Handlers that list, register and remove webhooks. NotFound WEBHOOKS_NOT_OFFERED unless `offered`."""

    def __init__(self, services: Services, bodies: BodyReader, *, offered: bool) -> None:
        self._webhooks = services.webhooks
        self._bodies = bodies
        self._offered = offered

    async def list(self, request: Request) -> Response:
        """GET /service/webhooks."""
        self._refuse_unless_offered()
        reply = await call(self._webhooks.ListWebhooks, webhook_service_pb2.ListWebhooksRequest())
        return responses.json(webhook.listing(reply.webhooks))

    async def post(self, request: Request) -> Response:
        """POST /service/webhooks: 201 if the webhook is registered or changed, 204 if it is removed."""
        self._refuse_unless_offered()
        async with self._bodies.read(request) as body:
            message = await decode_async(webhook.register_request, body)
            reply = await call(self._webhooks.RegisterWebhook, message)
        if not reply.HasField("webhook"):
            return responses.no_content()
        return responses.json(webhook.document(reply.webhook), status=HTTPStatus.CREATED)

    def _refuse_unless_offered(self) -> None:
        if not self._offered:
            raise NotFound("this store offers no webhooks", reason="WEBHOOKS_NOT_OFFERED")
