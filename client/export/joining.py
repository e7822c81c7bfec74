"""Which of a segment's packets are written, where segments meet and where the export begins and ends.

Decoding must begin earlier than presentation: video at a key frame, audio some packets before (a transform
codec's packet needs its predecessor). What is written before the start for that reason is not shown. At the
end pictures stay that are shown after it but that earlier ones refer to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from client.essence.errors import EssenceError
from client.essence.placing import Placed


@dataclass(frozen=True, slots=True)
class Part:
    """A segment's packets in decoding order, in ticks of the export; it reaches from `start` to `end`.

    `shown` tells of each packet whether it is presented: whether it lies in the segment and in the export.
    """

    kind: str
    packets: Sequence[Placed]
    shown: Sequence[bool]
    start: int
    end: int

    def first_shown(self) -> int:
        """The time of the first packet presented."""
        return min(packet.pts for packet, shown in zip(self.packets, self.shown, strict=True) if shown)


def part(kind: str, packets: Sequence[Placed], start: int, end: int, limit: int) -> Part:
    """A segment's part in an export from 0 to `limit`."""
    low, high = max(start, 0), min(end, limit)
    # A picture belongs to the instant at which it appears, an audio packet to all its samples.
    shown = [(p.pts if kind == "video" else p.end - 1) >= low and p.pts < high for p in packets]
    return Part(kind, packets, shown, start, end)


def lead(kind: str, earlier: Sequence[Placed], first: Part, run_in: int) -> list[Placed] | None:
    """What is written before and of the first part; None where `earlier` does not go back far enough."""
    packets = [*earlier, *first.packets]
    begin = first.first_shown()
    if kind == "video":
        keys = [index for index, packet in enumerate(packets) if packet.key and packet.pts <= begin]
        return packets[keys[-1] :] if keys else None
    at = next(index for index, packet in enumerate(packets) if packet.pts == begin) - run_in
    return packets[at:] if at >= 0 else None


def after_joint(joined: Part) -> list[Placed]:
    """What is written of a part that follows another."""
    at = list(joined.shown).index(True)
    first = joined.packets[at]
    if at > 0 and joined.kind == "video" and not (first.key and first.pts == joined.first_shown()):
        raise _inseparable()
    return list(joined.packets[at:])


def before_joint(joined: Part, packets: Sequence[Placed]) -> list[Placed]:
    """The packets chosen of a part, without those that must not follow when another part does."""
    kept = up_to_last(joined, packets)
    begin = joined.first_shown()
    hidden = {packet.pts for packet, shown in zip(joined.packets, joined.shown, strict=True) if not shown}
    if any(packet.pts in hidden and packet.pts > begin for packet in kept):
        raise _inseparable()
    return kept


def up_to_last(joined: Part, packets: Sequence[Placed]) -> list[Placed]:
    """The packets chosen of a part, up to the last that is presented."""
    last = max(index for index, shown in enumerate(joined.shown) if shown)
    return list(packets[: len(packets) - (len(joined.packets) - 1 - last)])


def _inseparable() -> EssenceError:
    return EssenceError(
        "a segment shows a part of its object that cannot be joined without encoding it again"
    )
