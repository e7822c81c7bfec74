"""Numbers of segments and of discontinuities (RFC 8216, 4.3.3.2 and 4.3.3.3).

A player may go on with its clock from one segment to the next if the next begins where the last ends, and
both objects count time from the same zero, with the same parameters in their initialization sections. Else a
discontinuity is between them.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gateway.playback.segments import PlayableSegment
from services.shared.timerange import NS

# MPEG-TS counts in ticks of 1/90000 s, modulo 2^33 (ISO/IEC 13818-1). The times of two objects are rounded.
_TICKS: Final = 90_000
_WRAP: Final = 2**33
_SLACK_TICKS: Final = 2


class Entry(NamedTuple):
    """A segment of a playlist.

    `number` is its media sequence number, `discontinuities` counts those up to it, and `breaks` says that one
    is right before it.
    """

    segment: PlayableSegment
    number: int
    discontinuities: int
    breaks: bool


def numbered(segments: Iterable[PlayableSegment], previous: Entry | None = None) -> list[Entry]:
    """The entries of consecutive segments. They follow `previous`; without it the first has the number 0."""
    entries: list[Entry] = []
    for segment in segments:
        previous = _following(previous, segment)
        entries.append(previous)
    return entries


def _following(previous: Entry | None, segment: PlayableSegment) -> Entry:
    if previous is None:
        return Entry(segment, 0, 0, breaks=False)
    breaks = not _continues(previous.segment, segment)
    return Entry(segment, previous.number + 1, previous.discontinuities + breaks, breaks)


def _continues(previous: PlayableSegment, segment: PlayableSegment) -> bool:
    gap = abs(segment.start - previous.end) * _TICKS
    step = (segment.ts_offset - previous.ts_offset) * _TICKS
    if segment.init is None or previous.init is None:
        step = min(step % (_WRAP * NS), -step % (_WRAP * NS))
    elif segment.init.parameters != previous.init.parameters:
        return False
    return max(gap, abs(step)) <= _SLACK_TICKS * NS


def continued(segments: Sequence[PlayableSegment], known: Sequence[Entry]) -> list[Entry]:
    """The entries of segments whose earlier part was answered as `known`, with the numbers of that answer.

    For players a number is always the same segment, and numbers have no holes. So where a known segment
    is gone, or one has come between known ones, the entries begin behind that place.
    """
    places = {entry.segment.start: entry for entry in known}
    common = [(i, places[segment.start]) for i, segment in enumerate(segments) if segment.start in places]
    if not common:
        return numbered(segments, known[-1] if known else None)
    begin, last = len(common) - 1, common[-1][0]
    while begin and _are_adjacent(*common[begin - 1 : begin + 1]):
        begin -= 1
    kept = [entry._replace(segment=segments[index]) for index, entry in common[begin:]]
    return [*kept, *numbered(segments[last + 1 :], kept[-1])]


def _are_adjacent(first: tuple[int, Entry], second: tuple[int, Entry]) -> bool:
    return second[0] - first[0] == 1 and second[1].number - first[1].number == 1
