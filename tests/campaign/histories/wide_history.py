"""The requests of histories, and more requests: batches, uploads, walks, queries."""

import random
from typing import Any
from urllib.parse import quote

import httpx

from tests.campaign.store.channels import Channel, Unknown
from tests.campaign.store.media_bytes import MediaBytes
from tests.support.http.walking import walk
from tests.support.metadata.flows import Document
from tests.support.models.histories import FLOWS, Collection, History
from tests.support.models.store import CREATED, DONE, UNKNOWN
from tests.support.models.written_ranges import Written, read, spanning
from tests.support.services.gateway import a_flow, new_id

_MOST_OBJECTS = 12
_SAMPLED = 3


class WideHistory(History):
    """Sends requests to a store and to its model."""

    def __init__(self, channel: Channel, numbers: random.Random, media: MediaBytes) -> None:
        super().__init__(channel)  # type: ignore[arg-type]
        self.channel = channel
        self._numbers = numbers
        self._media = media

    def _note(self) -> None:
        """Note the model after an item of a batch; for subclasses."""

    def _is_repetition(self, expected: int, method: str, status: int) -> bool:
        """Whether a status comes from a second attempt within the store, after the first one succeeded."""
        raise NotImplementedError

    async def _send(self, expected: int, method: str, path: str, **more: Any) -> httpx.Response:
        response = await self._tams.request(method, path, **more)
        status = response.status_code
        if status != expected and not self._is_repetition(expected, method, status):
            raise AssertionError(f"{method} {path}: {status} instead of {expected}: {response.text[:300]}")
        return response

    async def put_flows(self, puts: list[dict[str, Any]]) -> None:
        """POST a batch of flows, each of which may fail by itself."""
        documents, expected = [], []
        for put in puts:
            documents.append(self._document(**put))
            expected.append(self._model.put_flow(documents[-1]))
            self._note()
        response = await self._send(200, "POST", "/x/flows/batch", json=documents)
        statuses = [result["status"] for result in response.json()["results"]]
        for status, wanted in zip(statuses, expected, strict=True):
            assert status == wanted or self._is_repetition(wanted, "PUT", status), (statuses, expected)

    async def describe_sources(self, changes: list[tuple[int, str]]) -> None:
        """POST a batch of labels and tags of sources."""
        items, expected = [], []
        for number, value in changes:
            source_id = self._sources[number]
            items.append({"id": source_id, "label": value, "tags": {"batch": value}})
            expected.append(self._change_source(source_id, value))
            self._note()
        response = await self._send(200, "POST", "/x/sources/batch", json=items)
        assert [result["status"] for result in response.json()["results"]] == expected

    async def tags_at_once(self, number: int, method: str, tags: dict[str, str]) -> None:
        """Change many tags of a flow, all or none."""
        flow_id = self._flows[number]
        flow = self._model.flows.get(flow_id)
        old = None if flow is None else flow.document.get("tags")
        added = (old or {}) | tags if tags else old
        wanted = {"PUT": tags, "POST": added, "DELETE": None}[method]
        expected = self._model.change_flow(flow_id, tags=wanted)
        more = {} if method == "DELETE" else {"json": tags}
        await self._send(expected, method, f"/x/flows/{flow_id}/tags", **more)

    async def allocate(self, number: int, names: list[int]) -> None:
        """Allocate and upload objects. After an unknown outcome their ids are not used again."""
        flow_id, objects = self._flows[number], [self._objects[name] for name in names]
        known = dict(self._model.objects)
        expected = self._model.allocate(flow_id, objects)
        try:
            response = await self._send(
                expected, "POST", f"/flows/{flow_id}/storage", json={"object_ids": objects}
            )
        except Unknown:
            self._model.objects = known
            self._give_up([name for name in names if self._objects[name] not in known])
            raise
        if expected == CREATED:
            await self._media.upload(self.channel, response.json()["media_objects"])

    async def allocate_new(self, number: int, count: int) -> None:
        """Allocate and upload objects whose ids the store chooses."""
        flow_id = self._flows[number]
        expected = self._model.allocate(flow_id, [])
        response = await self._send(expected, "POST", f"/flows/{flow_id}/storage", json={"limit": count})
        if expected != CREATED:
            return
        media_objects = response.json()["media_objects"]
        assert len({media_object["object_id"] for media_object in media_objects}) == count
        await self._media.upload(self.channel, media_objects)
        for media_object in media_objects:
            assert self._model.allocate(flow_id, [media_object["object_id"]]) == CREATED
            self._adopt(media_object["object_id"])

    async def walk_segments(self, number: int, within: Written, limit: int, *, reverse: bool) -> None:
        """Walk through the segments of a range page by page."""
        flow_id = self._flows[number]
        flow = self._model.flows.get(flow_id)
        params = {"timerange": within.text, "reverse_order": str(reverse).lower(), "accept_get_urls": ""}
        listed = await walk(self._tams, f"/flows/{flow_id}/segments", params, limit)
        known = flow.within(within) if flow else []
        expected = [(segment.range.text, segment.object_id) for segment in known]
        found = [(segment["timerange"], segment["object_id"]) for segment in listed]
        assert found == (expected[::-1] if reverse else expected), (found, expected)

    async def list_flows(self, number: int) -> None:
        """Walk through the flows of each source that have the label and a tag of a flow."""
        flow = self._model.flows.get(self._flows[number])
        tags, label = (
            ({}, None) if flow is None else (flow.document.get("tags", {}), flow.document.get("label"))
        )
        params = {f"tag.{name}": value for name, value in list(tags.items())[:1]}
        params |= {} if label is None else {"label": label}
        for source_id in self._sources:
            query = params | {"source_id": source_id}
            listed = await walk(self._tams, "/flows", query, self._numbers.randint(1, 3))
            expected = sorted(
                flow_id
                for flow_id, known in self._model.flows.items()
                if known.source_id == source_id
                and label in (None, known.document.get("label"))
                and all(known.document.get("tags", {}).get(name) == tags[name] for name in list(tags)[:1])
            )
            assert [item["id"] for item in listed] == expected, (query, expected)

    async def compare_coverage(self, number: int) -> None:
        """Compare the coverage of a flow."""
        flow_id = self._flows[number]
        flow = self._model.flows.get(flow_id)
        response = await self._send(
            404 if flow is None else 200, "GET", f"/x/analytics/flows/{flow_id}/coverage"
        )
        if flow is None:
            return
        found = response.json()
        whole = read(spanning([segment.range.text for segment in flow.segments]))
        assert found["segment_count"] == len(flow.segments), found
        assert read(found["timerange"]).meaning == whole.meaning, found

    async def compare_bytes(self, number: int) -> None:
        """Compare the bytes of some segments of a flow."""
        listed = (await self._tams.get(f"/flows/{self._flows[number]}/segments")).json()
        for segment in self._numbers.sample(listed, min(_SAMPLED, len(listed))):
            await self._media.check(self.channel, segment)

    async def compare_properties(self, number: int) -> None:
        """Compare HEAD, OPTIONS and GET of single properties."""
        path = f"/flows/{self._flows[number]}"
        flow = self._model.flows.get(self._flows[number])
        status = 404 if flow is None else 200
        await self._send(status, "HEAD", path)
        options = await self._tams.request("OPTIONS", path)
        assert options.is_success, options.text
        protected = await self._send(status, "GET", f"{path}/read_only")
        if flow is None:
            return
        assert protected.json() == flow.document.get("read_only", False)
        for name, value in flow.document.get("tags", {}).items():
            assert (await self._send(200, "GET", f"{path}/tags/{quote(name, safe='')}")).json() == value

    def _document(self, number: int, source: int, collection: Collection, more: Document) -> Document:
        members = more | ({"flow_collection": self._items(number, collection)} if collection else {})
        return a_flow(id=self._flows[number], source_id=self._sources[source], **members)

    def _change_source(self, source_id: str, value: str) -> int:
        source = self._model.sources.get(source_id)
        if source is None:
            return UNKNOWN
        source.texts["label"] = source.tags["batch"] = value
        source.writes += 1
        return DONE

    def _give_up(self, names: list[int]) -> None:
        for name in names:
            self._objects[name] = f"{new_id()}/again"

    def _adopt(self, object_id: str) -> None:
        """Use an object from now on, in place of an unused one if there are many."""
        unused = [place for place, known in enumerate(self._objects) if not self._model.references(known)]
        if len(self._objects) < _MOST_OBJECTS:
            self._objects.append(object_id)
        elif unused:
            self._objects[unused[0]] = object_id


assert FLOWS > 1
