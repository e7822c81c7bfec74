"""The environment of deliveries: what those of all subscribers share."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from services.events.application.backoff import Backoff
from services.events.application.event_poll import EventPoll
from services.events.application.failure_log import LineBudget
from services.events.application.limits import Limits
from services.events.application.observation import ObservedDeliveries
from services.events.application.ports import Outbox, Sender
from services.shared.errors import FailedPrecondition

# The part of a lease that is not used: clocks may differ, and stopping takes time.
_MARGIN: Final = 0.15


class LeaseTime:
    """The time until which this process may send, by its own clock. Later others may take its leases.

    `ends` is a time of the event loop.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._seconds = lease_seconds * (1 - _MARGIN)
        self.ends = 0.0

    def renew(self, started: float) -> None:
        """Note that the leases were renewed by a call that started at this time of the event loop."""
        self.ends = started + self._seconds

    @property
    def is_held(self) -> bool:
        """True if the leases have not expired."""
        return asyncio.get_running_loop().time() < self.ends

    def check(self) -> None:
        """FailedPrecondition LEASE_LOST if the leases have expired."""
        if not self.is_held:
            raise FailedPrecondition("the lease was not renewed in time", reason="LEASE_LOST")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Ports, limits and settings of all deliveries.

    `lanes` is the number of keys of one subscriber that are sent in parallel. An event that is not accepted
    within `give_up_seconds` becomes a dead letter.
    """

    outbox: Outbox
    sender: Sender
    lanes: int
    give_up_seconds: float
    event_poll: EventPoll
    lease: LeaseTime
    backoff: Backoff = field(default_factory=Backoff)
    limits: Limits = field(default_factory=Limits)
    lines: LineBudget = field(default_factory=LineBudget)
    observation: ObservedDeliveries = field(default_factory=ObservedDeliveries)
