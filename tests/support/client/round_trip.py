"""Checks that media from a store equals the media that was ingested, by picture and by sample."""

from fractions import Fraction
from pathlib import Path

from mediatimestamp import TimeRange

from tests.support.client.essence import coded, pictures, sounds


def assert_same_media(source: Path, written: Path) -> None:
    """Check that two files have the same coded packets, pictures and sound at the same times."""
    for kind in ("video", "audio"):
        assert coded(written, kind) == coded(source, kind)
    assert pictures(written) == pictures(source)
    assert sounds(written) == sounds(source)


def assert_same_range(source: Path, written: Path, timerange: str) -> None:
    """Check that a file has exactly the source's pictures and samples of the range [start_end)."""
    start, end = _bounds(timerange)
    _assert_pictures(source, written, start, end)
    (full,), (part,) = sounds(source), sounds(written)
    first, after = (_nearest(at * full.rate) for at in (start, end))
    after = min(after, full.end)
    assert part.first == 0
    assert part.between(0, after - first) == full.between(first, after)


def _assert_pictures(source: Path, written: Path, start: Fraction, end: Fraction) -> None:
    wanted = [picture for picture in pictures(source) if start <= picture.time < end]
    found = pictures(written)
    assert [picture.pixels for picture in found] == [picture.pixels for picture in wanted]
    # The start of the range may lie between two ticks of the file's clock.
    tick = Fraction(1, 90_000)
    assert all(abs(a.time - (b.time - start)) <= tick for a, b in zip(found, wanted, strict=True))


def _bounds(timerange: str) -> tuple[Fraction, Fraction]:
    parsed = TimeRange.from_str(timerange)
    assert parsed.start is not None
    assert parsed.end is not None
    return Fraction(parsed.start.to_nanosec(), 10**9), Fraction(parsed.end.to_nanosec(), 10**9)


def _nearest(value: Fraction) -> int:
    return int(value + Fraction(1, 2))
