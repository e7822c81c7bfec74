"""A flow of thousands of segments, and its known state."""

import random
import time
from collections.abc import Set
from typing import Any, TypeAlias

import httpx

from tests.campaign.events.changes import Change
from tests.campaign.events.ledger import Ledger
from tests.campaign.store.channels import Channel
from tests.campaign.store.deletions import until_deleted
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.worlds.world import World
from tests.support.http.walking import walk
from tests.support.services.gateway import a_flow

# The object of each second that has a segment.
Line: TypeAlias = dict[int, str]


class LineWorld(World):
    """One flow with at most one segment in each second."""

    weight = 3

    def __init__(self, channel: Channel, numbers: random.Random, media: MediaBytes, ledger: Ledger) -> None:
        super().__init__(channel)
        self._numbers = numbers
        self._media = media
        self._ledger = ledger
        self._created = time.monotonic()
        self._document: dict[str, Any] = a_flow()
        self._path = f"/flows/{self._document['id']}"
        self._exists = False
        self._objects: list[str] = []
        self._line: Line = {}
        # The possible states after an unknown outcome: whether the flow exists, and its line.
        self._possible: list[tuple[bool, Line]] = []

    async def begin(self) -> None:
        """Store the flow, and objects that its segments share."""
        response = await self.channel.request("PUT", self._path, json=self._document)
        assert response.status_code in (201, 204), response.text
        self._ledger.expect([Change(self._document["source_id"], "sources/created")])
        self._ledger.expect([Change(self._document["id"], "flows/created", self._document)])
        self._exists = True
        response = await self.channel.post(f"{self._path}/storage", json={"limit": 3})
        assert response.status_code == 201, response.text
        await self._media.upload(self.channel, response.json()["media_objects"])
        for media_object in response.json()["media_objects"]:
            second = len(self._line)
            await self._post_one(second, media_object["object_id"])
            self._objects.append(media_object["object_id"])

    async def settle(self) -> None:
        """Adopt the line that the store has, after deletions have ended."""
        await until_deleted(self.channel, self._document["id"])
        exists, line = await self._stored()
        if (exists, line) not in self._possible and not (exists and self._is_partly_added(line)):
            raise AssertionError(self._differences(exists, line))
        self._possible = []
        self._set_line(line) if exists else self._note_deletion()

    async def compare(self) -> None:
        """Compare the whole line."""
        exists, line = await self._stored()
        assert (exists, line) == (self._exists, self._line), self._differences(exists, line, [self._line])

    async def end(self) -> None:
        """Delete the flow, which takes several slices."""
        if self._exists:
            began = time.monotonic()
            self._possible = [(True, self._line), (False, {})]
            response = await self.channel.request("DELETE", self._path)
            again = {404} if self.channel.shaken(began) else set()
            assert response.status_code in {202, 204} | again, response.text
            self._possible = []
            self._note_deletion()
        await self.compare()

    def flows(self) -> Set[str]:
        """The flow."""
        return {self._document["id"]} if self._exists else set()

    def sources(self) -> Set[str]:
        """The source of the flow."""
        return {self._document["source_id"]} if self._exists else set()

    def every_id(self) -> set[str]:
        """The flow and its source."""
        return {self._document["id"], self._document["source_id"]}

    def _set_line(self, line: Line) -> None:
        """Set the known line, and expect the events of the difference."""
        flow_id = self._document["id"]
        if added := [(range_of(second), line[second]) for second in sorted(line.keys() - self._line.keys())]:
            self._ledger.expect([Change(flow_id, "flows/segments_added", segments=added)])
        if deleted := [
            (range_of(second), self._line[second]) for second in sorted(self._line.keys() - line.keys())
        ]:
            self._ledger.expect([Change(flow_id, "flows/segments_deleted", segments=deleted)])
        self._line = line

    def _note_deletion(self) -> None:
        """Note that the flow was deleted with its segments and source, and expect the events."""
        self._set_line({})
        self._exists = False
        self._ledger.expect([Change(self._document["id"], "flows/deleted")])
        self._ledger.expect([Change(self._document["source_id"], "sources/deleted")])

    async def _change(self, after: Line, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request after which the line is `after`, or unchanged."""
        self._possible = [(True, self._line), (True, after)]
        response = await self.channel.request(method, path, **more)
        self._possible = []
        return response

    async def _post_one(self, second: int, object_id: str) -> None:
        """Register a segment, which the store must refuse if the second is taken."""
        body = {"object_id": object_id, "timerange": range_of(second)}
        free = second not in self._line
        after = self._line | {second: object_id} if free else self._line
        response = await self._change(after, "POST", f"{self._path}/segments", json=body)
        assert response.status_code == (201 if free else 400), response.text
        self._set_line(after)

    async def _stored(self) -> tuple[bool, Line]:
        exists = (await self.channel.get(self._path)).status_code == 200
        params = {"accept_get_urls": ""}
        listed = await walk(self.channel, f"{self._path}/segments", params, 1000)
        line = {int(segment["timerange"][1:].partition(":")[0]): segment["object_id"] for segment in listed}
        assert len(line) == len(listed), "two segments begin in the same second"
        return exists, line

    def _is_partly_added(self, line: Line) -> bool:
        """Whether the first segments of a list were registered: a long list may be registered in parts."""
        (_, before), (_, after) = self._possible
        added, expected = line.keys() - before.keys(), sorted(after.keys() - before.keys())
        return (
            line.items() <= after.items()
            and before.items() <= line.items()
            and (sorted(added) == expected[: len(added)])
        )

    def _differences(self, exists: bool, line: Line, lines: list[Line] | None = None) -> str:
        known = [possible for _, possible in self._possible] if lines is None else lines
        differences = [
            (_shortened(other.keys() - line.keys()), _shortened(line.keys() - other.keys()))
            for other in known
        ]
        text = "; or ".join(f"missing {missing}, unexpected {added}" for missing, added in differences)
        return f"the flow {'exists' if exists else 'does not exist'}; {text}"


def range_of(second: int) -> str:
    """The range of a second."""
    return f"[{second}:0_{second + 1}:0)"


def _shortened(seconds: Set[int]) -> str:
    return f"{len(seconds)} {sorted(seconds)[:10]}"
