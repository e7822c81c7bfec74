"""Selects the packets of each segment to write, at joints of segments and at both ends of the export.

Decoding must begin before presentation: video at a key frame, audio some packets before (a packet of a
transform codec needs its predecessor). The packets before the start are written for that reason and not
shown. At the end, pictures that are shown later stay if earlier pictures refer to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.essence.errors import EssenceError
from client.essence.objects.placing import PlacedPacket


@dataclass(frozen=True, slots=True)
class SegmentPackets:
    """A segment's packets in decoding order, in ticks of the export; it lasts from `start` to `end`.

    `shown` is True for each packet that is presented: that lies in the segment and in the export.
    """

    kind: str
    packets: Sequence[PlacedPacket]
    shown: Sequence[bool]
    start: int
    end: int

    def first_shown(self) -> int:
        """The time of the first packet presented."""
        return min(packet.pts for packet, shown in zip(self.packets, self.shown, strict=True) if shown)


def part(kind: str, packets: Sequence[PlacedPacket], start: int, end: int, limit: int) -> SegmentPackets:
    """The packets of a segment in an export from 0 to `limit`."""
    low, high = max(start, 0), min(end, limit)
    # A picture is shown if its first instant is in the range, audio if any of its samples is.
    shown = [(p.pts if kind == "video" else p.end - 1) >= low and p.pts < high for p in packets]
    return SegmentPackets(kind, packets, shown, start, end)


def lead(
    kind: str, earlier: Sequence[PlacedPacket], first: SegmentPackets, run_in: int
) -> list[PlacedPacket] | None:
    """The packets to write up to the first part; None if `earlier` does not reach back far enough."""
    packets = [*earlier, *first.packets]
    begin = first.first_shown()
    if kind == "video":
        keys = [index for index, packet in enumerate(packets) if packet.key and packet.pts <= begin]
        return packets[keys[-1] :] if keys else None
    first_index = next(index for index, packet in enumerate(packets) if packet.pts == begin) - run_in
    return packets[first_index:] if first_index >= 0 else None


def after_joint(joined: SegmentPackets) -> list[PlacedPacket]:
    """The packets to write of a part that follows another part."""
    first_index = list(joined.shown).index(True)
    first = joined.packets[first_index]
    if first_index > 0 and joined.kind == "video" and not (first.key and first.pts == joined.first_shown()):
        raise _inseparable()
    return list(joined.packets[first_index:])


def before_joint(joined: SegmentPackets, packets: Sequence[PlacedPacket]) -> list[PlacedPacket]:
    """The selected packets of a part before another part. EssenceError if they are inseparable."""
    selected = up_to_last(joined, packets)
    begin = joined.first_shown()
    hidden = {packet.pts for packet, shown in zip(joined.packets, joined.shown, strict=True) if not shown}
    if any(packet.pts in hidden and packet.pts > begin for packet in selected):
        raise _inseparable()
    return selected


def up_to_last(joined: SegmentPackets, packets: Sequence[PlacedPacket]) -> list[PlacedPacket]:
    """The selected packets of a part, up to the last presented one."""
    last = max(index for index, shown in enumerate(joined.shown) if shown)
    return list(packets[: len(packets) - (len(joined.packets) - 1 - last)])


def _inseparable() -> EssenceError:
    return EssenceError(
        "a segment shows a part of its object that cannot be exported without encoding it again"
    )
