"""The initialization section of an object in fragmented MP4 (ISO/IEC 14496-12, 8.1 and 8.2).

It is all up to the end of the box `moov`. The fragments after it cannot be decoded without it.
"""

import hashlib
from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_BYTES: Final = 1024 * 1024

_HEADER: Final = 8
_LARGE_HEADER: Final = 16
_DIGEST_BYTES: Final = 16
# An object begins with one of these, and has no box of the second kind before its `moov`.
_FIRST: Final = frozenset({b"ftyp", b"styp", b"moov", b"free", b"skip"})
_MEDIA: Final = frozenset({b"moof", b"mdat"})
# The places of numbers in full boxes of version 0 and 1: 4 bytes of version and flags, then two times.
_AFTER_TIMES: Final = {0: 4 + 2 * 4, 1: 4 + 2 * 8}


class InitSection(NamedTuple):
    """An initialization section, of `length` bytes from the first byte of an object of `object_size` bytes.

    `digest` is that of its bytes. `parameters` is that of what a decoder must know, which stays the same
    where only dates or names differ.
    """

    length: int
    object_size: int
    digest: bytes
    parameters: bytes


class NotFragmentedError(ValueError):
    """The object is not fragmented MP4, or its initialization section is longer than MAX_BYTES."""


def find_init_section(head: bytes, object_size: int) -> InitSection | int:
    """The section in the first bytes of an object; else the number of first bytes that are needed to find it.

    Raises NotFragmentedError.
    """
    end = _end_of_movie(head)
    if end > min(object_size, MAX_BYTES):
        raise NotFragmentedError
    if end > len(head):
        return end
    section = head[:end]
    return InitSection(end, object_size, _digest(section), _parameters(section))


def _end_of_movie(head: bytes) -> int:
    """The end of `moov`, or that of the next header if `moov` begins behind the head."""
    start = 0
    while start + _HEADER <= len(head):
        kind = head[start + 4 : start + _HEADER]
        size = int.from_bytes(head[start : start + 4])
        if size < _HEADER or kind in _MEDIA or (start == 0 and kind not in _FIRST):
            raise NotFragmentedError
        if kind == b"moov":
            return start + size
        start += size
    return start + _HEADER


def _parameters(section: bytes) -> bytes:
    """The digest of the numbers, timescales, edits and sample descriptions of all tracks."""
    movie = _only(_boxes(section), b"moov")
    boxes = list(_boxes(movie))
    if not any(kind == b"mvex" for kind, _ in boxes):
        raise NotFragmentedError
    tracks = [list(_boxes(content)) for kind, content in boxes if kind == b"trak"]
    return _digest(b"".join(_track(track) for track in tracks))


def _track(boxes: list[tuple[bytes, bytes]]) -> bytes:
    media = list(_boxes(_only(boxes, b"mdia")))
    samples = _boxes(_only(_boxes(_only(media, b"minf")), b"stbl"))
    return b"".join(
        (
            _number(_only(boxes, b"tkhd")),
            *(content for kind, content in boxes if kind == b"edts"),
            _number(_only(media, b"mdhd")),
            _only(samples, b"stsd"),
        )
    )


def _number(content: bytes) -> bytes:
    """The number of a track in its header, or the timescale in that of its media."""
    place = _AFTER_TIMES.get(content[0] if content else -1)
    if place is None:
        raise NotFragmentedError
    return content[place : place + 4]


def _only(boxes: Iterator[tuple[bytes, bytes]] | list[tuple[bytes, bytes]], kind: bytes) -> bytes:
    for found, content in boxes:
        if found == kind:
            return content
    raise NotFragmentedError


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each box. NotFragmentedError for a box that ends outside."""
    start = 0
    while start + _HEADER <= len(content):
        size, header = int.from_bytes(content[start : start + 4]), _HEADER
        if size == 1:
            size, header = int.from_bytes(content[start + _HEADER : start + _LARGE_HEADER]), _LARGE_HEADER
        if size < header or start + size > len(content):
            raise NotFragmentedError
        yield content[start + 4 : start + _HEADER], content[start + header : start + size]
        start += size


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
