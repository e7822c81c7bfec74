"""Signed URLs, the same for everybody within one window so that caches can use them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.media.application.ports import Clock
from services.media.domain.presign import Presigner
from services.media.domain.storage_backend import StorageBackend, StorageBackends
from services.shared.errors import InvalidArgument

WINDOW_SECONDS: Final = 300
MAX_URLS: Final = 1000

# About 600 bytes an entry, for each backend.
_CACHED_URLS: Final = 10_000


class Signing:
    """Signs URLs that stay valid for at least `expiry_seconds` from when they are handed out."""

    def __init__(self, backends: StorageBackends, clock: Clock, expiry_seconds: int) -> None:
        self._backends = backends
        self._clock = clock
        self._expires = expiry_seconds + WINDOW_SECONDS
        self._presigners = {backend.id: _presigner(backend) for backend in backends}
        self._windows: dict[str, Window] = {}

    def get_urls(self, objects: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
        """The URL of each path of each (backend id, paths), in that order.

        InvalidArgument for an unknown backend, an empty path, or more than MAX_URLS.
        """
        if sum(len(paths) for _, paths in objects) > MAX_URLS:
            raise InvalidArgument(f"at most {MAX_URLS} paths at once", reason="TOO_MANY_ITEMS")
        urls: list[str] = []
        for storage_id, paths in objects:
            window = self.window(self._backends.choose(storage_id))
            if "" in paths:
                # The URL of no key would list the bucket.
                raise InvalidArgument("a storage path is empty", reason="BAD_STORAGE_PATH")
            urls += map(window.get_url, paths)
        return urls

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
        self._urls: dict[str, str] = {}

    def get_url(self, path: str) -> str:
        """The URL to GET an object from."""
        url = self._urls.get(path)
        if url is None:
            if len(self._urls) >= _CACHED_URLS:
                self._urls.clear()
            url = self._urls[path] = self._get.url(path)
        return url

    def put_urls(self, paths: Iterable[str], content_type: str) -> list[str]:
        """The URLs to PUT new objects to, with that content type."""
        put = self._presigner.template("PUT", self.start, self._expires, content_type)
        return [put.url(path) for path in paths]


def _presigner(backend: StorageBackend) -> Presigner:
    return Presigner(backend.public_endpoint_url, backend.signing_region, backend.bucket, backend.credentials)


def _window_start(now: datetime) -> datetime:
    into = timedelta(minutes=now.minute, seconds=now.second, microseconds=now.microsecond)
    return now - into % timedelta(seconds=WINDOW_SECONDS)
