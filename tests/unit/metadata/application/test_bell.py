"""Rings: none is lost, those near each other are one, and none is for nobody."""

import asyncio

from services.metadata.application.bell import HEARD_AFTER_SECONDS, Bell, wait_for

LONG = 30.0


async def test_a_ring_is_heard_by_all_who_wait_and_not_before_whoever_rings_goes_on():
    bell = Bell()
    rings = [bell.next(), bell.next()]
    bell.ring()
    assert not any(ring.is_set() for ring in rings)
    await asyncio.gather(*(wait_for(ring, LONG) for ring in rings))
    assert all(ring.is_set() for ring in rings)


async def test_rings_near_each_other_are_heard_as_one():
    bell = Bell()
    first = bell.next()
    bell.ring()
    bell.ring()
    late = bell.next()
    bell.ring()
    await wait_for(late, LONG)
    assert first.is_set()
    following = bell.next()
    await wait_for(following, 4 * HEARD_AFTER_SECONDS)
    assert not following.is_set()


async def test_each_ring_that_follows_is_heard_again():
    bell = Bell()
    for _ in range(3):
        ring = bell.next()
        bell.ring()
        await wait_for(ring, LONG)
        assert ring.is_set()


async def test_a_ring_while_nobody_listens_wakes_nobody_later():
    bell = Bell()
    bell.ring()
    ring = bell.next()
    await wait_for(ring, 4 * HEARD_AFTER_SECONDS)
    assert not ring.is_set()
