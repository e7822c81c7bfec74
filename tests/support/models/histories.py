"""Histories of requests to a store, which is compared with a plain model after each request."""

import asyncio
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

import httpx
from hypothesis import strategies as st

from tests.support.metadata.flows import FORMATS
from tests.support.models.store import PARTLY, Document, Flow, Segment, Source, StoreModel
from tests.support.models.written_ranges import Written, ranges, read, spanning
from tests.support.services.gateway import a_flow, new_id

FLOWS, SOURCES, OBJECTS = 3, 2, 3
TAGS = ["a", "a.b/ü%2F"]
_SECOND = 1_000_000_000
_MOMENTS = [_SECOND * second for second in range(9)]
_ROLES = ["left", "right"]
_MANAGED = ("created", "metadata_updated", "metadata_version", "segments_updated")
_RARELY = st.sampled_from([False, False, True])
# Members besides those of every flow; None removes a member.
_MORE = st.fixed_dictionaries({}, optional={
    "container": st.sampled_from(["video/mp2t", "video/mp2t", None]),
    "format": st.sampled_from([FORMATS["video"], FORMATS["video"], FORMATS["multi"]]),
    "label": st.sampled_from("xy"),
    "tags": st.dictionaries(st.sampled_from(TAGS), st.sampled_from("12"), max_size=1),
    "read_only": _RARELY,
    "metadata_version": st.sampled_from("12"),
})  # fmt: skip
# For each member, the difference of its number from the flow's, and its role.
Collection: TypeAlias = list[tuple[int, str]]
# Start and length in seconds, the closing bracket, the number of the object, and whether it has get_urls.
NewSegment: TypeAlias = tuple[int, int, str, int, bool]


Step: TypeAlias = tuple[str, Document]
Steps: TypeAlias = list[st.SearchStrategy[Step]]


def histories(steps: Steps) -> st.SearchStrategy[list[Step]]:
    """Lists of requests: the name of the method of History that sends each, with its arguments."""
    return st.lists(st.one_of(steps), min_size=10, max_size=20)


def _some(method: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(method), st.fixed_dictionaries(arguments))


_NUMBER, _SOURCE, _TAG = st.integers(0, FLOWS - 1), st.integers(0, SOURCES - 1), st.sampled_from(TAGS)
_VALUE, _NAME = st.none() | st.sampled_from(["1", ""]), st.integers(0, OBJECTS - 1)
# Difference 0 is the flow itself, which it must not collect.
_COLLECTION = st.lists(st.tuples(st.sampled_from([1, 1, 2, 2, 0]), st.sampled_from(_ROLES)), max_size=3)
_SEGMENT = st.tuples(st.integers(0, 7), st.integers(0, 3), st.sampled_from(")]"), _NAME, st.booleans())
_WITHIN = ranges(_MOMENTS)

_PUTS: Steps = [
    _some("put_flow", number=_NUMBER, source=_SOURCE, collection=_COLLECTION, more=_MORE),
    _some("put_flow", number=_NUMBER, source=st.just(0), collection=st.just([]), more=st.just({})),
    _some("delete_flow", number=_NUMBER),
    _some("change_flow", number=_NUMBER, name=st.just("read_only"), value=_RARELY),
]
OF_METADATA: Steps = [
    *_PUTS,
    _some("put_flow", number=_NUMBER, source=_SOURCE, collection=_COLLECTION, more=st.just({})),
    _some("change_flow", number=_NUMBER, name=st.just("label"), value=st.none() | st.sampled_from("xy")),
    _some("change_flow", number=_NUMBER, name=st.just("flow_collection"), value=_COLLECTION),
    _some("change_flow", number=_NUMBER, name=st.just("flow_collection"), value=st.none() | _COLLECTION),
    _some("tag_flow", number=_NUMBER, name=_TAG, value=_VALUE),
    _some("tag_source", number=_SOURCE, name=_TAG, value=_VALUE),
    _some("describe_source", number=_SOURCE, name=st.sampled_from(["label", "description"]), value=_VALUE),
    _some("register_segment", number=_NUMBER, wanted=_SEGMENT),
]
OF_MEDIA: Steps = [
    *_PUTS,
    _some("allocate", number=_NUMBER, names=st.lists(_NAME, min_size=1, max_size=2)),
    _some("register_segment", number=_NUMBER, wanted=_SEGMENT),
    _some("register_segments", number=_NUMBER, wanted=st.lists(_SEGMENT, max_size=4)),
    _some("register_segments", number=_NUMBER, wanted=st.lists(_SEGMENT, min_size=2, max_size=4)),
    _some("delete_segments", number=_NUMBER, within=st.none() | _WITHIN, name=st.none() | _NAME),
    _some("compare_range", within=_WITHIN, reverse=st.booleans()),
]


@dataclass
class Seen:
    """A flow or source as last seen: its state in the model, and the members that the store manages."""

    known: Flow | Source
    document: Document
    writes: int
    segment_writes: int
    managed: Document


