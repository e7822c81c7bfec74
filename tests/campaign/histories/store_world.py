"""A world of a few flows, sources and objects, which are compared with a model between operations."""

import copy
import random
import time
from collections.abc import Set
from typing import Any, Final, TypeAlias

from tests.campaign.events.changes import changes
from tests.campaign.events.ledger import Ledger
from tests.campaign.histories.steps import draw
from tests.campaign.histories.wide_history import WideHistory
from tests.campaign.store.channels import Channel
from tests.campaign.store.media_bytes import MediaBytes
from tests.campaign.worlds.explaining import explained
from tests.campaign.worlds.world import World
from tests.support.models.histories import FLOWS, Seen
from tests.support.models.store import CREATED, DONE, UNKNOWN, StoreModel

# A world is replaced after this many steps or seconds, long before unused objects are reclaimed.
STEPS: Final = 150
LIFE_SECONDS: Final = 600.0
_COMPARED: Final = 0.15
# The model, and the flows, sources and versions as last seen.
State: TypeAlias = tuple[StoreModel, dict[str, Seen], dict[str, set[str]]]


class StoreWorld(WideHistory, World):
    """Sends random requests. After an unknown outcome it keeps several possible states."""

    weight = 6

    def __init__(self, channel: Channel, numbers: random.Random, media: MediaBytes, ledger: Ledger) -> None:
        WideHistory.__init__(self, channel, numbers, media)
        World.__init__(self, channel)
        self._ledger = ledger
        # The possible states of the store, in the order in which a request leads to them.
        self._possible: list[State] = []
        self._reported = StoreModel()
        self._steps = 0
        self._created = self._sent = time.monotonic()

    async def begin(self) -> None:
        """Store every flow."""
        for number in range(FLOWS):
            arguments = {"number": number, "source": number % 2, "collection": [], "more": {}}
            await self._attempt("put_flow", arguments)

    async def step(self) -> None:
        """Send a random request, and sometimes compare everything."""
        self._steps += 1
        self.spent = self._steps >= STEPS or time.monotonic() - self._created > LIFE_SECONDS
        await self._attempt(*draw(self._numbers, len(self._objects)))
        if self._numbers.random() < _COMPARED:
            await self.compare()

    async def settle(self) -> None:
        """Adopt the possible state that the store has."""
        wrong = []
        for place, state in enumerate(self._possible):
            self._restore(state)
            try:
                await self.compare()
            except AssertionError as error:
                wrong.append(explained(error))
                continue
            self._expect(self._possible[1 : place + 1])
            return
        raise AssertionError("the store has none of the possible states: " + "\n".join(wrong))

    async def end(self) -> None:
        """Delete every flow, including read-only ones."""
        for number in range(FLOWS):
            if self._flows[number] in self._model.flows:
                await self._attempt("change_flow", {"number": number, "name": "read_only", "value": False})
        for number in range(FLOWS):
            if self._flows[number] in self._model.flows:
                await self._attempt("delete_flow", {"number": number})
        await self.compare()

    def flows(self) -> Set[str]:
        """The flows of the model."""
        return self._model.flows.keys()

    def sources(self) -> Set[str]:
        """The sources of the model."""
        return self._model.sources.keys()

    def every_id(self) -> set[str]:
        """All flows and sources of this world."""
        return {*self._flows, *self._sources}

    async def _attempt(self, name: str, arguments: dict[str, Any]) -> None:
        self._sent = time.monotonic()
        self._possible = [self._state()]
        try:
            await getattr(self, name)(**arguments)
        finally:
            self._note()
        self._expect(self._possible[1:])

    def _note(self) -> None:
        self._possible.append(self._state())

    def _expect(self, states: list[State]) -> None:
        """Expect the events of the store's change through these states."""
        for model, *_ in states:
            self._ledger.expect(changes(self._reported, model))
            self._reported = model
        self._possible = []

    def _state(self) -> State:
        # Segments never change, and copying them is slow.
        shared = [segment for flow in self._model.flows.values() for segment in flow.segments]
        for seen in self._seen.values():
            shared += getattr(seen.known, "segments", [])
        memo = {id(segment): segment for segment in shared}
        return copy.deepcopy((self._model, self._seen, self._versions), memo)

    def _restore(self, state: State) -> None:
        self._model, self._seen, self._versions = state
        self._model, self._seen, self._versions = self._state()

    def _is_repetition(self, expected: int, method: str, status: int) -> bool:
        repeated = (method, expected, status) in {("DELETE", DONE, UNKNOWN), ("PUT", CREATED, DONE)}
        return repeated and self.channel.shaken(self._sent)

    def _compare_version(self, flow_id: str, now: Seen, requested_version: str | None) -> None:
        before = self._before(flow_id, now)
        if before is None or now.writes - before.writes <= 1:
            super()._compare_version(flow_id, now, requested_version)
            return
        # After several writes the metadata may be the same as before some of them.
        self._versions.setdefault(flow_id, set()).add(now.managed["metadata_version"])
