"""Uploads of objects in parts (Amazon S3, "Uploading and copying objects using multipart upload")."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import md5
from typing import Final, NamedTuple

from services.shared.errors import InvalidArgument, NotFound

# The limits of S3.
MIN_PART_BYTES: Final = 5 * 1024**2
MAX_PART_BYTES: Final = 5 * 1024**3
MAX_PARTS: Final = 10_000
# The most parts whose URLs are signed in one call, or that a page has.
MAX_ITEMS: Final = 1000

_UPLOAD_ID: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")
_ETAG: Final = re.compile(r'"?[!#-~]{1,256}"?')


class OpenUpload(NamedTuple):
    """An upload that storage knows and that is not completed."""

    id: str
    path: str
    created: datetime


class UploadedPart(NamedTuple):
    """A part with the ETag that storage answered its PUT with."""

    number: int
    etag: str


class StoredPart(NamedTuple):
    """A part that storage has; `size` is in bytes."""

    number: int
    etag: str
    size: int


def check_upload_id(upload_id: str) -> None:
    """InvalidArgument BAD_UPLOAD unless storage could have issued the id."""
    if not _UPLOAD_ID.fullmatch(upload_id):
        raise InvalidArgument(
            "an upload id has 1 to 1024 letters, digits or any of . _ ~ + / = -", reason="BAD_UPLOAD"
        )


def check_numbers(numbers: Sequence[int]) -> None:
    """InvalidArgument BAD_UPLOAD for no part, or bad or repeated numbers; TOO_MANY_ITEMS."""
    if not numbers:
        raise _bad("give the number of a part", "$.part_numbers")
    if len(numbers) > MAX_ITEMS:
        raise InvalidArgument(f"give at most {MAX_ITEMS} parts", reason="TOO_MANY_ITEMS")
    for index, number in enumerate(numbers):
        _check_number(number, f"$.part_numbers[{index}]")
    if len(set(numbers)) < len(numbers):
        raise _bad("a part number is repeated", "$.part_numbers")


def check_parts(parts: Sequence[UploadedPart]) -> None:
    """InvalidArgument BAD_UPLOAD for bad or unordered numbers, or a bad ETag; TOO_MANY_ITEMS."""
    if len(parts) > MAX_PARTS:
        raise InvalidArgument(f"give at most {MAX_PARTS} parts", reason="TOO_MANY_ITEMS")
    last = 0
    for index, part in enumerate(parts):
        path = f"$.parts[{index}]"
        _check_number(part.number, f"{path}.part_number")
        if part.number <= last:
            raise _bad("part numbers must ascend", f"{path}.part_number")
        if not _ETAG.fullmatch(part.etag):
            raise _bad("an ETag has 1 to 256 characters of ASCII, in quotation marks or not", f"{path}.etag")
        last = part.number


def etag_of_parts(parts: Sequence[UploadedPart]) -> str | None:
    """The ETag of an object of these parts, in quotation marks; None if storage does not make it of MD5 sums.

    The usual form: the MD5 sum of the MD5 sums of the parts, a hyphen, and the number of parts.
    """
    try:
        sums = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    except ValueError:
        return None
    return f'"{md5(sums, usedforsecurity=False).hexdigest()}-{len(parts)}"'


def upload_not_found(upload_id: str) -> NotFound:
    """The error for an upload that is not open."""
    return NotFound(
        f"no upload {upload_id[:64]!r} of this object is open: it was completed, aborted, or is another's",
        reason="UPLOAD_NOT_FOUND",
    )


def _check_number(number: int, path: str) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise _bad(f"a part number is 1 to {MAX_PARTS}", path)


def _bad(summary: str, path: str) -> InvalidArgument:
    return InvalidArgument(summary, reason="BAD_UPLOAD", path=path)