class History:
    """Sends requests to a store and to its model."""

    def __init__(self, tams: httpx.AsyncClient) -> None:
        self._tams = tams
        self._model = StoreModel()
        self._flows = [new_id() for _ in range(FLOWS)]
        self._sources = [new_id() for _ in range(SOURCES)]
        own = new_id()
        self._objects = [f"{own}/{number}" for number in range(OBJECTS)]
        self._seen: dict[str, Seen] = {}
        self._versions: dict[str, set[str]] = {}

    async def begin(self) -> None:
        """Store every flow; the last flow collects a flow of another source."""
        for number in range(FLOWS):
            collection = [(2, "left")] if number == FLOWS - 1 else []
            await self.put_flow(number, source=number % SOURCES, collection=collection, more={})

    async def put_flow(self, number: int, source: int, collection: Collection, more: Document) -> None:
        """PUT a flow."""
        members = more | ({"flow_collection": self._items(number, collection)} if collection else {})
        document = a_flow(id=self._flows[number], source_id=self._sources[source], **members)
        expected = self._model.put_flow(document)
        await self._send(expected, "PUT", f"/flows/{document['id']}", json=document)

    async def delete_flow(self, number: int) -> None:
        """DELETE a flow."""
        flow_id = self._flows[number]
        await self._send(self._model.delete_flow(flow_id), "DELETE", f"/flows/{flow_id}")

    async def change_flow(self, number: int, name: str, value: Any) -> None:
        """PUT a property of a flow; DELETE it without a value."""
        if name == "flow_collection" and value is not None:
            value = self._items(number, value)
        expected = self._model.change_flow(self._flows[number], **{name: value})
        await self._set(expected, f"/flows/{self._flows[number]}/{name}", value)

    async def tag_flow(self, number: int, name: str, value: str | None) -> None:
        """PUT a tag of a flow; DELETE it without a value."""
        expected = self._model.tag_flow(self._flows[number], name, value)
        await self._set(expected, f"/flows/{self._flows[number]}/tags/{quote(name, safe='')}", value)

    async def tag_source(self, number: int, name: str, value: str | None) -> None:
        """PUT a tag of a source; DELETE it without a value."""
        expected = self._model.tag_source(self._sources[number], name, value)
        await self._set(expected, f"/sources/{self._sources[number]}/tags/{quote(name, safe='')}", value)

    async def describe_source(self, number: int, name: str, value: str | None) -> None:
        """PUT the label or description of a source; DELETE it without a value."""
        expected = self._model.describe_source(self._sources[number], name, value)
        await self._set(expected, f"/sources/{self._sources[number]}/{name}", value)

    async def allocate(self, number: int, names: list[int]) -> None:
        """POST for storage of objects whose ids the client chose."""
        objects = [self._objects[name] for name in names]
        expected = self._model.allocate(self._flows[number], objects)
        body = {"object_ids": objects}
        await self._send(expected, "POST", f"/flows/{self._flows[number]}/storage", json=body)

    async def register_segment(self, number: int, wanted: NewSegment) -> None:
        """POST one segment."""
        body = self._body(wanted)
        expected = self._model.register_segment(self._flows[number], body)
        await self._send(expected, "POST", f"/flows/{self._flows[number]}/segments", json=body)

    async def register_segments(self, number: int, wanted: list[NewSegment]) -> None:
        """POST many segments. The store must name the same failures as the model."""
        bodies = list(map(self._body, wanted))
        expected, failed = self._model.register_segments(self._flows[number], bodies)
        response = await self._send(expected, "POST", f"/flows/{self._flows[number]}/segments", json=bodies)
        if expected == PARTLY:
            named = [(body["object_id"], body["timerange"]) for body in response.json()["failed_segments"]]
            assert named == [(body["object_id"], body["timerange"]) for body in failed]

    async def delete_segments(self, number: int, within: Written | None, name: int | None) -> None:
        """DELETE segments by range and object."""
        object_id = None if name is None else self._objects[name]
        expected = self._model.delete_segments(self._flows[number], within, object_id)
        params = _params(within) | ({} if object_id is None else {"object_id": object_id})
        await self._send(expected, "DELETE", f"/flows/{self._flows[number]}/segments", params=params)

    async def compare_range(self, within: Written, reverse: bool) -> None:
        """Compare the extents and segments of all flows within a range."""
        for flow_id, flow in self._model.flows.items():
            params = _params(within) | {"include_timerange": "true"}
            found = (await self._send(200, "GET", f"/flows/{flow_id}", params=params)).json()
            assert read(found["timerange"]).meaning == flow.extent(within)
            params = _params(within) | {"reverse_order": str(reverse).lower(), "accept_get_urls": ""}
            listed = (await self._send(200, "GET", f"/flows/{flow_id}/segments", params=params)).json()
            assert _placed(listed[::-1] if reverse else listed) == _expected(flow.within(within))

    async def compare(self) -> None:
        """Compare everything. All comparisons have ended before a difference is raised."""
        outcomes = await asyncio.gather(
            *map(self._compare_flow, self._flows),
            *map(self._compare_source, self._sources),
            *map(self._compare_object, self._objects),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _compare_flow(self, flow_id: str) -> None:
        flow = self._model.flows.get(flow_id)
        answers = [f"/flows/{flow_id}/segments?accept_get_urls=", f"/flows/{flow_id}?include_timerange=true"]
        listed, found = [await self._tams.get(path) for path in answers]
        assert _placed(listed.json()) == _expected([] if flow is None else flow.segments)
        assert found.status_code == (404 if flow is None else 200)
        if flow is None:
            return
        document = found.json()
        managed = {name: document.pop(name, None) for name in _MANAGED}
        derived: Document = {"timerange": spanning([segment.range.text for segment in flow.segments])}
        if collectors := self._model.collectors(flow_id):
            derived["collected_by"] = collectors
        assert document == flow.document | derived
        now = Seen(flow, flow.document, flow.writes, flow.segment_writes, managed)
        self._compare_version(flow_id, now, flow.requested_version)
        self._compare_times(flow_id, now)

    def _compare_version(self, flow_id: str, now: Seen, requested_version: str | None) -> None:
        """Check that a new version of the client is kept, and that otherwise it changes with the metadata."""
        version, before = now.managed["metadata_version"], self._before(flow_id, now)
        known = self._versions.setdefault(flow_id, set())
        last = None if before is None else before.managed["metadata_version"]
        if before is not None and before.writes == now.writes:
            assert version == last
        elif requested_version not in (None, last):
            assert version == requested_version
        elif before is not None and before.document == now.document:
            assert version == last
        else:
            assert version not in known
        known.add(version)

    def _compare_times(self, tams_id: str, now: Seen) -> None:
        """Check that a time changes exactly when the members or segments that it belongs to change."""
        before = self._before(tams_id, now)
        self._seen[tams_id] = now
        if before is None:
            return
        old, new = before.managed, now.managed
        assert new["created"] == old["created"]
        changed = "updated" if "updated" in new else "metadata_updated"
        assert (new[changed] != old[changed]) == (now.writes > before.writes)
        if "segments_updated" in new:
            touched = new["segments_updated"] != old["segments_updated"]
            assert touched == (now.segment_writes > before.segment_writes)

    def _before(self, tams_id: str, now: Seen) -> Seen | None:
        before = self._seen.get(tams_id)
        return before if before is not None and before.known is now.known else None

    async def _compare_source(self, source_id: str) -> None:
        source = self._model.sources.get(source_id)
        found = await self._tams.get(f"/sources/{source_id}")
        assert found.status_code == (404 if source is None else 200)
        if source is None:
            return
        document = found.json()
        managed = {name: document.pop(name) for name in ("created", "updated")}
        assert document.pop("tags", {}) == source.tags
        assert document.pop("source_collection", []) == self._model.source_collection(source_id)
        assert document.pop("collected_by", []) == self._model.source_collectors(source_id)
        assert document == {"id": source_id, "format": source.format, **source.texts}
        self._compare_times(source_id, Seen(source, {}, source.writes, 0, managed))

    async def _compare_object(self, object_id: str) -> None:
        references = self._model.references(object_id)
        found = await self._tams.get(f"/objects/{quote(object_id, safe='')}")
        assert found.status_code == (200 if references else 404)
        if references:
            first = self._model.objects[object_id].first
            expected = {"id": object_id, "referenced_by_flows": references, "first_referenced_by_flow": first}
            assert found.json() == expected

    async def _set(self, expected: int, path: str, value: Any) -> None:
        if value is None:
            await self._send(expected, "DELETE", path)
        else:
            await self._send(expected, "PUT", path, json=value)

    async def _send(self, expected: int, method: str, path: str, **more: Any) -> httpx.Response:
        response = await self._tams.request(method, path, **more)
        assert response.status_code == expected, response.text
        return response

    def _items(self, number: int, collection: Collection) -> list[Document]:
        return [{"id": self._flows[(number + by) % FLOWS], "role": role} for by, role in collection]

    def _body(self, wanted: NewSegment) -> Document:
        start, length, closing, name, urls = wanted
        text = f"[{start}:0_{start + length}:0{closing}"
        body: Document = {"object_id": self._objects[name], "timerange": text}
        return body | ({"get_urls": [{"url": "https://elsewhere.example/x"}]} if urls else {})


def _params(within: Written | None) -> dict[str, str]:
    return {} if within is None else {"timerange": within.text}


def _placed(listed: list[Document]) -> list[tuple[str, str]]:
    return [(segment["timerange"], segment["object_id"]) for segment in listed]


def _expected(segments: list[Segment]) -> list[tuple[str, str]]:
    return [(segment.range.text, segment.object_id) for segment in segments]
