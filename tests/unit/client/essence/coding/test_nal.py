from hypothesis import given
from hypothesis import strategies as st

from client.essence.coding import nal

H264, HEVC = nal.SYNTAX["h264"], nal.SYNTAX["hevc"]
SPS, PPS, OTHER_PPS, DELIMITER, SLICE = b"\x67sps", b"\x68pps", b"\x68new", b"\x09\xf0", b"\x65slice"

# Emulation prevention keeps start codes and trailing zeros out of units.
UNITS = st.binary(min_size=1, max_size=20).filter(lambda unit: b"\0\0" not in unit and unit[-1:] != b"\0")


@given(st.lists(UNITS, max_size=8))
def test_units_are_read_from_a_byte_stream(units: list[bytes]) -> None:
    assert list(nal.units(nal.byte_stream(units))) == units


def test_short_start_codes_and_trailing_zeros_are_not_part_of_units() -> None:
    assert list(nal.units(b"\0\0\1" + SPS + b"\0\0\0\0\1" + PPS + b"\0\0\0")) == [SPS, PPS]


def test_bytes_without_a_start_code_have_no_units() -> None:
    assert list(nal.units(b"\x65slice")) == []


def test_framing_is_removed_without_changed_parameter_sets() -> None:
    picture = nal.byte_stream([DELIMITER, SPS, OTHER_PPS, SLICE])
    kept = nal.without_framing(H264, frozenset({SPS, PPS}), picture)
    assert kept == nal.byte_stream([OTHER_PPS, SLICE])


def test_hevc_has_types_in_other_bits_of_the_first_byte() -> None:
    sets = [bytes([kind << 1, 1]) for kind in (32, 33, 34)]
    stream = nal.byte_stream([*sets, bytes([19 << 1, 1])])
    assert nal.parameter_sets(HEVC, stream) == sets
