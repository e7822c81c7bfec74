"""WebhookService."""

from functools import partial
from typing import Final

from tams.event.v1 import webhook_pb2, webhook_service_pb2, webhook_service_pb2_grpc

from services.metadata.application.webhooks.webhooks import Webhooks
from services.metadata.domain.webhooks.webhook import Webhook
from services.metadata.servicers.convert import Fields, optional
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration

_LISTS: Final = (
    "flow_ids", "source_ids", "flow_collected_by_ids", "source_collected_by_ids",
    "accept_get_urls", "accept_storage_ids",
)  # fmt: skip
_FLAGS: Final = ("presigned", "verbose_storage")


class WebhookServicer(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Translates between messages and Webhooks."""

    def __init__(self, webhooks: Webhooks) -> None:
        self._webhooks = webhooks

    async def ListWebhooks(
        self, request: webhook_service_pb2.ListWebhooksRequest, context: Context
    ) -> webhook_service_pb2.ListWebhooksResponse:
        """Return all registrations."""
        return webhook_service_pb2.ListWebhooksResponse(webhooks=map(message, await self._webhooks.all()))

    async def RegisterWebhook(
        self, request: webhook_service_pb2.RegisterWebhookRequest, context: Context
    ) -> webhook_service_pb2.RegisterWebhookResponse:
        """Create, update or remove a registration."""
        stored = await self._webhooks.register(_webhook(request))
        return webhook_service_pb2.RegisterWebhookResponse(webhook=message(stored) if stored else None)


def registration(webhooks: Webhooks) -> Registration:
    """The WebhookService for a server."""
    add = webhook_service_pb2_grpc.add_WebhookServiceServicer_to_server
    return (
        webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        partial(add, WebhookServicer(webhooks)),
    )


def message(webhook: Webhook) -> webhook_pb2.Webhook:
    """The message of a registration, without the key."""
    result = webhook_pb2.Webhook(
        id=webhook.id, url=webhook.url, events=webhook.events, api_key_name=webhook.api_key_name
    )
    for name in _LISTS:
        values = getattr(webhook, name)
        if values is not None:
            getattr(result, name).SetInParent()
            getattr(result, name).values.extend(values)
    for name in _FLAGS:
        if getattr(webhook, name) is not None:
            setattr(result, name, getattr(webhook, name))
    return result


def _webhook(request: webhook_service_pb2.RegisterWebhookRequest) -> Webhook:
    webhook = request.webhook
    filters: Fields = {name: optional(webhook, name) for name in _FLAGS}
    filters |= {name: list(getattr(webhook, name).values) for name in _LISTS if webhook.HasField(name)}
    return Webhook(
        id="",
        url=webhook.url,
        events=list(webhook.events),
        api_key_name=webhook.api_key_name,
        api_key_value=request.api_key_value,
        **filters,
    )
