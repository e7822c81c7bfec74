"""A flow that several workers change at the same time, independently of one another.

Its exact segments are unknown. But no confirmed segment may be lost, no deleted segment may come back, and
every page must be correct.
"""

import random
import time
from collections.abc import Set
from typing import Any, Final

from tests.campaign.events.ledger import Event, Ledger
from tests.campaign.flows.shared_history import Post, SharedHistory
from tests.campaign.store.channels import Channel, Unknown
from tests.campaign.store.deletions import until_deleted
from tests.campaign.worlds.world import World
from tests.support.http.walking import walk
from tests.support.services.gateway import a_flow, new_id

SECONDS: Final = 2500


class SharedFlow(World):
    """One flow with at most one segment in each second, for several workers at a time."""

    room = 3
    weight = 4

    def __init__(self, channel: Channel, numbers: random.Random, ledger: Ledger) -> None:
        super().__init__(channel)
        self._numbers = numbers
        self._flow = a_flow()
        self._path = f"/flows/{self._flow['id']}"
        self._history = SharedHistory()
        self._reported: set[tuple[int, str]] = set()
        self._exists = False
        ledger.watch(self._flow["id"], self._note_event)
        ledger.ignore([self._flow["source_id"]])

    async def begin(self) -> None:
        """Store the flow."""
        response = await self.channel.request("PUT", self._path, json=self._flow)
        assert response.status_code in (201, 204), response.text
        self._exists = True

    async def step(self) -> None:
        """Run a random operation."""
        operations = {self._post_one: 5, self._post_many: 3, self._delete: 1, self._walk: 3}
        (operation,) = self._numbers.choices(list(operations), weights=list(operations.values()))
        try:
            await operation()
        except Unknown:
            # Both outcomes stay possible, and SharedHistory allows for both.
            return

    async def compare(self) -> None:
        """Check the whole flow. No worker writes and no deletion is under way meanwhile."""
        await until_deleted(self.channel, self._flow["id"])
        stored = await self._listed({}, 1000)
        self._history.check(stored)
        whole = (await self.channel.get(self._path, params={"include_timerange": "true"})).json()["timerange"]
        assert whole == (f"[{min(stored)}:0_{max(stored) + 1}:0)" if stored else "()"), (
            whole,
            min(stored),
            max(stored),
        )
        covered = (await self.channel.get(f"/x/analytics{self._path}/coverage")).json()
        assert covered["segment_count"] == len(stored), (covered["segment_count"], len(stored))
        self._history.forget_all_but(stored)
        self._reported &= set(stored.items())

    def missing_events(self) -> list[str]:
        """Confirmed registrations without an event."""
        return [
            f"flows/segments_added of {self._flow['id']} {post.second}"
            for post in self._history.confirmed()
            if (post.second, post.object_id) not in self._reported
        ]

    def flows(self) -> Set[str]:
        """The flow."""
        return {self._flow["id"]} if self._exists else set()

    def sources(self) -> Set[str]:
        """The source of the flow."""
        return {self._flow["source_id"]} if self._exists else set()

    def every_id(self) -> set[str]:
        """The flow and its source."""
        return {self._flow["id"], self._flow["source_id"]}

    def _note_event(self, event: Event) -> None:
        if event.type == "flows/segments_added":
            self._reported |= {
                (_second(segment["timerange"]), segment["object_id"]) for segment in event.body["segments"]
            }

    def _new_post(self, second: int) -> Post:
        return self._history.post(second, new_id(), time.monotonic())

    async def _post_one(self) -> None:
        post = self._new_post(self._numbers.randrange(SECONDS))
        response = await self.channel.post(f"{self._path}/segments", json=_body(post))
        assert response.status_code in (201, 400), response.text
        post.answered, post.confirmed = time.monotonic(), response.status_code == 201

    async def _post_many(self) -> None:
        first = self._numbers.randrange(SECONDS)
        seconds = range(first, first + self._numbers.choice([3, 30, 900]))
        posts = [self._new_post(second) for second in seconds]
        response = await self.channel.post(f"{self._path}/segments", json=list(map(_body, posts)))
        assert response.status_code in (200, 201), response.text
        failed = response.json()["failed_segments"] if response.status_code == 200 else []
        refused, now = {segment["object_id"] for segment in failed}, time.monotonic()
        for post in posts:
            post.answered, post.confirmed = now, post.object_id not in refused

    async def _delete(self) -> None:
        first, length = self._numbers.randrange(SECONDS), self._numbers.choice([10, 100, 2000])
        deletion = self._history.delete(first, first + length, time.monotonic())
        params = {"timerange": f"[{first}:0_{first + length}:0)"}
        response = await self.channel.request("DELETE", f"{self._path}/segments", params=params)
        assert response.status_code in (202, 204), response.text
        deletion.answered, deletion.confirmed = time.monotonic(), True

    async def _walk(self) -> None:
        """Check that a walk lists the segments that existed throughout it once, in order."""
        began = time.monotonic()
        reverse = self._numbers.random() < 0.5
        listed = await self._listed(
            {"reverse_order": str(reverse).lower()}, self._numbers.choice([40, 100, 1000])
        )
        self._history.check_walk(listed, began)

    async def _listed(self, params: dict[str, str], limit: int) -> dict[int, str]:
        query = params | {"accept_get_urls": ""}
        listed = await walk(self.channel, f"{self._path}/segments", query, limit)
        seconds = [_second(segment["timerange"]) for segment in listed]
        assert seconds == sorted(set(seconds), reverse=params.get("reverse_order") == "true"), (
            "a walk out of order"
        )
        return {_second(segment["timerange"]): segment["object_id"] for segment in listed}


def _body(post: Post) -> dict[str, Any]:
    return {
        "object_id": post.object_id,
        "timerange": f"[{post.second}:0_{post.second + 1}:0)",
        "get_urls": [{"url": f"https://elsewhere.example/{post.object_id}"}],
    }


def _second(text: str) -> int:
    return int(text[1:].partition(":")[0])
