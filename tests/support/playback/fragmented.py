"""Objects in fragmented MP4, as recorders of CMAF write them, each with its own initialization section."""

import io
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

Media = VideoStream | AudioStream
Packet: TypeAlias = "av.Packet[Any]"

NS = 10**9
# Fragments keep the times of the file, so that the clock continues from object to object, and pictures keep
# theirs beside the sound.
_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof+frag_discont+negative_cts_offsets",
    "avoid_negative_ts": "disabled",
}


class FragmentedObject(NamedTuple):
    """The bytes of an object, and its time in the file in nanoseconds, `end` exclusive."""

    content: bytes
    start: int
    end: int


def fragmented_objects(
    path: Path, kind: Literal["video", "audio"], seconds: int = 1
) -> list[FragmentedObject]:
    """The first stream of a kind, cut into objects of about `seconds`, with the times of the file.

    Video is cut at pictures that need no others. Sound from before the time 0 is left out.
    """
    with av.open(str(path)) as source:
        stream: Media = source.streams.video[0] if kind == "video" else source.streams.audio[0]
        packets = [packet for packet in source.demux(stream) if packet.pts is not None and packet.pts >= 0]
        groups: list[list[Packet]] = []
        for packet in packets:
            full = bool(groups) and _time(packet) - _time(groups[-1][0]) >= seconds * NS
            if not groups or (full and packet.is_keyframe):
                groups.append([])
            groups[-1].append(packet)
        return [
            FragmentedObject(
                _muxed(stream, group), min(map(_time, group)), max(_time(each, end=True) for each in group)
            )
            for group in groups
        ]


def _muxed(stream: Media, packets: list[Packet]) -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="mp4", options=_OPTIONS) as target:
        copy = target.add_stream_from_template(stream)
        for packet in packets:
            packet.stream = copy
            target.mux(packet)
    return written.getvalue()


def _time(packet: Packet, *, end: bool = False) -> int:
    assert packet.pts is not None
    assert packet.time_base is not None
    return int((packet.pts + (packet.duration or 0) * end) * packet.time_base * NS)
