"""Every setting of the analytics service."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.shared.settings import Port, StoreSettings

PREFIX: Final = "TAMS_ANALYTICS_"


@dataclass(frozen=True, kw_only=True)
class Settings(StoreSettings):
    """What the analytics service can be told."""

    port: Port = 8103
    # Queries that run at a time, and that may wait; more are refused.
    workers: Annotated[int, Meta(ge=1, le=64)] = 2
    queue: Annotated[int, Meta(ge=0, le=10_000)] = 16
    # DuckDB's threads and memory, shared by all queries.
    threads: Annotated[int, Meta(ge=1, le=256)] = 2
    memory_mb: Annotated[int, Meta(ge=16)] = 128
    # How often to look whether the tables can be read: until they can, and from then on.
    wait_seconds: Annotated[float, Meta(gt=0)] = 0.2
    check_seconds: Annotated[float, Meta(gt=0)] = 2.0
