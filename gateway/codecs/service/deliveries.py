"""The status of deliveries to webhooks: protobuf to JSON."""

from tams.event.v1 import delivery_service_pb2


def document(status: delivery_service_pb2.DeliveryStatus) -> dict[str, object]:
    """The counts of webhooks, and the failing webhooks, the longest failing first."""
    return {
        "served": status.webhooks,
        "failing": status.failing,
        "failing_webhooks": list(map(_failing, status.failing_webhooks)),
    }


def _failing(webhook: delivery_service_pb2.FailingWebhook) -> dict[str, object]:
    members: dict[str, object] = {
        "id": webhook.id,
        "since": webhook.since.ToJsonString(),
        "last_error": webhook.last_error,
        "failed_attempts": webhook.failed_attempts,
        "backlog": webhook.backlog,
    }
    if webhook.HasField("oldest_event_age"):
        members["oldest_event_seconds"] = round(webhook.oldest_event_age.ToNanoseconds() / 1e9, 1)
    return members
