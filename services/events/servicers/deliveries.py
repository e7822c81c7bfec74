"""The gRPC service DeliveryService."""

import time
from collections.abc import Callable
from functools import partial

from tams.event.v1 import delivery_service_pb2, delivery_service_pb2_grpc

from services.events.domain.status import FailingSubscriber, Status
from services.shared.rpc.interceptors import Context
from services.shared.rpc.server import Registration


class DeliveryServicer(delivery_service_pb2_grpc.DeliveryServiceServicer):
    """Returns the status of the deliveries of this process."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    async def GetDeliveryStatus(
        self, request: delivery_service_pb2.GetDeliveryStatusRequest, context: Context
    ) -> delivery_service_pb2.DeliveryStatus:
        """The current status."""
        status = self._status()
        return delivery_service_pb2.DeliveryStatus(
            webhooks=status.webhooks,
            failing=status.failing,
            failing_webhooks=map(_message, status.failing_subscribers),
        )


def registration(status: Callable[[], Status]) -> Registration:
    """The service to add to a server."""
    add = delivery_service_pb2_grpc.add_DeliveryServiceServicer_to_server
    return (
        delivery_service_pb2.DESCRIPTOR.services_by_name["DeliveryService"],
        partial(add, DeliveryServicer(status)),
    )


def _message(failing: FailingSubscriber) -> delivery_service_pb2.FailingWebhook:
    message = delivery_service_pb2.FailingWebhook(
        id=failing.webhook_id,
        last_error=failing.last_error[:300],
        failed_attempts=failing.failed_attempts,
        backlog=failing.backlog,
    )
    message.since.FromNanoseconds(failing.since_ns)
    if failing.oldest_ns:
        message.oldest_event_age.FromNanoseconds(max(time.time_ns() - failing.oldest_ns, 0))
    return message
