"""What the gateway can be told."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.shared.settings import Port, ProcessSettings

PREFIX: Final = "TAMS_GATEWAY_"


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """Settings of the gateway, TAMS_GATEWAY_*."""

    port: Port = 8000
    # gRPC targets of the services.
    metadata_address: str = "127.0.0.1:8101"
    media_address: str = "127.0.0.1:8102"
    analytics_address: str = "127.0.0.1:8103"
    # Shown by GET /service.
    service_name: str = "TAMS"
    service_description: str = "Time-addressable media store"
    # Offer webhooks; turn off where no events service runs to deliver them.
    webhooks: bool = True
    # Offer administration under /x/admin to programs: whoever reaches this gateway may then drop tables.
    admin: bool = False
    # What clients type, path prefix included; Link headers start with it. Unset: the request's own host.
    public_url: Annotated[str, Meta(pattern=r"^(https?://[^\s,;<>?#]+)?$")] = ""
    # Believe Forwarded and X-Forwarded-*; only behind a proxy that sets them itself.
    trust_forwarded: bool = False
    # Bytes of a request body, and seconds it may take to arrive.
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 16 * 1024 * 1024
    body_seconds: Annotated[float, Meta(gt=0)] = 30.0
    # Open connections; more wait in the backlog. Seconds after which a silent one is closed.
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    idle_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    # Seconds for which the list of storage backends is reused.
    backends_ttl_seconds: Annotated[float, Meta(ge=0)] = 10.0
    # One log line for each request.
    access_log: bool = False

    @property
    def address(self) -> str:
        """Host and port as URLs write them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
