"""Settings of the media service."""

from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta

from services.access.settings import AccessSettings
from services.media.application.signer import WINDOW_SECONDS
from services.media.domain.presign import MAX_EXPIRES_SECONDS
from services.shared.process.settings import Port

PREFIX: Final = "TAMS_MEDIA_"

# Later versions of TAMS promise clients that a URL works for 30 seconds.
UrlExpiry = Annotated[int, Meta(ge=30, le=MAX_EXPIRES_SECONDS - WINDOW_SECONDS)]
ReclaimAge = Annotated[int, Meta(ge=-1, le=10**9)]


@dataclass(frozen=True, kw_only=True)
class Settings(AccessSettings):
    """Settings of the media service: TAMS_MEDIA_*."""

    port: Port = 8102
    # gRPC target of the metadata service.
    metadata_address: str = "127.0.0.1:8101"
    # JSON file that lists the storage backends; required.
    storage_config: str = ""
    # Seconds for which a signed URL is valid at least, from when a client gets it: to read an object, and to
    # upload one.
    url_expiry_seconds: UrlExpiry = 3600
    upload_url_expiry_seconds: UrlExpiry = 3600
    # Seconds between two checks of each bucket, whose result health reports.
    check_seconds: Annotated[float, Meta(gt=0)] = 2.0
    # The number of requests to a backend that fail in a row, by a time-out, a broken connection or an answer
    # of 5xx, until further ones fail at once with 503 STORAGE_UNAVAILABLE; and the seconds until one is sent
    # again. A check of the bucket that succeeds ends the pause.
    circuit_failures: Annotated[int, Meta(ge=1, le=1000)] = 5
    circuit_seconds: Annotated[float, Meta(gt=0, le=600)] = 10.0
    # Measurement of stored objects: seconds to pause after a round with work, seconds to pause if nothing was
    # due, and the most concurrent requests to the storage.
    measure_busy_seconds: Annotated[float, Meta(gt=0)] = 1.0
    measure_idle_seconds: Annotated[float, Meta(gt=0)] = 5.0
    measure_concurrency: Annotated[int, Meta(ge=1, le=64)] = 4
    # Seconds after which the bytes of unused objects are deleted; -1 keeps them forever. The first is for
    # objects whose last segment was deleted, the second for objects that were allocated and never registered.
    # The second must not be less than the validity of a URL to upload plus five minutes, because an upload
    # could come after the deletion.
    reclaim_unreferenced_seconds: ReclaimAge = 3600
    reclaim_unregistered_seconds: ReclaimAge = 24 * 3600
    # Seconds after which an upload in parts that is not completed is aborted; -1 keeps it forever.
    multipart_expiry_seconds: ReclaimAge = 24 * 3600
    # The address and port at which object storage reports stored objects, with event notifications of S3 over
    # HTTP, and the file with the token that it must send. -1: none; 0 selects a free port.
    notifications_host: str = "127.0.0.1"
    notifications_port: Annotated[int, Meta(ge=-1, le=65535)] = -1
    notifications_token_file: str = ""
    # Seconds to pause if there was nothing to delete.
    reclaim_idle_seconds: Annotated[float, Meta(gt=0)] = 60.0

    @property
    def multipart_expiry(self) -> int | None:
        """Seconds after which an upload in parts is aborted; None for never."""
        return None if self.multipart_expiry_seconds < 0 else self.multipart_expiry_seconds
