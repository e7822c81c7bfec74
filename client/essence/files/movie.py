"""Writes a media file from coded packets; not all of them need be presented.

MP4 and QuickTime files have exact edit lists, which hide packets that only decoding needs. Matroska files
and transport streams cannot hide packets: they present everything from the first packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from client.essence.coding import nal
from client.essence.coding.codecs import coding
from client.essence.errors import EssenceError
from client.essence.files.edits import Edit, write_edits
from client.essence.timing import MAX_RATE, TS_TICK, joint_clock, rescale

FORMATS: Final = {
    ".mp4": "mp4",
    ".m4a": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".mka": "matroska",
    ".ts": "mpegts",
}
_WITH_EDITS: Final = {"mp4", "mov"}


@dataclass(frozen=True, slots=True)
class OutputPacket:
    """A packet to write, its times in ticks of its track's clock from the start of the presentation."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool


class Track:
    """One stream of the output file; `like` is an opened stream with the same coding."""

    def __init__(self, like: Stream, clock: Fraction) -> None:
        self.like = like
        self.clock = clock
        self.first_dts: int | None = None
        codec = like.codec_context
        self._syntax = nal.SYNTAX.get(coding(like))
        self._described_sets = frozenset(
            nal.parameter_sets(self._syntax, codec.extradata or b"") if self._syntax else ()
        )

    def packet(self, unit: OutputPacket, *, described: bool) -> Packet[Stream]:
        """The unit as a packet; if tracks are `described`, without the parameter sets of the description."""
        if self.first_dts is None:
            self.first_dts = unit.dts
        data = (
            nal.without_framing(self._syntax, self._described_sets, unit.data)
            if self._syntax and described
            else unit.data
        )
        packet = Packet(data)
        packet.pts, packet.dts, packet.duration = unit.pts, unit.dts, unit.duration
        packet.time_base = self.clock
        packet.is_keyframe = unit.key
        return packet


class Movie:
    """A file being written. EssenceError if it cannot be."""

    def __init__(self, path: Path, form: str, tracks: Sequence[Track]) -> None:
        self._path = path
        self._form = form
        self._tracks = tracks
        self.rate = _movie_rate(tracks)
        options = {"movie_timescale": str(self.rate), "use_editlist": "1"} if self.hides else {}
        try:
            self._container = av.open(str(path), "w", format=form, options=options)
            self._streams = [self._add(track) for track in tracks]
        except (FFmpegError, OSError, ValueError) as error:
            raise EssenceError(f"cannot write {path}: {error}") from error

    @property
    def hides(self) -> bool:
        """True if the file can hold packets that are not presented."""
        return self._form in _WITH_EDITS

    def write(self, index: int, unit: OutputPacket) -> None:
        """Append a unit to a track; all tracks should advance together."""
        packet = self._tracks[index].packet(unit, described=self._form != "mpegts")
        packet.stream = self._streams[index]
        try:
            self._container.mux_one(packet)
        except (FFmpegError, ValueError) as error:
            raise EssenceError(f"cannot write {self._path}: {error}") from error

    def finish(self, shown: Sequence[tuple[int, int]]) -> None:
        """Complete the file; `shown` is the start and end of each track's presentation, in its ticks."""
        try:
            self.abandon()
        except (FFmpegError, ValueError) as error:
            raise EssenceError(f"cannot write {self._path}: {error}") from error
        if self.hides:
            write_edits(self._path, [self._edit(*pair) for pair in zip(self._tracks, shown, strict=True)])

    def abandon(self) -> None:
        """Close the file as it is."""
        self._container.close()

    def _add(self, track: Track) -> Stream:
        stream = self._container.add_stream_from_template(track.like)
        stream.time_base = track.clock
        return stream

    def _edit(self, track: Track, shown: tuple[int, int]) -> Edit:
        movie = Fraction(1, self.rate)
        begin, end = (rescale(time, track.clock, movie) for time in shown)
        return Edit(begin, max(0, end - begin), shown[0] - (track.first_dts or 0))


def form_of(path: Path) -> str:
    """The file format for a path's suffix; EssenceError for a suffix that is not in FORMATS."""
    form = FORMATS.get(path.suffix.lower())
    if form is None:
        raise EssenceError(f"cannot write {path.name}: the name must end in {', '.join(FORMATS)}")
    return form


def _movie_rate(tracks: Sequence[Track]) -> int:
    """A clock rate on which all tracks begin and end exactly, if it fits 32 bits; else that of MPEG-TS."""
    rate = joint_clock(*(track.clock for track in tracks)).denominator
    return rate if rate <= MAX_RATE else TS_TICK.denominator
