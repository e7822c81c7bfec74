"""Signed URLs, the same for everybody within one window so that caches can use them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.media.application.ports import Clock
from services.media.domain.presign import Presigner
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.errors import InvalidArgument
from services.shared.signed_urls import SignedUrls, url_lines, well_formed

WINDOW_SECONDS: Final = 300
MAX_URLS: Final = 1000

# About 300 bytes an entry, for each backend.
_CACHED_SIGNATURES: Final = 20_000


class Signing:
    """Signs URLs that stay valid for at least `expiry_seconds` from when they are handed out."""

    def __init__(self, backends: StorageBackends, clock: Clock, expiry_seconds: int) -> None:
        self._backends = backends
        self._clock = clock
        self._expires = expiry_seconds + WINDOW_SECONDS
        self._presigners = {backend.id: _presigner(backend) for backend in backends}
        self._windows: dict[str, Window] = {}

    def get_urls(self, objects: Sequence[tuple[str, bytes]]) -> list[str]:
        """The URL of each path of each (backend id, `url_lines` of paths), in that order.

        InvalidArgument for an unknown backend, a path that is empty or not as URLs have it, or more than
        MAX_URLS.
        """
        return [url for urls in self.sign(objects) for url in urls.whole()]

    def sign(self, objects: Sequence[tuple[str, bytes]]) -> list[SignedUrls]:
        """The same URLs in parts, one for each (backend id, paths)."""
        if sum(paths.count(b"\n") for _, paths in objects) > MAX_URLS:
            raise InvalidArgument(f"at most {MAX_URLS} paths at once", reason="TOO_MANY_ITEMS")
        for _, paths in objects:
            _check(paths)
        backends = [self._backends.choose(storage_id) for storage_id, _ in objects]
        return [
            self.window(backend).sign(paths) for backend, (_, paths) in zip(backends, objects, strict=True)
        ]

    def window(self, backend: StorageBackend) -> "Window":
        """The URLs of a backend for now."""
        start = _window_start(self._clock())
        window = self._windows.get(backend.id)
        if window is None or window.start != start:
            window = Window(self._presigners[backend.id], start, self._expires)
            self._windows[backend.id] = window
        return window


class Window:
    """URLs of one bucket that share one signing instant; its caches go when the window does."""

    def __init__(self, presigner: Presigner, start: datetime, expires: int) -> None:
        self.start = start
        self._presigner = presigner
        self._expires = expires
        self._get = presigner.template("GET", start, expires)
        # Of whole lists: what is read again is mostly the same page, and a look for each path would cost
        # those that are new a fifth more.
        self._known: dict[bytes, SignedUrls] = {}
        self._held = 0

    def sign(self, paths: bytes) -> SignedUrls:
        """The URLs to GET objects from."""
        signed = self._known.get(paths)
        if signed is None:
            signed = self._get.sign(paths)
            self._remember(signed)
        return signed

    def _remember(self, signed: SignedUrls) -> None:
        count = signed.signatures.count(b"\n")
        if self._held + count > _CACHED_SIGNATURES:
            self._known.clear()
            self._held = 0
        self._known[signed.paths] = signed
        self._held += count

    def put_urls(self, paths: Sequence[str], content_type: str) -> list[str]:
        """The URLs to PUT new objects to, with that content type."""
        put = self._presigner.template("PUT", self.start, self._expires, content_type)
        return put.sign(url_lines(paths)).whole()


def _check(paths: bytes) -> None:
    if paths.startswith(b"\n") or b"\n\n" in paths:
        # The URL of no key would list the bucket.
        raise InvalidArgument("a storage path is empty", reason="BAD_STORAGE_PATH")
    if not well_formed(paths):
        raise InvalidArgument("a storage path is not as URLs have it", reason="BAD_STORAGE_PATH")


def _presigner(backend: StorageBackend) -> Presigner:
    return Presigner(backend.public_endpoint_url, backend.signing_region, backend.bucket, backend.credentials)


def _window_start(now: datetime) -> datetime:
    into = timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    return now - into % timedelta(seconds=WINDOW_SECONDS)
