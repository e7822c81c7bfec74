"""Settings of the metadata service: every TAMS_METADATA_* name."""

from dataclasses import dataclass

from services.metadata.adapters.sqlite.connection import Synchronous
from services.shared.settings import STORE_URL, ProcessSettings, shared

PREFIX = "TAMS_METADATA_"


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """What the metadata service can be told."""

    port: int = 8101
    # sqlite:///relative/path or sqlite:////absolute/path
    store_url: str = shared(STORE_URL, "sqlite:///.tams/tams.db")
    # FULL survives a power cut; NORMAL may then lose the last commits, and is faster on slow disks.
    sqlite_synchronous: Synchronous = "FULL"
    # Changes that may wait for the writer before more are refused.
    max_waiting_writes: int = 10_000
