"""Settings of the metadata service: every TAMS_METADATA_* name."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from services.metadata.adapters.sqlite.connection import Synchronous
from services.shared.settings import WEBHOOK_NETWORKS, Port, Seconds, StoreSettings, shared

PREFIX = "TAMS_METADATA_"


@dataclass(frozen=True, kw_only=True)
class Settings(StoreSettings):
    """What the metadata service can be told."""

    port: Port = 8101
    # FULL survives a power cut; NORMAL may then lose the last commits, and is faster on slow disks.
    sqlite_synchronous: Synchronous = "FULL"
    # On VAST: how many flows and sources are kept in memory, and for how long. Changes made through other
    # metadata processes show after that time at the latest; 0 asks the database for each read.
    vast_cache_entries: Annotated[int, Meta(ge=1)] = 10_000
    vast_cache_seconds: Seconds = 1.0
    # On a VAST that does not refuse conflicting updates: says that this is the only metadata process.
    vast_single_writer: bool = False
    # On VAST: a folder on this machine to note open transactions in. Those of a killed process then end when
    # the next one starts; else their rows are kept from other writers until the database ends them.
    vast_journal_dir: str = ""
    # How long DELETE works on its own deletion before it answers that the rest goes on (202).
    deletion_budget_seconds: float = 2.0
    # Networks that webhooks may reach although they lead inside, such as 127.0.0.0/8,10.1.0.0/16.
    webhook_networks: str = shared(WEBHOOK_NETWORKS, "")
    # Changes that may wait for the writer before more are refused.
    max_waiting_writes: Annotated[int, Meta(gt=0)] = 10_000
