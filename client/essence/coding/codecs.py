"""The codecs that can be stored, and their media types.

Objects are MPEG-TS, so MPEG-TS must define a mapping of the codec: ISO/IEC 13818-1 table 2-34, and the
registrations of ETSI EN 300 468 (AC-3, E-AC-3) and of Opus. Media types are those of RFC 6184 (H.264),
RFC 7798 (H.265), RFC 3551 (MPEG video and audio), RFC 4184 and RFC 4598 (AC-3).
"""

from typing import Final

from av.stream import Stream

from client.essence.errors import EssenceError

CONTAINER: Final = "video/mp2t"

VIDEO: Final = {
    "h264": "video/h264",
    "hevc": "video/h265",
    "mpeg1video": "video/mpeg",
    "mpeg2video": "video/mpeg",
}

AUDIO: Final = {
    "aac": "audio/aac",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "ac3": "audio/ac3",
    "eac3": "audio/eac3",
    "opus": "audio/opus",
}

_BY_KIND: Final = {"video": VIDEO, "audio": AUDIO}


def coding(stream: Stream) -> str:
    """The name of a stream's codec, independent of the installed decoder."""
    return stream.codec_context.codec.canonical_name


def media_type(stream: Stream) -> str:
    """The media type of a video or audio stream; EssenceError if transport streams cannot carry it."""
    media_types, name = _BY_KIND[stream.type], coding(stream)
    if name not in media_types:
        raise EssenceError(
            f"stream {stream.index} is {stream.type} in {name}, which MPEG transport streams cannot carry; "
            f"they carry {', '.join(media_types)}"
        )
    return media_types[name]
