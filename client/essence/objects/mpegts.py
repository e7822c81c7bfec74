"""Media objects: one elementary stream in an MPEG transport stream (ISO/IEC 13818-1).

The time stamps in an object are the flow's time plus a constant LEAD, in ticks of 1/90000 s and modulo 2^33.
The lead keeps the decoding times of a recording's first pictures, and the priming of its audio, above
zero. A segment's ts_offset subtracts it, and corrects the rounding of the object's first sample:
flow time = object time + ts_offset is exact there, and off by at most one tick (11.1 us) for other samples.
A reader can compute the exact times: audio is counted in samples, and video has its frame rate.
"""

# PyAV's Packet is generic to type checkers only.
from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from client.essence.coding import nal
from client.essence.coding.codecs import coding
from client.essence.errors import EssenceError
from client.essence.segmenting.cutting import Cut, TimedPacket
from client.essence.timing import NANOSECOND, TS_TICK, TS_WRAP, rescale

LEAD: Final = 10 * TS_TICK.denominator
_OPTIONS: Final = {"mpegts_copyts": "1", "avoid_negative_ts": "disabled"}
_TO_BYTE_STREAM: Final = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}


class Packer:
    """Makes the objects of one stream; `origin` is the flow's time at the file's zero, in nanoseconds."""

    def __init__(self, stream: Stream, tick: Fraction, origin: int) -> None:
        self._stream = stream
        self._tick = tick
        self._origin = rescale(origin, NANOSECOND, TS_TICK) + LEAD
        codec = coding(stream)
        self._syntax = nal.SYNTAX.get(codec)
        self._filter = BitStreamFilterContext(_TO_BYTE_STREAM[codec], stream) if self._syntax else None
        self._sets: list[bytes] = []

    def pack(self, cut: Cut) -> tuple[bytes, int]:
        """An object's bytes, and its time for the sample at the cut's start, in nanoseconds."""
        first = self._ticks(cut.packets[0].dts)
        wraps = first // TS_WRAP * TS_WRAP
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="mpegts", options=_OPTIONS) as container:
            track = container.add_stream_from_template(self._stream)
            track.time_base = TS_TICK
            for packet in self._packets(cut, wraps):
                packet.stream = track
                container.mux_one(packet)
        return buffer.getvalue(), self._object_time(cut, wraps)

    def _packets(self, cut: Cut, wraps: int) -> Iterator[Packet[Stream]]:
        earliest = None
        for index, coded in enumerate(cut.packets):
            packet = self._byte_stream(coded, head=index == 0)
            dts = self._ticks(coded.dts) - wraps
            # Two decoding times of a finer clock can fall on one tick.
            packet.dts = dts if earliest is None else max(dts, earliest)
            packet.pts = max(self._ticks(coded.pts) - wraps, packet.dts)
            packet.duration = rescale(coded.duration, self._tick, TS_TICK)
            packet.time_base = TS_TICK
            earliest = packet.dts + 1
            yield packet

    def _byte_stream(self, coded: TimedPacket, *, head: bool) -> Packet[Stream]:
        """The packet in MPEG-TS form; an object's first key frame carries the parameter sets."""
        if self._filter is None or self._syntax is None:
            return coded.packet
        if not coded.packet.is_keyframe:
            (packet,) = self._filter.filter(coded.packet)
            return packet
        source = bytes(coded.packet)
        (packet,) = self._filter.filter(coded.packet)
        sets = nal.parameter_sets(self._syntax, bytes(packet))
        self._sets = sets or self._sets
        inserted = self._sets if head and not sets else []
        # The filter inserts all units of a file's description; only its parameter sets are needed.
        own = [u for u in nal.units(bytes(packet)) if u in source or self._syntax.is_parameter_set(u)]
        whole = Packet(nal.byte_stream([*inserted, *own]))
        whole.is_keyframe = True
        return whole

    def _object_time(self, cut: Cut, wraps: int) -> int:
        mark = next((coded for coded in cut.packets if coded.pts == cut.start), cut.packets[0])
        stored = (self._ticks(mark.pts) - wraps) % TS_WRAP
        return rescale(stored, TS_TICK, NANOSECOND) + rescale(cut.start - mark.pts, self._tick, NANOSECOND)

    def _ticks(self, time: int) -> int:
        return rescale(time, self._tick, TS_TICK) + self._origin


@dataclass(frozen=True, slots=True)
class StoredPacket:
    """A packet of an object; its times are in ticks of 1/90000 s, modulo 2^33."""

    data: bytes
    pts: int
    dts: int
    duration: int
    key: bool


class StoredObject:
    """An opened object; EssenceError unless it is a transport stream with a stream of this kind."""

    def __init__(self, data: bytes, kind: str) -> None:
        try:
            self._container = av.open(io.BytesIO(data), "r", format="mpegts")
        except FFmpegError as error:
            raise EssenceError(f"an object is not an MPEG transport stream: {error}") from error
        streams = [stream for stream in self._container.streams if stream.type == kind]
        if not streams:
            self._container.close()
            raise EssenceError(f"an object has no {kind} stream")
        self.stream: Stream = streams[0]

    def close(self) -> None:
        """Close the object."""
        self._container.close()

    @property
    def frame_samples(self) -> int:
        """The number of samples in each packet of audio; 0 if it varies or is unknown."""
        return self.stream.codec_context.frame_size if isinstance(self.stream, AudioStream) else 0

    def packets(self) -> list[StoredPacket]:
        """All packets in decoding order."""
        return [_stored(packet) for packet in self._container.demux(self.stream) if packet.size]


def _stored(packet: Packet[Stream]) -> StoredPacket:
    if packet.pts is None:
        raise EssenceError("an object has packets without time stamps")
    dts = packet.pts if packet.dts is None else packet.dts
    return StoredPacket(bytes(packet), packet.pts, dts, packet.duration or 0, packet.is_keyframe)
