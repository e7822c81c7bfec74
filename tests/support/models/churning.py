"""Listings whose rows are added, changed and removed while a client walks through the pages."""

import secrets
from abc import ABC, abstractmethod
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import quote

import httpx

from tests.support.services.gateway import a_flow, a_segment, new_id

# The state of a place: a row that is listed, a row that the filter excludes, or no row.
State: TypeAlias = Literal["in", "out", "gone"]
STATES: tuple[State, ...] = ("in", "out", "gone")
PLACES = 9


class Change(NamedTuple):
    """A place with its state before and after. If both are the same, another member of the row changes."""

    place: int
    before: State
    after: State


class Listing(ABC):
    """A listing of places in order, and the requests that change the state of a place."""

    path: str
    # Whether a row that is listed before and after a change is the same row.
    keeps_rows = True
    # Places from this number on may change. The rows at lower places are always listed.
    first = 0
    reversible = False

    def __init__(self, tams: httpx.AsyncClient, *, reverse: bool) -> None:
        self.params: dict[str, str] = {}
        self.reverse = reverse and self.reversible
        self.mark = new_id()
        self._tams = tams
        self._ids = _close_ids()

    @abstractmethod
    async def start(self) -> None:
        """Create the rows that no change touches."""

    @abstractmethod
    async def change(self, change: Change) -> None:
        """Change the state of a place."""

    def place_of(self, item: Any) -> int:
        """The place of a listed item."""
        return self._ids.index(item if isinstance(item, str) else item["id"])

    async def _send(self, method: str, path: str, **more: Any) -> None:
        response = await self._tams.request(method, path, **more)
        assert response.is_success, response.text

    async def _put_flow(self, flow_id: str, **members: Any) -> None:
        await self._send("PUT", f"/flows/{flow_id}", json=a_flow(id=flow_id, **members))


class Flows(Listing):
    """Flows whose tag has a certain value, among flows with another value."""

    path = "/flows"

    async def start(self) -> None:
        self.params = {f"tag.{self.mark}": "1"}

    async def change(self, change: Change) -> None:
        flow_id = self._ids[change.place]
        if change.after == "gone":
            await self._send("DELETE", f"/flows/{flow_id}")
            return
        tags = {self.mark: "1" if change.after == "in" else "2"}
        await self._put_flow(flow_id, source_id=_twin(flow_id), tags=tags, description=new_id())


class Sources(Listing):
    """Sources with a certain label, among sources with another label."""

    path = "/sources"

    async def start(self) -> None:
        self.params = {"label": self.mark}

    async def change(self, change: Change) -> None:
        source_id = self._ids[change.place]
        if change.after == "gone":
            await self._send("DELETE", f"/flows/{_twin(source_id)}")
            return
        if change.before == "gone":
            await self._put_flow(_twin(source_id), source_id=source_id)
        await self._send("PUT", f"/sources/{source_id}/description", json=new_id())
        await self._send(
            "PUT", f"/sources/{source_id}/label", json=self.mark if change.after == "in" else "other"
        )


class References(Listing):
    """Flows that reference an object, among flows that do not."""

    keeps_rows = False
    first = 1  # an object without references does not exist

    async def start(self) -> None:
        self._object = f"{self.mark}/x"
        self.path = f"/objects/{quote(self._object, safe='')}"

    async def change(self, change: Change) -> None:
        flow_id, segments = self._ids[change.place], f"/flows/{self._ids[change.place]}/segments"
        if change.after == "gone":
            await self._send("DELETE", f"/flows/{flow_id}")
            return
        if change.before == "gone":
            await self._put_flow(flow_id)
        await self._send("DELETE", segments, params={"object_id": self._object})
        if change.after == "in":
            bodies = [a_segment(start, start + 1, object_id=self._object) for start in (0, 1)]
            await self._send("POST", segments, json=bodies)


class Segments(Listing):
    """Segments of one object within a range, among segments of other objects."""

    keeps_rows = False
    reversible = True

    async def start(self) -> None:
        await self._put_flow(self._ids[0])
        self.path = f"/flows/{self._ids[0]}/segments"
        within = f"(-1:0_{10 * PLACES - 9}:0)"
        self.params = {
            "object_id": self.mark,
            "timerange": within,
            "reverse_order": str(self.reverse).lower(),
        }

    async def change(self, change: Change) -> None:
        start = 10 * change.place
        if change.before != "gone":
            await self._send("DELETE", self.path, params={"timerange": f"[{start}:0_{start + 10}:0)"})
        if change.after != "gone":
            body = a_segment(start, start + 1 + secrets.randbelow(10))
            body |= {"object_id": self.mark} if change.after == "in" else {}
            await self._send("POST", self.path, json=body)

    def place_of(self, item: Any) -> int:
        return int(item["timerange"][1:].partition(":")[0]) // 10


def _close_ids() -> list[str]:
    """New ids, ascending. Some differ only in their last digits, others from the first digit on."""
    near = secrets.token_hex(6)
    tails = [f"{near[:8]}-{near[8:]}-4000-8000-{number:012x}" for number in range(PLACES // 2)]
    return sorted([*tails, *(new_id() for _ in range(PLACES - len(tails)))])


def _twin(tams_id: str) -> str:
    """The id of the source of a flow, or of the flow of a source."""
    return f"{tams_id[:14]}5{tams_id[15:]}"
