"""Timestamps and timeranges (TAMS 7.0, timestamp.json, timerange.json; application notes 0008, 0012).

A timestamp is an int of nanoseconds within int64. A range is half-open, so set operations only compare
integers; only parsing and formatting handle brackets.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from services.shared.errors import InvalidArgument

NS: Final = 1_000_000_000
MIN_NS: Final = -(2**63)
MAX_NS: Final = 2**63 - 1

_STAMP = r"-?(?:0|[1-9][0-9]*):(?:0|[1-9][0-9]{0,8})"
_TIMESTAMP = re.compile(_STAMP)
_TIMERANGE = re.compile(rf"([\[(])?({_STAMP})?(_({_STAMP})?)?([\])])?")
# The form of nearly all segments, with at most as many seconds as a timestamp may have.
_SECONDS = "(0|[1-9][0-9]{0,8}|[1-8][0-9]{9})"
_NANOSECONDS = "(0|[1-9][0-9]{0,8})"
_PLAIN = re.compile(rf"\[{_SECONDS}:{_NANOSECONDS}_{_SECONDS}:{_NANOSECONDS}\)")
# A longer timestamp or range is out of range in any case, so it is not matched.
_MAX_TEXT = 64
_FARTHEST: Final = 10**64 * NS
_NO_RANGE: Final = "not a time range such as [0:0_10:0)"


def parse_timestamp(text: str) -> int:
    """The nanoseconds of "{sign?}{seconds}:{nanoseconds}"; the sign applies to the whole value.

    InvalidArgument BAD_TIMESTAMP for another text, and outside int64, about 292 years before and after 0:0.
    """
    if len(text) > _MAX_TEXT or not _TIMESTAMP.fullmatch(text):
        raise InvalidArgument(
            f"not a timestamp such as 1:500000000: {text[:_MAX_TEXT]!r}", reason="BAD_TIMESTAMP"
        )
    return _nanoseconds(text)


def _nanoseconds(stamp: str) -> int:
    value = _unlimited(stamp)
    if not MIN_NS < value < MAX_NS:
        raise InvalidArgument(
            f"timestamp {stamp} is out of range: seconds must lie within ±{MAX_NS // NS}",
            reason="BAD_TIMESTAMP",
        )
    return value


def _unlimited(stamp: str) -> int:
    """The value of a timestamp of any size; one with too many digits counts as 10**64 seconds."""
    if len(stamp) > _MAX_TEXT:
        return -_FARTHEST if stamp[0] == "-" else _FARTHEST
    seconds, _, nanoseconds = stamp.partition(":")
    value = int(seconds) * NS
    return value - int(nanoseconds) if stamp[0] == "-" else value + int(nanoseconds)


def format_timestamp(value: int) -> str:
    """The canonical text of a timestamp in nanoseconds."""
    if value < 0:
        return f"-{-value // NS}:{-value % NS}"
    return f"{value // NS}:{value % NS}"


class TimeRange(Struct, frozen=True):
    """The instants start <= t < end, in nanoseconds; None is unbounded.

    `end_inclusive` records the form of the end and only affects formatting: "]" with end - 1.
    """

    start: int | None = None
    end: int | None = None
    end_inclusive: bool = False

    @classmethod
    def parse(cls, text: str) -> "TimeRange":
        """The range of a TAMS text. InvalidArgument BAD_TIMERANGE or BAD_TIMESTAMP for a bad text.

        A missing bracket beside a timestamp is inclusive, as in the BBC's mediatimestamp. An instant with an
        exclusive bracket is refused, because implementations disagree on its meaning.
        """
        if plain := _PLAIN.fullmatch(text):
            seconds, nanoseconds, end_seconds, end_nanoseconds = map(int, plain.groups())
            return cls(seconds * NS + nanoseconds, end_seconds * NS + end_nanoseconds)
        if len(text) > _MAX_TEXT:
            raise _bad(text, _NO_RANGE)
        return _parse(text, _nanoseconds)

    @classmethod
    def parse_clamped(cls, text: str) -> "TimeRange":
        """Like `parse`, but clamps timestamps to int64; for queries.

        All stored times are within int64. A range that is completely outside becomes one that contains no
        stored time.
        """
        parsed = _parse(text, _unlimited)
        start, end = parsed.start, parsed.end
        if parsed.empty:
            return NEVER
        if start is not None and start >= MAX_NS:
            return cls(MAX_NS, None)
        if end is not None and end <= MIN_NS:
            return cls(None, MIN_NS)
        is_clamped = end is not None and end > MAX_NS
        return cls(
            None if start is None else max(start, MIN_NS),
            MAX_NS if is_clamped else end,
            parsed.end_inclusive and not is_clamped,
        )

    @property
    def empty(self) -> bool:
        """True if the range contains no instant."""
        return self.start is not None and self.end is not None and self.start >= self.end

    @property
    def bounded(self) -> bool:
        """True if start and end are set."""
        return self.start is not None and self.end is not None

    def overlaps(self, other: "TimeRange") -> bool:
        """True if the ranges have an instant in common."""
        return not self.intersection(other).empty and not self.empty and not other.empty

    def covers(self, other: "TimeRange") -> bool:
        """True if this range contains all instants of `other`."""
        return other.empty or (
            (self.start is None or (other.start is not None and self.start <= other.start))
            and (self.end is None or (other.end is not None and other.end <= self.end))
        )

    def intersection(self, other: "TimeRange") -> "TimeRange":
        """The instants that are in both ranges."""
        starts = [timerange.start for timerange in (self, other) if timerange.start is not None]
        first_to_end = self if other.end is None or _end(self) < _end(other) else other
        return TimeRange(max(starts, default=None), first_to_end.end, first_to_end.end_inclusive)

    def __str__(self) -> str:
        """The canonical text: "_", "()", "[t]", or a range with a bracket beside each timestamp."""
        start, end, inclusive = self.start, self.end, self.end_inclusive
        # First the form of nearly all segments, formatted at once because it is frequent.
        if start is not None and end is not None and not inclusive and 0 <= start < end:
            return f"[{start // NS}:{start % NS}_{end // NS}:{end % NS})"
        if start is None:
            return "_" if end is None else f"_{_closing(end, inclusive=inclusive)}"
        if end is None:
            return f"[{format_timestamp(start)}_"
        if start >= end:
            return "()"
        if inclusive and end == start + 1:
            return f"[{format_timestamp(start)}]"
        return f"[{format_timestamp(start)}_{_closing(end, inclusive=inclusive)}"


def has_exclusive_start(text: str) -> bool:
    """True if the text of a range excludes its first timestamp, which the parsed range does not show."""
    return text.startswith("(") and text[1:2] not in ("_", ")", "]")


def bounds_of(ranges: Sequence[TimeRange]) -> tuple[list[int], list[int]]:
    """The starts and the exclusive ends of the ranges. InvalidArgument unless all are bounded."""
    starts = [timerange.start for timerange in ranges if timerange.start is not None]
    ends = [timerange.end for timerange in ranges if timerange.end is not None]
    if not len(starts) == len(ends) == len(ranges):
        raise InvalidArgument("a time range must be bounded", reason="BAD_TIMERANGE")
    return starts, ends


def texts_of(ranges: Iterable[TimeRange]) -> list[str]:
    """The text of each range.

    Most segments start at the end of the previous one, so the text of an end is reused for the next start.
    """
    texts: list[str] = []
    previous_end: int | None = None
    end_text = ""
    for timerange in ranges:
        start, end = timerange.start, timerange.end
        if start is None or end is None or timerange.end_inclusive or not 0 <= start < end:
            texts.append(str(timerange))
            continue
        start_text = end_text if start == previous_end else f"{start // NS}:{start % NS}"
        previous_end, end_text = end, f"{end // NS}:{end % NS}"
        texts.append(f"[{start_text}_{end_text})")
    return texts


ETERNITY: Final = TimeRange()
NEVER: Final = TimeRange(0, 0)


def _closing(end: int, *, inclusive: bool) -> str:
    return f"{format_timestamp(end - 1)}]" if inclusive else f"{format_timestamp(end)})"


def _parse(text: str, read: Callable[[str], int]) -> TimeRange:
    match = _TIMERANGE.fullmatch(text)
    if match is None:
        raise _bad(text, _NO_RANGE)
    opening, first, tail, last, closing = match.groups()
    if tail is None:
        return _instant(text, opening, first, closing, read)
    start = None if first is None else read(first) + (opening == "(")
    inclusive = last is not None and closing != ")"
    end = None if last is None else read(last) + inclusive
    return TimeRange(start, end, inclusive)


def _end(timerange: TimeRange) -> int:
    return MAX_NS + 1 if timerange.end is None else timerange.end


def _instant(
    text: str, opening: str | None, stamp: str | None, closing: str | None, read: Callable[[str], int]
) -> TimeRange:
    if stamp is None:
        return NEVER
    if opening == "(" or closing == ")":
        raise _bad(text, "an instant must not have an exclusive bracket")
    value = read(stamp)
    return TimeRange(value, value + 1, end_inclusive=True)


def _bad(text: str, fault: str) -> InvalidArgument:
    return InvalidArgument(f"{fault}: {text[:_MAX_TEXT]!r}", reason="BAD_TIMERANGE")
