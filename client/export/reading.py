"""One flow's packets for a stretch of time, ready to be written."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from fractions import Fraction
from typing import Final

from mediatimestamp import TimeRange, Timestamp

from client.api import Flow, Segment
from client.essence.errors import EssenceError
from client.essence.movie import Unit
from client.essence.mpegts import Stored, StoredObject
from client.essence.placing import Place, Placed, place_audio, place_video, video_clock
from client.essence.stretch import Stretch
from client.essence.timing import NANOSECOND, rescale
from client.export import joining
from client.export.joining import Part
from client.export.objects import fetch, fetched
from client.export.ports import Store
from client.export.selection import KINDS

# How many segments back a key frame is looked for, when a segment does not begin with one.
_LOOK_BACK: Final = 16
# Packets of audio to decode before the first that is shown; MPEG layer III borrows bits from the most.
_RUN_IN: Final = {"audio/mpeg": 10, "audio/opus": 4}
_RUN_IN_DEFAULT: Final = 2


class FlowReader:
    """Reads one flow; times are in ticks of `clock` from the start of the stretch.

    After `units` gave its first packet, `opened` is an object of the flow, and after its last, `begin` and
    `end` are where the presentation of what it gave begins and ends.
    """

    def __init__(self, store: Store, flow: Flow, stretch: Stretch) -> None:
        self._store = store
        self._flow = flow
        self._stretch = stretch
        self.kind = KINDS[flow.format]
        self._frame_rate = _frame_rate(flow)
        self.clock = self._clock()
        self._limit = self._ticks(stretch.end)
        self.opened: StoredObject | None = None
        self.begin: int | None = None
        self.end = 0

    def close(self) -> None:
        """Let go of the object that is open."""
        if self.opened is not None:
            self.opened.close()

    async def units(self) -> AsyncGenerator[Unit, None]:
        """The packets in decoding order; none where the flow has no media in the stretch."""
        before: Unit | None = None
        async with aclosing(self._packets()) as packets:
            async for packet in packets:
                before = self._following(before, packet)
                yield before

    def _following(self, before: Unit | None, packet: Placed) -> Unit:
        pts, dts = packet.pts, packet.dts
        if before is not None and self.kind == "audio" and abs(pts - before.pts - before.duration) <= 1:
            # Segments' times are rounded to nanoseconds, which can move a packet by one sample.
            pts = dts = before.pts + before.duration
        elif before is not None:
            dts = max(dts, before.dts + 1)
        if dts > pts:
            raise EssenceError(f"the segments of flow {self._flow.id} do not decode one after another")
        return Unit(packet.data, pts, dts, packet.duration, packet.key)

    async def _packets(self) -> AsyncGenerator[Placed, None]:
        held: tuple[Part, list[Placed]] | None = None
        async with aclosing(self._parts()) as parts:
            async for segment, part in parts:
                if held is None:
                    self.begin = max(part.first_shown(), part.start, 0)
                    chosen = await self._lead(segment, part)
                else:
                    chosen = joining.after_joint(part)
                    for packet in joining.before_joint(*held):
                        yield packet
                self.end = min(part.end, self._limit)
                held = part, chosen
        for packet in joining.up_to_last(*held) if held else ():
            yield packet

    async def _parts(self) -> AsyncGenerator[tuple[Segment, Part], None]:
        segments = self._store.segments(self._flow.id, self._stretch.timerange())
        async with aclosing(fetched(self._store, segments)) as objects:
            async for segment, data in objects:
                part = await asyncio.to_thread(self._part, segment, data)
                if any(part.shown):
                    yield segment, part

    async def _lead(self, segment: Segment, first: Part) -> list[Placed]:
        """The first part's packets, behind those of earlier segments that decoding must begin with."""
        earlier: list[Placed] = []
        run_in = _RUN_IN.get(self._flow.codec or "", _RUN_IN_DEFAULT)
        for _ in range(_LOOK_BACK):
            found = joining.lead(self.kind, earlier, first, run_in)
            if found is not None:
                return found
            before = await self._before(segment)
            if before is None:
                break
            segment, data = before, await fetch(self._store, before)
            part = await asyncio.to_thread(self._part, segment, data)
            earlier = [*part.packets, *earlier]
        return [*earlier, *first.packets]

    async def _before(self, segment: Segment) -> Segment | None:
        """The segment that ends where this one starts."""
        start = Stretch.of(segment.timerange).start
        until = TimeRange.from_end(Timestamp.from_nanosec(start), TimeRange.EXCLUSIVE)
        found = self._store.segments(self._flow.id, until, limit=1, reverse_order=True)
        async for earlier in found:
            return earlier if Stretch.of(earlier.timerange).end == start else None
        return None

    def _part(self, segment: Segment, data: bytes) -> Part:
        stretch = Stretch.of(segment.timerange).moved(-self._stretch.start)
        offset = segment.ts_offset.to_nanosec() if segment.ts_offset is not None else 0
        stored = StoredObject(data, self.kind)
        try:
            place = Place(stretch.start, stretch.end, offset - self._stretch.start)
            packets = self._place(stored, stored.packets(), place)
        finally:
            if self.opened is None:
                self.opened = stored
            else:
                stored.close()
        return joining.part(
            self.kind, packets, self._ticks_at(stretch.start), self._ticks_at(stretch.end), self._limit
        )

    def _place(self, opened: StoredObject, packets: list[Stored], place: Place) -> list[Placed]:
        if self.kind == "video":
            return place_video(packets, place, self.clock, self._frame_rate)
        return place_audio(packets, place, self.clock, opened.frame_samples)

    def _clock(self) -> Fraction:
        if self.kind == "video":
            return video_clock(self._frame_rate)
        return Fraction(1, self._flow.essence_parameters["sample_rate"])

    def _ticks(self, time: int) -> int:
        return self._ticks_at(time - self._stretch.start)

    def _ticks_at(self, moved: int) -> int:
        return rescale(moved, NANOSECOND, self.clock)


def _frame_rate(flow: Flow) -> Fraction | None:
    told = flow.essence_parameters.get("frame_rate")
    return Fraction(told["numerator"], told.get("denominator", 1)) if told else None
