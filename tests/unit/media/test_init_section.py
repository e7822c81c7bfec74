import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.media.domain.init_section import (
    MAX_BYTES,
    InitSection,
    NotFragmentedError,
    find_init_section,
)
from tests.support.playback.boxes import box, section, track

MEDIA = box(b"moof", b"a") + box(b"mdat", b"b")


def found(head: bytes, size: int | None = None) -> InitSection:
    result = find_init_section(head, len(head) if size is None else size)
    assert isinstance(result, InitSection)
    return result


def test_a_section_ends_where_its_movie_ends() -> None:
    whole = section() + MEDIA
    one = found(whole)
    assert (one.length, one.object_size) == (len(section()), len(whole))
    assert found(box(b"free", b"x") + whole).length == one.length + 9


def test_the_head_that_is_needed_is_that_of_the_movie() -> None:
    whole = section() + MEDIA
    assert find_init_section(whole[:20], len(whole)) == len(section())
    assert find_init_section(whole[:12], len(whole)) == len(box(b"ftyp", b"iso6")) + 8


def test_dates_change_the_bytes_and_not_the_parameters() -> None:
    one, dated = found(section()), found(section(date=1))
    assert one.digest != dated.digest
    assert one.parameters == dated.parameters


@pytest.mark.parametrize(
    "other",
    [
        track(number=2),
        track(timescale=48_000),
        track(samples=b"hvc1"),
        track(edits=b"elst"),
        track() + track(number=2),
    ],
)
def test_other_tracks_are_other_parameters(other: bytes) -> None:
    assert found(section(other)).parameters != found(section()).parameters


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"G" * 188 * 3,  # MPEG-TS
        box(b"ftyp", b"isom") + box(b"mdat", b"media") + box(b"moov"),  # the movie at the end
        box(b"ftyp", b"isom") + box(b"moov", track()),  # not fragmented
        box(b"ftyp", b"isom") + box(b"moov", box(b"mvex"), box(b"trak")),  # a track without its boxes
        box(b"ftyp", b"isom") + box(b"moov", box(b"mvex"), box(b"trak", box(b"tkhd", b"\7"))),
        section()[:-1],  # cut off
        bytes(4) + b"ftyp" + section(),  # a box up to the end of the file
        section(extra=bytes(MAX_BYTES)),
        box(b"ftyp", b"iso6") + box(b"moov", b"\0\0\0\1mvex" + (2**63).to_bytes(8)),
    ],
)
def test_other_objects_have_no_section(content: bytes) -> None:
    with pytest.raises(NotFragmentedError):
        find_init_section(content, len(content))


@given(st.integers(0, len(section())), st.binary(min_size=1, max_size=4))
def test_damage_makes_a_section_or_none(place: int, bytes_: bytes) -> None:
    whole = section()
    damaged = (whole[:place] + bytes_ + whole[place + len(bytes_) :])[: len(whole)]
    try:
        result = find_init_section(damaged, len(damaged))
    except NotFragmentedError:
        return
    assert not isinstance(result, int) or result <= len(damaged)
