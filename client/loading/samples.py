"""Generates sources, flows and segments that look like real ones; the same seed gives the same rows.

Sources come in groups of three: a picture, its sound, and a programme of both. Flows are renditions of the
sources in turn; every third is a multi flow that collects the picture and the sound before it. Segments
follow each other on the timelines of pictures and sounds, with a gap now and then.
"""

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

import msgspec

from client.api.models import Document

_NS: Final = 1_000_000_000
_SPACE: Final = uuid.UUID("c0b0a6f2-5d8e-5a31-9a44-6f1d2e7b8c90")
_FORMATS: Final = tuple(f"urn:x-nmos:format:{name}" for name in ("video", "audio", "multi"))
_GROUP: Final = len(_FORMATS)
_MULTI: Final = _GROUP - 1
_PLACES: Final = ("Studio 1", "Studio 2", "Gallery", "Stadium", "Newsroom", "Roof", "Harbour")
_SHOWS: Final = ("News at ten", "Regatta", "Late talk", "Derby", "Weather", "Choir", "Parliament")
# One of this many segments is missing.
_GAP_IN: Final = 50

_encode: Final = msgspec.json.Encoder().encode


class _Picture(NamedTuple):
    width: int
    height: int
    rate: Fraction
    codec: str
    depth: int
    colour: str
    bit_rate: int


class _Sound(NamedTuple):
    channels: int
    bit_rate: int


