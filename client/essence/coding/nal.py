"""NAL units of H.264 (Rec. ITU-T H.264) and H.265 (Rec. ITU-T H.265) in their byte stream form (Annex B).

MPEG-TS needs an access unit delimiter before every picture and repeats the parameter sets. An MP4 or
Matroska file keeps parameter sets once, in the track's description (ISO/IEC 14496-15). Both are framing
of the container, not part of the pictures.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

START: Final = b"\x00\x00\x01"
START4: Final = b"\x00" + START


@dataclass(frozen=True, slots=True)
class Syntax:
    """The NAL unit types of one codec that are framing, and the position of the type in the first byte."""

    shift: int
    mask: int
    delimiter: int
    parameter_sets: frozenset[int]

    def kind(self, unit: bytes) -> int:
        """The type of a unit, from its first byte."""
        return (unit[0] >> self.shift) & self.mask

    def is_parameter_set(self, unit: bytes) -> bool:
        """True if a unit describes the stream instead of carrying pictures."""
        return self.kind(unit) in self.parameter_sets


SYNTAX: Final = {
    "h264": Syntax(shift=0, mask=0x1F, delimiter=9, parameter_sets=frozenset({7, 8})),
    "hevc": Syntax(shift=1, mask=0x3F, delimiter=35, parameter_sets=frozenset({32, 33, 34})),
}


def units(stream: bytes) -> Iterator[bytes]:
    """The NAL units of a byte stream, without start codes and trailing zeros."""
    at = stream.find(START)
    while at >= 0:
        begin = at + len(START)
        at = stream.find(START, begin)
        unit = stream[begin : at if at >= 0 else len(stream)].rstrip(b"\x00")
        if unit:
            yield unit


def parameter_sets(syntax: Syntax, stream: bytes) -> list[bytes]:
    """The parameter sets in a byte stream."""
    return [unit for unit in units(stream) if syntax.is_parameter_set(unit)]


def without_framing(syntax: Syntax, known: frozenset[bytes], picture: bytes) -> bytes:
    """A coded picture without delimiters and without the parameter sets in `known`.

    Other parameter sets stay: they change what follows.
    """
    return byte_stream(
        unit for unit in units(picture) if syntax.kind(unit) != syntax.delimiter and unit not in known
    )


def byte_stream(nal_units: Iterable[bytes]) -> bytes:
    """NAL units as a byte stream."""
    return b"".join(START4 + unit for unit in nal_units)
