"""Essence parameters: what a decoder has to know of each kind of media."""

from typing import Final

from gateway.openapi.parts import Part, enum, fraction, integer, ratio, record, text

_SIZE: Final[Part] = {
    "frame_width": integer("Width in pixels.", exclusiveMinimum=0),
    "frame_height": integer("Height in pixels.", exclusiveMinimum=0),
    "aspect_ratio": ratio("Width to height as displayed."),
}

_UNCOMPRESSED_VIDEO: Final[Part] = record(
    "How uncompressed pictures are packed; needed for video/raw.",
    {
        "unc_type": enum(
            "The packing.",
            *("planar", "YUYV", "UYVY", "AYUV", "v210", "v216", "RGB", "RGBx", "xRGB", "BGRx", "xBGR"),
            *("RGBA", "ARGB", "BGRA", "ABGR", "alpha"),
        )
    },
    required=("unc_type",),
)

_AVC: Final[Part] = record(
    "The three bytes that name an H.264 profile.",
    {
        "profile": integer("Profile byte."),
        "level": integer("Level byte."),
        "flags": integer("Constraint flags byte."),
    },
    required=("profile", "level", "flags"),
)

_UNCOMPRESSED_AUDIO: Final[Part] = record(
    "How uncompressed channels are packed; needed for the raw codecs.",
    {"unc_type": enum("The packing.", "interleaved", "planar", "pairs")},
    required=("unc_type",),
)

_AUDIO_CODEC: Final[Part] = record(
    "Facts of compressed audio.",
    {
        "coded_frame_size": integer("Samples in each coded frame."),
        "mp4_oti": integer("MPEG-4 object type."),
    },
)

SCHEMAS: Final[Part] = {
    "VideoEssence": record(
        "A video picture and its timing.",
        {
            **_SIZE,
            "frame_rate": fraction("Frames a second; absent when unknown or variable."),
            "pixel_aspect_ratio": ratio("Width to height of one pixel."),
            "bit_depth": integer("Bits of a component; needed for video/raw.", exclusiveMinimum=0),
            "interlace_mode": enum(
                "How fields make frames.",
                *("progressive", "interlaced_tff", "interlaced_bff", "interlaced_psf"),
            ),
            "colorspace": enum("Colour space.", "BT601", "BT709", "BT2020", "BT2100"),
            "transfer_characteristic": enum("Transfer curve.", "SDR", "HLG", "PQ"),
            "component_type": enum("Colour components.", "YCbCr", "RGB"),
            "horiz_chroma_subs": integer("Horizontal chroma sub-sampling.", exclusiveMinimum=0),
            "vert_chroma_subs": integer("Vertical chroma sub-sampling.", exclusiveMinimum=0),
            "unc_parameters": _UNCOMPRESSED_VIDEO,
            "avc_parameters": _AVC,
        },
        required=("frame_width", "frame_height"),
        additionalProperties=False,
    ),
    "AudioEssence": record(
        "Audio samples.",
        {
            "sample_rate": integer("Samples a second.", exclusiveMinimum=0),
            "channels": integer("Number of channels.", exclusiveMinimum=0),
            "bit_depth": integer("Bits of a sample; needed for the raw codecs.", exclusiveMinimum=0),
            "codec_parameters": _AUDIO_CODEC,
            "unc_parameters": _UNCOMPRESSED_AUDIO,
        },
        required=("sample_rate", "channels"),
        additionalProperties=False,
    ),
    "ImageEssence": record(
        "A still picture.", _SIZE, required=("frame_width", "frame_height"), additionalProperties=False
    ),
    "DataEssence": record(
        "Timed data.", {"data_type": text("What the data is, a URN.")}, additionalProperties=False
    ),
}
