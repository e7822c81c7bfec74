"""Flows: what all have, then each of the five formats."""

from typing import Final

from gateway.openapi.parts import Part, array, boolean, described, fraction, integer, record, ref, text

_INDEX: Final[Part] = {"minimum": 0}

_MAPPING: Final[Part] = record(
    "Where this flow is in its container, as far as that is not plain.",
    {
        "track_index": integer("Position among all tracks, from 0.", **_INDEX),
        "format_track_index": integer("Position among tracks of the same format, from 0.", **_INDEX),
        "audio_track": record(
            "Channels of an audio track.",
            {
                "channel_numbers": array(
                    integer("A channel, from 0.", **_INDEX), "Channels in the flow's order.", minItems=1
                ),
                "channel_range": text("First and last channel.", pattern="^[0-9]+_[0-9]+$"),
            },
        ),
        "mp2ts_container": record("MPEG transport stream.", {"pid": integer("Packet identifier.")}),
        "mxf_container": record(
            "MXF.", {"package_uid": text("UMID or UUID URN."), "track_id": integer("Track.")}
        ),
        "isobmff_container": record("ISO base media file.", {"track_id": integer("Track.")}),
    },
)

_MEMBER: Final[Part] = record(
    "A collected flow, which must exist.",
    {
        "id": ref("Id"),
        "role": text("What it is in this collection."),
        "container_mapping": ref("ContainerMapping"),
    },
    required=("id", "role"),
)

_CORE: Final[Part] = record(
    "What every flow has. Other members are kept as they are.",
    {
        "id": ref("Id"),
        "source_id": described(ref("Id"), "The source this flow is a rendition of; created when it is new."),
        "format": ref("Format"),
        "label": text("Name for people."),
        "description": text("Text for people."),
        "created_by": text("Who created it."),
        "updated_by": text("Who changed its metadata last."),
        "tags": ref("Tags"),
        "metadata_version": text("Changes whenever the metadata does."),
        "generation": integer("Lossy encodings the content has been through.", minimum=0),
        "created": text("When it was created; set by the store.", format="date-time"),
        "metadata_updated": text("When its metadata last changed; set by the store.", format="date-time"),
        "segments_updated": text("When its segments last changed; set by the store.", format="date-time"),
        "read_only": boolean("Whether the flow refuses changes."),
        "codec": described(ref("MimeType"), "How the content is coded."),
        "container": described(ref("MimeType"), "Wrapping of its segments; absent when it owns none."),
        "avg_bit_rate": integer("Average rate of its segments in 1000 bit/s.", minimum=0),
        "max_bit_rate": integer("Highest rate of its segments in 1000 bit/s.", minimum=0),
        "segment_duration": fraction("Length in seconds that its segments aim for."),
        "timerange": described(ref("TimeRange"), "Extent of its segments; set by the store on request."),
        "flow_collection": ref("FlowCollection"),
        "collected_by": array(ref("Id"), "Flows that collect this one; set by the store."),
        "container_mapping": ref("ContainerMapping"),
    },
    required=("id", "source_id", "format"),
)


def _kind(description: str, urn: str, essence: str) -> Part:
    own = record(
        description,
        {"format": {"const": urn}, "essence_parameters": ref(essence)},
        required=("format", "codec", "essence_parameters"),
    )
    return {"allOf": [ref("FlowCore"), own]}


SCHEMAS: Final[Part] = {
    "ContainerMapping": _MAPPING,
    "FlowCollection": array(_MEMBER, "Flows collected by one, which may not be among them."),
    "FlowCore": _CORE,
    "VideoFlow": _kind("Moving pictures.", "urn:x-nmos:format:video", "VideoEssence"),
    "AudioFlow": _kind("Sound.", "urn:x-nmos:format:audio", "AudioEssence"),
    "ImageFlow": _kind("Still pictures.", "urn:x-tam:format:image", "ImageEssence"),
    "DataFlow": _kind("Timed data.", "urn:x-nmos:format:data", "DataEssence"),
    "MultiFlow": {
        "allOf": [
            ref("FlowCore"),
            record("Several flows in one.", {"format": {"const": "urn:x-nmos:format:multi"}}),
        ]
    },
    "Flow": {
        "description": "A rendition of a source: one encoding of it.",
        "oneOf": [ref(name) for name in ("VideoFlow", "AudioFlow", "ImageFlow", "DataFlow", "MultiFlow")],
    },
    "Flows": array(ref("Flow"), "One page of flows, ascending by id."),
}
