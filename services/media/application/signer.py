"""Signs URLs. All clients get the same URLs within one window of time, so that caches can use them.

A window ends early when the credentials of its backend are replaced.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.media.application.object_counts import ObjectCounts
from services.media.application.ports import Clock
from services.media.domain.credentials import Credentials
from services.media.domain.presign import Presigner, UrlTemplate
from services.media.domain.signed_urls import SignedUrls
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.media.domain.storage_path import check_paths
from services.shared.errors import InvalidArgument, Unavailable
from services.shared.url_paths import url_lines

WINDOW_SECONDS: Final = 300
MAX_URLS: Final = 1000

# For each backend; an entry takes about 300 bytes.
_CACHED_SIGNATURES: Final = 20_000
# For each backend. Flows have few content types; a template takes about 2 kB.
_CACHED_CONTENT_TYPES: Final = 100


class UrlExpiry(NamedTuple):
    """Seconds for which URLs are valid: to GET an object, and to PUT one or a part of one."""

    get: int
    put: int


class Signer:
    """Signs URLs that stay valid for at least `expiry` after a client gets them.

    Where the credentials expire before that, the URLs do so with them.
    """

    def __init__(
        self,
        backends: StorageBackends,
        clock: Clock,
        expiry: UrlExpiry,
        counts: ObjectCounts | None = None,
    ) -> None:
        self._backends = backends
        self._counts = counts or ObjectCounts()
        self._clock = clock
        self._validity = UrlExpiry(*(seconds + WINDOW_SECONDS for seconds in expiry))
        self._windows: dict[str, SigningWindow] = {}

    def sign(self, objects: Sequence[tuple[str, bytes]]) -> list[SignedUrls]:
        """The URLs to GET objects, for each pair of a backend id and the `url_lines` of paths, in order.

        InvalidArgument for an unknown backend, a path that is not a valid key or not percent-encoded, or more
        than MAX_URLS paths; Unavailable CREDENTIALS_EXPIRED.
        """
        number = sum(paths.count(b"\n") for _, paths in objects)
        if number > MAX_URLS:
            raise InvalidArgument(f"give at most {MAX_URLS} paths", reason="TOO_MANY_ITEMS")
        backends = [self._backends.choose(storage_id) for storage_id, _ in objects]
        signed = [
            self._window(backend).sign(paths) for backend, (_, paths) in zip(backends, objects, strict=True)
        ]
        self._counts.signed_gets.add(number)
        return signed

    def put_urls(self, backend: StorageBackend, paths: Sequence[str], content_type: str) -> SignedUrls:
        """The URLs to PUT new objects, which require this content type and the headers of the backend.

        Unavailable CREDENTIALS_EXPIRED.
        """
        self._counts.signed_puts.add(len(paths))
        return self._window(backend).put_urls(paths, content_type)

    def part_urls(
        self, backend: StorageBackend, path: str, upload_id: str, numbers: Sequence[int]
    ) -> list[str]:
        """The URLs to PUT parts of an upload. Unavailable CREDENTIALS_EXPIRED."""
        self._counts.signed_puts.add(len(numbers))
        return self._window(backend).part_urls(path, upload_id, numbers)

    def check(self, backend: StorageBackend) -> None:
        """Unavailable CREDENTIALS_EXPIRED if no URL of the backend can be signed now."""
        self._window(backend)

    def _window(self, backend: StorageBackend) -> "SigningWindow":
        """The current window of a backend. Unavailable CREDENTIALS_EXPIRED."""
        now, credentials = self._clock(), backend.credentials.current
        start = _window_start(now)
        window = self._windows.get(backend.id)
        if credentials.expires is not None and credentials.seconds_left(now) < 1:
            raise Unavailable(
                f"the credentials of storage {backend.label} have expired", reason="CREDENTIALS_EXPIRED"
            )
        if window is None or window.start != start or window.credentials is not credentials:
            left = credentials.seconds_left(start)
            validity = UrlExpiry(*(int(min(seconds, left)) for seconds in self._validity))
            window = SigningWindow(backend, credentials, start, validity)
            self._windows[backend.id] = window
        return window


class SigningWindow:
    """Signs URLs of one bucket that all have the same time of signing, `start`, and caches them."""

    def __init__(
        self, backend: StorageBackend, credentials: Credentials, start: datetime, validity: UrlExpiry
    ) -> None:
        self.start = start
        self.credentials = credentials
        self._put_headers = backend.signed_put_headers
        self._presigner = Presigner(backend.public_bucket_url, backend.signing_region, credentials)
        self._put_seconds = validity.put
        self._get = self._presigner.template("GET", start, validity.get)
        # By whole lists of paths: clients mostly read the same page again, and looking up each path would
        # make new pages 20 % slower.
        self._cache: dict[bytes, SignedUrls] = {}
        self._cached_count = 0
        # By content type.
        self._puts: dict[str, UrlTemplate] = {}

    def sign(self, paths: bytes) -> SignedUrls:
        """The URLs to GET the objects with these paths. InvalidArgument for an invalid key."""
        signed = self._cache.get(paths)
        if signed is None:
            check_paths(paths)
            signed = self._get.sign(paths)
            self._remember(signed)
        return signed

    def _remember(self, signed: SignedUrls) -> None:
        count = signed.signatures.count(b"\n")
        if self._cached_count + count > _CACHED_SIGNATURES:
            self._cache.clear()
            self._cached_count = 0
        self._cache[signed.paths] = signed
        self._cached_count += count

    def put_urls(self, paths: Sequence[str], content_type: str) -> SignedUrls:
        """The URLs to PUT new objects, which require this content type and the headers of the backend."""
        put = self._puts.get(content_type)
        if put is None:
            headers = {"Content-Type": content_type, **self._put_headers}
            put = self._presigner.template("PUT", self.start, self._put_seconds, headers)
            if len(self._puts) < _CACHED_CONTENT_TYPES:
                self._puts[content_type] = put
        return put.sign(url_lines(paths))

    def part_urls(self, path: str, upload_id: str, numbers: Sequence[int]) -> list[str]:
        """The URLs to PUT parts of an upload."""
        lines = url_lines([path])
        urls = []
        for number in numbers:
            parameters = {"partNumber": str(number), "uploadId": upload_id}
            put = self._presigner.template("PUT", self.start, self._put_seconds, parameters=parameters)
            urls += put.sign(lines).urls()
        return urls


def _window_start(now: datetime) -> datetime:
    since_hour = timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    return now - since_hour % timedelta(seconds=WINDOW_SECONDS)
