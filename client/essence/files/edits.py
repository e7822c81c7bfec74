"""Edit lists of MP4 and QuickTime files (ISO/IEC 14496-12, 8.6.6).

Decoding starts at a key frame, so a file can hold pictures that must not be shown: before its start and, if
pictures are reordered, after its end. An edit list sets the part of a track that is presented, and its
time. The muxer writes one from the first time stamps only, so this module then replaces the lists by exact
ones. They are in the `moov` box at the end of the file: no byte offset depends on its size.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from client.essence.errors import EssenceError

_NORMAL_SPEED: Final = 0x0001_0000
_EMPTY: Final = -1
_HEADER: Final = 8
# The offset of the duration after the box's header, in version 0 and version 1 (8.2.2, 8.3.2).
_DURATION_AT: Final = {b"mvhd": (16, 24), b"tkhd": (20, 28)}
_LIMIT_32: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Edit:
    """The presented part of a track: from `begin` in the file, for `duration`, in ticks of the movie.

    `media_time` is its start within the track, in ticks of the track.
    """

    begin: int
    duration: int
    media_time: int

    @property
    def end(self) -> int:
        """The end of the track's presentation."""
        return self.begin + self.duration


def write_edits(path: Path, edits: Sequence[Edit]) -> None:
    """Replace the edit lists of a file, one per track in order, and the durations that follow from them."""
    with path.open("r+b") as file:
        start, moov = _last_box(file)
        file.seek(start)
        file.write(_edited(moov, iter(edits), max(edit.end for edit in edits)))
        file.truncate()


def _last_box(file: BinaryIO) -> tuple[int, bytes]:
    """The offset and the content of the `moov` box; EssenceError unless it is the file's last box."""
    at, size = 0, file.seek(0, 2)
    while at + _HEADER <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
        if kind == b"moov" and at + length == size:
            return at, file.read(length - _HEADER)
        if length < _HEADER:
            break
        at += length
    raise EssenceError("the written file has no index at its end")


def _edited(moov: bytes, edits: Iterator[Edit], total: int) -> bytes:
    children = []
    for kind, body in _children(moov):
        if kind == b"trak":
            children.append(_track(body, next(edits)))
        elif kind == b"mvhd":
            children.append(_box(kind, _with_duration(kind, body, total)))
        else:
            children.append(_box(kind, body))
    return _box(b"moov", b"".join(children))


def _track(body: bytes, edit: Edit) -> bytes:
    children = []
    for kind, content in _children(body):
        if kind == b"tkhd":
            children += [_box(kind, _with_duration(kind, content, edit.end)), _edit_list(edit)]
        elif kind != b"edts":
            children.append(_box(kind, content))
    return _box(b"trak", b"".join(children))


def _edit_list(edit: Edit) -> bytes:
    entries = [(edit.begin, _EMPTY)] if edit.begin else []
    entries.append((edit.duration, edit.media_time))
    body = struct.pack(">II", 1 << 24, len(entries))
    body += b"".join(struct.pack(">QqI", duration, at, _NORMAL_SPEED) for duration, at in entries)
    return _box(b"edts", _box(b"elst", body))


def _with_duration(kind: bytes, body: bytes, duration: int) -> bytes:
    """The header with another duration; its version, the first byte, gives the width of the field."""
    short, long = _DURATION_AT[kind]
    if body[0] == 1:
        return body[:long] + struct.pack(">Q", duration) + body[long + 8 :]
    return body[:short] + struct.pack(">I", min(duration, _LIMIT_32)) + body[short + 4 :]


def _children(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(body):
        length, kind = struct.unpack_from(">I4s", body, at)
        yield kind, body[at + _HEADER : at + length]
        at += length


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + _HEADER, kind) + body
