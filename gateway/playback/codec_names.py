"""Names of codecs in playlists (RFC 6381), from the essence parameters of flows."""

from typing import Final

from gateway.playback.flows import PlayableFlow

_FIXED: Final = {"audio/ac3": "ac-3", "audio/eac3": "ec-3"}
# AAC-LC, the object type of nearly all AAC.
_AAC_LC: Final = 2


def codec_name(flow: PlayableFlow) -> str | None:
    """The name of a flow's codec; None if the flow does not say enough for one."""
    codec, essence = flow.codec.lower(), flow.essence
    if codec == "video/h264" and (avc := essence.avc_parameters) is not None:
        return f"avc1.{avc.profile:02x}{avc.flags:02x}{avc.level:02x}"
    if codec == "audio/aac":
        parameters = essence.codec_parameters
        return f"mp4a.40.{(parameters and parameters.mp4_oti) or _AAC_LC}"
    return _FIXED.get(codec)
