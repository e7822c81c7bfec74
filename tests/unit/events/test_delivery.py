"""One message: tried again with growing pauses, until it is too old."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager, nullcontext

import pytest

from services.events.application import delivery
from services.events.application.delivery import Delivery
from services.events.application.ports import Undelivered
from services.events.domain.subscriber import DeadLetter, Message, Settled, Subscriber
from tests.support.outbox import MemorySender

ONE = Subscriber("one", "http://one/", {}, Settled(0))


def places() -> AbstractAsyncContextManager[None]:
    return nullcontext()


def a_message(age_seconds: float = 0) -> Message:
    return Message(7, "flow", time.time_ns() - int(age_seconds * 1e9), b"{}")


def refusing(times: int) -> MemorySender:
    """A subscriber that takes a message after so many refusals."""

    async def answer(_subscriber: Subscriber, message: Message) -> None:
        if sender.refusals[message.key] < times:
            raise Undelivered("answered 500")

    sender = MemorySender(answer)
    return sender


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none takes any time."""
    asked: list[float] = []

    async def sleep(seconds: float) -> None:
        asked.append(seconds)

    retrying = delivery.AsyncRetrying
    monkeypatch.setattr(delivery, "AsyncRetrying", lambda **options: retrying(sleep=sleep, **options))
    return asked


async def test_a_message_that_is_taken_is_sent_once() -> None:
    sender, refusals = MemorySender(), []
    sent = await Delivery(sender, give_up_seconds=60).send(
        ONE, a_message(), places, lambda: refusals.append(1)
    )
    assert (sent, sender.ids("flow"), refusals) == (None, [7], [])


async def test_pauses_grow_up_to_a_minute(pauses: list[float]) -> None:
    sender, refusals = refusing(10), []
    sent = await Delivery(sender, give_up_seconds=3600).send(
        ONE, a_message(), places, lambda: refusals.append(1)
    )
    assert (sent, sender.ids("flow"), len(refusals)) == (None, [7], 10)
    for number, pause in enumerate(pauses):
        least = min(0.5 * 2**number, 60)
        assert least <= pause <= min(least + 1, 60)
    assert pauses[-1] == 60


async def test_a_message_too_old_is_given_up_after_one_more_attempt(pauses: list[float]) -> None:
    sender = refusing(100)
    dead = await Delivery(sender, give_up_seconds=60).send(
        ONE, a_message(age_seconds=61), places, lambda: None
    )
    assert dead == DeadLetter(7, "answered 500", 1)
    assert pauses == []


async def test_no_pause_leads_beyond_the_age_at_which_a_message_is_given_up(pauses: list[float]) -> None:
    sender = refusing(100)
    dead = await Delivery(sender, give_up_seconds=10).send(ONE, a_message(), places, lambda: None)
    assert dead is not None
    assert dead.attempts == len(pauses) + 1 == sender.refusals["flow"]
    assert max(pauses) < 10


async def test_a_place_is_given_back_between_attempts() -> None:
    one_place = asyncio.Semaphore(1)
    sender = refusing(1)
    sending = Delivery(sender, give_up_seconds=60, first_wait_seconds=0.01)
    await asyncio.gather(*(sending.send(ONE, a_message(), lambda: one_place, lambda: None) for _ in range(3)))
    assert sender.busiest["one"] == 1
    assert not one_place.locked()


async def test_what_is_no_refusal_ends_the_attempts() -> None:
    async def broken(_subscriber: Subscriber, _message: Message) -> None:
        raise ValueError("a fault of ours")

    with pytest.raises(ValueError, match="ours"):
        await Delivery(MemorySender(broken), give_up_seconds=60).send(ONE, a_message(), places, lambda: None)
