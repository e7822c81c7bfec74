"""Adds to segments the initialization sections of their objects; media reads those that are not known."""

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tams.media.v1 import init_section_service_pb2 as pb
from tams.media.v1 import storage_service_pb2
from tams.metadata.v1 import segment_pb2

from gateway.clients.segments import BULK_SECONDS
from gateway.clients.services import Services
from gateway.playback.segments import InitSection, PlayableSegment
from services.shared.errors import FailedPrecondition, TamsError, Unavailable
from services.shared.rpc.client import call
from services.shared.rpc.later_values import later_value
from services.shared.timerange import format_timestamp

# An entry takes about 400 bytes.
_KEPT: Final = 20_000
# An object of the same place can be another one after it was reclaimed, which takes an hour by default.
_KEPT_SECONDS: Final = 3600.0

# The backend of an object and its key, percent-encoded.
_Place = tuple[str, bytes]


class InitSections:
    """The initialization sections of stored objects, with a memory of the last ones."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: OrderedDict[_Place, tuple[float, InitSection]] = OrderedDict()

    async def add(
        self, segments: Sequence[PlayableSegment], lines: segment_pb2.SegmentLines
    ) -> list[PlayableSegment]:
        """The segments with their sections. `lines` are those that the segments are from.

        Segments without a URL, and those whose object is not in storage yet, are left out.
        FailedPrecondition NOT_PLAYABLE for an object that is not fragmented MP4, or is outside this store.
        Unavailable STORAGE_UNAVAILABLE if storage does not answer.
        """
        pairs = [pair for pair in zip(segments, _places(lines), strict=True) if pair[0].url]
        for segment, (storage_id, _) in pairs:
            if not storage_id:
                raise _not_playable(segment, "is outside this store, which cannot read its beginning")
        found = await self._sections(pairs)
        return [segment._replace(init=found[place]) for segment, place in pairs if found[place] is not None]

    async def _sections(
        self, pairs: Sequence[tuple[PlayableSegment, _Place]]
    ) -> dict[_Place, InitSection | None]:
        now = time.monotonic()
        found: dict[_Place, InitSection | None] = {}
        unknown: dict[_Place, PlayableSegment] = {}
        for segment, place in pairs:
            kept = self._known.get(place)
            if kept is not None and kept[0] > now:
                found[place] = kept[1]
            else:
                unknown[place] = segment
        if unknown:
            found |= await self._read(unknown, now + _KEPT_SECONDS)
        return found

    async def _read(
        self, unknown: Mapping[_Place, PlayableSegment], until: float
    ) -> dict[_Place, InitSection | None]:
        objects = [
            storage_service_pb2.StoredObjects(storage_id=storage_id, url_paths=path + b"\n")
            for storage_id, path in unknown
        ]
        request = pb.ReadInitSectionsRequest(objects=objects)
        reply = await call(self._services.init_sections.ReadInitSections, request, timeout=BULK_SECONDS)
        # All that were read are remembered, so that a request that failed for others gets further again.
        for place, section in zip(unknown, reply.sections, strict=True):
            if section.state == pb.INIT_SECTION_STATE_READ:
                self._remember(place, until, _init_section(section))
        return {
            place: _section_or_none(segment, section)
            for (place, segment), section in zip(unknown.items(), reply.sections, strict=True)
        }

    def _remember(self, place: _Place, until: float, section: InitSection) -> None:
        self._known.pop(place, None)
        self._known[place] = (until, section)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)


def _places(lines: segment_pb2.SegmentLines) -> Iterator[_Place]:
    paths = lines.url_paths.split(b"\n")[:-1]
    storage_ids = lines.storage_ids
    every = list(storage_ids) * len(paths) if len(storage_ids) == 1 else storage_ids
    return zip(every, paths, strict=True)


def _init_section(section: pb.InitSection) -> InitSection:
    return InitSection(section.length, section.object_size, section.digest, section.parameters)


def _section_or_none(segment: PlayableSegment, section: pb.InitSection) -> InitSection | None:
    """The section, None if the object is not in storage yet; raises what stops the playlist."""
    match section.state:
        case pb.INIT_SECTION_STATE_READ:
            return _init_section(section)
        case pb.INIT_SECTION_STATE_MISSING:
            return None
        case pb.INIT_SECTION_STATE_NOT_FRAGMENTED:
            raise _not_playable(
                segment, "is not fragmented MP4, with an initialization section of 1 MiB at most"
            )
        case pb.INIT_SECTION_STATE_ELSEWHERE:
            raise _not_playable(segment, "is on a storage backend that is not configured here")
        case pb.INIT_SECTION_STATE_UNREACHABLE:
            raise Unavailable(
                "cannot read the beginning of objects, because their storage does not answer; load the"
                " playlist again",
                reason="STORAGE_UNAVAILABLE",
            )
    raise later_value("the state of an initialization section", section.state)


def _not_playable(segment: PlayableSegment, fault: str) -> TamsError:
    return FailedPrecondition(
        f"the object of the segment at {format_timestamp(segment.start)} {fault}", reason="NOT_PLAYABLE"
    )
