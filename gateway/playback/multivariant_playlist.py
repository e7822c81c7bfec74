"""Writes multivariant playlists (RFC 8216, 4.3.4): the flows that a player chooses from."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from gateway.playback.codec_names import codec_name
from gateway.playback.flows import AUDIO, PlayableFlow

# Bits per second of flows that do not say theirs. A playlist must have a number.
_UNKNOWN_VIDEO: Final = 8_000_000
_UNKNOWN_AUDIO: Final = 192_000


class Programme(NamedTuple):
    """Flows that are played together: one of the pictures, and one of the sounds if there are pictures."""

    pictures: Sequence[PlayableFlow]
    sounds: Sequence[PlayableFlow] = ()

    @classmethod
    def of(cls, flows: Sequence[PlayableFlow]) -> "Programme":
        """The programme of some flows; sounds alone are played one by one."""
        sounds = [flow for flow in flows if flow.format == AUDIO]
        pictures = [flow for flow in flows if flow.format != AUDIO]
        return cls(pictures, sounds) if pictures else cls(sounds)


def multivariant_playlist(programmes: Sequence[Programme], address: Callable[[PlayableFlow], str]) -> bytes:
    """The text of the playlist; `address` gives the URL of the media playlist of a flow."""
    lines = ["#EXTM3U", "#EXT-X-VERSION:4"]
    for number, programme in enumerate(programmes, start=1):
        group = f"audio-{number}" if programme.sounds else ""
        lines += _renditions(programme, group, address)
        for flow in programme.pictures:
            lines += [_variant(flow, programme.sounds, group), address(flow)]
    return "\n".join([*lines, ""]).encode()


def _renditions(programme: Programme, group: str, address: Callable[[PlayableFlow], str]) -> Iterator[str]:
    names: set[str] = set()
    for number, flow in enumerate(programme.sounds, start=1):
        name = flow.label or f"audio {number}"
        name = f"{name} ({number})" if name in names else name
        names.add(name)
        attributes = ["TYPE=AUDIO", f'GROUP-ID="{group}"', f'NAME="{_plain(name)}"']
        if language := flow.tags.get("language"):
            attributes.append(f'LANGUAGE="{_plain(language)}"')
        attributes += [f"DEFAULT={'YES' if number == 1 else 'NO'}", "AUTOSELECT=YES"]
        if flow.essence.channels:
            attributes.append(f'CHANNELS="{flow.essence.channels}"')
        yield f'#EXT-X-MEDIA:{",".join(attributes)},URI="{address(flow)}"'


def _variant(flow: PlayableFlow, sounds: Sequence[PlayableFlow], group: str) -> str:
    essence = flow.essence
    attributes = [
        f"BANDWIDTH={_peak(flow) + max(map(_peak, sounds), default=0)}",
        f"AVERAGE-BANDWIDTH={_average(flow) + max(map(_average, sounds), default=0)}",
    ]
    codecs = [codec_name(each) for each in (flow, *sounds)]
    # A player leaves out a variant that lacks a codec, so either all of them are named or none.
    if None not in codecs:
        attributes.append(f'CODECS="{",".join(dict.fromkeys(filter(None, codecs)))}"')
    if essence.frame_width and essence.frame_height:
        attributes.append(f"RESOLUTION={essence.frame_width}x{essence.frame_height}")
    if essence.frame_rate is not None and (rate := essence.frame_rate.value) is not None:
        attributes.append(f"FRAME-RATE={float(rate):.3f}")
    if group:
        attributes.append(f'AUDIO="{group}"')
    return f"#EXT-X-STREAM-INF:{','.join(attributes)}"


def _peak(flow: PlayableFlow) -> int:
    """The largest bit rate in bits per second; at least the average."""
    return max(_average(flow), (flow.max_bit_rate or 0) * 1000)


def _average(flow: PlayableFlow) -> int:
    unknown = _UNKNOWN_AUDIO if flow.format == AUDIO else _UNKNOWN_VIDEO
    return (flow.avg_bit_rate or flow.max_bit_rate or 0) * 1000 or unknown


def _plain(text: str) -> str:
    """The text without what a quoted string cannot have (RFC 8216, 4.2)."""
    return " ".join(text.replace('"', "'").split())
