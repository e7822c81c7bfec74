"""Timestamps and time ranges (TAMS 7.0 timestamp.json, timerange.json; application notes 0008, 0012).

A timestamp is a plain int of nanoseconds within int64. A range is half-open on the integer grid,
so set algebra is integer comparison; only parsing and printing know about brackets.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from services.shared.errors import InvalidArgument

NS: Final = 1_000_000_000
MIN_NS: Final = -(2**63)
MAX_NS: Final = 2**63 - 1

_STAMP = r"-?(?:0|[1-9][0-9]*):(?:0|[1-9][0-9]{0,8})"
_TIMESTAMP = re.compile(_STAMP)
_TIMERANGE = re.compile(rf"([\[(])?({_STAMP})?(_({_STAMP})?)?([\])])?")
# What nearly all segments have; no more seconds than a timestamp may have.
_SECONDS = "(0|[1-9][0-9]{0,8}|[1-8][0-9]{9})"
_NANOSECONDS = "(0|[1-9][0-9]{0,8})"
_PLAIN = re.compile(rf"\[{_SECONDS}:{_NANOSECONDS}_{_SECONDS}:{_NANOSECONDS}\)")
# 48-bit seconds and nine digits; a longer text can only be out of range, so it is not even matched.
_MAX_TEXT = 64


def parse_timestamp(text: str) -> int:
    """Nanoseconds of "{sign?}{seconds}:{nanoseconds}"; the sign applies to the whole value.

    InvalidArgument for other text and outside int64, about 292 years either side of 0:0.
    """
    if len(text) > _MAX_TEXT or not _TIMESTAMP.fullmatch(text):
        raise InvalidArgument(
            f"not a timestamp such as 1:500000000: {text[:_MAX_TEXT]!r}", reason="BAD_TIMESTAMP"
        )
    return _nanoseconds(text)


def _nanoseconds(stamp: str) -> int:
    seconds, nanoseconds = stamp.split(":")
    value = int(seconds) * NS
    value += -int(nanoseconds) if stamp[0] == "-" else int(nanoseconds)
    if not MIN_NS < value < MAX_NS:
        raise InvalidArgument(
            f"timestamp {stamp} is out of range: seconds must lie within ±{MAX_NS // NS}",
            reason="BAD_TIMESTAMP",
        )
    return value


def format_timestamp(value: int) -> str:
    """The canonical text of a timestamp in nanoseconds."""
    if value < 0:
        return f"-{-value // NS}:{-value % NS}"
    return f"{value // NS}:{value % NS}"


class TimeRange(Struct, frozen=True):
    """The instants start <= t < end, in nanoseconds; None is unbounded.

    `end_inclusive` keeps how the end was written ("]" prints end - 1) and changes nothing else.
    """

    start: int | None = None
    end: int | None = None
    end_inclusive: bool = False

    @classmethod
    def parse(cls, text: str) -> "TimeRange":
        """The range of a TAMS text. InvalidArgument for malformed or out-of-range text.

        A missing bracket beside a timestamp is inclusive, as the BBC's mediatimestamp reads it; an
        instant with an exclusive bracket is refused, because readers disagree on what it means.
        """
        if plain := _PLAIN.fullmatch(text):
            seconds, nanoseconds, end_seconds, end_nanoseconds = map(int, plain.groups())
            return cls(seconds * NS + nanoseconds, end_seconds * NS + end_nanoseconds)
        match = _TIMERANGE.fullmatch(text) if len(text) <= _MAX_TEXT else None
        if match is None:
            raise _bad(text, "not a time range such as [0:0_10:0)")
        opening, first, tail, last, closing = match.groups()
        if tail is None:
            return _instant(text, opening, first, closing)
        start = None if first is None else _nanoseconds(first) + (opening == "(")
        inclusive = last is not None and closing != ")"
        end = None if last is None else _nanoseconds(last) + inclusive
        return cls(start, end, inclusive)

    @property
    def empty(self) -> bool:
        """Whether no instant is inside."""
        return self.start is not None and self.end is not None and self.start >= self.end

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return self.start is not None and self.end is not None

    def overlaps(self, other: "TimeRange") -> bool:
        """Whether some instant is in both."""
        return not self.intersection(other).empty and not self.empty and not other.empty

    def covers(self, other: "TimeRange") -> bool:
        """Whether every instant of `other` is in this range."""
        return other.empty or (
            (self.start is None or (other.start is not None and self.start <= other.start))
            and (self.end is None or (other.end is not None and other.end <= self.end))
        )

    def intersection(self, other: "TimeRange") -> "TimeRange":
        """The instants in both."""
        starts = [r.start for r in (self, other) if r.start is not None]
        first = self if other.end is None or _end(self) < _end(other) else other
        return TimeRange(max(starts, default=None), first.end, first.end_inclusive)

    def __str__(self) -> str:
        """The canonical text: "_", "()", "[t]", else a bracket beside each timestamp."""
        start, end, inclusive = self.start, self.end, self.end_inclusive
        # What nearly all segments have comes first, and in one piece.
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


def bounds_of(ranges: Sequence[TimeRange]) -> tuple[list[int], list[int]]:
    """First instant and exclusive end of each range. InvalidArgument unless all are bounded."""
    starts = [one.start for one in ranges if one.start is not None]
    ends = [one.end for one in ranges if one.end is not None]
    if not len(starts) == len(ends) == len(ranges):
        raise InvalidArgument("a time range must be bounded", reason="BAD_TIMERANGE")
    return starts, ends


def texts_of(ranges: Iterable[TimeRange]) -> list[str]:
    """The text of each range. What ends where the next one starts is written once, and most segments do."""
    texts: list[str] = []
    shared: int | None = None
    stamp = ""
    for one in ranges:
        start, end = one.start, one.end
        if start is None or end is None or one.end_inclusive or not 0 <= start < end:
            texts.append(str(one))
            continue
        first = stamp if start == shared else f"{start // NS}:{start % NS}"
        shared, stamp = end, f"{end // NS}:{end % NS}"
        texts.append(f"[{first}_{stamp})")
    return texts


ETERNITY: Final = TimeRange()
NEVER: Final = TimeRange(0, 0)


def _closing(end: int, *, inclusive: bool) -> str:
    return f"{format_timestamp(end - 1)}]" if inclusive else f"{format_timestamp(end)})"


def _end(timerange: TimeRange) -> int:
    return MAX_NS + 1 if timerange.end is None else timerange.end


def _instant(text: str, opening: str | None, stamp: str | None, closing: str | None) -> TimeRange:
    if stamp is None:
        return NEVER
    if opening == "(" or closing == ")":
        raise _bad(text, "an instant takes no exclusive bracket")
    value = _nanoseconds(stamp)
    return TimeRange(value, value + 1, end_inclusive=True)


def _bad(text: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{why}: {text[:_MAX_TEXT]!r}", reason="BAD_TIMERANGE")
