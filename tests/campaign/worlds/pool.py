"""The worlds of a run: which of them are worked in, and which replace ended ones."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final

from tests.campaign.events.ledger import Ledger
from tests.campaign.fault_log import FaultLog
from tests.campaign.report import Report
from tests.campaign.store.channels import Unknown
from tests.campaign.worlds.explaining import explained
from tests.campaign.worlds.world import World

# The time after a fault in which interrupted changes may still complete.
SETTLE_SECONDS: Final = 4.0
# The longest time from an unknown outcome until the change is made, if the process that makes it still runs:
# all attempts of a transaction end within this time.
LATE_SECONDS: Final = 8.5
Make = Callable[[int], World]


class Pool:
    """Worlds by place. Each place has a function that creates worlds."""

    def __init__(self, makers: Sequence[Make], faults: FaultLog, report: Report, ledger: Ledger) -> None:
        self._makers = list(makers)
        self._ledger = ledger
        self._worlds: list[World | None] = [None] * len(self._makers)
        self._faults = faults
        self._report = report
        self._busy: Counter[int] = Counter()
        self._created = 0
        self._rests = asyncio.Event()
        self._rests.set()
        # The ids of worlds that were given up, which may exist or not.
        self.given_up: set[str] = set()

    async def rest(self) -> None:
        """Wait until no worker works in any world."""
        await self._rests.wait()

    def worlds(self) -> Iterator[World]:
        """The worlds that exist now."""
        return (world for world in self._worlds if world is not None)

    async def step(self, numbers: random.Random) -> bool:
        """Work in a random world. False if no world has work."""
        places = [place for place in range(len(self._worlds)) if self._has_work(place)]
        if not places:
            return False
        weights = [self._weight(place) for place in places]
        (place,) = numbers.choices(places, weights=weights)
        self._busy[place] += 1
        self._rests.clear()
        try:
            await self._work(place)
        finally:
            self._busy[place] -= 1
            if not self._busy.total():
                self._rests.set()
        return True

    async def settle(self) -> None:
        """Find the real state of every world. No worker works meanwhile."""
        for place, world in enumerate(self._worlds):
            while world is not None and world.unsettled and self._worlds[place] is world:
                await self._guarded(place, world, self._settle)

    async def compare(self) -> None:
        """Compare every world."""
        for place, world in enumerate(self._worlds):
            if world is not None:
                await self._guarded(place, world, lambda chosen: chosen.compare())

    def _weight(self, place: int) -> float:
        world = self._worlds[place]
        return 10 if world is None else world.weight

    def _has_work(self, place: int) -> bool:
        world = self._worlds[place]
        if world is None:
            return not self._busy[place]
        if world.unsettled:
            return not self._busy[place] and self._is_known_soon(world)
        return self._busy[place] < world.room

    async def _work(self, place: int) -> None:
        world = self._worlds[place]
        if world is None:
            self._created += 1
            world = self._makers[place](self._created)
            if await self._guarded(place, world, lambda chosen: chosen.begin()) and not world.unsettled:
                self._worlds[place] = world
            else:
                self._give_up(place, world)
        elif world.unsettled:
            await self._guarded(place, world, self._settle)
        elif world.spent and self._busy[place] == 1:
            if await self._guarded(place, world, lambda chosen: chosen.end()) and not world.unsettled:
                self._worlds[place] = None
        else:
            await self._guarded(place, world, lambda chosen: chosen.step())

    def _is_known_soon(self, world: World) -> bool:
        """Whether the last request of a world has had its effect by now, or will never have it."""
        return (
            time.monotonic() - world.unsettled_since > LATE_SECONDS
            and self._faults.quiet_for() > SETTLE_SECONDS
            and self._faults.quiet_for("stall") > LATE_SECONDS
        )

    async def _settle(self, world: World) -> None:
        await world.settle()
        world.unsettled = False

    async def _guarded(self, place: int, world: World, work: Callable[[World], Awaitable[None]]) -> bool:
        """Do some work. False if the world has a finding and is given up."""
        try:
            await work(world)
        except Unknown:
            world.unsettled, world.unsettled_since = True, time.monotonic()
        except Exception as error:  # noqa: BLE001 - an answer that a world cannot parse is also a finding
            if self._worlds[place] in (world, None):
                world.channel.find(explained(error))
                self._give_up(place, world)
            return False
        return True

    def _give_up(self, place: int, world: World) -> None:
        self._worlds[place] = None
        self.given_up |= world.every_id()
        self._ledger.ignore(world.every_id())
