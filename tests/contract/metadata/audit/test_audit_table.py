"""The table of the audit log."""

import asyncio
import json

import pytest

from services.metadata.application.audit.numbering import Numbering
from services.metadata.application.ports import Store, Tables
from services.metadata.domain.audit import Entry, EntryFilter, Outcome
from services.shared.errors import InvalidArgument

EVERYTHING = EntryFilter()


def an_entry(number: int = 1, *, principal: str = "user:alice", action: str = "flows.put") -> Entry:
    return Entry(number * 10, principal, action, f"flow:{number}")


async def append(store: Store, *entries: Entry) -> None:
    def change(tables: Tables) -> None:
        for entry in entries:
            tables.audit.append(entry)

    await store.write(change)
    await Numbering(store).finish()


async def page(
    store: Store,
    criteria: EntryFilter = EVERYTHING,
    after: int | None = None,
    limit: int = 100,
    *,
    newest_first: bool = False,
) -> list[Entry]:
    return await store.scan(
        lambda tables: tables.audit.page(criteria, after, limit, newest_first=newest_first)
    )


async def resources(store: Store, criteria: EntryFilter) -> list[str]:
    return [entry.resource for entry in await page(store, criteria)]


async def test_entries_are_read_unchanged(store: Store) -> None:
    facts = json.dumps({"count": 3, "span": "[0:0_1:0)"})
    full = Entry(
        1_700_000_000_000_000_001,
        "key:é",
        "segments.put",
        "flow:f",
        "req-1",
        "v1",
        "v2",
        Outcome.REFUSED,
        facts,
    )
    later = an_entry()._replace(time_ns=full.time_ns + 1)
    await append(store, full, later)
    first, second = await page(store)
    assert first == full._replace(number=first.number)
    assert second == later._replace(number=second.number)
    assert first.number < second.number


async def test_pages_follow_each_other_in_both_orders(store: Store) -> None:
    assert await page(store) == []
    await append(store, *map(an_entry, range(1, 8)))
    numbers = [entry.number for entry in await page(store)]
    assert numbers == sorted(set(numbers))
    for newest_first in (False, True):
        walked: list[int] = []
        while found := await page(
            store, after=walked[-1] if walked else None, limit=3, newest_first=newest_first
        ):
            walked += [entry.number for entry in found]
        assert walked == sorted(numbers, reverse=newest_first)


async def test_filters_are_combined(store: Store) -> None:
    await append(
        store,
        an_entry(1),
        an_entry(2, principal="user:bob"),
        an_entry(3, action="flows.delete"),
        an_entry(4, action="sources.update"),
    )
    for criteria, found in (
        (EntryFilter(principal="user:alice"), ["flow:1", "flow:3", "flow:4"]),
        (EntryFilter(action="flows.put"), ["flow:1", "flow:2"]),
        (EntryFilter(action="flows.*"), ["flow:1", "flow:2", "flow:3"]),
        (EntryFilter(action="*"), ["flow:1", "flow:2", "flow:3", "flow:4"]),
        (EntryFilter(resource="flow:4"), ["flow:4"]),
        (EntryFilter(resource="flow*", principal="user:bob"), ["flow:2"]),
        (EntryFilter(since=20, until=40), ["flow:2", "flow:3"]),
        (EntryFilter(action="flows.%"), []),
    ):
        assert await resources(store, criteria) == found


async def test_a_few_entries_are_found_among_many(store: Store) -> None:
    await append(store, an_entry(1, principal="user:bob"), *map(an_entry, range(2, 300)))
    await append(store, an_entry(300, principal="user:bob"))
    wanted = EntryFilter(principal="user:bob")
    for newest_first in (False, True):
        found = await page(store, wanted, limit=2, newest_first=newest_first)
        assert sorted(entry.resource for entry in found) == ["flow:1", "flow:300"]


async def test_only_the_oldest_entries_are_trimmed_and_numbers_are_not_used_again(store: Store) -> None:
    await append(store, *map(an_entry, range(1, 7)))
    last = (await page(store))[-1].number
    assert await store.write(lambda tables: tables.audit.trim(50, 3)) == 3
    assert await store.write(lambda tables: tables.audit.trim(50, 3)) == 1
    assert await store.write(lambda tables: tables.audit.trim(50, 3)) == 0
    assert await resources(store, EVERYTHING) == ["flow:5", "flow:6"]
    assert await store.write(lambda tables: tables.audit.trim(1000, 10)) == 2
    await append(store, an_entry(9))
    assert (await page(store))[0].number > last


async def test_a_change_that_fails_leaves_no_entry(store: Store) -> None:
    def change(tables: Tables) -> None:
        tables.audit.append(an_entry())
        raise InvalidArgument("no", reason="NO")

    with pytest.raises(InvalidArgument):
        await store.write(change)
    assert await page(store) == []


async def test_entries_of_simultaneous_changes_have_different_numbers(store: Store) -> None:
    await asyncio.gather(*(append(store, an_entry(number)) for number in range(20)))
    assert len({entry.number for entry in await page(store)}) == 20
