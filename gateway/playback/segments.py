"""The segments of a flow as players need them, from their TAMS documents."""

from typing import Final, NamedTuple

import msgspec

from services.shared.timerange import TimeRange, bounds_of, parse_timestamp

_SCHEMES: Final = ("https://", "http://")


class InitSection(NamedTuple):
    """The initialization section of an object in fragmented MP4: its first `length` bytes of `object_size`.

    `digest` is that of its bytes, `parameters` that of what a decoder must know of its tracks.
    """

    length: int
    object_size: int
    digest: bytes
    parameters: bytes


class PlayableSegment(NamedTuple):
    """A segment with the URL of its object, empty without one. Times are nanoseconds, `end` is exclusive.

    A time in the object plus `ts_offset` is the time on the flow. `init` is None if players need no
    initialization section, as in MPEG-TS.
    """

    start: int
    end: int
    ts_offset: int
    url: str
    init: InitSection | None = None


class _Url(msgspec.Struct):
    url: str
    presigned: bool = False


class _Document(msgspec.Struct):
    timerange: str
    ts_offset: str = "0:0"
    get_urls: list[_Url] = []


_documents: Final = msgspec.json.Decoder(list[_Document])


def playable_segments(documents: bytes) -> list[PlayableSegment]:
    """The segments of a JSON list. One that has no http or https URL has an empty one.

    A signed URL is taken before others, else the first.
    """
    decoded = _documents.decode(documents)
    starts, ends = bounds_of([TimeRange.parse(document.timerange) for document in decoded])
    return [
        PlayableSegment(start, end, parse_timestamp(document.ts_offset), _url(document.get_urls))
        for document, start, end in zip(decoded, starts, ends, strict=True)
    ]


def _url(urls: list[_Url]) -> str:
    usable = [item for item in urls if item.url.startswith(_SCHEMES)]
    signed = [item.url for item in usable if item.presigned]
    return signed[0] if signed else usable[0].url if usable else ""
