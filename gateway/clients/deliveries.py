"""The status of deliveries to webhooks, from the events service."""

from typing import Final

from tams.event.v1 import delivery_service_pb2

from gateway.clients.services import Services
from services.shared.errors import TamsError
from services.shared.rpc.client import call

TIMEOUT_SECONDS: Final = 2.0


async def delivery_status(services: Services) -> delivery_service_pb2.DeliveryStatus | None:
    """The status, or None if the events service does not answer within 2 seconds.

    If the service has several replicas, one of them answers, for the webhooks that it serves.
    """
    request = delivery_service_pb2.GetDeliveryStatusRequest()
    try:
        return await call(services.deliveries.GetDeliveryStatus, request, timeout=TIMEOUT_SECONDS)
    except TamsError:
        return None
