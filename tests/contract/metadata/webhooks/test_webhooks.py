"""The tables of webhooks, their leases, and their dead letters."""

from functools import partial
from typing import Any

import pytest

from services.metadata.application.ports import Store, Tables
from services.metadata.domain.webhooks.event import FLOW_DELETED, Event
from services.metadata.domain.webhooks.webhook import Lease, Webhook
from tests.contract.metadata.conftest import Engine
from tests.support.metadata.flows import flow_id, source_id, uuid_of

NOW, LATER, LATEST = 1_000, 2_000, 3_000


def a_webhook(number: int = 1, **members: Any) -> Webhook:
    document: dict[str, Any] = {
        "id": uuid_of("webhook", number),
        "url": f"https://sink/{number}",
        "events": [FLOW_DELETED],
    }
    return Webhook(**(document | members))


async def put(store: Store, *webhooks: Webhook, settled: int = 0) -> None:
    def change(tables: Tables, webhook: Webhook) -> None:
        tables.webhooks.put(webhook, settled)

    for webhook in webhooks:
        await store.write(partial(change, webhook=webhook))


async def lease(store: Store, owner: str, now: int = NOW, until: int = LATER, limit: int = 10) -> list[Lease]:
    return await store.write(lambda tables: tables.webhooks.lease(owner, now, until, limit))


async def find_lease(store: Store, number: int, owner: str, now: int = NOW) -> Lease | None:
    return await store.read(lambda tables: tables.webhooks.lease_of(uuid_of("webhook", number), owner, now))


async def settle(store: Store, number: int, settled: int, **behind: int) -> None:
    await store.write(lambda tables: tables.webhooks.settle(uuid_of("webhook", number), settled, behind))


async def settled_by_all(store: Store) -> int | None:
    return await store.read(lambda tables: tables.webhooks.settled_by_all())


async def test_registrations_are_listed_by_url_and_found_by_url_and_key(store: Store) -> None:
    first = a_webhook(2, url="https://a", api_key_name="k", api_key_value="v", flow_ids=[flow_id(1)])
    second = a_webhook(1, url="https://b", verbose_storage=True, accept_get_urls=[])
    assert not await store.read(lambda tables: tables.webhooks.has_any())
    await put(store, second, first)
    assert await store.read(lambda tables: tables.webhooks.has_any())
    assert await store.read(lambda tables: tables.webhooks.all()) == [first, second]
    for identity, found in (
        (("https://a", "k", "v"), [first]),
        (("https://b", "", ""), [second]),
        (("https://a", "k", "other"), []),
        (("https://a", "", ""), []),
        (("https://c", "", ""), []),
    ):
        assert await find(store, *identity) == found


async def find(store: Store, url: str, key_name: str, key_value: str) -> list[Webhook]:
    return await store.read(lambda tables: tables.webhooks.find(url, key_name, key_value))


def webhooks_of(owner: str | None, tables: Tables) -> list[Webhook]:
    return tables.webhooks.all(owner)


async def test_owners_may_have_the_same_url_and_key(store: Store) -> None:
    hers = a_webhook(1, url="https://a", created_by="user:alice")
    his = a_webhook(2, url="https://a", created_by="jwt:bob", classes=frozenset({"news"}))
    others = a_webhook(3, url="https://b")
    await put(store, his, hers, others)
    assert await find(store, "https://a", "", "") == [hers, his]
    for owner, expected in (
        ("user:alice", [hers]),
        ("jwt:bob", [his]),
        ("system", [others]),
        ("user:bob", []),
        (None, [hers, his, others]),
    ):
        assert await store.read(partial(webhooks_of, owner)) == expected


async def test_a_changed_registration_keeps_its_lease_and_its_settled_id(store: Store) -> None:
    await put(store, a_webhook(), settled=5)
    await lease(store, "one")
    await settle(store, 1, 7, flow=6)
    changed = a_webhook(events=[])
    await put(store, changed, settled=100)
    assert await find_lease(store, 1, "one") == Lease(changed, 7, {"flow": 6})


