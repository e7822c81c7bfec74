"""Opens a media file and cuts its streams into segments."""

# PyAV's Packet is generic to type checkers only.
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream
from mediatimestamp import TimeRange, Timestamp

from client.essence.coding import codecs, parameters
from client.essence.coding.parameters import Parameters
from client.essence.errors import EssenceError
from client.essence.objects.mpegts import Packer
from client.essence.segmenting.clocks import AudioClock, VideoClock, priming
from client.essence.segmenting.cutting import AudioCutter, Cut, TimedPacket, VideoCutter, regular
from client.essence.timing import NANOSECOND, rescale

_MICROSECONDS: Final = Fraction(1, av.time_base)


@dataclass(frozen=True, slots=True)
class Essence:
    """One stream of a file that becomes a flow; `index` is its index in the file."""

    index: int
    kind: str
    codec: str
    parameters: Parameters
    language: str | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment to store: the bytes of its object, and its fields in TAMS (flow-segment.json).

    `regular` is False if the pictures do not keep the flow's frame rate.
    """

    essence: Essence
    data: bytes
    timerange: TimeRange
    ts_offset: Timestamp
    last_duration: Timestamp
    sample_offset: int
    sample_count: int
    key_frame_count: int | None
    regular: bool


class Recording:
    """An opened media file, a context manager; EssenceError if it cannot become flows."""

    def __init__(self, path: Path) -> None:
        try:
            self._container = av.open(str(path), "r")
        except (FFmpegError, OSError) as error:
            raise EssenceError(f"cannot read {path} as media: {error.strerror or error}") from error
        self.essences = tuple(self._essences())
        chosen = {essence.index for essence in self.essences}
        self.left_out = tuple(_describe(s) for s in self._container.streams if s.index not in chosen)
        if not self.essences:
            self.close()
            raise EssenceError(f"{path} has no video or audio")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def duration(self) -> int | None:
        """The duration that the file declares, in nanoseconds; None if it declares none."""
        duration = self._container.duration
        return None if duration is None else rescale(duration, _MICROSECONDS, NANOSECOND)

    def pieces(self, target: int, origin: int) -> Iterator[Piece]:
        """All segments, in the order in which the file completes them; those of a flow are in time order.

        `target` is the shortest duration of a segment, `origin` is the flows' time at the file's zero, both
        in nanoseconds. Call it only once.
        """
        cutters = {essence.index: self._cutter_for(essence, target, origin) for essence in self.essences}
        streams = [self._container.streams[index] for index in cutters]
        try:
            for packet in self._container.demux(streams):
                if packet.size:
                    yield from cutters[packet.stream_index].push(packet)
            for cutter in cutters.values():
                yield from cutter.finish()
        except FFmpegError as error:
            raise EssenceError(f"the file is incomplete or damaged: {error.strerror or error}") from error

    def _cutter_for(self, essence: Essence, target: int, origin: int) -> _StreamCutter:
        return _StreamCutter(essence, self._container.streams[essence.index], target, origin)

    def _essences(self) -> Iterator[Essence]:
        for stream in self._container.streams:
            if stream.disposition & Disposition.attached_pic:
                continue
            if isinstance(stream, VideoStream):
                yield Essence(
                    stream.index,
                    "video",
                    codecs.media_type(stream),
                    parameters.video(stream),
                    stream.language,
                )
            elif isinstance(stream, AudioStream):
                yield Essence(
                    stream.index,
                    "audio",
                    codecs.media_type(stream),
                    parameters.audio(stream),
                    stream.language,
                )


class _StreamCutter:
    """Turns the packets of one stream into pieces: adds their times, cuts and packs them."""

    def __init__(self, essence: Essence, stream: Stream, target: int, origin: int) -> None:
        self._essence = essence
        self._origin = origin
        self._target = target
        self._frame: Fraction | None = None
        self._clock: VideoClock | AudioClock
        if isinstance(stream, VideoStream):
            self._clock = VideoClock(stream)
            rate = parameters.frame_rate(stream)
            self._frame = 1 / rate / self._clock.tick if rate else None
        elif isinstance(stream, AudioStream):
            self._clock = AudioClock(stream)
        self._cutter: VideoCutter | AudioCutter | None = None
        self._packer = Packer(stream, self._clock.tick, origin)

    def push(self, packet: Packet[Stream]) -> Iterator[Piece]:
        """Take the next packet; yields the pieces it completes."""
        if self._cutter is None:
            self._cutter = self._new_cutter(packet)
        yield from self._cut(self._cutter, self._clock.read(packet))

    def finish(self) -> Iterator[Piece]:
        """The last pieces."""
        if self._cutter is not None:
            yield from self._cut(self._cutter, self._clock.finish())
            yield from map(self._piece, self._cutter.finish())

    def _cut(self, cutter: VideoCutter | AudioCutter, timed: Iterator[TimedPacket]) -> Iterator[Piece]:
        for coded in timed:
            yield from map(self._piece, cutter.push(coded))

    def _new_cutter(self, first: Packet[Stream]) -> VideoCutter | AudioCutter:
        target = max(1, rescale(self._target, NANOSECOND, self._clock.tick))
        if isinstance(self._clock, AudioClock):
            return AudioCutter(target, self._clock.sample, priming(first))
        return VideoCutter(target)

    def _piece(self, cut: Cut) -> Piece:
        data, object_time = self._packer.pack(cut)
        start, end, last = (self._flow_time(ticks) for ticks in (cut.start, cut.end, cut.last))
        return Piece(
            essence=self._essence,
            data=data,
            timerange=TimeRange(
                Timestamp.from_nanosec(start), Timestamp.from_nanosec(end), TimeRange.INCLUDE_START
            ),
            ts_offset=Timestamp.from_nanosec(start - object_time),
            last_duration=Timestamp.from_nanosec(end - last),
            sample_offset=cut.sample_offset,
            sample_count=cut.sample_count,
            key_frame_count=cut.key_frame_count,
            regular=self._frame is None or regular(cut, self._frame),
        )

    def _flow_time(self, ticks: int) -> int:
        return rescale(ticks, self._clock.tick, NANOSECOND) + self._origin


def _describe(stream: Stream) -> str:
    return f"stream {stream.index} ({stream.type})"
