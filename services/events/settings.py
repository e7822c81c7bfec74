"""Settings of the events service."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.access.settings import AccessSettings
from services.shared.process.settings import WEBHOOK_NETWORKS, Port, shared

PREFIX: Final = "TAMS_EVENTS_"


@dataclass(frozen=True, kw_only=True)
class Settings(AccessSettings):
    """Settings of the events service: TAMS_EVENTS_*."""

    port: Port = 8104
    # gRPC targets of the services it needs.
    metadata_address: str = "127.0.0.1:8101"
    media_address: str = "127.0.0.1:8102"
    # Internal networks that webhooks may reach, as a comma list such as 127.0.0.0/8,10.1.0.0/16.
    webhook_networks: str = shared(WEBHOOK_NETWORKS, "")
    # PEM file with certificate authorities to trust besides the well-known ones, such as that of an intranet.
    ca_file: str = ""
    # Seconds for which this process holds a subscriber after its last renewal; it renews after a quarter of
    # them. After a crash another process, or this one restarted, continues when they are over.
    lease_seconds: Annotated[int, Meta(ge=2, le=300)] = 3
    # The most subscribers to serve, and the most flows of one subscriber to deliver in parallel.
    max_webhooks: Annotated[int, Meta(ge=1, le=1000)] = 1000
    lanes: Annotated[int, Meta(ge=1, le=64)] = 4
    # Seconds within which a subscriber must answer.
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    # Age in seconds at which an event that a subscriber does not accept becomes a dead letter.
    give_up_seconds: Annotated[float, Meta(gt=0)] = 24 * 3600.0
