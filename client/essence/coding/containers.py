"""The containers that are recognised by their content, and their media types (IANA, where registered).

Others are not opened: some, such as playlists, would have FFmpeg read further files or URLs.
"""

from typing import Final

from av.container import InputContainer

_MOVIE: Final = "mov"
_MATROSKA: Final = "matroska"
_OGG: Final = "ogg"

# Media types by the name of FFmpeg's demuxer.
_TYPES: Final = {
    "aac": "audio/aac",
    "ac3": "audio/ac3",
    "aiff": "audio/aiff",
    "asf": "video/x-ms-asf",
    "avi": "video/x-msvideo",
    "eac3": "audio/eac3",
    "flac": "audio/flac",
    "flv": "video/x-flv",
    "mp3": "audio/mpeg",
    "mpeg": "video/mp2p",
    "mpegts": "video/mp2t",
    "mxf": "application/mxf",
    "wav": "audio/vnd.wave",
}
IMAGES: Final = {
    "bmp_pipe": "image/bmp",
    "exr_pipe": "image/x-exr",
    "gif": "image/gif",
    "jpeg_pipe": "image/jpeg",
    "png_pipe": "image/png",
    "tiff_pipe": "image/tiff",
    "webp_pipe": "image/webp",
}
TEXTS: Final = {"srt": "application/x-subrip", "webvtt": "text/vtt"}

# The names as FFmpeg's option `format_whitelist` takes them.
RECOGNISED: Final = ",".join((_MOVIE, _MATROSKA, _OGG, *_TYPES, *IMAGES, *TEXTS))


def name(container: InputContainer) -> str:
    """The first name of the demuxer that reads an opened file."""
    return container.format.name.partition(",")[0]


def media_type(container: InputContainer, head: bytes, *, has_video: bool) -> str:
    """The media type of an opened file; `head` has its first bytes."""
    found = name(container)
    kind = "video" if has_video else "audio"
    if found == _MOVIE:
        is_quicktime = container.metadata.get("major_brand", "").strip() == "qt"
        return "video/quicktime" if is_quicktime else f"{kind}/mp4"
    if found == _MATROSKA:
        # The document type, in the header of the file (RFC 8794, 11.2.4).
        return f"{kind}/webm" if b"\x42\x82\x84webm" in head else f"{kind}/matroska"
    if found == _OGG:
        return f"{kind}/ogg"
    return {**_TYPES, **IMAGES, **TEXTS}[found]
