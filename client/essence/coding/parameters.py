"""Essence parameters of TAMS flows, read from a stream (TAMS 7.0 flow-video.json, flow-audio.json).

Parameters that the stream does not give are left out.
"""

from fractions import Fraction
from typing import Any, Final

from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from client.essence.coding import codecs, nal

Parameters = dict[str, Any]

# Code points of Rec. ITU-T H.273.
_MATRICES: Final = {1: "BT709", 5: "BT601", 6: "BT601", 9: "BT2020", 10: "BT2020"}
_TRANSFERS: Final = {1: "SDR", 6: "SDR", 14: "SDR", 15: "SDR", 16: "PQ", 18: "HLG"}
# libavcodec's AVFieldOrder; the interlaced ones are named by the field that is shown first.
_FIELD_ORDERS: Final = {
    1: "progressive",
    2: "interlaced_tff",
    3: "interlaced_bff",
    4: "interlaced_bff",
    5: "interlaced_tff",
}


def video(stream: VideoStream) -> Parameters:
    """The essence parameters of a video stream."""
    context = stream.codec_context
    parameters: Parameters = {
        "frame_rate": _ratio(frame_rate(stream)),
        "frame_width": context.width,
        "frame_height": context.height,
        "interlace_mode": _FIELD_ORDERS.get(context.field_order),
        **_colour(context),
        **_shape(context),
        **_samples(context),
        "avc_parameters": _avc(context) if codecs.coding(stream) == "h264" else None,
    }
    return {name: value for name, value in parameters.items() if value is not None}


def audio(stream: AudioStream) -> Parameters:
    """The essence parameters of an audio stream."""
    context = stream.codec_context
    codec = {"coded_frame_size": context.frame_size or None, "mp4_oti": _audio_object_type(stream)}
    present = {name: value for name, value in codec.items() if value}
    parameters: Parameters = {"sample_rate": context.sample_rate, "channels": context.channels}
    return parameters | ({"codec_parameters": present} if present else {})


def frame_rate(stream: VideoStream) -> Fraction | None:
    """The stream's fixed frame rate; None if it varies or is unknown.

    The average is compared with the lowest rate whose grid has all frames; that rate may count fields.
    """
    average, grid = stream.average_rate, stream.base_rate
    if not average or not grid:
        return None
    return average if grid in {average, 2 * average} else None


def _ratio(value: Fraction | None) -> dict[str, int] | None:
    if not value:
        return None
    return {"numerator": value.numerator, "denominator": value.denominator}


def _colour(context: VideoCodecContext) -> Parameters:
    transfer = _TRANSFERS.get(context.color_trc)
    space = _MATRICES.get(context.colorspace)
    if space == "BT2020" and transfer in {"PQ", "HLG"}:
        space = "BT2100"
    return {"colorspace": space, "transfer_characteristic": transfer}


def _shape(context: VideoCodecContext) -> Parameters:
    pixel = context.sample_aspect_ratio
    if not pixel:
        return {}
    return {
        "aspect_ratio": _ratio(pixel * context.width / context.height),
        "pixel_aspect_ratio": _ratio(pixel),
    }


def _samples(context: VideoCodecContext) -> Parameters:
    pixels = context.format
    if pixels is None:
        return {}
    parameters: Parameters = {"bit_depth": pixels.components[0].bits}
    if pixels.is_rgb:
        return parameters | {"component_type": "RGB"}
    parameters["component_type"] = "YCbCr"
    if len(pixels.components) > 1:
        # Wide enough for any subsampling to divide it.
        parameters["horiz_chroma_subs"] = 64 // pixels.chroma_width(64)
        parameters["vert_chroma_subs"] = 64 // pixels.chroma_height(64)
    return parameters


def _avc(context: VideoCodecContext) -> Parameters | None:
    """Profile, constraint flags and level of the sequence parameter set (H.264, 7.3.2.1.1)."""
    description = context.extradata or b""
    if description[:1] == b"\x01":
        # AVCDecoderConfigurationRecord, ISO/IEC 14496-15, 5.3.3.1.2.
        heads = [description[1:4]]
    else:
        sets = nal.parameter_sets(nal.SYNTAX["h264"], description)
        heads = [unit[1:4] for unit in sets if nal.SYNTAX["h264"].kind(unit) == 7]  # noqa: PLR2004  a sequence parameter set
    for head in heads:
        if len(head) == len(b"PFL"):
            return {"profile": head[0], "flags": head[1], "level": head[2]}
    return None


def _audio_object_type(stream: AudioStream) -> int | None:
    """The MPEG-4 audio object type of AAC (ISO/IEC 14496-3, 1.6.2.1); None for other codecs."""
    context = stream.codec_context
    if codecs.coding(stream) != "aac":
        return None
    if context.extradata:
        return context.extradata[0] >> 3
    return {"Main": 1, "LC": 2, "SSR": 3, "LTP": 4, "HE-AAC": 5, "HE-AACv2": 29}.get(stream.profile or "")
