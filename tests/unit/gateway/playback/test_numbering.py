from hypothesis import given
from hypothesis import strategies as st

from gateway.playback.numbering import Entry, continued, numbered
from gateway.playback.segments import InitSection, PlayableSegment
from services.shared.timerange import NS

WRAP_NS = 2**33 * NS // 90_000


def segment(start: int, offset: int = 0, seconds: int = 1) -> PlayableSegment:
    return PlayableSegment(start * NS, (start + seconds) * NS, offset, "http://storage.example/a")


def breaks(*segments: PlayableSegment) -> list[bool]:
    return [entry.breaks for entry in numbered(segments)]


def test_time_goes_on_over_rounded_clocks_and_their_wrap() -> None:
    tick = NS // 90_000
    assert breaks(segment(0), segment(1, tick), segment(2, -tick), segment(3, WRAP_NS)) == [False] * 4


def test_gaps_and_other_clocks_break_it() -> None:
    assert breaks(segment(0), segment(2), segment(3, NS), segment(4, NS)) == [False, True, True, False]


def test_other_parameters_break_it_and_a_clock_of_mp4_does_not_wrap() -> None:
    same, other = (InitSection(800, 5000, b"digest", parameters) for parameters in (b"a", b"b"))
    sections = [(segment(0), same), (segment(1), same), (segment(2), other), (segment(3, WRAP_NS), other)]
    assert breaks(*(each._replace(init=init) for each, init in sections)) == [False, False, True, True]


def starts(entries: list[Entry]) -> list[tuple[int, int]]:
    return [(entry.segment.start // NS, entry.number) for entry in entries]


def test_numbers_continue_after_a_window() -> None:
    known = numbered(map(segment, range(3)))
    assert starts(continued([segment(1), segment(2), segment(3)], known)) == [(1, 1), (2, 2), (3, 3)]
    assert starts(continued([segment(7)], known)) == [(7, 3)]
    assert continued([], known) == []


def test_a_window_begins_after_a_segment_that_is_gone_or_came_late() -> None:
    known = numbered(map(segment, (0, 1, 3, 4)))
    assert starts(continued([segment(0), segment(3), segment(4)], known)) == [(3, 2), (4, 3)]
    late = [segment(start) for start in range(6)]
    assert starts(continued(late, known)) == [(3, 2), (4, 3), (5, 4)]


changes = st.lists(st.tuples(st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12))), max_size=8)


@given(changes)
def test_a_segment_keeps_its_number_while_others_come_and_go(
    changes: list[tuple[set[int], set[int]]],
) -> None:
    """Between two answers segments are added and removed anywhere."""
    stored, known = {0, 1, 2}, numbered(map(segment, range(3)))
    for added, removed in changes:
        stored = (stored | added) - removed
        begin = known[0].segment.start // NS
        window = continued([segment(start) for start in sorted(stored) if start >= begin], known)[-4:]
        if not window:
            continue
        first = window[0].number
        assert [entry.number for entry in window] == list(range(first, first + len(window)))
        assert first >= known[0].number
        before = {entry.segment.start: entry for entry in known}
        for entry in window:
            if (old := before.get(entry.segment.start)) is not None:
                assert (entry.number, entry.discontinuities) == (old.number, old.discontinuities)
        known = window
