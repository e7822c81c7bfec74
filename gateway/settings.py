"""Settings of the gateway."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from msgspec import Meta

from services.access.settings import AccessSettings
from services.shared.errors import StartupError
from services.shared.process.settings import Port, changeable

PREFIX: Final = "TAMS_GATEWAY_"
ForwardedHeader = Literal["any", "x-forwarded", "forwarded"]


@dataclass(frozen=True, kw_only=True)
class Settings(AccessSettings):
    """Settings of the gateway: TAMS_GATEWAY_*."""

    port: Port = 8000
    # gRPC targets of the services.
    metadata_address: str = "127.0.0.1:8101"
    media_address: str = "127.0.0.1:8102"
    analytics_address: str = "127.0.0.1:8103"
    events_address: str = "127.0.0.1:8104"
    # Files with a certificate and its key, in PEM. With them the gateway speaks HTTPS alone, with TLS 1.2 or
    # newer. Renewed files are used within seconds, without a restart.
    tls_cert: str = ""
    tls_key: str = ""
    # Listen beyond loopback although TAMS_AUTH is off, because another part decides who reaches the gateway.
    unprotected: bool = False
    # Shown by GET /service.
    service_name: str = "TAMS"
    service_description: str = "Time-addressable media store"
    # Offer webhooks; turn off where no events service runs to deliver them.
    webhooks: bool = True
    # Refuse segments whose objects were not uploaded; media checks each object before it is registered.
    check_uploads: bool = False
    # The share of objects that are checked, for stores where a sample is enough. The same objects are chosen
    # each time, by their ids.
    check_uploads_share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    # Offer administration under /x/admin. Every program that reaches this gateway may then drop tables.
    admin: bool = False
    # Comma list of host names for which administration is open to every program, also through proxies; *
    # means all. If unset, it is only open to requests from this machine to localhost without a proxy.
    admin_hosts: str = ""
    # Comma list of origins of web pages that may write, such as https://player.example; * means all. Pages
    # from this machine and from the address of the API may always write, and all pages may read.
    write_origins: str = ""
    # The base URL that clients use, with its path prefix; Link headers start with it. If unset, the host of
    # the request.
    public_url: Annotated[str, Meta(pattern=r"^(https?://[^\s,;<>?#]+)?$")] = ""
    # Trust X-Forwarded-For, -Host, -Proto and -Prefix, or Forwarded. Only for a gateway behind a proxy that
    # sets these headers.
    trust_forwarded: bool = False
    # The headers that the proxy sets: x-forwarded or forwarded. The others come from the client and are not
    # read. any: X-Forwarded-* if a request has one of them, else Forwarded.
    forwarded_header: ForwardedHeader = "any"
    # The number of proxies in a chain, each of which adds an item to the end of these headers.
    trusted_proxies: Annotated[int, Meta(ge=1, le=16)] = 1
    # The largest request body in bytes, for lists of segments, batches and bulk loads; others have at most
    # 1 MiB.
    max_body_bytes: Annotated[int, Meta(ge=1024)] = 16 * 1024 * 1024
    # The most bytes of all request bodies in use, and of all unread responses; beyond it the answer is 503.
    max_held_bytes: Annotated[int, Meta(ge=1024 * 1024)] = 256 * 1024 * 1024
    # Seconds within which a request body must arrive.
    body_seconds: Annotated[float, Meta(gt=0)] = 30.0
    # The most open connections; fewer if the limit of open files is lower. If they run out, silent
    # connections are closed.
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 4000
    # Seconds after which a silent connection is closed.
    idle_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    # Seconds within which a client must read 64 KiB of its response, or the rest of it.
    unread_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    # Seconds for which the list of storage backends is reused.
    backends_ttl_seconds: Annotated[float, Meta(ge=0)] = 10.0
    # Requests per second of each caller, and of each address: on average, and the most at once. 0: no limit.
    # Each gateway counts for itself. Needs TAMS_AUTH=required for callers; public paths do not count.
    rate: Annotated[float, Meta(ge=0)] = changeable(0.0)
    burst: Annotated[int, Meta(ge=1)] = changeable(100)
    address_rate: Annotated[float, Meta(ge=0)] = changeable(0.0)
    address_burst: Annotated[int, Meta(ge=1)] = changeable(200)
    # The most requests of one caller that are in progress at a time; 0: no limit. Needs TAMS_AUTH=required.
    max_concurrent: Annotated[int, Meta(ge=0)] = changeable(0)
    # Failed attempts to authenticate from one address in a minute, after which it gets 429; 0: no limit. -1:
    # 100 with TAMS_GATEWAY_TRUST_FORWARDED, as a proxy then reports the address of each client, else 0.
    failed_attempts: Annotated[int, Meta(ge=-1)] = changeable(-1)
    # Write one log line for each request.
    access_log: bool = changeable(default=False)

    def __post_init__(self) -> None:
        """StartupError for values that do not go together."""
        super().__post_init__()
        if self.auth == "off" and (self.rate or self.max_concurrent):
            raise StartupError(
                f"{PREFIX}RATE and {PREFIX}MAX_CONCURRENT count callers, so they need TAMS_AUTH=required;"
                f" {PREFIX}ADDRESS_RATE does not"
            )

    @property
    def https_files(self) -> dict[str, str]:
        """The files for HTTPS by the names of their settings; the paths are empty if they are not set."""
        return {f"{PREFIX}TLS_CERT": self.tls_cert, f"{PREFIX}TLS_KEY": self.tls_key}

    @property
    def address(self) -> str:
        """Host and port in the form that URLs have."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
