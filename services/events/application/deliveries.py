"""Delivers to the subscribers that this process serves, with one task for each."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from services.events.application.environment import Environment
from services.events.application.failure_log import FailureLog
from services.events.application.subscriber.health import SubscriberHealth
from services.events.application.subscriber.subscription import Subscription
from services.events.domain.status import FailingSubscriber, Status, Summary
from services.events.domain.subscriber import Subscriber
from services.shared.errors import FailedPrecondition, TamsError

_log = logging.getLogger(__name__)

_UNAVAILABLE_SECONDS: Final = 1.0
# The most failing subscribers in a status.
_MAX_FAILING: Final = 100


class _Delivery(NamedTuple):
    subscription: Subscription
    health: SubscriberHealth
    task: asyncio.Task[None]


class Deliveries:
    """Starts and stops deliveries as leases are taken and lost.

    Calls `ended` when a stopped delivery has ended.
    """

    def __init__(self, environment: Environment, ended: Callable[[], None]) -> None:
        self._environment = environment
        self._ended = ended
        self._running: dict[str, _Delivery] = {}
        # Stopped deliveries; a new one for the same subscriber starts only after the old one has ended.
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._healths: dict[str, SubscriberHealth] = {}

    def forget_ended(self) -> None:
        """Forget deliveries that have ended. Call it before asking for leases, and `update` with the answer.

        A delivery that ends between the two calls may have settled events that the answer does not show, so
        it is started again only by the next update.
        """
        self._ending = {name: task for name, task in self._ending.items() if not task.done()}
        self._running = {
            name: delivery for name, delivery in self._running.items() if not delivery.task.done()
        }

    def update(self, leased: Mapping[str, Subscriber]) -> None:
        """Deliver to exactly these subscribers, by their ids; restarts those that changed."""
        for name, delivery in list(self._running.items()):
            before, now = delivery.subscription.state.subscriber, leased.get(name)
            if now is None or now._replace(settled=before.settled) != before:
                self._healths.pop(name, None)
                self._stop(name)
        self._healths = {name: health for name, health in self._healths.items() if name in leased}
        for name, subscriber in leased.items():
            if name not in self._running and name not in self._ending:
                self._start(subscriber)

    def stop_all(self) -> bool:
        """Stop all deliveries; True if there were any."""
        names = list(self._running)
        for name in names:
            self._stop(name)
        return bool(names)

    async def finish_attempts(self) -> None:
        """Begin no attempt any more, and wait for those under way."""
        attempts = [delivery.subscription.state.attempts for delivery in self._running.values()]
        await asyncio.gather(*(each.finish() for each in attempts))

    async def wait_ended(self) -> None:
        """Wait until all stopped deliveries have ended."""
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    def status(self) -> Status:
        """The status of all deliveries, with at most 100 failing subscribers."""
        failing = [delivery for delivery in self._running.values() if delivery.health.failing_since_ns]
        failing.sort(key=lambda delivery: delivery.health.failing_since_ns)
        return Status(len(self._running), len(failing), list(map(self._failing, failing[:_MAX_FAILING])))

    def summary(self) -> Summary:
        """The numbers of all deliveries."""
        running = list(self._running.values())
        times = (delivery.subscription.state.progress.waiting_since_ns() for delivery in running)
        failing = sum(bool(delivery.health.failing_since_ns) for delivery in running)
        return Summary(len(running), failing, min(filter(None, times), default=0))

    def _failing(self, delivery: _Delivery) -> FailingSubscriber:
        state, health = delivery.subscription.state, delivery.health
        settled, oldest_ns = state.progress.oldest()
        return FailingSubscriber(
            state.subscriber.id,
            health.failing_since_ns,
            health.last_error,
            health.failed_attempts,
            max(self._environment.event_poll.last_id - settled, 0),
            oldest_ns,
        )

    def _start(self, subscriber: Subscriber) -> None:
        health = self._healths.get(subscriber.id)
        if health is None:
            log = FailureLog(self._environment.lines, subscriber.id)
            health = self._healths[subscriber.id] = SubscriberHealth(self._environment.backoff, log)
        subscription = Subscription(self._environment, subscriber, health)
        task = asyncio.create_task(self._deliver(subscription))
        self._running[subscriber.id] = _Delivery(subscription, health, task)

    def _stop(self, name: str) -> None:
        task = self._running.pop(name).task
        task.cancel()
        task.add_done_callback(lambda _: self._ended())
        self._ending[name] = task

    async def _deliver(self, subscription: Subscription) -> None:
        """Deliver. If the outbox fails, end after a pause; the next renewal of leases starts it again."""
        webhook_id = subscription.state.subscriber.id
        try:
            await subscription.run()
        except FailedPrecondition:
            return
        except TamsError as error:
            self._environment.lines.warn("delivery paused", webhook=webhook_id, reason=error.summary)
            await asyncio.sleep(_UNAVAILABLE_SECONDS)
        except Exception:  # noqa: BLE001 - nothing was acknowledged; the next renewal starts it again
            _log.exception("delivery failed", extra={"webhook": webhook_id})
            await asyncio.sleep(_UNAVAILABLE_SECONDS)
