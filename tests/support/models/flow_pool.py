"""Many different flows and sources to filter, and a plain implementation of the filters."""

import random
from collections.abc import Mapping
from typing import Any

import httpx
from mediatimestamp import TimeRange

from tests.support.metadata.flows import FORMATS
from tests.support.models.written_ranges import Written
from tests.support.services.gateway import a_flow, a_segment, new_id

Document = dict[str, Any]

LABELS = ["", "a", "A", "ü, %2F+&"]
CODECS = ["video/h264", "v/x"]
# Names and values that are easily mistaken in URLs, queries, JSON, SQL, and the prefixes of the filters.
TAG_NAMES = [
    "a", "A", "a.b", "a..b", ".", "a/b", "//", "..", "ü", "u\u0308", "𝄞", "50%", "%2F", "+ +", "?#&=;,",
    "'\"\\", "tag.a", "exists", "", "\n", "*", "_%", "[0]", "null", "x\0",
]  # fmt: skip
TAG_VALUES = ["", "1", "2", "1,2", "ü", "%31", " ", "+", "null", '"1"', "true", "1\0"]

_WIDE = {"frame_width": 1920, "frame_height": 1080}
_NARROW = {"frame_width": 640, "frame_height": 1080}
_ESSENCE: dict[str, list[Document]] = {
    "video": [{"codec": codec, "essence_parameters": size} for codec in CODECS for size in (_WIDE, _NARROW)],
    "image": [{"codec": "v/x", "essence_parameters": size} for size in (_WIDE, _NARROW)],
    "audio": [{"codec": "v/x", "essence_parameters": {"sample_rate": 48000, "channels": 2}}],
    "data": [{"codec": "v/x", "essence_parameters": {}}],
    "multi": [{"codec": codec, "essence_parameters": None} for codec in (None, "v/x")],
}
_OF_EACH = 4
_SEED = 3


class FlowPool:
    """Flows of all formats with a tag in common, and their sources, as the store returns them."""

    def __init__(self, tams: httpx.AsyncClient) -> None:
        self.mark = {"mark": new_id()}
        self.flows: list[Document] = []
        self.sources: list[Document] = []
        self._tams = tams
        self._chosen = random.Random(_SEED)
        self._segments: dict[str, list[TimeRange]] = {}

    async def fill(self) -> None:
        """Store the flows and describe their sources."""
        for kind, essences in _ESSENCE.items():
            sources = [new_id(), new_id()]
            for essence in (essences * _OF_EACH)[:_OF_EACH]:
                await self._put_flow(kind, self._chosen.choice(sources), essence)
        self.flows = [await self._read(f"/flows/{flow_id}") for flow_id in sorted(self._segments)]
        for source_id in sorted({flow["source_id"] for flow in self.flows}):
            self.sources.append(await self._describe(f"/sources/{source_id}"))

    def has_content(self, flow: Document, within: Written | None) -> bool:
        """Whether a flow has segments in a range; for an empty range, whether it has no segments."""
        segments = self._segments[flow["id"]]
        if within is None or within.meaning == TimeRange.eternity():
            return True
        if within.meaning.is_empty():
            return not segments
        return any(segment.overlaps_with_timerange(within.meaning) for segment in segments)

    async def _put_flow(self, kind: str, source_id: str, essence: Document) -> None:
        flow = a_flow(
            source_id=source_id, format=FORMATS[kind], label=self._label(), tags=self._tags(), **essence
        )
        stored = await self._tams.put(f"/flows/{flow['id']}", json=flow)
        assert stored.status_code == 201, stored.text
        starts = self._chosen.sample(range(0, 12, 2), self._chosen.randrange(3))
        bodies = [a_segment(start, start + 2) for start in starts]
        self._segments[flow["id"]] = [TimeRange.from_str(body["timerange"]) for body in bodies]
        assert (await self._tams.post(f"/flows/{flow['id']}/segments", json=bodies)).status_code == 201

    async def _describe(self, path: str) -> Document:
        assert (await self._tams.put(f"/x{path}/tags", json=self._tags())).status_code == 204
        if (label := self._label()) is not None:
            assert (await self._tams.put(f"{path}/label", json=label)).status_code == 204
        return await self._read(path)

    async def _read(self, path: str) -> Document:
        document: Document = (await self._tams.get(path)).json()
        return document

    def _label(self) -> str | None:
        return self._chosen.choice([None, *LABELS])

    def _tags(self) -> dict[str, str]:
        names = self._chosen.sample(TAG_NAMES, self._chosen.randrange(5))
        return {name: self._chosen.choice(TAG_VALUES) for name in names} | self.mark


def has_members(document: Document, wanted: Mapping[str, object]) -> bool:
    """Whether members of a document, or of its essence parameters, have these values."""
    members = {**document.get("essence_parameters", {}), **document}
    return all(members.get(name) == value for name, value in wanted.items())


def has_tags(document: Document, values: Mapping[str, str], exists: Mapping[str, bool]) -> bool:
    """Whether a document has tags of these values, and has or lacks tags of these names."""
    tags = document.get("tags", {})
    return values.items() <= tags.items() and all((name in tags) is has for name, has in exists.items())
