"""Settings of the metadata service."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from msgspec import Meta

from services.access.settings import AccessSettings
from services.shared.process.settings import WEBHOOK_NETWORKS, Port, Seconds, StoreSettings, shared
from services.shared.store_url import Synchronous

PREFIX: Final = "TAMS_METADATA_"


@dataclass(frozen=True, kw_only=True)
class Settings(StoreSettings, AccessSettings):
    """Settings of the metadata service: TAMS_METADATA_*, and those that it shares with other services."""

    port: Port = 8101
    # On SQLite: FULL loses no commit in a power cut; NORMAL may lose the last, and is faster on slow disks.
    sqlite_synchronous: Synchronous = "FULL"
    # On SQLite: limit of the database file in bytes, without its log; 0 for the whole disk. At the limit
    # writes are refused with STORAGE_FULL, while reads and deletions continue.
    sqlite_max_bytes: Annotated[int, Meta(ge=0)] = 0
    # On VAST: number of flows and sources in the cache, and how long they stay there. Changes by other
    # gateways are visible after that time at the latest; 0 reads from the database each time.
    vast_cache_entries: Annotated[int, Meta(ge=1)] = 10_000
    vast_cache_seconds: Seconds = 1.0
    # On a VAST that does not refuse conflicting updates: states that this is the only metadata process.
    vast_single_writer: bool = False
    # On VAST: folder on this machine for a list of open transactions. Metadata processes of one store with
    # the same folder end those of each other that were killed or hang. Without it, the rows of such a process
    # stay locked until the database ends its transactions.
    vast_journal_dir: str = ""
    # Time in which DELETE works on its own deletion, before it answers 202 and the rest continues.
    deletion_budget_seconds: float = 2.0
    # Whether DELETE without soft_delete in its query moves flows and segments into the trash.
    soft_delete: bool = False
    # How long the trash keeps what was deleted softly, in seconds. Then its bytes are released.
    trash_seconds: Annotated[float, Meta(ge=0)] = 7 * 24 * 3600.0
    # Pause between two rounds that delete what flows with the tag loop_recorder_duration no longer keep; 0
    # deletes nothing.
    loop_pause_seconds: Annotated[float, Meta(ge=0)] = 30.0
    # Internal networks that webhooks may reach, as a comma list such as 127.0.0.0/8,10.1.0.0/16.
    webhook_networks: str = shared(WEBHOOK_NETWORKS, "")
    # Schemes that the get_urls of segments may have besides http and https, such as s3,gs.
    external_url_schemes: str = ""
    # Audit log of changes and logins; auto means on with TAMS_AUTH=required, else off.
    audit: Literal["auto", "on", "off"] = "auto"
    # Seconds for which entries of the audit log are kept; 90 days by default.
    audit_seconds: Annotated[float, Meta(gt=0)] = 90 * 24 * 3600.0
    # Changes that may wait for the writer. Further ones are refused.
    max_waiting_writes: Annotated[int, Meta(gt=0)] = 10_000

    @property
    def audited(self) -> bool:
        """True if changes are recorded in the audit log."""
        return self.audit == "on" or (self.audit == "auto" and self.auth == "required")
