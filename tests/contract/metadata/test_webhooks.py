"""The tables of subscribers and of what they did not take."""

import pytest

from services.metadata.application.ports import Store
from services.metadata.domain.event import FLOW_DELETED, Event
from services.metadata.domain.webhook import Lease, Webhook
from tests.contract.metadata.conftest import Engine
from tests.support.flows import flow_id, uuid_of

NOW, LATER, LATEST = 1_000, 2_000, 3_000


def a_webhook(number: int = 1, **members: object) -> Webhook:
    document = {"id": uuid_of("webhook", number), "url": f"https://sink/{number}", "events": [FLOW_DELETED]}
    return Webhook(**(document | members))


async def put(store: Store, *webhooks: Webhook, settled: int = 0) -> None:
    for webhook in webhooks:
        await store.write(lambda tables, webhook=webhook: tables.webhooks.put(webhook, settled))


async def lease(store: Store, owner: str, now: int = NOW, until: int = LATER, limit: int = 10) -> list[Lease]:
    return await store.write(lambda tables: tables.webhooks.lease(owner, now, until, limit))


async def held(store: Store, number: int, owner: str, now: int = NOW) -> Lease | None:
    return await store.read(lambda tables: tables.webhooks.held(uuid_of("webhook", number), owner, now))


async def settle(store: Store, number: int, settled: int, **behind: int) -> None:
    await store.write(lambda tables: tables.webhooks.settle(uuid_of("webhook", number), settled, behind))


async def all_settled(store: Store) -> int | None:
    return await store.read(lambda tables: tables.webhooks.settled_by_all())


async def test_registrations_are_listed_by_url_and_found_by_url_and_key(store: Store) -> None:
    first = a_webhook(2, url="https://a", api_key_name="k", api_key_value="v", flow_ids=[flow_id(1)])
    second = a_webhook(1, url="https://b", verbose_storage=True, accept_get_urls=[])
    assert not await store.read(lambda tables: tables.webhooks.some())
    await put(store, second, first)
    assert await store.read(lambda tables: tables.webhooks.some())
    assert await store.read(lambda tables: tables.webhooks.all()) == [first, second]
    for wanted, found in (
        (("https://a", "k", "v"), first),
        (("https://b", "", ""), second),
        (("https://a", "k", "other"), None),
        (("https://a", "", ""), None),
        (("https://c", "", ""), None),
    ):
        assert await store.read(lambda tables, key=wanted: tables.webhooks.find(*key)) == found


async def test_a_changed_registration_keeps_its_lease_and_its_mark(store: Store) -> None:
    await put(store, a_webhook(), settled=5)
    await lease(store, "one")
    await settle(store, 1, 7, flow=6)
    changed = a_webhook(events=[])
    await put(store, changed, settled=100)
    assert await held(store, 1, "one") == Lease(changed, 7, {"flow": 6})


async def test_leases_are_taken_renewed_and_run_out(store: Store) -> None:
    await put(store, a_webhook(1), a_webhook(2), a_webhook(3), settled=4)
    assert await lease(store, "one", limit=2) == [Lease(a_webhook(1), 4), Lease(a_webhook(2), 4)]
    assert await lease(store, "two") == [Lease(a_webhook(3), 4)]
    renewed = await lease(store, "one", now=LATER - 1, until=LATEST)
    assert [one.webhook for one in renewed] == [a_webhook(1), a_webhook(2)]
    # Those of the other ran out; one's own come first when there is not room for all.
    assert [one.webhook for one in await lease(store, "one", LATER, LATEST, 2)] == [
        a_webhook(1),
        a_webhook(2),
    ]
    assert [one.webhook.id for one in await lease(store, "one", LATER, LATEST, 3)] == [
        uuid_of("webhook", number) for number in (1, 2, 3)
    ]
    assert await lease(store, "two", LATER, LATEST) == []


async def test_only_the_owner_holds_a_lease_and_until_it_ends(store: Store) -> None:
    await put(store, a_webhook(), settled=4)
    assert await held(store, 1, "one") is None
    await lease(store, "one")
    assert await held(store, 1, "one", LATER - 1) == Lease(a_webhook(), 4)
    assert await held(store, 1, "one", LATER) is None
    assert await held(store, 1, "two") is None
    assert await held(store, 2, "one") is None


async def test_a_released_lease_is_free_and_those_of_others_are_not(store: Store) -> None:
    for number in (1, 2):
        await put(store, a_webhook(number))
    await lease(store, "one", limit=1)
    await lease(store, "two")
    await store.write(lambda tables: tables.webhooks.release("one"))
    assert await held(store, 1, "one") is None
    assert await held(store, 2, "two")
    assert [found.webhook.id for found in await lease(store, "three")] == [a_webhook(1).id]


async def test_the_mark_moves_forward_only_and_what_lags_is_replaced(store: Store) -> None:
    await put(store, a_webhook())
    await settle(store, 1, 10, a=3, b=7)
    (found,) = await lease(store, "one")
    assert (found.settled, found.behind) == (10, {"a": 3, "b": 7})
    await settle(store, 1, 9, b=8)
    (found,) = await lease(store, "one")
    assert (found.settled, found.behind) == (10, {"b": 8})
    await settle(store, 1, 12)
    (found,) = await lease(store, "one")
    assert (found.settled, found.behind) == (12, {})


async def test_events_are_needed_as_long_as_anyone_waits_for_them(store: Store) -> None:
    assert await all_settled(store) is None
    await put(store, a_webhook(1), a_webhook(2), settled=5)
    assert await all_settled(store) == 5
    await settle(store, 1, 10)
    assert await all_settled(store) == 5
    await settle(store, 2, 12, flow=7)
    assert await all_settled(store) == 7
    await settle(store, 2, 12)
    assert await all_settled(store) == 10


async def test_a_removed_registration_is_waited_for_no_more(store: Store, engine: Engine) -> None:
    await put(store, a_webhook(1), a_webhook(2), settled=5)
    await settle(store, 1, 10, flow=1)
    await store.write(lambda tables: tables.webhooks.give_up(uuid_of("webhook", 1), 4, "x", 1, NOW))
    await store.write(lambda tables: tables.webhooks.remove(uuid_of("webhook", 1)))
    assert await store.read(lambda tables: tables.webhooks.all()) == [a_webhook(2)]
    assert await all_settled(store) == 5
    assert engine.rows("dead_letters") == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_dead_letter_keeps_its_event_though_the_outbox_forgets_it(
    store: Store, engine: Engine, *, known: bool
) -> None:
    await put(store, a_webhook())
    if known:
        event = Event(FLOW_DELETED, NOW, source_id="s", flow_id="f")
        await store.write(lambda tables: tables.events.append(event))
    for error, attempts in (("first", 3), ("again", 9)):
        await store.write(
            lambda tables, why=error, often=attempts: tables.webhooks.give_up(
                uuid_of("webhook", 1), 1, why, often, NOW
            )
        )
    await store.write(lambda tables: tables.events.trim(1, 10))
    (letter,) = engine.rows("dead_letters")
    assert (letter["webhook_id"], letter["event_id"]) == (uuid_of("webhook", 1), 1)
    assert (letter["error"], letter["attempts"], letter["given_up_ms"]) == ("first", 3, NOW)
    assert (letter["body"] is not None) == known
