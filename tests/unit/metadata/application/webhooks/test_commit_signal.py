"""The signal of commits: no commit is missed, and commits near each other wake waiters once."""

import asyncio

from services.metadata.application.webhooks.commit_signal import (
    DELAY_SECONDS,
    CommitSignal,
    wait_for,
)

LONG = 30.0


async def test_a_commit_wakes_all_waiters_but_not_before_the_committer_continues() -> None:
    signal = CommitSignal()
    events = [signal.next(), signal.next()]
    signal.set()
    assert not any(event.is_set() for event in events)
    await asyncio.gather(*(wait_for(event, LONG) for event in events))
    assert all(event.is_set() for event in events)


async def test_commits_near_each_other_wake_waiters_once() -> None:
    signal = CommitSignal()
    first = signal.next()
    signal.set()
    signal.set()
    late = signal.next()
    signal.set()
    await wait_for(late, LONG)
    assert first.is_set()
    following = signal.next()
    await wait_for(following, 4 * DELAY_SECONDS)
    assert not following.is_set()


async def test_each_later_commit_wakes_waiters_again() -> None:
    signal = CommitSignal()
    for _ in range(3):
        event = signal.next()
        signal.set()
        await wait_for(event, LONG)
        assert event.is_set()


async def test_a_commit_without_waiters_wakes_no_later_waiter() -> None:
    signal = CommitSignal()
    signal.set()
    event = signal.next()
    await wait_for(event, 4 * DELAY_SECONDS)
    assert not event.is_set()
