"""Bulk registration and loads of thousands of segments, and deletions during other writes."""

import asyncio
import time
from typing import Any, Final
from urllib.parse import urlsplit

from tests.campaign.flows.line_world import LineWorld, range_of
from tests.campaign.store.channels import READ_SECONDS, Unknown
from tests.campaign.store.deletions import until_deleted
from tests.support.http.walking import walk
from tests.support.services.gateway import new_id

SECONDS: Final = 12_000
_MOST: Final = 3000
_LIFE_SECONDS: Final = 900.0


class LongFlow(LineWorld):
    """A flow of thousands of segments with random operations."""

    async def step(self) -> None:
        """Run a random operation."""
        self.spent = time.monotonic() - self._created > _LIFE_SECONDS
        operations = {
            self._post_many: 4,
            self._load: 2,
            self._delete_while_posting: 4,
            self._walk: 3,
            self._compare_extent: 3,
            self._compare_coverage: 2,
            self._delete_object: 0.5,
        }
        (operation,) = self._numbers.choices(list(operations), weights=list(operations.values()))
        await operation()

    async def _post_many(self) -> None:
        """Register many segments, some of them invalid."""
        seconds = self._stretch()
        bodies = [self._body(second) for second in seconds]
        bad = self._numbers.sample(range(len(bodies)), min(3, len(bodies)))
        for place in bad:
            bodies[place] = {"object_id": f"nowhere/{new_id()}", "timerange": range_of(seconds[place])}
        good = {
            second: bodies[place]["object_id"] for place, second in enumerate(seconds) if place not in bad
        }
        after = good | self._line
        response = await self._change(after, "POST", f"{self._path}/segments", json=bodies)
        failed = [place for place, second in enumerate(seconds) if place in bad or second in self._line]
        assert response.status_code == (200 if failed else 201), response.text[:300]
        if failed:
            refused = response.json()["failed_segments"]
            assert [(body["object_id"], body["timerange"]) for body in refused] == [
                (bodies[place]["object_id"], range_of(seconds[place])) for place in failed
            ]
        self._set_line(after)

    async def _load(self) -> None:
        """Load segments in batches. A batch of unknown outcome is sent again, and counts once."""
        seconds = [second for second in self._stretch() if second not in self._line]
        rows = [self._body(second) | {"flow_id": self._document["id"]} for second in seconds]
        objects = {second: row["object_id"] for second, row in zip(seconds, rows, strict=True)}
        after = self._line | objects
        load = {"id": new_id(), "kind": "segments"}
        await self._repeat("POST", "/x/admin/loads", json=load)
        path, size = f"/x/admin/loads/{load['id']}", self._numbers.randint(100, 1500)
        for first in range(0, len(rows), size):
            params = {"first_row": str(first)}
            batch = rows[first : first + size]
            progress = await self._repeat("POST", f"{path}/rows", json=batch, params=params)
            assert progress["committed"], progress
        ended = await self._repeat("PUT", path, json={"state": "done"})
        assert (ended["rows"], ended["inserted"]) == (len(rows), len(rows)), ended
        self._set_line(after)

    async def _repeat(self, method: str, path: str, **more: Any) -> Any:
        """Send a request, and repeat it until its outcome is known."""
        deadline = time.monotonic() + READ_SECONDS
        while True:
            try:
                response = await self.channel.request(method, path, **more)
            except Unknown:
                assert time.monotonic() < deadline, f"{method} {path}: no answer for {READ_SECONDS} s"
                await asyncio.sleep(0.5)
                continue
            assert response.is_success, response.text
            return response.json()

    async def _delete_while_posting(self) -> None:
        """Delete a range, and register segments in it during the deletion, which must stay."""
        seconds = self._stretch(longest=SECONDS)
        deleted = set(seconds) & self._line.keys()
        after = {second: name for second, name in self._line.items() if second not in deleted}
        params = {"timerange": f"[{seconds[0]}:0_{seconds[-1] + 1}:0)"}
        response = await self._change(after, "DELETE", f"{self._path}/segments", params=params)
        assert response.status_code in (202, 204), response.text
        self._set_line(after)
        if response.status_code == 202:
            path = urlsplit(response.headers["location"]).path
            assert response.json()["timerange_to_delete"] == params["timerange"]
            await self._post_during(seconds, deleted, path)

    async def _post_during(self, seconds: list[int], deleted: set[int], request: str) -> None:
        """Register segments within a range until its deletion has ended."""
        deadline = time.monotonic() + READ_SECONDS
        while (await self.channel.get(request)).json()["status"] != "done":
            assert time.monotonic() < deadline, f"{request} has not ended within {READ_SECONDS} s"
            second = self._numbers.choice(seconds)
            await self._post_into(second, may_exist=second in deleted)

    async def _post_into(self, second: int, *, may_exist: bool) -> None:
        body = self._body(second)
        after = self._line | {second: body["object_id"]}
        if second in self._line:
            return
        response = await self._change(after, "POST", f"{self._path}/segments", json=body)
        assert response.status_code == 201 or (may_exist and response.status_code == 400), response.text
        if response.status_code == 201:
            self._set_line(after)

    async def _delete_object(self) -> None:
        """Delete all segments of one object."""
        chosen = self._numbers.choice(self._objects)
        after = {second: name for second, name in self._line.items() if name != chosen}
        if chosen not in after.values() and len(set(after.values())) < 2:
            return
        params = {"object_id": chosen}
        response = await self._change(after, "DELETE", f"{self._path}/segments", params=params)
        assert response.status_code in (202, 204), response.text
        self._set_line(after)
        await until_deleted(self.channel, self._document["id"])

    async def _walk(self) -> None:
        """Walk through a range, forwards or backwards."""
        seconds, reverse = self._stretch(), self._numbers.random() < 0.5
        params = {
            "timerange": f"[{seconds[0]}:0_{seconds[-1] + 1}:0)",
            "reverse_order": str(reverse).lower(),
            "accept_get_urls": "",
        }
        listed = await walk(
            self.channel, f"{self._path}/segments", params, self._numbers.choice([100, 333, 1000])
        )
        found = [(segment["timerange"], segment["object_id"]) for segment in listed]
        expected = [(range_of(second), self._line[second]) for second in seconds if second in self._line]
        assert found == (expected[::-1] if reverse else expected), _difference(found, expected)

    async def _compare_extent(self) -> None:
        """Compare the extent of the flow within a range."""
        seconds = self._stretch()
        params = {"include_timerange": "true", "timerange": f"[{seconds[0]}:0_{seconds[-1] + 1}:0)"}
        found = (await self.channel.get(self._path, params=params)).json()["timerange"]
        taken = [second for second in seconds if second in self._line]
        assert found == (f"[{taken[0]}:0_{taken[-1] + 1}:0)" if taken else "()"), (found, params)

    async def _compare_coverage(self) -> None:
        """Compare the coverage of the flow: stretches and gaps."""
        found = (await self.channel.get(f"/x/analytics{self._path}/coverage")).json()
        taken = sorted(self._line)
        stretches = sum(1 for second in taken if second - 1 not in self._line)
        counts = (found["segment_count"], found["covered_count"], found["covered_ns"])
        assert counts == (len(taken), stretches, len(taken) * 10**9), (counts, len(taken), stretches)

    def _stretch(self, *, longest: int = _MOST) -> list[int]:
        first = self._numbers.randrange(SECONDS)
        return list(range(first, first + self._numbers.choice([5, 50, 500, longest])))

    def _body(self, second: int) -> dict[str, Any]:
        return {"object_id": self._numbers.choice(self._objects), "timerange": range_of(second)}


def _difference(found: list[tuple[str, str]], expected: list[tuple[str, str]]) -> str:
    added, missing = sorted(set(found) - set(expected)), sorted(set(expected) - set(found))
    return f"listed {len(found)} of {len(expected)}; unexpected {added[:5]}, missing {missing[:5]}"
