"""Dates in UTC of times on a TAI timeline (TAMS application note 0008)."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import Final

from services.shared.timerange import NS

# TAI minus UTC in seconds since each date (IERS, Bulletin C; before 1972 the two differ by fractions).
_OFFSETS: Final = (
    (1972, 1, 10), (1972, 7, 11), (1973, 1, 12), (1974, 1, 13), (1975, 1, 14), (1976, 1, 15), (1977, 1, 16),
    (1978, 1, 17), (1979, 1, 18), (1980, 1, 19), (1981, 7, 20), (1982, 7, 21), (1983, 7, 22), (1985, 7, 23),
    (1988, 1, 24), (1990, 1, 25), (1991, 1, 26), (1992, 7, 27), (1993, 7, 28), (1994, 7, 29), (1996, 1, 30),
    (1997, 7, 31), (1999, 1, 32), (2006, 1, 33), (2009, 1, 34), (2012, 7, 35), (2015, 7, 36), (2017, 1, 37),
)  # fmt: skip
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINS: Final = [
    int((datetime(year, month, 1, tzinfo=UTC) - _EPOCH).total_seconds()) + offset
    for year, month, offset in _OFFSETS
]


def utc_date(time_ns: int) -> str | None:
    """The date of a TAI time in nanoseconds since 1970, to the millisecond; None before 1972.

    Earlier times are mostly those of timelines that begin at zero, which have no date.
    """
    index = bisect_right(_BEGINS, time_ns // NS) - 1
    if index < 0:
        return None
    date = _EPOCH + timedelta(microseconds=(time_ns - _OFFSETS[index][2] * NS) // 1000)
    return date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{date.microsecond // 1000:03d}Z"
