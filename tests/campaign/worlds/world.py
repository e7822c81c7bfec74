"""A part of the store that only one worker at a time changes, so that its state is known."""

from abc import ABC, abstractmethod
from collections.abc import Set

from tests.campaign.store.channels import Channel


class World(ABC):
    """Some resources and their known state."""

    # The number of workers that may work in it at a time.
    room = 1
    # The relative frequency with which it is chosen.
    weight = 1

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.name = channel.name
        # Whether the last outcome is unknown. `settle` finds it before the next step.
        self.unsettled = False
        self.unsettled_since = 0.0
        # Whether another world should replace it.
        self.spent = False

    async def begin(self) -> None:
        """Create the resources. Unknown if the outcome is unknown."""
        return

    @abstractmethod
    async def step(self) -> None:
        """Run an operation. AssertionError for a finding, Unknown if its outcome is unknown."""

    async def settle(self) -> None:
        """Find the real state among the possible ones. AssertionError if the store has another state."""
        return

    async def compare(self) -> None:
        """Compare all resources with the store. AssertionError for a finding."""
        return

    async def end(self) -> None:
        """Remove all resources."""
        return

    def flows(self) -> Set[str]:
        """The ids of the flows that exist."""
        return frozenset()

    def sources(self) -> Set[str]:
        """The ids of the sources that exist."""
        return frozenset()

    def every_id(self) -> set[str]:
        """The ids of all flows and sources that it may ever have created."""
        return {*self.flows(), *self.sources()}
