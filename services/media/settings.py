"""What the media service can be told."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.media.application.signing import WINDOW_SECONDS
from services.media.domain.presign import MAX_EXPIRES_SECONDS
from services.shared.settings import Port, ProcessSettings

PREFIX: Final = "TAMS_MEDIA_"

ReclaimAge = Annotated[int, Meta(ge=-1, le=10**9)]


@dataclass(frozen=True, kw_only=True)
class Settings(ProcessSettings):
    """Settings of the media service, TAMS_MEDIA_*."""

    port: Port = 8102
    # gRPC target of the metadata service.
    metadata_address: str = "127.0.0.1:8101"
    # JSON file that describes the storage backends; must be set.
    storage_config: str = ""
    # How long a signed URL is valid at least, from when it is handed out.
    url_expiry_seconds: Annotated[int, Meta(ge=1, le=MAX_EXPIRES_SECONDS - WINDOW_SECONDS)] = 3600
    # Measuring of stored objects: pause after a round with work, pause when nothing was due,
    # and how many requests may be open at the storage.
    measure_busy_seconds: Annotated[float, Meta(gt=0)] = 1.0
    measure_idle_seconds: Annotated[float, Meta(gt=0)] = 5.0
    measure_concurrency: Annotated[int, Meta(ge=1, le=64)] = 4
    # Deleting bytes nobody uses, with how long to wait before that, in seconds; -1 keeps them for ever.
    # The first is for objects whose last segment went, the second for objects that were allocated and
    # never registered; not less than the life of a signed URL and five minutes, or an upload may come
    # after the deletion.
    reclaim_unreferenced_seconds: ReclaimAge = 3600
    reclaim_unregistered_seconds: ReclaimAge = 24 * 3600
    # Pause when there was nothing to delete.
    reclaim_idle_seconds: Annotated[float, Meta(gt=0)] = 60.0
