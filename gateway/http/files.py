"""Files as responses. They are sent from disk and not kept in memory."""

import asyncio
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

from gateway.http.requests import Request
from gateway.http.responses import File, Header, Response

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
}


async def response(request: Request, path: Path, headers: Sequence[Header] = ()) -> Response:
    """200 with the file, or 304 if the request names its ETag. OSError if the file cannot be read."""
    file, etag = await asyncio.to_thread(_open, path)
    # Clients may cache the file but must revalidate it: the next release has other content under this name.
    headers = (
        ("etag", etag),
        ("cache-control", "no-cache"),
        ("x-content-type-options", "nosniff"),
        *headers,
    )
    if _has_current(request, etag):
        return Response(HTTPStatus.NOT_MODIFIED, headers=headers)
    content_type = ("content-type", _TYPES[path.suffix])
    return Response(HTTPStatus.OK, headers=(content_type, *headers), must_send=True, file=file)


def _open(path: Path) -> tuple[File, str]:
    stat = path.stat()
    file = File(path, stat.st_size, stat.st_mtime_ns)
    return file, _etag(file)


@lru_cache(maxsize=16)
def _etag(file: File) -> str:
    # A digest of the content, so that all replicas return the same ETag.
    with file.path.open("rb") as content:
        return f'"{hashlib.file_digest(content, "sha256").hexdigest()[:32]}"'


def _has_current(request: Request, etag: str) -> bool:
    tags = ",".join(request.headers.get_all("if-none-match")).split(",")
    return any(tag.strip(" \t").removeprefix("W/") in (etag, "*") for tag in tags)