_PICTURES: Final = (
    _Picture(1920, 1080, Fraction(25), "video/h264", 8, "BT709", 12_000),
    _Picture(1280, 720, Fraction(50), "video/h264", 8, "BT709", 6_000),
    _Picture(3840, 2160, Fraction(50), "video/h265", 10, "BT2020", 40_000),
    _Picture(1920, 1080, Fraction(30000, 1001), "video/h264", 8, "BT709", 12_000),
)
_SOUNDS: Final = (_Sound(2, 192), _Sound(6, 448), _Sound(1, 96))
_SAMPLE_RATE: Final = 48_000
_AAC_FRAME: Final = 1024
_AAC_FRAMES: Final = 94  # about two seconds


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The numbers of sources, flows and segments to generate."""

    sources: int
    flows: int
    segments: int
    seed: int
    start_ns: int = 0

    def load_id(self, kind: str) -> str:
        """The id of the load of this kind; loading the same samples again continues the same load."""
        return self._id(f"load/{kind}/{self.sources}/{self.flows}/{self.segments}/{self.start_ns}")

    def source_rows(self) -> Iterator[bytes]:
        """The sources."""
        for number in range(self.sources):
            show = self._pick(_SHOWS, f"show/{number // _GROUP}")
            yield _encode(
                {
                    "id": self._source(number),
                    "format": _FORMATS[number % _GROUP],
                    "label": f"{show}, {('picture', 'sound', 'programme')[number % _GROUP]}",
                    "description": f"Sample {number // _GROUP} of seed {self.seed}",
                    "tags": {
                        "sample": str(self.seed),
                        "location": self._pick(_PLACES, f"place/{number // _GROUP}"),
                    },
                }
            )

    def flow_rows(self) -> Iterator[bytes]:
        """The flows; members of a collection come before the flow that collects them."""
        for number in range(self.flows):
            yield _encode(self._document(number))

    def segment_rows(self) -> Iterator[bytes]:
        """The segments, flow by flow."""
        owners = [number for number in range(self.flows) if self._format(number) != _MULTI]
        for index, number in enumerate(owners):
            share, remainder = divmod(self.segments, len(owners))
            yield from self._timeline(number, share + (index < remainder))

    def _document(self, number: int) -> Document:
        kind = self._format(number)
        common = {
            "id": self._flow(number),
            "source_id": self._source(number % self.sources),
            "format": _FORMATS[kind],
            "tags": {"sample": str(self.seed), "rendition": str(number // self.sources)},
        }
        if kind == _MULTI:
            return common | self._collection(number)
        return common | (_video(self._picture(number)) if kind == 0 else _audio(self._sound(number)))

    def _collection(self, number: int) -> Document:
        members = zip((number - 2, number - 1), ("video", "audio"), strict=True)
        return {
            "label": "Programme",
            "flow_collection": [{"id": self._flow(member), "role": role} for member, role in members],
        }

    def _timeline(self, number: int, count: int) -> Iterator[bytes]:
        flow_id = self._flow(number)
        if self._format(number) == 0:
            rate = self._picture(number).rate
            step = Fraction(round(2 * rate)) / rate
            extra = {"sample_count": round(2 * rate), "key_frame_count": 1}
        else:
            step = Fraction(_AAC_FRAMES * _AAC_FRAME, _SAMPLE_RATE)
            extra = {"sample_count": _AAC_FRAMES * _AAC_FRAME}
        chance = random.Random(f"{self.seed}/gaps/{number}")
        length, unit = step.numerator * _NS, step.denominator
        place = 0
        for written in range(count):
            if chance.randrange(_GAP_IN) == 0:
                place += 1
            first = self.start_ns + place * length // unit
            place += 1
            object_id = f"sample/{flow_id}/{written:08}"
            yield _encode(
                {
                    "flow_id": flow_id,
                    "object_id": object_id,
                    "timerange": f"[{_stamp(first)}_{_stamp(self.start_ns + place * length // unit)})",
                    "get_urls": [{"url": f"https://media.example/{object_id}.ts"}],
                    **extra,
                }
            )

    def _format(self, number: int) -> int:
        return number % self.sources % _GROUP

    def _picture(self, number: int) -> _Picture:
        return _PICTURES[number // self.sources % len(_PICTURES)]

    def _sound(self, number: int) -> _Sound:
        return _SOUNDS[number // self.sources % len(_SOUNDS)]

    def _source(self, number: int) -> str:
        return self._id(f"source/{number}")

    def _flow(self, number: int) -> str:
        return self._id(f"flow/{number}")

    def _pick(self, choices: Sequence[str], key: str) -> str:
        return random.Random(f"{self.seed}/{key}").choice(choices)

    def _id(self, key: str) -> str:
        return str(uuid.uuid5(_SPACE, f"{self.seed}/{key}"))


def _video(picture: _Picture) -> Document:
    return {
        "label": f"{picture.height}p {picture.codec.removeprefix('video/')}",
        "codec": picture.codec,
        "container": "video/mp2t",
        "avg_bit_rate": picture.bit_rate * 9 // 10,
        "max_bit_rate": picture.bit_rate,
        "essence_parameters": {
            "frame_width": picture.width,
            "frame_height": picture.height,
            "frame_rate": {
                "numerator": picture.rate.numerator,
                "denominator": picture.rate.denominator,
            },
            "bit_depth": picture.depth,
            "interlace_mode": "progressive",
            "colorspace": picture.colour,
            "transfer_characteristic": "SDR",
            "aspect_ratio": {"numerator": 16, "denominator": 9},
            "component_type": "YCbCr",
            "horiz_chroma_subs": 2,
            "vert_chroma_subs": 2,
        },
    }


def _audio(sound: _Sound) -> Document:
    return {
        "label": f"{sound.channels} channels AAC",
        "codec": "audio/aac",
        "container": "video/mp2t",
        "avg_bit_rate": sound.bit_rate,
        "max_bit_rate": sound.bit_rate,
        "essence_parameters": {
            "sample_rate": _SAMPLE_RATE,
            "channels": sound.channels,
            "codec_parameters": {"coded_frame_size": _AAC_FRAME, "mp4_oti": 2},
        },
    }


def _stamp(nanoseconds: int) -> str:
    sign, value = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    return f"{sign}{value // _NS}:{value % _NS}"
