"""Settings of the events service: every TAMS_EVENTS_* name."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.shared.settings import WEBHOOK_NETWORKS, Port, ProcessSettings, shared

PREFIX: Final = "TAMS_EVENTS_"


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """What the events service can be told."""

    port: Port = 8104
    # gRPC targets of the services it needs.
    metadata_address: str = "127.0.0.1:8101"
    media_address: str = "127.0.0.1:8102"
    # Networks that webhooks may reach although they lead inside, such as 127.0.0.0/8,10.1.0.0/16.
    webhook_networks: str = shared(WEBHOOK_NETWORKS, "")
    # Certificate authorities to trust besides the well-known ones, as a PEM file: those of an intranet.
    ca_file: str = ""
    # How long a subscriber stays with this process when it falls silent; renewed at a third of it.
    lease_seconds: Annotated[int, Meta(ge=3, le=300)] = 30
    # Most subscribers to serve, and flows of one subscriber to serve at a time.
    max_webhooks: Annotated[int, Meta(ge=1, le=1000)] = 1000
    lanes: Annotated[int, Meta(ge=1, le=64)] = 4
    # How long a subscriber may take to answer.
    timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    # Age at which an event that a subscriber does not take becomes a dead letter.
    give_up_seconds: Annotated[float, Meta(gt=0)] = 24 * 3600.0
