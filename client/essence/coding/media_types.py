"""Media types of any codec, for files that are stored as they are."""

import re
from typing import Final

from av.stream import Stream

from client.essence.coding import codecs

_VIDEO: Final = codecs.VIDEO | {
    "av1": "video/AV1",
    "dvvideo": "video/DV",
    "h263": "video/H263",
    "jpeg2000": "video/jpeg2000",
    "mpeg4": "video/MP4V-ES",
    "vp8": "video/VP8",
    "vp9": "video/VP9",
}
_AUDIO: Final = codecs.AUDIO | {
    "flac": "audio/flac",
    "pcm_alaw": "audio/PCMA",
    "pcm_mulaw": "audio/PCMU",
    "vorbis": "audio/vorbis",
}
_PCM: Final = re.compile(r"pcm_([fsu])(\d+)(?:[bl]e)?(_planar)?")


def media_type(stream: Stream) -> str:
    """The media type of a video or audio stream; a codec without one gets the name that FFmpeg has for it."""
    name = codecs.coding(stream)
    if stream.type == "audio" and (pcm := _PCM.fullmatch(name)):
        return "audio/x-raw-float" if pcm[1] == "f" else "audio/x-raw-int"
    known = _VIDEO if stream.type == "video" else _AUDIO
    return known.get(name) or f"{stream.type}/x-{name.replace('_', '-')}"


def raw_audio(stream: Stream) -> dict[str, object]:
    """The essence parameters that uncompressed audio has besides others; empty for other codecs."""
    pcm = _PCM.fullmatch(codecs.coding(stream))
    if pcm is None:
        return {}
    packing = "planar" if pcm[3] else "interleaved"
    return {"bit_depth": int(pcm[2]), "unc_parameters": {"unc_type": packing}}
