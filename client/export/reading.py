"""Reads the packets of one flow in a time interval, ready to be written."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from fractions import Fraction
from typing import Final

from mediatimestamp import TimeRange, Timestamp

from client.api import Flow, Segment
from client.essence.errors import EssenceError
from client.essence.files.movie import OutputPacket
from client.essence.interval import Interval
from client.essence.objects.mpegts import StoredObject, StoredPacket
from client.essence.objects.placing import PlacedPacket, SegmentTiming, place_audio, place_video, video_clock
from client.essence.timing import NANOSECOND, rescale
from client.export import joining
from client.export.joining import SegmentPackets
from client.export.objects import fetch, fetched
from client.export.ports import Store
from client.export.selection import KINDS

# The number of earlier segments to search for a key frame if a segment does not begin with one.
_LOOK_BACK: Final = 16
# Packets of audio to decode before the first shown one; MPEG layer III needs the most.
_RUN_IN: Final = {"audio/mpeg": 10, "audio/opus": 4}
_RUN_IN_DEFAULT: Final = 2


class FlowReader:
    """Reads one flow; times are in ticks of `clock` from the start of the interval.

    After the first packet of `units`, `opened` is an object of the flow. After the last packet, `begin` and
    `end` are the start and the end of the presentation.
    """

    def __init__(self, store: Store, flow: Flow, interval: Interval) -> None:
        self._store = store
        self._flow = flow
        self._interval = interval
        self.kind = KINDS[flow.format]
        self._frame_rate = _frame_rate(flow)
        self.clock = self._clock()
        self._limit = self._ticks(interval.end)
        self.opened: StoredObject | None = None
        self.begin: int | None = None
        self.end = 0

    def close(self) -> None:
        """Close the opened object."""
        if self.opened is not None:
            self.opened.close()

    async def units(self) -> AsyncGenerator[OutputPacket, None]:
        """The packets in decoding order; none if the flow has no media in the interval."""
        before: OutputPacket | None = None
        async with aclosing(self._packets()) as packets:
            async for packet in packets:
                before = self._following(before, packet)
                yield before

    def _following(self, before: OutputPacket | None, packet: PlacedPacket) -> OutputPacket:
        pts, dts = packet.pts, packet.dts
        if before is not None and self.kind == "audio" and abs(pts - before.pts - before.duration) <= 1:
            # The times of segments are rounded to nanoseconds, which can move a packet by one sample.
            pts = dts = before.pts + before.duration
        elif before is not None:
            dts = max(dts, before.dts + 1)
        if dts > pts:
            raise EssenceError(f"the segments of flow {self._flow.id} cannot be decoded one after the other")
        return OutputPacket(packet.data, pts, dts, packet.duration, packet.key)

    async def _packets(self) -> AsyncGenerator[PlacedPacket, None]:
        previous: tuple[SegmentPackets, list[PlacedPacket]] | None = None
        async with aclosing(self._parts()) as parts:
            async for segment, part in parts:
                if previous is None:
                    self.begin = max(part.first_shown(), part.start, 0)
                    selected = await self._lead(segment, part)
                else:
                    selected = joining.after_joint(part)
                    for packet in joining.before_joint(*previous):
                        yield packet
                self.end = min(part.end, self._limit)
                previous = part, selected
        for packet in joining.up_to_last(*previous) if previous else ():
            yield packet

    async def _parts(self) -> AsyncGenerator[tuple[Segment, SegmentPackets], None]:
        segments = self._store.segments(self._flow.id, self._interval.timerange())
        async with aclosing(fetched(self._store, segments)) as objects:
            async for segment, data in objects:
                part = await asyncio.to_thread(self._part, segment, data)
                if any(part.shown):
                    yield segment, part

    async def _lead(self, segment: Segment, first: SegmentPackets) -> list[PlacedPacket]:
        """The packets of the first part, after those of earlier segments that decoding needs."""
        earlier: list[PlacedPacket] = []
        run_in = _RUN_IN.get(self._flow.codec or "", _RUN_IN_DEFAULT)
        for _ in range(_LOOK_BACK):
            packets = joining.lead(self.kind, earlier, first, run_in)
            if packets is not None:
                return packets
            previous = await self._previous(segment)
            if previous is None:
                break
            segment, data = previous, await fetch(self._store, previous)
            part = await asyncio.to_thread(self._part, segment, data)
            earlier = [*part.packets, *earlier]
        return [*earlier, *first.packets]

    async def _previous(self, segment: Segment) -> Segment | None:
        """The segment that ends at the start of this segment."""
        start = Interval.of(segment.timerange).start
        until = TimeRange.from_end(Timestamp.from_nanosec(start), TimeRange.EXCLUSIVE)
        segments = self._store.segments(self._flow.id, until, limit=1, reverse_order=True)
        async for earlier in segments:
            return earlier if Interval.of(earlier.timerange).end == start else None
        return None

    def _part(self, segment: Segment, data: bytes) -> SegmentPackets:
        interval = Interval.of(segment.timerange).moved(-self._interval.start)
        offset = segment.ts_offset.to_nanosec() if segment.ts_offset is not None else 0
        stored = StoredObject(data, self.kind)
        try:
            timing = SegmentTiming(interval.start, interval.end, offset - self._interval.start)
            packets = self._place(stored, stored.packets(), timing)
        finally:
            if self.opened is None:
                self.opened = stored
            else:
                stored.close()
        return joining.part(
            self.kind, packets, self._ticks_at(interval.start), self._ticks_at(interval.end), self._limit
        )

    def _place(
        self, opened: StoredObject, packets: list[StoredPacket], timing: SegmentTiming
    ) -> list[PlacedPacket]:
        if self.kind == "video":
            return place_video(packets, timing, self.clock, self._frame_rate)
        return place_audio(packets, timing, self.clock, opened.frame_samples)

    def _clock(self) -> Fraction:
        if self.kind == "video":
            return video_clock(self._frame_rate)
        return Fraction(1, self._flow.essence_parameters["sample_rate"])

    def _ticks(self, time: int) -> int:
        return self._ticks_at(time - self._interval.start)

    def _ticks_at(self, moved: int) -> int:
        return rescale(moved, NANOSECOND, self.clock)


def _frame_rate(flow: Flow) -> Fraction | None:
    rate = flow.essence_parameters.get("frame_rate")
    return Fraction(rate["numerator"], rate.get("denominator", 1)) if rate else None
