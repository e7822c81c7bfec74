"""Settings of the analytics service."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.access.settings import AccessSettings
from services.shared.process.settings import Port, StoreSettings

PREFIX: Final = "TAMS_ANALYTICS_"


@dataclass(frozen=True, kw_only=True)
class Settings(StoreSettings, AccessSettings):
    """Settings of the analytics service: TAMS_ANALYTICS_*, and those that all users of the tables share."""

    port: Port = 8103
    # gRPC target of the metadata service, which knows users and API keys.
    metadata_address: str = "127.0.0.1:8101"
    # The most concurrent queries, and the most waiting queries; more are refused.
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    queue: Annotated[int, Meta(ge=0, le=10_000)] = 16
    # Threads of DuckDB and its memory in MiB, for all queries together.
    threads: Annotated[int, Meta(ge=1, le=256)] = 2
    memory_mb: Annotated[int, Meta(ge=16)] = 128
    # Seconds between two checks that the tables can be read: until they can, and from then on. On VAST they
    # count as readable for 15 s after they were read.
    wait_seconds: Annotated[float, Meta(gt=0)] = 0.2
    check_seconds: Annotated[float, Meta(gt=0)] = 2.0