async def test_leases_are_taken_and_renewed_and_run_out(store: Store) -> None:
    await put(store, a_webhook(1), a_webhook(2), a_webhook(3), settled=4)
    assert await lease(store, "one", limit=2) == [Lease(a_webhook(1), 4), Lease(a_webhook(2), 4)]
    assert await lease(store, "two") == [Lease(a_webhook(3), 4)]
    renewed = await lease(store, "one", now=LATER - 1, until=LATEST)
    assert [found.webhook for found in renewed] == [a_webhook(1), a_webhook(2)]
    # The lease of the other owner has run out. An owner's own leases come first if the limit is reached.
    assert [found.webhook for found in await lease(store, "one", LATER, LATEST, 2)] == [
        a_webhook(1),
        a_webhook(2),
    ]
    assert [found.webhook.id for found in await lease(store, "one", LATER, LATEST, 3)] == [
        uuid_of("webhook", number) for number in (1, 2, 3)
    ]
    assert await lease(store, "two", LATER, LATEST) == []


async def test_only_the_owner_holds_a_lease_until_it_ends(store: Store) -> None:
    await put(store, a_webhook(), settled=4)
    assert await find_lease(store, 1, "one") is None
    await lease(store, "one")
    assert await find_lease(store, 1, "one", LATER - 1) == Lease(a_webhook(), 4)
    assert await find_lease(store, 1, "one", LATER) is None
    assert await find_lease(store, 1, "two") is None
    assert await find_lease(store, 2, "one") is None


async def test_an_owner_releases_only_its_own_leases(store: Store) -> None:
    for number in (1, 2):
        await put(store, a_webhook(number))
    await lease(store, "one", limit=1)
    await lease(store, "two")
    await store.write(lambda tables: tables.webhooks.release("one"))
    assert await find_lease(store, 1, "one") is None
    assert await find_lease(store, 2, "two")
    assert [found.webhook.id for found in await lease(store, "three")] == [a_webhook(1).id]


async def test_the_settled_id_only_grows_and_lags_are_replaced(store: Store) -> None:
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


async def test_events_are_needed_until_all_webhooks_have_settled_them(store: Store) -> None:
    assert await settled_by_all(store) is None
    await put(store, a_webhook(1), a_webhook(2), settled=5)
    assert await settled_by_all(store) == 5
    await settle(store, 1, 10)
    assert await settled_by_all(store) == 5
    await settle(store, 2, 12, flow=7)
    assert await settled_by_all(store) == 7
    await settle(store, 2, 12)
    assert await settled_by_all(store) == 10


async def test_a_removed_registration_needs_no_more_events(store: Store, engine: Engine) -> None:
    await put(store, a_webhook(1), a_webhook(2), settled=5)
    await settle(store, 1, 10, flow=1)
    await store.write(lambda tables: tables.webhooks.give_up(uuid_of("webhook", 1), 4, "x", 1, NOW))
    await store.write(lambda tables: tables.webhooks.remove(uuid_of("webhook", 1)))
    assert await store.read(lambda tables: tables.webhooks.all()) == [a_webhook(2)]
    assert await settled_by_all(store) == 5
    assert engine.rows("dead_letters") == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_dead_letter_keeps_its_event_after_the_outbox_is_trimmed(
    store: Store, engine: Engine, *, known: bool
) -> None:
    await put(store, a_webhook())
    if known:
        event = Event(FLOW_DELETED, NOW, source_id=source_id(1), flow_id=flow_id(1))
        await store.write(lambda tables: tables.events.append(event))

    def give_up(error: str, attempts: int, tables: Tables) -> None:
        tables.webhooks.give_up(uuid_of("webhook", 1), 1, error, attempts, NOW)

    for error, attempts in (("first", 3), ("again", 9)):
        await store.write(partial(give_up, error, attempts))
    await store.write(lambda tables: tables.events.trim(1, 10))
    (dead_letter,) = engine.rows("dead_letters")
    assert (dead_letter["webhook_id"], dead_letter["event_id"]) == (uuid_of("webhook", 1), 1)
    assert (dead_letter["error"], dead_letter["attempts"], dead_letter["given_up_ms"]) == ("first", 3, NOW)
    assert (dead_letter["body"] is not None) == known
