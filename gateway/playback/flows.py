"""The members of flows that playlists need, and whether a flow can be played."""

from fractions import Fraction
from math import ceil
from typing import Final

import msgspec

from services.shared.errors import FailedPrecondition

VIDEO: Final = "urn:x-nmos:format:video"
AUDIO: Final = "urn:x-nmos:format:audio"
MULTI: Final = "urn:x-nmos:format:multi"
# The containers of objects that a playlist can list; the objects of the second are fragmented.
FRAGMENTED: Final = ("video/mp4", "audio/mp4")
CONTAINERS: Final = ("video/mp2t", *FRAGMENTED)
# Tags that recorders and other programs for TAMS set.
_STATUS: Final = "flow_status"
_CLOSED: Final = "closed_complete"
_EXCLUDED: Final = "hls_exclude"


class Ratio(msgspec.Struct):
    """A ratio, such as that of frames and seconds."""

    numerator: int
    denominator: int = 1

    @property
    def value(self) -> Fraction | None:
        """The number; None for a ratio that is not above zero."""
        return (
            Fraction(self.numerator, self.denominator) if min(self.numerator, self.denominator) > 0 else None
        )


class AvcParameters(msgspec.Struct):
    """Three bytes of the sequence parameter set of H.264."""

    profile: int
    level: int
    flags: int


class AudioParameters(msgspec.Struct):
    """Parameters of an audio codec."""

    mp4_oti: int | None = None


class Essence(msgspec.Struct):
    """Essence parameters of video and audio."""

    frame_width: int | None = None
    frame_height: int | None = None
    frame_rate: Ratio | None = None
    avc_parameters: AvcParameters | None = None
    channels: int | None = None
    codec_parameters: AudioParameters | None = None


class Member(msgspec.Struct):
    """An item of flow_collection."""

    id: str
    role: str = ""


class PlayableFlow(msgspec.Struct):
    """A flow. Bit rates are in 1000 bit/s."""

    id: str
    format: str
    codec: str = ""
    container: str = ""
    label: str = ""
    tags: dict[str, str] = {}
    read_only: bool = False
    avg_bit_rate: int | None = None
    max_bit_rate: int | None = None
    segment_duration: Ratio | None = None
    raw_essence: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="essence_parameters")
    flow_collection: list[Member] = []

    @property
    def essence(self) -> Essence:
        """The essence parameters; empty if they are of another form, as those of a multi flow may be."""
        try:
            return _essence.decode(self.raw_essence)
        except msgspec.MsgspecError:
            return Essence()

    @property
    def usual_duration(self) -> int:
        """The usual duration of a segment in seconds, rounded up; 0 if the flow does not say it."""
        ratio = self.segment_duration.value if self.segment_duration else None
        return ceil(ratio) if ratio else 0

    @property
    def closed(self) -> bool:
        """True if the flow gets no further segments."""
        return self.read_only or self.tags.get(_STATUS) == _CLOSED

    @property
    def is_fragmented(self) -> bool:
        """True if the objects are fragmented MP4, so that players need their initialization sections."""
        return self.container.lower() in FRAGMENTED

    @property
    def excluded(self) -> bool:
        """True if a tag keeps the flow out of multivariant playlists."""
        return self.tags.get(_EXCLUDED, "").lower() == "true"

    @property
    def obstacle(self) -> str:
        """The reason why a playlist cannot list the segments of the flow; empty if it can."""
        if self.format not in (VIDEO, AUDIO, MULTI):
            return f"a player plays video and audio, this flow is of format {self.format}"
        if not self.container:
            return "the flow has no segments of its own; a multivariant playlist has those that it collects"
        if self.container.lower() not in CONTAINERS:
            return (
                f"playlists list objects in {', '.join(CONTAINERS)}, those of this flow are {self.container}"
            )
        return ""


_flow: Final = msgspec.json.Decoder(PlayableFlow)
_essence: Final = msgspec.json.Decoder(Essence)


def playable_flow(document: bytes) -> PlayableFlow:
    """The flow of a TAMS document."""
    return _flow.decode(document)


def require_playable(flow: PlayableFlow) -> None:
    """FailedPrecondition NOT_PLAYABLE if a playlist cannot list the segments of the flow."""
    if flow.obstacle:
        raise FailedPrecondition(flow.obstacle, reason="NOT_PLAYABLE")
